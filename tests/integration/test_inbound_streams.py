"""Standing streams of both eras, and streams that clients come back for (protocol.md 1.1, 1.2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from approvals.domain.model import Caller
from gateway.inbound.feed import KEPT_EVENTS
from gateway.inbound.gate import InboundCall, Line
from gateway.inbound.http import InboundSettings
from gateway.upstreams import Result, Unsent, Wants
from tests.fakes.gate import BOB, FakeGate, Served, served, text_result
from tests.fakes.wire import MODERN_META, Agent, Clock, Stream, V, agent, modern, rpc, soon, until, wait_call

EVENTS = {"Accept": "text/event-stream"}
TOOLS_CHANGED = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"
URI = "test://watched"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate() -> FakeGate:
    fake = FakeGate()
    fake.tools["wait"] = fake.held
    return fake


@pytest.fixture
async def server(gate: FakeGate, clock: Clock) -> AsyncIterator[Served]:
    async with served(gate, InboundSettings(version="0", clock=clock)) as running:
        yield running


@pytest.fixture
async def ada(server: Served) -> AsyncIterator[Agent]:
    async with agent(server.url) as client:
        yield client


@asynccontextmanager
async def get(ada: Agent, last: str | None = None, path: str = "/mcp/files") -> AsyncIterator[Stream]:
    """A GET whose stream is read event by event."""
    headers = ada.headers({**EVENTS, **({"Last-Event-ID": last} if last is not None else {})})
    async with ada.http.get(ada.base + path, headers=headers) as answer:
        yield Stream(answer)


async def event(stream: Stream) -> tuple[str, Any]:
    """The id and the message of the next event that has one."""
    while (block := await stream.block()) is not None:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":"))
        if fields.get("data"):
            return fields.get("id", ""), json.loads(fields["data"])
    raise AssertionError("the stream ended")


async def primed(stream: Stream) -> str:
    block = await stream.block() or ""
    assert block.endswith("\nretry: 1000\ndata: ")
    return block.partition("\n")[0].removeprefix("id: ")


# The standing stream of a session


async def test_a_standing_stream_is_primed_numbered_and_carries_what_is_heard(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with get(ada) as stream:
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        first = await primed(stream)
        await soon(gate.listening)
        wants, hear = gate.listeners[0]
        assert wants == Wants(tools=True, prompts=True, resources=True)
        hear(TOOLS_CHANGED, b"")
        hear(UPDATED, b'{"uri":"a:b", "x":1.50}')
        hear("notifications/message", b'{"level":"error"}')
        hear("notifications/prompts/list_changed", b"{}")
        one, two, three = [await event(stream) for _ in range(3)]
    assert len({first, one[0], two[0], three[0]}) == 4
    assert one[1] == {"jsonrpc": "2.0", "method": TOOLS_CHANGED, "params": {}}
    assert (two[1]["method"], two[1]["params"]) == (UPDATED, {"uri": "a:b", "x": 1.5})
    assert three[1]["method"] == "notifications/prompts/list_changed"


async def test_an_older_session_has_a_standing_stream_without_ids(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize("2025-06-18")
    async with get(ada) as stream:
        await soon(gate.listening)
        gate.say(TOOLS_CHANGED)
        assert (await stream.block() or "").startswith("event: message\n")


async def test_the_same_news_is_told_once(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with get(ada) as stream:
        await soon(gate.listening)
        for _ in range(3):
            gate.say(TOOLS_CHANGED)
        gate.say(UPDATED, {"uri": URI})
        assert [(await event(stream))[1]["method"] for _ in range(2)] == [TOOLS_CHANGED, UPDATED]


async def test_a_second_stream_takes_over_from_the_first(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with get(ada) as one:
        await primed(one)
        await soon(gate.listening)
        async with get(ada) as two:
            await primed(two)
            assert await one.block() is None
            gate.say(TOOLS_CHANGED)
            assert (await event(two))[1]["method"] == TOOLS_CHANGED
        assert len(gate.listeners) == 1


async def test_a_client_that_comes_back_gets_what_it_missed(gate: FakeGate, ada: Agent, server: Served) -> None:
    await ada.initialize()
    async with get(ada) as stream:
        await primed(stream)
        await soon(gate.listening)
        gate.say(UPDATED, {"uri": "a:1"})
        seen, _ = await event(stream)
        stream.answer.close()
        await until(lambda: len(server.inbound.parked))
    gate.say(UPDATED, {"uri": "a:2"})
    gate.say(TOOLS_CHANGED)
    async with get(ada, seen) as stream:
        missed = [await event(stream) for _ in range(2)]
        gate.say(UPDATED, {"uri": "a:3"})
        missed.append(await event(stream))
    assert [message["params"].get("uri") for _, message in missed] == ["a:2", None, "a:3"]
    assert len({seen, *(number for number, _ in missed)}) == 4


async def test_a_client_that_stays_away_is_listened_for_no_more(
    gate: FakeGate, ada: Agent, server: Served, clock: Clock
) -> None:
    await ada.initialize()
    async with get(ada) as stream:
        first = await primed(stream)
        await soon(gate.listening)
        stream.answer.close()
        await until(lambda: len(server.inbound.parked))
    clock.now += 31
    server.inbound.parked.sweep()
    await soon(gate.unheard)
    assert gate.listeners == []
    gate.listening.clear()
    async with get(ada, first) as stream:
        assert await primed(stream) != first
        await soon(gate.listening)


@pytest.mark.parametrize("ended", ["deleted", "expired"])
async def test_the_end_of_a_session_ends_its_stream_and_is_told(
    gate: FakeGate, ada: Agent, server: Served, clock: Clock, ended: str
) -> None:
    await ada.initialize()
    await ada.post(rpc("prompts/list"))
    if ended == "deleted":
        async with get(ada) as stream:
            await primed(stream)
            await soon(gate.listening)
            assert (await ada.send("DELETE", "/mcp/files", headers=ada.headers())).status == 204
            assert await stream.block() is None
    else:
        clock.now += 3601
        server.inbound.sessions.expire()
    await soon(gate.went)
    assert gate.gone == [gate.asks[0].session]
    assert len(server.inbound.sessions) == 0
    assert len(server.inbound.parked) == 0


async def test_a_connected_session_does_not_expire(ada: Agent, server: Served, clock: Clock) -> None:
    await ada.initialize()
    async with get(ada) as stream:
        await primed(stream)
        clock.now += 7200
        server.inbound.sessions.expire()
        assert (await ada.post(rpc("ping"))).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"Accept": "application/json"}, 406, id="no event stream wanted"),
        pytest.param({"Mcp-Session-Id": "nope"}, 404, id="an unknown session"),
        pytest.param({"MCP-Protocol-Version": "1999-01-01"}, 400, id="an unknown version"),
        pytest.param({"MCP-Protocol-Version": "2026-07-28"}, 405, id="the modern era"),
        pytest.param({"Last-Event-ID": "s9-1"}, 400, id="a call's stream that is kept no more"),
        pytest.param({"Last-Event-ID": "whatever"}, 400, id="an id of somebody else's"),
    ],
)
async def test_a_get_that_opens_nothing(gate: FakeGate, ada: Agent, headers: dict[str, str], status: int) -> None:
    await ada.initialize()
    reply = await ada.send("GET", "/mcp/files", headers=ada.headers({**EVENTS, **headers}))
    assert reply.status == status
    assert gate.listeners == []


async def test_a_get_without_a_session_is_refused(ada: Agent) -> None:
    assert (await ada.send("GET", "/mcp/files", headers=ada.headers(EVENTS))).status == 400


async def test_a_stolen_session_reads_no_stream(gate: FakeGate, ada: Agent, server: Served) -> None:
    await ada.initialize(path="/mcp/shared")
    async with ada.streaming(wait_call(), path="/mcp/shared") as stream, agent(server.url, BOB) as bob:
        first = await primed(stream)
        bob.session = ada.session
        for last in ({}, {"Last-Event-ID": first}):
            reply = await bob.send("GET", "/mcp/shared", headers=bob.headers({**EVENTS, **last}))
            assert reply.status == 404


# Subscriptions of a session


async def test_a_resource_is_subscribed_to_and_let_go(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with get(ada) as stream:
        await primed(stream)
        assert (await ada.post(rpc("resources/subscribe", {"uri": URI}))).json["result"] == {}
        assert gate.listeners[0][0].uris == {URI}
        gate.say(UPDATED, {"uri": URI})
        assert (await event(stream))[1]["params"] == {"uri": URI}
        assert (await ada.post(rpc("resources/unsubscribe", {"uri": URI}))).json["result"] == {}
        assert gate.listeners[0][0].uris == frozenset()


async def test_a_subscription_needs_no_stream_yet_and_outlives_none_for_long(
    gate: FakeGate, ada: Agent, server: Served, clock: Clock
) -> None:
    await ada.initialize()
    assert (await ada.post(rpc("resources/subscribe", {"uri": URI}))).json["result"] == {}
    assert gate.listeners[0][0].uris == {URI}
    clock.now += 31
    server.inbound.parked.sweep()
    await soon(gate.unheard)
    gate.listening.clear()
    async with get(ada) as stream:
        await primed(stream)
        await soon(gate.listening)
        assert gate.listeners[0][0].uris == {URI}


async def test_a_resource_the_gate_does_not_accept_is_not_found(gate: FakeGate, ada: Agent) -> None:
    gate.refused_uris.add(URI)
    await ada.initialize()
    reply = await ada.post(rpc("resources/subscribe", {"uri": URI}))
    assert (reply.status, reply.json["error"]["code"]) == (200, -32002)
    await ada.post(rpc("resources/subscribe", {"uri": "a:b"}))
    assert gate.listeners[0][0].uris == {"a:b"}


async def test_a_server_that_cannot_be_listened_to_is_said(gate: FakeGate, ada: Agent) -> None:
    gate.unlistenable = Unsent("the server is down")
    await ada.initialize()
    reply = await ada.post(rpc("resources/subscribe", {"uri": URI}))
    assert reply.json["error"]["code"] == -32603
    gate.unlistenable = None
    assert "result" in (await ada.post(rpc("resources/subscribe", {"uri": "a:b"}))).json
    assert gate.listeners[0][0].uris == {"a:b"}


async def test_only_so_many_resources_are_subscribed_to(gate: FakeGate, ada: Agent, server: Served) -> None:
    await ada.initialize()
    await ada.post(rpc("resources/subscribe", {"uri": "a:0"}))
    (session,) = server.inbound.sessions
    session.uris.update(f"a:{number}" for number in range(100))
    reply = await ada.post(rpc("resources/subscribe", {"uri": "a:100"}))
    assert reply.json["error"]["code"] == -32602
    assert "result" in (await ada.post(rpc("resources/subscribe", {"uri": "a:99"}))).json


# Calls that are come back for


async def test_a_held_call_survives_its_connection_and_its_answer_is_collected(
    gate: FakeGate, ada: Agent, server: Served
) -> None:
    await ada.initialize()
    async with ada.streaming(wait_call(token=5)) as stream:
        await primed(stream)
        said, _ = await event(stream)
        stream.answer.close()
        await until(lambda: len(server.inbound.parked))
    await gate.lines[0].progress(7, "still waiting")
    async with get(ada, said) as stream:
        progress, message = await event(stream)
        assert (message["params"]["progress"], progress) == (7, "s1-3")
        gate.release.set()
        last, message = await event(stream)
        assert (message["id"], message["result"]["content"][0]["text"], last) == (1, "released", "s1-4")
        assert await stream.block() is None
    assert not gate.abandoned.is_set()


async def test_an_answer_that_came_while_nobody_was_there_is_kept_and_then_told(
    gate: FakeGate, ada: Agent, server: Served
) -> None:
    async def outcome(call: InboundCall, line: Line) -> Result:
        answer = await gate.held(call, line)
        line.tells = "req_1"
        return answer

    gate.tools["wait"] = outcome
    await ada.initialize()
    async with ada.streaming(wait_call()) as stream:
        first = await primed(stream)
        stream.answer.close()
        await until(lambda: len(server.inbound.parked))
    (session,) = server.inbound.sessions
    gate.release.set()
    await until(lambda: not session.lines)
    assert gate.tolds == []
    for _ in range(2):
        async with get(ada, first) as stream:
            assert (await event(stream))[1]["result"]["content"][0]["text"] == "released"
            assert await stream.block() is None
    await soon(gate.was_told)
    assert gate.tolds == ["req_1"]


async def test_a_client_that_does_not_come_back_has_left(
    gate: FakeGate, ada: Agent, server: Served, clock: Clock
) -> None:
    await ada.initialize()
    async with ada.streaming(wait_call()) as stream:
        first = await primed(stream)
        stream.answer.close()
        await until(lambda: len(server.inbound.parked))
    clock.now += 29
    server.inbound.parked.sweep()
    assert not gate.abandoned.is_set()
    clock.now += 2
    server.inbound.parked.sweep()
    await soon(gate.abandoned)
    async with get(ada, first) as stream:
        assert stream.answer.status == 400
    assert len(server.inbound.ticker) == 0


async def test_a_question_is_asked_again_of_who_comes_back(gate: FakeGate, ada: Agent, server: Served) -> None:
    async def ask(call: InboundCall, line: Line) -> Result:
        answer = await line.ask("roots/list", b"{}")
        return answer if isinstance(answer, Result) else text_result("nobody")

    gate.tools["wait"] = ask
    await ada.initialize()
    async with ada.streaming(wait_call()) as stream:
        first = await primed(stream)
        _, asked = await event(stream)
        stream.answer.close()
        await until(lambda: len(server.inbound.parked))
    async with get(ada, first) as stream:
        assert (await event(stream))[1] == asked
        await ada.post({"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": []}})
        assert (await event(stream))[1]["result"] == {"roots": []}


async def test_a_paused_call_is_come_back_for(gate: FakeGate, ada: Agent) -> None:
    async def pausing(call: InboundCall, line: Line) -> Result:
        await line.pause()
        await line.relay({"progress": 1})
        await line.pause()
        await gate.release.wait()
        await line.relay({"progress": 2})
        await line.pause()
        await line.pause()
        return text_result("done")

    gate.tools["wait"] = pausing
    await ada.initialize()
    async with ada.streaming(wait_call(token=1)) as stream:
        await primed(stream)
        seen, _ = await event(stream)
        assert await stream.block() is None
    # The connection is free again while the call goes on.
    assert (await ada.post(rpc("ping", rpc_id=2))).status == 200
    async with get(ada, seen) as stream:
        await ada.post(rpc("ping", rpc_id=3))
        gate.release.set()
        seen, message = await event(stream)
        assert message["params"]["progress"] == 2
        assert await stream.block() is None
    async with get(ada, seen) as stream:
        assert "result" in (await event(stream))[1]


@pytest.mark.parametrize("version", ["2025-06-18", None])
async def test_where_there_is_no_way_back_nothing_is_paused(gate: FakeGate, ada: Agent, version: str | None) -> None:
    async def pausing(call: InboundCall, line: Line) -> Result:
        await line.open()
        await line.pause()
        return text_result("done")

    gate.tools["wait"] = pausing
    message, headers = (wait_call(), {}) if version else modern("tools/call", name="wait")
    if version is not None:
        await ada.initialize(version)
    async with ada.streaming(message, headers=headers) as stream:
        assert "result" in await stream.message()


async def test_a_half_open_connection_is_taken_over(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with ada.streaming(wait_call(token=1)) as old:
        first = await primed(old)
        await event(old)
        async with get(ada, first) as new:
            assert (await event(new))[1]["params"]["progress"] == 0
            assert await old.block() is None
            gate.release.set()
            assert "result" in (await event(new))[1]


async def test_the_same_call_sent_again_replaces_one_that_lost_its_connection(
    gate: FakeGate, ada: Agent, server: Served
) -> None:
    await ada.initialize()
    async with ada.streaming(wait_call(rpc_id=7)) as stream:
        await primed(stream)
        stream.answer.close()
        await until(lambda: len(server.inbound.parked))
    gate.entered.clear()
    async with ada.streaming(wait_call(rpc_id=7)) as stream:
        await soon(gate.entered)
        await soon(gate.abandoned)
        gate.release.set()
        assert "result" in await stream.message()


async def test_only_the_last_events_of_a_stream_are_kept(gate: FakeGate, ada: Agent) -> None:
    async def busy(call: InboundCall, line: Line) -> Result:
        for number in range(KEPT_EVENTS + 10):
            await line.relay({"progress": number})
        return Result(raw=json.dumps({"content": [], "big": "x" * 400_000}).encode())

    gate.tools["busy"] = busy
    await ada.initialize()
    async with ada.streaming(rpc("tools/call", {"name": "busy", "_meta": {"progressToken": 1}})) as stream:
        first = await primed(stream)
        while "result" not in (await event(stream))[1]:
            continue
    async with get(ada, first) as stream:
        events = [await event(stream)]
        while "result" not in events[-1][1]:
            events.append(await event(stream))
        assert await stream.block() is None
    # The answer alone is over the number of bytes, so it is all that is left.
    assert len(events) == 1


async def test_what_is_kept_in_all_is_bounded(gate: FakeGate) -> None:
    async def big(call: InboundCall, line: Line) -> Result:
        await line.open()
        return Result(raw=json.dumps({"content": [], "big": "x" * 1000}).encode())

    gate.tools["big"] = big
    settings = InboundSettings(version="0", kept_bytes=2500)
    async with served(gate, settings) as running, agent(running.url) as ada:
        await ada.initialize()
        firsts = []
        for number in range(3):
            async with ada.streaming(rpc("tools/call", {"name": "big"}, rpc_id=number)) as stream:
                firsts.append(await primed(stream))
                await event(stream)
        assert len(running.inbound.parked) == 2
        statuses = []
        for first in firsts:
            async with get(ada, first) as stream:
                statuses.append(stream.answer.status)
        assert statuses == [400, 200, 200]


# Listening in the modern era


def listen(rpc_id: Any = "sub", caps: dict[str, Any] | None = None, **asked: Any) -> tuple[Any, dict[str, str]]:
    message, headers = modern("subscriptions/listen", rpc_id=rpc_id, notifications=asked)
    message["params"]["_meta"] = {**MODERN_META, V + "clientCapabilities": caps or {}}
    return message, headers


async def test_a_subscription_is_acknowledged_and_each_message_names_it(gate: FakeGate, ada: Agent) -> None:
    gate.refused_uris.add("test://hidden")
    message, headers = listen(
        toolsListChanged=True, promptsListChanged=False, resourceSubscriptions=[URI, "test://hidden"]
    )
    async with ada.streaming(message, headers=headers) as stream:
        first = await stream.block() or ""
        assert first.startswith("event: message\n")
        acknowledged = json.loads(first.partition("data: ")[2])
        assert acknowledged["method"] == "notifications/subscriptions/acknowledged"
        assert acknowledged["params"] == {
            "notifications": {"toolsListChanged": True, "resourceSubscriptions": [URI]},
            "_meta": {V + "subscriptionId": "sub"},
        }
        assert gate.listeners[0][0] == Wants(tools=True, uris=frozenset({URI, "test://hidden"}))
        hear = gate.listeners[0][1]
        hear(UPDATED, b'{"uri":"test://watched","_meta":{"kept":1.50}}')
        hear(TOOLS_CHANGED, b"")
        _, one = await event(stream)
        _, two = await event(stream)
        assert one["params"] == {"uri": URI, "_meta": {"kept": 1.5, V + "subscriptionId": "sub"}}
        assert two["params"] == {"_meta": {V + "subscriptionId": "sub"}}


async def test_a_client_that_leaves_has_ended_its_subscription(gate: FakeGate, ada: Agent, server: Served) -> None:
    message, headers = listen(toolsListChanged=True)
    async with ada.streaming(message, headers=headers) as stream:
        await event(stream)
        stream.answer.close()
        await soon(gate.unheard)
    await until(lambda: not len(server.inbound.ticker))


async def test_a_subscription_to_nothing_is_acknowledged_as_that(gate: FakeGate, ada: Agent) -> None:
    message, headers = listen()
    async with ada.streaming(message, headers=headers) as stream:
        assert (await event(stream))[1]["params"]["notifications"] == {}
    assert gate.listeners == []


async def test_standing_streams_are_kept_alive(gate: FakeGate, ada: Agent, server: Served, clock: Clock) -> None:
    message, headers = listen(toolsListChanged=True)
    await ada.initialize()
    session, ada.session = ada.session, None
    async with ada.streaming(message, headers=headers) as one:
        await event(one)
        ada.session = session
        async with get(ada) as two:
            await primed(two)
            clock.now += 15
            assert await server.inbound.ticker.tick() == 2
            assert (await one.block(), await two.block()) == (": keepalive", ": keepalive")


async def test_a_server_that_cannot_be_listened_to_is_an_error(gate: FakeGate, ada: Agent) -> None:
    gate.unlistenable = Unsent("the server is down")
    message, headers = listen(toolsListChanged=True)
    reply = await ada.post(message, headers=headers)
    assert (reply.json["id"], reply.json["error"]["code"]) == ("sub", -32603)


async def test_only_so_many_subscriptions_of_one_token(gate: FakeGate) -> None:
    gate.anonymous = Caller(agent="ada")
    settings = InboundSettings(version="0", open_subscriptions=1)
    async with served(gate, settings) as running, agent(running.url) as ada, agent(running.url, None) as other:
        message, headers = listen()
        async with ada.streaming(message, headers=headers) as stream:
            await event(stream)
            reply = await ada.post(message, headers=headers)
            assert (reply.status, reply.json["id"], reply.headers["Retry-After"]) == (429, "sub", "5")
            async with other.streaming(message, headers=headers) as second:
                assert second.answer.status == 200


async def test_a_stop_ends_every_standing_stream_as_its_era_says(gate: FakeGate) -> None:
    message, headers = listen(rpc_id=4, toolsListChanged=True)
    async with agent("") as ada, agent("") as old, asyncio.TaskGroup() as group:
        opened = asyncio.Event()

        async def read(url: str) -> None:
            ada.base = old.base = url
            await old.initialize()
            async with ada.streaming(message, headers=headers) as one, get(old) as two:
                await event(one)
                await primed(two)
                await until(lambda: len(gate.listeners) == 2)
                opened.set()
                _, result = await event(one)
                assert (result["id"], result["result"]["resultType"]) == (4, "complete")
                assert result["result"]["_meta"][V + "subscriptionId"] == 4
                assert await one.block() is None
                assert await two.block() is None

        async with served(gate) as running:
            reading = group.create_task(read(running.url))
            await soon(opened)
        await reading
    assert gate.listeners == []


async def test_standing_streams_end_with_what_let_their_caller_in(gate: FakeGate, ada: Agent, server: Served) -> None:
    message, headers = listen(toolsListChanged=True)
    await ada.initialize()
    session, ada.session = ada.session, None
    async with agent(server.url, BOB) as bob, ada.streaming(message, headers=headers) as one:
        await event(one)
        ada.session = session
        await bob.initialize(path="/mcp/shared")
        async with get(ada) as two, get(bob, path="/mcp/shared") as other:
            await primed(two)
            await primed(other)
            server.inbound.sweep()
            gate.say(TOOLS_CHANGED)
            for stream in (one, two, other):
                assert (await event(stream))[1]["method"] == TOOLS_CHANGED
            gate.revoked.add("ada")
            server.inbound.sweep()
            assert (await event(one))[1]["result"]["resultType"] == "complete"
            assert (await one.block(), await two.block()) == (None, None)
            gate.say(TOOLS_CHANGED)
            assert (await event(other))[1]["method"] == TOOLS_CHANGED


async def test_tasks_are_listened_to(gate: FakeGate, ada: Agent) -> None:
    gate.tasks["t1"] = b"{}"
    message, headers = listen(caps={"extensions": {V + "tasks": {}}}, taskIds=["t1", "t2"])
    async with ada.streaming(message, headers=headers) as stream:
        assert (await event(stream))[1]["params"]["notifications"] == {"taskIds": ["t1"]}
        gate.watchers[0](b'{"taskId":"t1","status":"completed","result":{"content":[],"n":1.50}}')
        _, changed = await event(stream)
        assert changed["method"] == "notifications/tasks"
        assert (changed["params"]["taskId"], changed["params"]["_meta"]) == ("t1", {V + "subscriptionId": "sub"})
