"""What a server asks and tells a client of the older eras, on the stream of the client's own call (protocol.md 1.3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.inbound import questions
from gateway.inbound.gate import InboundCall, Line
from gateway.inbound.http import InboundSettings
from gateway.upstreams import Result, RpcError
from tests.fakes.gate import BOB, FakeGate, Served, served, text_result
from tests.fakes.wire import MODERN_META, Agent, Stream, V, agent, modern, rpc, soon, until

FORM = b'{"message":"Sure?", "requestedSchema":{"type":"object","n":1.50}}'


class Asking(FakeGate):
    """A Gate whose tool `ask` asks the client once and keeps what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[Result | RpcError] = []
        self.answered = asyncio.Event()
        self.tools["ask"] = self.asking

    async def asking(self, call: InboundCall, line: Line) -> Result:
        self.entered.set()
        self.came.append(await line.ask("elicitation/create", FORM))
        self.answered.set()
        return text_result("done")


@pytest.fixture
def gate() -> Asking:
    return Asking()


@pytest.fixture
async def server(gate: Asking) -> AsyncIterator[Served]:
    async with served(gate) as running:
        yield running


@pytest.fixture
async def ada(server: Served) -> AsyncIterator[Agent]:
    async with agent(server.url) as client:
        yield client


ASK = rpc("tools/call", {"name": "ask"}, rpc_id=1)


def answer(rpc_id: Any, **members: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": rpc_id, **members}


async def question(stream: Stream) -> Any:
    asked = await stream.message()
    assert asked["method"] == "elicitation/create"
    return asked["id"]


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2025-03-26"])
async def test_a_question_goes_out_on_the_calls_stream_and_its_answer_comes_back(
    gate: Asking, ada: Agent, version: str
) -> None:
    await ada.initialize(version)
    async with ada.streaming(ASK) as stream:
        block = ""
        while "elicitation" not in block:
            block = await stream.block() or ""
        assert '"params":' + FORM.decode() in block
        asked = json.loads(block.partition("data: ")[2])
        body = json.dumps(answer(asked["id"], result={"action": "accept"})).replace("}}", ', "content":{"n":1.50}}}')
        reply = await ada.post(body.encode())
        assert (reply.status, reply.body) == (202, b"")
        assert (await stream.message())["result"]["content"][0]["text"] == "done"
    assert gate.came == [Result(raw=b'{"action": "accept", "content":{"n":1.50}}')]


async def test_a_refusal_to_answer_is_handed_back_as_one(gate: Asking, ada: Agent) -> None:
    await ada.initialize()
    async with ada.streaming(ASK) as stream:
        error = {"code": -1, "message": "User rejected sampling", "data": {"why": "x"}}
        assert (await ada.post(answer(await question(stream), error=error))).status == 202
        await stream.message()
    assert gate.came == [RpcError(code=-1, message="User rejected sampling", data={"why": "x"})]


async def test_an_answer_nobody_asked_for_is_taken_and_forgotten(gate: Asking, ada: Agent, server: Served) -> None:
    await ada.initialize()
    async with ada.streaming(ASK) as stream, agent(server.url) as other, agent(server.url, BOB) as bob:
        asked = await question(stream)
        await other.initialize()
        for stranger in (asked + "x", 1, "placet-"):
            assert (await ada.post(answer(stranger, result={}))).status == 202
        assert (await other.post(answer(asked, result={"action": "accept"}))).status == 202
        bob.session = ada.session
        assert (await bob.post(answer(asked, result={"action": "accept"}))).status == 404
        assert gate.came == []
        await ada.post(answer(asked, result={"action": "decline"}))
        assert (await ada.post(answer(asked, result={"action": "accept"}))).status == 202
        await stream.message()
    assert gate.came == [Result(raw=b'{"action": "decline"}')]


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"result": "yes"}, id="a result that is no object"),
        pytest.param({"error": {"code": "x", "message": "m"}}, id="a code that is no number"),
        pytest.param({"error": {"code": 1}}, id="no message"),
        pytest.param({"error": {"code": 1, "message": "m", "more": 1}}, id="a member more"),
        pytest.param({"error": "no"}, id="an error that is a string"),
        pytest.param({"result": {}, "error": {"code": 1, "message": "m"}}, id="both"),
    ],
)
async def test_a_broken_answer_is_refused_and_answers_nothing(
    gate: Asking, ada: Agent, members: dict[str, Any]
) -> None:
    await ada.initialize()
    async with ada.streaming(ASK) as stream:
        asked = await question(stream)
        assert (await ada.post(answer(asked, **members))).status == 400
        assert gate.came == []
        await ada.post(answer(asked, result={}))
        await stream.message()


async def test_a_client_that_does_not_answer_in_time_is_told_that_nobody_waits() -> None:
    gate = Asking()
    async with (
        served(gate, InboundSettings(version="0", ask_seconds=0.01)) as running,
        agent(running.url) as ada,
    ):
        await ada.initialize()
        async with ada.streaming(ASK) as stream:
            asked = await question(stream)
            withdrawn = await stream.message()
            assert withdrawn["method"] == "notifications/cancelled"
            assert withdrawn["params"]["requestId"] == asked
            assert "result" in await stream.message()
    assert gate.came == [questions.LATE]


async def test_a_question_that_is_taken_back_is_withdrawn_with_what_comes_next(gate: Asking, ada: Agent) -> None:
    async def wavering(call: InboundCall, line: Line) -> Result:
        try:
            async with asyncio.timeout(0.01):
                await line.ask("sampling/createMessage", b"{}")
        except TimeoutError:
            await line.told("notifications/elicitation/complete", b'{"elicitationId":"e"}')
        return text_result("done")

    gate.tools["ask"] = wavering
    await ada.initialize()
    async with ada.streaming(ASK) as stream:
        asked = await stream.message()
        withdrawn = await stream.message()
        assert (withdrawn["method"], withdrawn["params"]["requestId"]) == ("notifications/cancelled", asked["id"])
        assert (await stream.message())["params"] == {"elicitationId": "e"}
        assert "result" in await stream.message()


async def test_who_leaves_without_a_way_back_has_not_answered(gate: Asking, ada: Agent) -> None:
    asking = asyncio.Event()
    line_of: list[Line] = []

    async def outliving(call: InboundCall, line: Line) -> Result:
        line_of.append(line)
        asking.set()
        await gate.release.wait()
        return text_result("late")

    # As the gateway does it: what was begun for the call goes on when the handler of the call is cancelled.
    async def job() -> None:
        await soon(asking)
        gate.came.append(await line_of[0].ask("roots/list", b"{}"))
        gate.came.append(await line_of[0].ask("roots/list", b"{}"))

    gate.tools["ask"] = outliving
    await ada.initialize("2025-06-18")
    async with asyncio.TaskGroup() as group:
        group.create_task(job())
        async with ada.streaming(ASK) as stream:
            assert (await stream.message())["method"] == "roots/list"
            stream.answer.close()
    assert gate.came == [questions.LEFT, questions.NOBODY]


@pytest.mark.parametrize("kind", ["modern", "json only"])
async def test_who_cannot_be_asked_is_not(gate: Asking, ada: Agent, kind: str) -> None:
    if kind == "modern":
        message, headers = modern("tools/call", name="ask")
        reply = await ada.post(message, headers=headers)
    else:
        await ada.initialize()
        reply = await ada.post(ASK, headers={"Accept": "application/json"})
    assert reply.headers["Content-Type"] == "application/json"
    assert gate.came == [questions.NOBODY]


async def test_no_client_has_more_than_so_many_questions_open(gate: Asking, ada: Agent, server: Served) -> None:
    async def curious(call: InboundCall, line: Line) -> Result:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(line.ask("roots/list", b"{}")) for _ in range(questions.MOST)]
            await until(lambda: all_open() == questions.MOST)
            gate.came.append(await line.ask("roots/list", b"{}"))
            for one in asked:
                one.cancel()
        return text_result("done")

    def all_open() -> int:
        return sum(len(session.questions) for session in server.inbound.sessions)

    gate.tools["ask"] = curious
    await ada.initialize()
    async with ada.streaming(ASK) as stream:
        while "result" not in await stream.message():
            continue
    assert gate.came == [questions.TOO_MANY]
    assert all_open() == 0


# Logs


async def logging_tool(call: InboundCall, line: Line) -> Result:
    for params in (
        b'{"level":"debug","data":"d"}',
        b'{"level":"warning","data":{"n":1.50}}',
        b'{"level":"error","data":"e"}',
        b'{"level":"loud","data":"x"}',
        b"[]",
        b"{",
        b'{"level":"error","data":"' + b"x" * 300_000 + b'"}',
    ):
        await line.message(params)
    await line.told("notifications/resources/updated", b'{"uri":"a:b"}')
    await line.told("notifications/made_up", b"{}")
    return text_result("done")


async def notes(stream: Stream) -> list[Any]:
    said = []
    while "result" not in (message := await stream.message()):
        said.append((message["method"], message["params"].get("level")))
    return said


UPDATED = ("notifications/resources/updated", None)


def logged(*levels: str) -> list[Any]:
    return [("notifications/message", level) for level in levels]


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        pytest.param(None, logged("debug", "warning", "error"), id="a server may log before a level is set"),
        pytest.param("warning", logged("warning", "error"), id="from a level on"),
        pytest.param("emergency", [], id="hardly anything"),
    ],
)
async def test_a_session_hears_logs_from_its_level_on(
    gate: Asking, ada: Agent, level: str | None, heard: list[Any]
) -> None:
    gate.tools["ask"] = logging_tool
    await ada.initialize()
    if level is not None:
        assert (await ada.post(rpc("logging/setLevel", {"level": level}, rpc_id=9))).status == 200
    async with ada.streaming(ASK) as stream:
        assert await notes(stream) == [*heard, UPDATED]


@pytest.mark.parametrize(("level", "heard"), [(None, []), ("info", logged("warning", "error"))])
async def test_a_modern_client_hears_logs_only_if_its_request_asks(
    gate: Asking, ada: Agent, level: str | None, heard: list[Any]
) -> None:
    gate.tools["ask"] = logging_tool
    meta = MODERN_META if level is None else {**MODERN_META, V + "logLevel": level}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "ask"}
    message = rpc("tools/call", {"name": "ask", "_meta": meta})
    if not heard:
        reply = await ada.post(message, headers=headers)
        assert reply.headers["Content-Type"] == "application/json"
        return
    async with ada.streaming(message, headers=headers) as stream:
        assert await notes(stream) == heard


async def test_a_level_nobody_knows_is_refused(ada: Agent) -> None:
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "prompts/list"}
    meta = {**MODERN_META, V + "logLevel": "loud"}
    reply = await ada.post(rpc("prompts/list", {"_meta": meta}), headers=headers)
    assert (reply.status, reply.json["error"]["code"]) == (400, -32602)
