"""Calls that are held: the event stream, its keep-alives, and every way a client can leave (protocol.md 2.1, 2.5)."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from approvals.domain.model import Caller
from gateway.inbound.gate import InboundCall, Line
from gateway.inbound.http import InboundSettings
from gateway.upstreams import Result
from tests.fakes.gate import BOB, FakeGate, Served, served, text_result
from tests.fakes.wire import Agent, Clock, agent, modern, rpc, soon, wait_call


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


def cancel(rpc_id: Any, reason: str | None = None) -> dict[str, Any]:
    params = {"requestId": rpc_id} if reason is None else {"requestId": rpc_id, "reason": reason}
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


# The stream


async def test_a_held_call_is_a_stream_at_once_and_its_answer_comes_last(gate: FakeGate, ada: Agent) -> None:
    message, headers = modern("tools/call", rpc_id="a", name="wait", token="t")
    async with ada.streaming(message, headers=headers) as stream:
        assert stream.answer.status == 200
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        assert stream.answer.headers["X-Accel-Buffering"] == "no"
        assert stream.answer.headers["Cache-Control"] == "no-store"
        said = await stream.block()
        assert said is not None
        assert said.startswith("event: message\ndata: {")
        assert json.loads(said.partition("data: ")[2])["params"] == {
            "progressToken": "t",
            "progress": 0,
            "message": "waiting for approval",
        }
        gate.release.set()
        answer = await stream.message()
        assert (answer["id"], answer["result"]["resultType"]) == ("a", "complete")
        assert await stream.block() is None


async def test_without_a_token_nothing_is_said_until_the_answer(gate: FakeGate, ada: Agent) -> None:
    message, headers = modern("tools/call", name="wait")
    async with ada.streaming(message, headers=headers) as stream:
        await soon(gate.entered)
        gate.release.set()
        assert "result" in await stream.message()


async def test_a_session_of_2025_11_25_is_primed_and_numbered(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize("2025-11-25")
    async with ada.streaming(wait_call(token=5)) as stream:
        assert await stream.block() == "id: s1-1\nretry: 1000\ndata: "
        assert ((await stream.block()) or "").startswith("id: s1-2\nevent: message\n")
        gate.release.set()
        assert ((await stream.block()) or "").startswith("id: s1-3\nevent: message\n")
    async with ada.streaming(wait_call(rpc_id=2)) as stream:
        assert await stream.block() == "id: s2-1\nretry: 1000\ndata: "


async def test_an_older_session_has_no_event_ids(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize("2025-06-18")
    async with ada.streaming(wait_call(token=5)) as stream:
        assert ((await stream.block()) or "").startswith("event: message\n")


async def test_a_json_only_client_waits_for_one_plain_answer(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(ada.post(wait_call(token=1), headers={"Accept": "application/json"}))
        await soon(gate.entered)
        gate.release.set()
    reply = waiting.result()
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.json["result"]["content"][0]["text"] == "released"
    assert gate.calls[0].streams is False


@pytest.mark.must_have(5)
@pytest.mark.pain(2)
async def test_progress_always_rises_and_an_upstreams_own_continues_it(gate: FakeGate, ada: Agent) -> None:
    async def busy(call: InboundCall, line: Line) -> Result:
        await line.progress(10, "waiting")
        await line.progress(10, "still waiting")
        await line.progress(3, "back")
        for params in ({"progress": 1, "total": 4}, {"progress": 2, "total": 4, "message": "half"}, {"progress": "x"}):
            await line.relay(params)
        await line.relay({"progress": float("nan")})
        await line.relay({"progress": True})
        return text_result("done")

    gate.tools["busy"] = busy
    message, headers = modern("tools/call", name="busy", token=1)
    seen: list[Mapping[str, Any]] = []
    async with ada.streaming(message, headers=headers) as stream:
        while "params" in (said := await stream.message()):
            seen.append(said["params"])
    values = [said["progress"] for said in seen]
    assert values == sorted(set(values))
    assert len(values) == 5
    assert values[3] - values[2] == pytest.approx(1)
    assert values[4] - values[3] == pytest.approx(1)
    assert [round(said["total"] - said["progress"]) for said in seen[3:]] == [3, 2]
    assert [said.get("message") for said in seen] == ["waiting", "still waiting", "back", None, "half"]


async def test_an_upstreams_progress_alone_passes_as_it_is(gate: FakeGate, ada: Agent) -> None:
    async def busy(call: InboundCall, line: Line) -> Result:
        await line.relay({"progress": 1, "total": 2, "message": "a"})
        await line.relay({"progress": 2, "total": 2})
        return text_result("done")

    gate.tools["busy"] = busy
    message, headers = modern("tools/call", name="busy", token=1)
    async with ada.streaming(message, headers=headers) as stream:
        assert (await stream.message())["params"] == {"progressToken": 1, "progress": 1, "total": 2, "message": "a"}
        assert (await stream.message())["params"] == {"progressToken": 1, "progress": 2, "total": 2}


async def test_a_result_over_many_lines_is_one_event(gate: FakeGate, ada: Agent) -> None:
    pretty = json.dumps({"content": [], "n": [1, 2]}, indent=2).encode()

    async def lines(call: InboundCall, line: Line) -> Result:
        await line.open()
        return Result(raw=pretty)

    gate.tools["lines"] = lines
    message, headers = modern("tools/call", name="lines")
    async with ada.streaming(message, headers=headers) as stream:
        assert (await stream.message())["result"]["n"] == [1, 2]


async def test_one_ticker_keeps_every_open_stream_alive(
    gate: FakeGate, ada: Agent, server: Served, clock: Clock
) -> None:
    message, headers = modern("tools/call", name="wait")
    ticker = server.inbound.ticker
    async with ada.streaming(message, headers=headers) as one, ada.streaming(message, headers=headers) as two:
        assert len(ticker) == 2
        assert await ticker.tick() == 0
        clock.now += 15
        assert await ticker.tick() == 2
        assert await ticker.tick() == 0
        assert await one.block() == ": keepalive"
        assert await two.block() == ": keepalive"
        clock.now += 15
        assert await ticker.tick() == 2
        gate.release.set()
        assert await one.block() == ": keepalive"
        assert "result" in await one.message()
        assert "result" in await two.message()
    assert len(ticker) == 0


# Leaving


async def test_a_client_that_leaves_ends_the_waiting(gate: FakeGate, ada: Agent, server: Served) -> None:
    await ada.initialize("2025-06-18")
    async with ada.streaming(wait_call()) as stream:
        await soon(gate.entered)
        stream.answer.close()
        await soon(gate.abandoned)
    assert len(server.inbound.ticker) == 0
    assert (await ada.post(rpc("ping", rpc_id=2))).status == 200


async def test_a_client_that_leaves_before_the_stream_ends_the_waiting(gate: FakeGate, server: Served) -> None:
    async def silent(call: InboundCall, line: Line) -> Result:
        gate.entered.set()
        await gate.release.wait()
        return text_result("x")

    gate.tools["silent"] = silent
    async with agent(server.url) as ada, asyncio.TaskGroup() as group:
        waiting = group.create_task(ada.modern("tools/call", name="silent"))
        await soon(gate.entered)
        waiting.cancel()
        await soon(gate.abandoned)


async def test_a_cancel_in_words_reaches_the_gateway_and_the_call_answers(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with ada.streaming(wait_call(rpc_id="1")) as stream:
        await soon(gate.entered)
        assert (await ada.post(cancel(1))).status == 202
        assert (await ada.post(cancel("2"))).status == 202
        assert (await ada.post(cancel(True))).status == 202
        assert gate.cancels == []
        assert (await ada.post(cancel("1", "not needed any more"))).status == 202
        assert gate.cancels == [(gate.lines[0], "not needed any more")]
        gate.release.set()
        assert "result" in await stream.message()


async def test_a_clock_that_ran_out_is_a_disconnect_and_no_wish(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize("2025-06-18")
    async with ada.streaming(wait_call()) as stream:
        await soon(gate.entered)
        await ada.post(cancel(1, "McpError: MCP error -32001: Request timed out"))
        await soon(gate.abandoned)
        assert await stream.block() is None
    assert gate.cancels == []


async def test_a_cancel_finds_only_calls_of_its_own_session(gate: FakeGate, ada: Agent, server: Served) -> None:
    await ada.initialize(path="/mcp/shared")
    async with agent(server.url, BOB) as bob:
        await bob.initialize(path="/mcp/shared")
        async with ada.streaming(wait_call(), path="/mcp/shared"):
            await soon(gate.entered)
            assert (await bob.post(cancel(1), path="/mcp/shared")).status == 202
            bob.session = ada.session
            assert (await bob.post(cancel(1), path="/mcp/shared")).status == 404
    assert gate.cancels == []


async def test_an_id_still_open_cannot_be_used_again(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with ada.streaming(wait_call(rpc_id=7)) as stream:
        await soon(gate.entered)
        assert (await ada.post(wait_call(rpc_id=7))).status == 400
        assert len(gate.calls) == 1
        gate.release.set()
        await stream.block()
        assert "result" in await stream.message()
    assert (await ada.post(wait_call(rpc_id=7))).status == 200


async def test_a_deleted_session_hangs_up(gate: FakeGate, ada: Agent) -> None:
    await ada.initialize()
    async with ada.streaming(wait_call()):
        await soon(gate.entered)
        assert (await ada.send("DELETE", "/mcp/files", headers=ada.headers())).status == 204
        await soon(gate.abandoned)


async def test_a_fault_after_the_stream_began_is_told_on_the_stream(gate: FakeGate, ada: Agent) -> None:
    async def breaks(call: InboundCall, line: Line) -> Result:
        await line.open()
        raise RuntimeError("secret detail")

    gate.tools["breaks"] = breaks
    message, headers = modern("tools/call", name="breaks")
    async with ada.streaming(message, headers=headers) as stream:
        told = await stream.message()
    assert told["error"]["code"] == -32603
    assert "secret" not in json.dumps(told)


# Telling


@pytest.mark.parametrize("streamed", [True, False], ids=["as an event", "as JSON"])
async def test_an_outcome_counts_as_told_once_it_was_written(gate: FakeGate, ada: Agent, streamed: bool) -> None:
    async def outcome(call: InboundCall, line: Line) -> Result:
        if streamed:
            await line.open()
        line.tells = "req_1"
        return text_result("x")

    gate.tools["outcome"] = outcome
    message, headers = modern("tools/call", name="outcome")
    reply = await ada.post(message, headers=headers)
    assert reply.status == 200
    await soon(gate.was_told)
    assert gate.tolds == ["req_1"]


async def test_an_outcome_nobody_could_be_sent_is_not_told(gate: FakeGate, ada: Agent) -> None:
    async def broken(call: InboundCall, line: Line) -> Result:
        line.tells = "req_1"
        return Result(raw=b"not an object")

    gate.tools["broken"] = broken
    message, headers = modern("tools/call", name="broken")
    assert (await ada.post(message, headers=headers)).status == 500
    assert (await ada.modern("tools/list")).status == 200
    assert gate.tolds == []


# Memory


class Forgetful(FakeGate):
    """A Gate that lets go of the call it holds, as the real one does."""

    async def call_tool(self, caller: Caller, server: str | None, call: InboundCall, line: Line) -> Result:
        del call
        await line.open()
        self.entered.set()
        await self.release.wait()
        return text_result("x")


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_the_arguments_of_a_held_call_are_not_kept(era: str) -> None:
    gate = Forgetful()
    async with served(gate) as running, agent(running.url) as ada:
        message, headers = modern("tools/call", name="wait", arguments={"marker": ["x" * 10_000]})
        if era == "legacy":
            await ada.initialize()
            message, headers = rpc("tools/call", {"name": "wait", "arguments": {"marker": ["x" * 10_000]}}), {}
        body = json.dumps(message).encode()
        del message
        async with ada.streaming(body, headers=headers) as stream:
            await soon(gate.entered)
            gc.collect()
            kept = [thing for thing in gc.get_objects() if isinstance(thing, InboundCall | dict) and _marked(thing)]
            assert kept == []
            gate.release.set()
            assert "result" in await stream.message()


def _marked(thing: Any) -> bool:
    return isinstance(thing, InboundCall) or (type(thing) is dict and "marker" in thing and len(thing) == 1)


async def test_a_modern_call_that_is_cancelled_in_words_is_found_by_its_agent_and_id(
    gate: FakeGate, ada: Agent
) -> None:
    message, headers = modern("tools/call", rpc_id="call-1", name="wait", token="t")
    async with ada.streaming(message, headers=headers) as stream:
        await soon(gate.entered)
        words = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "notifications/cancelled"}
        assert (await ada.post(cancel("call-2"), headers=words)).status == 202
        assert gate.cancels == []
        assert (await ada.post(cancel("call-1", "no longer wanted"), headers=words)).status == 202
        await soon(gate.cancelled_in_words)
        assert [words for _, words in gate.cancels] == ["no longer wanted"]
        gate.release.set()
        while "result" not in await stream.message():
            pass
