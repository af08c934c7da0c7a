"""The agents' side as the official client sees it, in both eras: every method, and what servers ask and tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx2
import mcp_types as types
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from gateway.inbound.gate import Answered, Called, InboundAsk, InboundCall, Line
from gateway.upstreams import InputRequired, Result, RpcError
from tests.fakes.gate import ADA, FakeGate, Served, served, text_result
from tests.fakes.wire import WAIT, soon, until

Mode = Literal["legacy", "auto"]
BOTH = pytest.mark.parametrize("mode", ["legacy", "auto"])
URI = "test://watched"
FORM = {"message": "Who?", "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}}}


def raw(value: Any) -> Result:
    return Result(raw=json.dumps(value).encode())


class Person:
    """What the client's user sees and says."""

    def __init__(self) -> None:
        self.logs: list[Any] = []
        self.heard: list[str] = []
        self.progress: list[float] = []

    async def elicit(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content={"name": "Ada"})

    async def sample(self, context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
        said = types.TextContent(type="text", text="sampled")
        return types.CreateMessageResult(role="assistant", content=said, model="m")

    async def roots(self, context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[])

    async def log(self, params: types.LoggingMessageNotificationParams) -> None:
        self.logs.append((params.level, params.data))

    async def message(self, message: Any) -> None:
        if not isinstance(message, Exception):
            self.heard.append(message.method)

    async def report(self, progress: float, total: float | None, message: str | None) -> None:
        self.progress.append(progress)


@pytest.fixture
def gate() -> FakeGate:
    return FakeGate()


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
async def server(gate: FakeGate) -> AsyncIterator[Served]:
    async with served(gate) as running:
        yield running


@asynccontextmanager
async def connected(server: Served, mode: Mode, person: Person, *, log_level: Any = None) -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {ADA}"}, timeout=WAIT) as http,
        Client(
            streamable_http_client(f"{server.url}/mcp/files", http_client=http),
            mode=mode,
            elicitation_callback=person.elicit,
            sampling_callback=person.sample,
            list_roots_callback=person.roots,
            logging_callback=person.log,
            message_handler=person.message,
            log_level=log_level,
            read_timeout_seconds=WAIT,
        ) as client,
    ):
        yield client


@BOTH
async def test_every_kind_of_thing_is_listed_and_read(
    gate: FakeGate, server: Served, person: Person, mode: Mode
) -> None:
    said = {
        "resources/list": {"resources": [{"uri": URI, "name": "w"}]},
        "resources/templates/list": {"resourceTemplates": [{"uriTemplate": "test://{id}", "name": "t"}]},
        "resources/read": {"contents": [{"uri": URI, "text": "hello"}]},
        "prompts/list": {"prompts": [{"name": "p"}]},
        "prompts/get": {"messages": [{"role": "user", "content": {"type": "text", "text": "prompted"}}]},
        "completion/complete": {"completion": {"values": ["Paris"]}},
    }

    async def reaction(ask: InboundAsk, line: Line) -> Answered:
        return raw(said[ask.method])

    gate.reactions = dict.fromkeys(said, reaction)
    async with connected(server, mode, person) as client:
        assert client.protocol_version == ("2025-11-25" if mode == "legacy" else "2026-07-28")
        assert (await client.list_resources()).resources[0].name == "w"
        assert (await client.list_resource_templates()).resource_templates[0].name == "t"
        assert getattr((await client.read_resource(URI)).contents[0], "text", None) == "hello"
        assert (await client.list_prompts()).prompts[0].name == "p"
        prompt = await client.get_prompt("p", {"a": "b"})
        assert getattr(prompt.messages[0].content, "text", None) == "prompted"
        ref = types.PromptReference(type="ref/prompt", name="p")
        completed = await client.complete(ref, {"name": "city", "value": "Pa"}, {"country": "fr"})
        assert completed.completion.values == ["Paris"]
        assert [tool.name for tool in (await client.list_tools()).tools] == ["echo", "wait"]
    sent = {ask.method: ask.parsed for ask in gate.asks}
    assert sent["prompts/get"] == {"name": "p", "arguments": {"a": "b"}}
    assert sent["completion/complete"]["context"] == {"arguments": {"country": "fr"}}


@BOTH
async def test_progress_and_logs_come_before_the_answer(
    gate: FakeGate, server: Served, person: Person, mode: Mode
) -> None:
    async def busy(call: InboundCall, line: Line) -> Result:
        for number in range(3):
            await line.relay({"progress": number, "total": 3})
            await line.message(json.dumps({"level": "warning", "data": number}).encode())
        return text_result("done")

    gate.tools["busy"] = busy
    async with connected(server, mode, person, log_level="info" if mode == "auto" else None) as client:
        await client.call_tool("busy", {}, progress_callback=person.report)
        await until(lambda: len(person.logs) == 3)
    assert person.progress == [0, 1, 2]
    assert person.logs == [("warning", 0), ("warning", 1), ("warning", 2)]


async def test_a_server_asks_the_person_in_the_session_era(gate: FakeGate, server: Served, person: Person) -> None:
    came: list[Any] = []

    async def curious(call: InboundCall, line: Line) -> Result:
        sample = {"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 5}
        for method, params in (
            ("elicitation/create", FORM),
            ("sampling/createMessage", sample),
            ("roots/list", {}),
            ("made/up", {}),
        ):
            came.append(await line.ask(method, json.dumps(params).encode()))
        return text_result("done")

    gate.tools["curious"] = curious
    async with connected(server, "legacy", person) as client:
        await client.call_tool("curious", {})
    assert json.loads(came[0].raw) == {"action": "accept", "content": {"name": "Ada"}}
    assert json.loads(came[1].raw)["content"]["text"] == "sampled"
    assert json.loads(came[2].raw) == {"roots": []}
    assert isinstance(came[3], RpcError)
    declared = json.loads(gate.calls[0].capabilities)
    assert declared.keys() == {"elicitation", "sampling", "roots"}


async def test_a_server_asks_the_person_in_the_modern_era(gate: FakeGate, server: Served, person: Person) -> None:
    async def curious(call: InboundCall, line: Line) -> Called:
        if call.input_responses is None:
            asks = {"who": {"method": "elicitation/create", "params": FORM}}
            return InputRequired(raw=json.dumps({"inputRequests": asks, "requestState": "sealed"}).encode())
        return text_result(f"{call.request_state} {json.loads(call.input_responses)['who']['content']['name']}")

    async def prompt(ask: InboundAsk, line: Line) -> Answered:
        if ask.input_responses is None:
            return InputRequired(raw=b'{"inputRequests":{"r":{"method":"roots/list"}}}')
        return raw({"messages": [], "description": ask.input_responses.decode()})

    gate.tools["curious"] = curious
    gate.reactions["prompts/get"] = prompt
    async with connected(server, "auto", person) as client:
        result = await client.call_tool("curious", {})
        assert getattr(result.content[0], "text", None) == "sealed Ada"
        assert json.loads((await client.get_prompt("p")).description or "") == {"r": {"roots": []}}
    assert {"elicitation", "sampling", "roots"} <= json.loads(gate.calls[0].capabilities).keys()


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_a_session_hears_of_changes_and_of_what_it_subscribed_to(
    gate: FakeGate, server: Served, person: Person
) -> None:
    async with connected(server, "legacy", person) as client:
        await soon(gate.listening)
        await client.subscribe_resource(URI)
        gate.say("notifications/resources/updated", {"uri": URI})
        gate.say("notifications/tools/list_changed")
        await until(lambda: len(person.heard) == 2)
        await client.unsubscribe_resource(URI)
        assert gate.listeners[0][0].uris == frozenset()
        await client.set_logging_level("error")
        await client.send_ping()
    assert person.heard == ["notifications/resources/updated", "notifications/tools/list_changed"]
    await soon(gate.went)


async def test_a_modern_client_listens(gate: FakeGate, server: Served, person: Person) -> None:
    async with connected(server, "auto", person) as client:
        async with client.listen(tools_list_changed=True, resource_subscriptions=[URI]) as events:
            gate.say("notifications/resources/updated", {"uri": URI})
            gate.say("notifications/tools/list_changed")
            async with asyncio.timeout(WAIT):
                heard = [await anext(aiter(events)), await anext(aiter(events))]
        assert [type(event).__name__ for event in heard] == ["ResourceUpdated", "ToolsListChanged"]
        await soon(gate.unheard)


async def test_a_client_that_lost_its_stream_gets_the_answer_of_its_held_call(
    gate: FakeGate, server: Served, person: Person
) -> None:
    async def cut(call: InboundCall, line: Line) -> Result:
        await line.open()
        # As a proxy in between does: the connection is gone, and the client has to find that out by itself.
        (session,) = [one for one in server.inbound.sessions if one.lines]
        feed = session.feeds[next(iter(session.lines.values())).feed.number]  # type: ignore[union-attr,index]
        assert feed.feed is not None
        assert feed.feed.tap is not None
        feed.feed.tap.stream._req.transport.abort()  # type: ignore[union-attr]
        await until(lambda: len(server.inbound.parked))
        await until(lambda: not len(server.inbound.parked))
        return text_result("collected")

    gate.tools["cut"] = cut
    async with connected(server, "legacy", person) as client:
        result = await client.call_tool("cut", {})
        assert getattr(result.content[0], "text", None) == "collected"
    assert len(gate.calls) == 1
