"""The bridge of `placet stdio` between a client made of lines and a gateway made of bytes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.bridge import calls, standing
from gateway.bridge.door import Door
from gateway.bridge.lines import TooLong
from gateway.bridge.relay import MAX_IN_FLIGHT, Relay
from gateway.bridge.settings import Settings
from gateway.protocol.patience import clock_ran_out
from tests.fakes.hostile import ROWS
from tests.fakes.raw_http import SSE_HEAD, RawHttp, Script, Seen, event, http

WAIT = 10.0
PIPE = asyncio.subprocess.PIPE
V = "io.modelcontextprotocol/"
META: dict[str, Any] = {
    V + "protocolVersion": "2026-07-28",
    V + "clientCapabilities": {},
    V + "clientInfo": {"name": "tester", "version": "9"},
}
OPENING = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"roots": {}},
    "clientInfo": {"name": "old", "version": "1"},
}
AGREED = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "g", "version": "1"}}
DONE = {"content": [{"type": "text", "text": "done"}]}
ERAS = pytest.mark.parametrize("era", ["modern", "legacy"])


@dataclass
class Talk:
    """The client's side: says lines, hears lines."""

    relay: Relay
    heard: asyncio.Queue[bytes]

    async def say(self, method: str, params: Any = None, *, rpc_id: Any = None) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": {} if params is None else params}
        if rpc_id is not None:
            message["id"] = rpc_id
        await self.relay.take(json.dumps(message).encode())

    async def hear(self) -> Any:
        return json.loads(await asyncio.wait_for(self.heard.get(), WAIT))

    async def ask(self, method: str, params: Any = None, *, rpc_id: Any = 1) -> Any:
        await self.say(method, params, rpc_id=rpc_id)
        return await self.hear()

    async def open(self, era: str) -> None:
        if era == "legacy":
            opened = await self.ask("initialize", OPENING, rpc_id="opening")
            assert opened == {"jsonrpc": "2.0", "id": "opening", "result": AGREED}
            await self.say("notifications/initialized")

    async def call(self, era: str, *, rpc_id: Any = 1, token: Any = None, **arguments: Any) -> None:
        meta = dict(META) if era == "modern" else {}
        if token is not None:
            meta["progressToken"] = token
        params = {"name": "pay", "arguments": arguments, **({"_meta": meta} if meta else {})}
        await self.say("tools/call", params, rpc_id=rpc_id)


@asynccontextmanager
async def talking(url: str, *, wait: float | None = None, token: str | None = "plc_agent_x") -> AsyncIterator[Talk]:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    limit = None if wait is None else timedelta(seconds=wait)
    settings = Settings(url=url, token=token, token_env="PLACET_TOKEN", wait=limit)
    door = Door(url, token)
    try:
        async with asyncio.TaskGroup() as group:
            relay = Relay(settings, door, heard.put, group)
            yield Talk(relay, heard)
            await relay.end()
    finally:
        await door.close()


def answer(seen: Seen, result: Any = DONE) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": seen.message.get("id"), "result": result})


def refusal(seen: Seen, code: int, message: str = "no") -> str:
    return json.dumps({"jsonrpc": "2.0", "id": seen.message.get("id"), "error": {"code": code, "message": message}})


def gateway(on_call: Script, on_other: Script | None = None, on_get: Script | None = None) -> Script:
    """A gateway with sessions `s1`, `s2`, …; tool calls are answered by `on_call`, other requests by `on_other`."""
    opened = 0

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        match seen.method:
            case "initialize":
                opened += 1
                writer.write(http(answer(seen, AGREED), headers=f"Mcp-Session-Id: s{opened}\r\n"))
            case "tools/call":
                await on_call(seen, writer)
            case _ if on_other is not None and seen.verb == "POST" and "id" in seen.message:
                await on_other(seen, writer)
            case _ if seen.verb == "GET" and on_get is not None:
                await on_get(seen, writer)
            case _ if seen.verb == "GET":
                writer.write(http("", status="405 Method Not Allowed", kind=None))
            case _:
                writer.write(http("", status="202 Accepted", kind=None))

    return script


def says(make: Callable[[Seen], str | bytes]) -> Script:
    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        made = make(seen)
        writer.write(http(made) if isinstance(made, str) else made)

    return script


def progress(seen: Seen, message: str, value: float = 0) -> str:
    token = seen.message["params"]["_meta"]["progressToken"]
    params: dict[str, Any] = {"progressToken": token, "progress": value, "message": message}
    if message.startswith("waiting for approval req_a"):
        params["_meta"] = {"placet/request": "req_a"}
    return json.dumps({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})


def waiting(seen: Seen, value: float = 0) -> str:
    return progress(seen, "waiting for approval req_a (http://gateway.example/requests/req_a)", value)


def verdict(code: str) -> dict[str, Any]:
    meta = {"placet/verdict": {"code": code, "request": "req_a"}}
    return {"content": [{"type": "text", "text": code}], "isError": True, "_meta": meta}


async def test_a_modern_request_goes_out_as_it_is_with_its_headers() -> None:
    raw = '{"tools":[{"name":"pay","n": 1.50}],"new":{"k":[1.0]}}'
    script = says(lambda seen: '{"jsonrpc":"2.0","id":"x","result":\n' + raw + "}")
    async with Fake(gateway(script, script)) as fake, talking(fake.url) as talk:
        sent = b'{"_meta":' + json.dumps(META).encode() + b"}"
        await talk.relay.take(b'{"jsonrpc":"2.0","id":"x","method":"tools/list","params":' + sent + b"}")
        line = await asyncio.wait_for(talk.heard.get(), WAIT)
        assert line == b'{"jsonrpc":"2.0","id":"x","result":' + raw.encode() + b"}"
        (seen,) = fake.seen
        assert sent in seen.body
        wanted = {
            "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list", "authorization": "Bearer plc_agent_x",
            "accept": "application/json, text/event-stream", "content-type": "application/json",
        }  # fmt: skip
        assert {name: seen.headers.get(name) for name in wanted} == wanted
        assert "mcp-session-id" not in seen.headers


async def test_a_modern_call_goes_through_a_session_in_the_clients_name() -> None:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    lists = says(lambda seen: answer(seen, {"tools": [{"name": "pay", "inputSchema": schema}]}))
    async with Fake(gateway(says(answer), lists)) as fake, talking(fake.url) as talk:
        await talk.ask("tools/list", {"_meta": META}, rpc_id=0)
        await talk.call("modern", region="eu", rpc_id="mine")
        body = await talk.hear()
        assert (body["id"], body["result"]["resultType"]) == ("mine", "complete")
        assert body["result"]["_meta"][V + "serverInfo"] == AGREED["serverInfo"]
        opening = fake.calls("initialize")[0].message["params"]
        assert opening == {
            "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tester", "version": "9"},
        }  # fmt: skip
        (seen,) = fake.calls()
        wanted = {
            "mcp-session-id": "s1", "mcp-protocol-version": "2025-06-18", "mcp-method": "tools/call",
            "mcp-name": "pay", "mcp-param-region": "eu",
        }  # fmt: skip
        assert {name: seen.headers.get(name) for name in wanted} == wanted
        assert list(seen.message["params"]["_meta"]) == ["progressToken"]
        await talk.call("modern", rpc_id=2)
        await talk.hear()
        assert len(fake.calls("initialize")) == 1


async def test_an_older_client_keeps_its_session_and_its_text() -> None:
    async with Fake(gateway(says(answer), says(answer))) as fake, talking(fake.url) as talk:
        await talk.open("legacy")
        raw = b'{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"pay","arguments":{"n": 1.50}}}'
        await talk.relay.take(raw)
        assert await talk.hear() == {"jsonrpc": "2.0", "id": 5, "result": DONE}
        assert await talk.ask("ping", rpc_id=6) == {"jsonrpc": "2.0", "id": 6, "result": DONE}
        (call,) = fake.calls()
        assert b'"arguments":{"n": 1.50}' in call.body
        for seen in (call, *fake.calls("ping"), *fake.calls("notifications/initialized")):
            assert (seen.headers["mcp-session-id"], seen.headers["mcp-protocol-version"]) == ("s1", "2025-06-18")
    assert [seen.headers["mcp-session-id"] for seen in fake.seen if seen.verb == "DELETE"] == ["s1"]


async def test_requests_sent_in_one_go_wait_for_the_session() -> None:
    async with Fake(gateway(says(answer), says(answer))) as fake, talking(fake.url) as talk:
        await talk.say("initialize", OPENING, rpc_id=0)
        await talk.say("notifications/initialized")
        await talk.call("legacy", rpc_id=1)
        assert [(await talk.hear())["id"] for _ in range(2)] == [0, 1]
        assert len(fake.calls("initialize")) == 1


async def test_a_call_before_any_session_is_refused_here() -> None:
    async with Fake(gateway(says(answer))) as fake, talking(fake.url) as talk:
        await talk.call("legacy")
        body = await talk.hear()
        assert body["error"]["code"] == -32600
        assert "initialize" in body["error"]["message"]
        assert fake.seen == []


async def test_a_refused_initialize_is_the_answer() -> None:
    script = says(lambda seen: http(refusal(seen, -32602, "not so"), status="400 Bad Request"))
    async with Fake(script) as fake, talking(fake.url) as talk:
        body = await talk.ask("initialize", OPENING)
        assert body == {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "not so"}}


@ERAS
async def test_progress_reaches_a_client_that_asked_for_it(era: str) -> None:
    def stream(seen: Seen) -> bytes:
        return SSE_HEAD + event(waiting(seen, 0)) + event(waiting(seen, 10)) + event(answer(seen))

    async with Fake(gateway(says(stream))) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era, token="mine", rpc_id=3)
        told = [(await talk.hear())["params"] for _ in range(2)]
        assert [(one["progressToken"], one["progress"]) for one in told] == [("mine", 0), ("mine", 10)]
        assert (await talk.hear())["id"] == 3
        await talk.call(era, rpc_id=4)
        assert (await talk.hear())["id"] == 4
        assert fake.calls()[1].message["params"]["_meta"]["progressToken"] not in (None, "mine")


async def test_a_gateways_own_request_goes_to_an_older_client_and_its_answer_back() -> None:
    arrived = asyncio.Event()

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        asked = {"jsonrpc": "2.0", "id": "g1", "method": "roots/list", "params": {}}
        writer.write(SSE_HEAD + event(json.dumps(asked)))
        await writer.drain()
        await arrived.wait()
        writer.write(event(answer(seen)))
        writer.close()

    async with Fake(gateway(on_call)) as fake, talking(fake.url) as talk:
        await talk.open("legacy")
        await talk.call("legacy")
        assert await talk.hear() == {"jsonrpc": "2.0", "id": "g1", "method": "roots/list", "params": {}}
        await talk.relay.take(b'{"jsonrpc":"2.0","id":"g1","result":{"roots":[]}}')
        await fake.until(lambda: any(b'"roots":[]' in seen.body for seen in fake.seen))
        arrived.set()
        assert (await talk.hear())["result"] == DONE


async def test_a_gateways_own_request_is_declined_for_a_modern_client() -> None:
    def stream(seen: Seen) -> bytes:
        asked = {"jsonrpc": "2.0", "id": "g1", "method": "roots/list", "params": {}}
        return SSE_HEAD + event(json.dumps(asked)) + event(answer(seen))

    async with Fake(gateway(says(stream))) as fake, talking(fake.url) as talk:
        await talk.call("modern")
        assert (await talk.hear())["result"]["content"] == DONE["content"]
        declined = [seen.message for seen in fake.seen if seen.message.get("id") == "g1"]
        assert [one["error"]["code"] for one in declined] == [-32601]


class Fake(RawHttp):
    """A fake gateway whose requests can be waited for."""

    def __init__(self, script: Script) -> None:
        self.arrived = asyncio.Event()

        async def noting(seen: Seen, writer: asyncio.StreamWriter) -> None:
            self.arrived.set()
            await script(seen, writer)

        super().__init__(noting)

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not true():
                self.arrived.clear()
                await self.arrived.wait()


@dataclass
class Held:
    """Calls that wait: `begun` is set by each, `words` gets what cancels say, `answer` is what a cancel brings."""

    begun: asyncio.Event
    words: asyncio.Queue[dict[str, Any]]

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "tools/call":
            writer.write(SSE_HEAD + event(waiting(seen)))
            await writer.drain()
            self.begun.set()
            words = await self.words.get()
            assert words["requestId"] == seen.message["id"]
            writer.write(event(answer(seen, verdict("approval_cancelled"))))
            writer.close()


@ERAS
async def test_a_cancel_is_said_in_the_session_under_the_id_the_gateway_knows(era: str) -> None:
    held = Held(asyncio.Event(), asyncio.Queue())
    inner = gateway(held, says(answer))

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "notifications/cancelled":
            await held.words.put(seen.message["params"])
        await inner(seen, writer)

    async with Fake(script) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era, rpc_id=7)
        await asyncio.wait_for(held.begun.wait(), WAIT)
        await talk.say("notifications/cancelled", {"requestId": 7, "reason": "changed my mind"})
        await asyncio.wait(talk.relay.busy, timeout=WAIT)
        (said,) = fake.calls("notifications/cancelled")
        assert said.headers["mcp-session-id"] == fake.calls()[0].headers["mcp-session-id"]
        assert said.message["params"] == {"requestId": fake.calls()[0].message["id"], "reason": "changed my mind"}
        # Nothing is ever answered to it; the next answer is to the next request.
        meta = {"_meta": META} if era == "modern" else {}
        assert (await talk.ask("tools/list", meta, rpc_id=8))["id"] == 8
        assert len(fake.calls()) == 1


async def test_a_cancel_of_what_is_not_open_does_nothing() -> None:
    async with Fake(gateway(says(answer), says(answer))) as fake, talking(fake.url) as talk:
        await talk.open("legacy")
        await talk.say("notifications/cancelled", {"requestId": 99})
        await talk.say("notifications/cancelled", {})
        assert (await talk.ask("ping"))["result"] == DONE
        assert fake.calls("notifications/cancelled") == []


async def test_other_notifications_are_passed_on_in_the_session() -> None:
    async with Fake(gateway(says(answer))) as fake, talking(fake.url) as talk:
        await talk.open("legacy")
        await talk.say("notifications/roots/list_changed")
        await fake.until(lambda: len(fake.calls("notifications/roots/list_changed")) == 1)
        assert fake.calls("notifications/roots/list_changed")[0].headers["mcp-session-id"] == "s1"


@ERAS
async def test_a_call_that_breaks_before_it_is_known_to_be_held_is_never_sent_again(era: str) -> None:
    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD + event(progress(seen, "half way")))
        await writer.drain()
        writer.close()

    async with Fake(gateway(on_call)) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era)
        error = (await talk.hear())["error"]
        assert (error["code"], error["data"]) == (504, {"code": "outcome_unknown", "retryable": False})
        assert len(fake.calls()) == 1


@ERAS
@pytest.mark.parametrize("how", ["the line breaks", "the stream ends", "a proxy says 502"])
async def test_a_held_call_that_loses_its_line_is_sent_again(era: str, how: str) -> None:
    tries = 0

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        if tries == 1 or (tries == 2 and how == "the line breaks"):
            writer.write(SSE_HEAD + event(waiting(seen)))
            await writer.drain()
            if how == "the line breaks":
                writer.transport.abort()
        elif tries == 2 and how == "a proxy says 502":
            writer.write(http("bad gateway", status="502 Bad Gateway", kind="text/plain"))
            return
        else:
            writer.write(SSE_HEAD + event(waiting(seen)) + event(answer(seen, verdict("approval_denied"))))
        writer.close()

    async with Fake(gateway(on_call)) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era, rpc_id="c", token="t", amount=5)
        seen_progress = []
        while "result" not in (body := await talk.hear()):
            seen_progress.append(body["params"]["progress"])
        assert (body["id"], body["result"]["_meta"]["placet/verdict"]["code"]) == ("c", "approval_denied")
        assert seen_progress == sorted(set(seen_progress))
        sent = fake.calls()
        assert len(sent) > 1
        assert len({seen.message["id"] for seen in sent}) == len(sent)
        assert {json.dumps(seen.message["params"]["arguments"]) for seen in sent} == {'{"amount": 5}'}


@ERAS
async def test_a_running_call_that_loses_a_numbered_stream_gets_the_rest_of_it(era: str) -> None:
    first: list[Seen] = []

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        first.append(seen)
        writer.write(SSE_HEAD + b"id: s1-1\nretry: 10\ndata: \n\n" + event(progress(seen, "one", 1), id="s1-2"))
        await writer.drain()
        writer.close()

    async def on_get(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.headers.get("last-event-id") == "s1-2":
            writer.write(SSE_HEAD + event(progress(first[0], "two", 2), id="s1-3"))
        elif seen.headers.get("last-event-id") == "s1-3":
            writer.write(SSE_HEAD + event(answer(first[0]), id="s1-4"))
        else:
            writer.write(http("", status="405 Method Not Allowed", kind=None))
        await writer.drain()
        writer.close()

    async with Fake(gateway(on_call, None, on_get)) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era, token="t", rpc_id="c")
        told = [await talk.hear() for _ in range(3)]
        assert [one["params"]["progress"] for one in told[:2]] == [1, 2]
        assert (told[2]["id"], told[2]["result"]["content"]) == ("c", DONE["content"])
        assert len(fake.calls()) == 1
        resumed = [seen for seen in fake.seen if "last-event-id" in seen.headers]
        assert {seen.headers["mcp-session-id"] for seen in resumed} == {"s1"}
        assert all("content-type" not in seen.headers for seen in resumed)


@ERAS
@pytest.mark.parametrize("rest", ["is kept no more", "breaks off again and again"])
async def test_a_running_call_whose_rest_is_lost_is_unknown(era: str, rest: str) -> None:
    async def broken(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.verb == "GET" and rest == "is kept no more":
            writer.write(http("", status="400 Bad Request", kind=None))
        else:
            writer.write(SSE_HEAD + b"id: s1-1\nretry: 10\ndata: \n\n")
        await writer.drain()
        writer.close()

    async with Fake(gateway(broken, None, broken)) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era)
        assert (await talk.hear())["error"]["code"] == 504
        assert len(fake.calls()) == 1


async def test_what_is_said_outside_of_answers_reaches_an_older_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_PAUSES", (0.01, 0.1))
    note = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}}
    gets = 0

    async def on_get(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal gets
        gets += 1
        match gets:
            case 1:
                writer.write(SSE_HEAD + event(json.dumps({**note, "params": {"n": 1}}), id="g1-1"))
            case 2:
                assert seen.headers["last-event-id"] == "g1-1"
                writer.write(http("", status="404 Not Found", kind=None))
            case 3:
                assert ("last-event-id" in seen.headers, seen.headers["mcp-session-id"]) == (False, "s2")
                writer.write(SSE_HEAD + event(json.dumps({**note, "params": {"n": 2}})))
            case _:
                writer.write(http("", status="405 Method Not Allowed", kind=None))
        await writer.drain()
        writer.close()

    async with Fake(gateway(says(answer), says(answer), on_get)) as fake, talking(fake.url) as talk:
        await talk.open("legacy")
        assert [(await talk.hear())["params"]["n"] for _ in range(2)] == [1, 2]
        await fake.until(lambda: gets == 4)
        assert (await talk.ask("ping"))["result"] == DONE


@ERAS
async def test_a_pending_answer_is_waited_on_and_the_client_gets_the_outcome(era: str) -> None:
    codes = iter(["approval_pending", "approval_pending", "approved"])
    script = says(lambda seen: answer(seen, verdict(next(codes))))
    async with Fake(gateway(script)) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era)
        assert (await talk.hear())["result"]["_meta"]["placet/verdict"]["code"] == "approved"
        assert len(fake.calls()) == 3


@ERAS
async def test_when_the_time_is_over_the_client_gets_the_gateways_own_pending_answer(era: str) -> None:
    script = says(lambda seen: answer(seen, verdict("approval_pending")))
    async with Fake(gateway(script)) as fake, talking(fake.url, wait=0.5) as talk:
        await talk.open(era)
        await talk.call(era)
        result = (await talk.hear())["result"]
        assert result["_meta"]["placet/verdict"] == {"code": "approval_pending", "request": "req_a"}
        assert result["content"] == [{"type": "text", "text": "approval_pending"}]


@ERAS
async def test_when_the_time_is_over_in_the_middle_of_a_hold_the_bridge_says_so_itself(era: str) -> None:
    never = asyncio.Event()

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD + event(waiting(seen)))
        await writer.drain()
        await never.wait()

    async with Fake(gateway(on_call)) as fake, talking(fake.url, wait=0.2) as talk:
        await talk.open(era)
        await talk.call(era)
        result = (await talk.hear())["result"]
        never.set()
        assert result["_meta"]["placet/verdict"] == {"code": "approval_pending", "request": "req_a", "retryable": True}
        assert "exactly the same arguments" in result["content"][0]["text"]
        assert ("resultType" in result) == (era == "modern")
        assert len(fake.calls()) == 1
        # A reason that the gateway takes as a disconnect: the request stays, and nobody is thought to wait for it.
        (said,) = fake.calls("notifications/cancelled")
        assert said.message["params"]["requestId"] == fake.calls()[0].message["id"]
        assert clock_ran_out(said.message["params"]["reason"])


@ERAS
async def test_a_session_that_the_gateway_forgot_is_opened_again(era: str) -> None:
    def forgetful(seen: Seen) -> str | bytes:
        if seen.headers["mcp-session-id"] == "s1":
            gone = '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no session"}}'
            return http(gone, status="404 Not Found")
        return answer(seen)

    async with Fake(gateway(says(forgetful), says(forgetful))) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era)
        assert (await talk.hear())["result"]["content"] == DONE["content"]
        assert [seen.headers["mcp-session-id"] for seen in fake.calls()] == ["s1", "s2"]
        first, second = (seen.message["params"] for seen in fake.calls("initialize"))
        assert first == second


async def test_what_an_older_client_asks_survives_a_forgotten_session() -> None:
    def forgetful(seen: Seen) -> str | bytes:
        return answer(seen) if seen.headers["mcp-session-id"] != "s1" else http("", status="404 Not Found", kind=None)

    async with Fake(gateway(says(answer), says(forgetful))) as fake, talking(fake.url) as talk:
        await talk.open("legacy")
        assert (await talk.ask("tools/list", rpc_id=2))["result"] == DONE
        assert [seen.message["id"] for seen in fake.calls("tools/list")] == [2, 2]


async def test_a_gateway_that_never_knows_its_sessions_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "RECONNECT_SECONDS", 0.5)
    script = says(lambda seen: http("", status="404 Not Found", kind=None))
    async with Fake(gateway(script)) as fake, talking(fake.url) as talk:
        await talk.call("modern")
        assert (await talk.hear())["error"]["code"] == 404


async def test_headers_of_an_old_schema_are_left_out_the_second_time() -> None:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    lists = says(lambda seen: answer(seen, {"tools": [{"name": "pay", "inputSchema": schema}]}))

    def on_call(seen: Seen) -> str | bytes:
        return answer(seen) if "mcp-param-region" not in seen.headers else refusal(seen, -32020)

    async with Fake(gateway(says(on_call), lists)) as fake, talking(fake.url) as talk:
        await talk.ask("tools/list", {"_meta": META}, rpc_id=0)
        await talk.call("modern", region="eu")
        assert (await talk.hear())["result"]["content"] == DONE["content"]
        assert len(fake.calls()) == 2


DECLARES = {**META, V + "clientCapabilities": {"elicitation": {"form": {}}}}
ASKS_BACK = {
    "resultType": "input_required",
    "inputRequests": {"k": {"method": "elicitation/create", "params": {"n": 1}}},
    "requestState": "sealed",
}


async def test_a_call_that_may_be_asked_back_goes_as_the_modern_request_it_is() -> None:
    def on_call(seen: Seen) -> str:
        return answer(seen, DONE if "inputResponses" in seen.message["params"] else ASKS_BACK)

    async with Fake(gateway(says(on_call))) as fake, talking(fake.url) as talk:
        params = {"name": "pay", "arguments": {}, "_meta": DECLARES}
        assert await talk.ask("tools/call", params, rpc_id="a") == {"jsonrpc": "2.0", "id": "a", "result": ASKS_BACK}
        again = {**params, "inputResponses": {"k": {"action": "accept", "content": {}}}, "requestState": "sealed"}
        await talk.say("tools/call", again, rpc_id="b")
        assert (await talk.hear())["result"]["content"] == DONE["content"]
        first, second = fake.calls()
        assert fake.calls("initialize") == []
        assert {name: first.headers.get(name) for name in ("mcp-protocol-version", "mcp-method", "mcp-name")} == {
            "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "pay",
        }  # fmt: skip
        assert first.message["params"]["_meta"] == {**DECLARES, "progressToken": first.message["id"]}
        assert second.message["params"]["requestState"] == "sealed"


async def test_a_modern_call_whose_tool_changed_its_headers_is_sent_by_the_new_ones() -> None:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}

    def pages(seen: Seen) -> str:
        if "cursor" not in seen.message["params"]:
            return answer(seen, {"tools": [], "nextCursor": "two"})
        return answer(seen, {"tools": [{"name": "pay", "inputSchema": schema}]})

    lists = says(pages)

    def on_call(seen: Seen) -> str | bytes:
        if "mcp-param-region" in seen.headers:
            return answer(seen, ASKS_BACK)
        return http(refusal(seen, -32020), status="400 Bad Request")

    async with Fake(gateway(says(on_call), lists)) as fake, talking(fake.url) as talk:
        params = {"name": "pay", "arguments": {"region": "eu"}, "_meta": DECLARES}
        assert (await talk.ask("tools/call", params))["result"] == ASKS_BACK
        assert [seen.headers.get("mcp-param-region") for seen in fake.calls()] == [None, "eu"]


async def test_a_modern_call_is_cancelled_in_words_and_hung_up_on() -> None:
    held = Held(asyncio.Event(), asyncio.Queue())
    async with Fake(gateway(held)) as fake, talking(fake.url) as talk:
        await talk.say("tools/call", {"name": "pay", "_meta": DECLARES}, rpc_id=7)
        await asyncio.wait_for(held.begun.wait(), WAIT)
        await talk.say("notifications/cancelled", {"requestId": 7})
        await asyncio.wait(talk.relay.busy, timeout=WAIT)
        (said,) = fake.calls("notifications/cancelled")
        assert said.headers["mcp-protocol-version"] == "2026-07-28"
        assert said.message["params"] == {"requestId": fake.calls()[0].message["id"]}


async def test_a_modern_call_that_runs_out_of_time_is_pending_in_its_own_era() -> None:
    held = Held(asyncio.Event(), asyncio.Queue())
    async with Fake(gateway(held)) as fake, talking(fake.url, wait=0.2) as talk:
        result = (await talk.ask("tools/call", {"name": "pay", "_meta": DECLARES}))["result"]
        assert (result["resultType"], result["_meta"]["placet/verdict"]["code"]) == ("complete", "approval_pending")


async def test_a_gateway_that_is_not_there_is_said_at_once() -> None:
    async with talking(f"http://127.0.0.1:{unused_port()}/mcp") as talk:
        for method, params in (("server/discover", {"_meta": META}), ("initialize", OPENING)):
            error = (await talk.ask(method, params))["error"]
            assert error["code"] == 503
            assert "cannot be reached" in error["message"]
        await talk.call("modern")
        assert (await talk.hear())["error"]["code"] == 503


@ERAS
async def test_a_gateway_that_was_there_is_waited_for(era: str) -> None:
    first = Fake(gateway(says(answer), says(answer)))
    async with first, talking(first.url) as talk:
        await talk.open(era)
        await talk.call(era, rpc_id=1)
        await talk.hear()
        await first.__aexit__()
        await talk.call(era, rpc_id=2)
        meta = {"_meta": META} if era == "modern" else {}
        await talk.say("tools/list", meta, rpc_id=3)
        second = await asyncio.start_server(Fake(gateway(says(answer), says(answer)))._serve, "127.0.0.1", first.port)
        async with second:
            assert {(await talk.hear())["id"] for _ in range(2)} == {2, 3}


def unused_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


HOSTILE: list[Any] = [
    pytest.param(http("no", status="401 Unauthorized", kind="text/plain"), 401, "$PLACET_TOKEN", id="401"),
    pytest.param(http("no", status="403 Forbidden", kind="text/html"), 403, "403", id="403"),
    pytest.param(http("", status="405 Method Not Allowed", kind=None), 404, "/mcp", id="405"),
    pytest.param(
        http("", status="307 Temporary Redirect", headers="Location: /steal\r\n"), 404, "redirect", id="redirect"
    ),
    pytest.param(http("<html>", kind="text/html"), 504, "web page", id="a web page"),
    pytest.param(http("hello", kind="text/plain"), 504, "text/plain", id="plain text"),
    pytest.param(http("", kind=None), 504, "not MCP", id="no content type"),
    pytest.param(http("{"), 504, "not valid JSON", id="half a JSON"),
    pytest.param(http("[]"), 504, "not a JSON object", id="a list"),
    pytest.param(http('{"jsonrpc":"2.0","id":77,"result":{}}'), 504, "without one", id="the id of another request"),
    pytest.param(http('{"jsonrpc":"2.0","id":null,"result":{}}'), 504, "without one", id="no id"),
    pytest.param(http('{"jsonrpc":"2.0","id":1,"result":{},"error":{}}'), 504, "exactly one", id="result and error"),
    pytest.param(http("[" * 5000), 504, "not a JSON object", id="brackets"),
    pytest.param(http('{"a":' * 500 + "1" + "}" * 500), 504, "deeper than", id="deep"),
    pytest.param(http("x" * (17 * 1024 * 1024)), 504, "more than", id="seventeen megabytes"),
    pytest.param(SSE_HEAD, 504, "without one", id="an empty stream"),
    pytest.param(SSE_HEAD + b"data: {\n\n", 504, "not valid JSON", id="a stream of half a JSON"),
    pytest.param(SSE_HEAD + b"data: " + b"x" * (17 * 1024 * 1024), 504, "longer than", id="an endless line"),
    pytest.param(b"nonsense\r\n\r\n", 504, "not HTTP", id="not HTTP"),
    pytest.param(b"", 504, "closed the connection", id="hangs up"),
    pytest.param(http("{}").replace(b"h: 2", b"h: 99"), 504, "broke off", id="breaks off"),
    pytest.param(http("", status="500 Internal Server Error", kind=None), 504, "not known", id="500"),
    pytest.param(http("", status="503 Service Unavailable", kind=None), 504, "not known", id="503 of a proxy"),
]  # fmt: skip


@ERAS
@pytest.mark.parametrize(("raw", "code", "words"), HOSTILE)
async def test_whatever_comes_for_a_call_is_one_clear_error_and_sent_once(
    era: str, raw: bytes, code: int, words: str
) -> None:
    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    async with Fake(gateway(on_call, says(answer))) as fake, talking(fake.url) as talk:
        await talk.open(era)
        await talk.call(era, rpc_id="c")
        body = await talk.hear()
        assert (body["id"], body["error"]["code"]) == ("c", code)
        assert words in body["error"]["message"]
        assert len(fake.calls()) == 1
        meta = {"_meta": META} if era == "modern" else {}
        assert (await talk.ask("tools/list", meta, rpc_id="d"))["id"] == "d"


async def test_an_error_that_names_our_request_is_its_answer_whatever_the_status() -> None:
    script = says(lambda seen: http(refusal(seen, -32602, "Unknown tool"), status="400 Bad Request"))
    async with Fake(gateway(script, script)) as fake, talking(fake.url) as talk:
        assert (await talk.ask("tools/list", {"_meta": META}))["error"] == {"code": -32602, "message": "Unknown tool"}
        await talk.call("modern", rpc_id="c")
        assert await talk.hear() == {"jsonrpc": "2.0", "id": "c", "error": {"code": -32602, "message": "Unknown tool"}}


async def test_no_more_than_so_many_requests_are_open_at_once() -> None:
    held = Held(asyncio.Event(), asyncio.Queue())
    async with Fake(gateway(held)) as fake, talking(fake.url) as talk:
        for number in range(MAX_IN_FLIGHT):
            await talk.call("modern", rpc_id=number, n=number)
        await talk.call("modern", rpc_id="one more")
        body = await talk.hear()
        assert (body["id"], body["error"]["code"]) == ("one more", 429)
        await talk.call("modern", rpc_id=0)
        assert "still open" in (await talk.hear())["error"]["message"]
        await fake.until(lambda: len(fake.calls()) == MAX_IN_FLIGHT)


async def test_hostile_lines_are_refused_and_the_next_is_served() -> None:
    async with Fake(gateway(says(answer), says(answer))) as fake, talking(fake.url) as talk:
        for name, row, code, _ in ROWS:
            await talk.relay.take(row)
            assert (await talk.hear())["error"]["code"] == code, name
        await talk.relay.take(TooLong())
        assert "longer than 1048576 bytes" in (await talk.hear())["error"]["message"]
        assert fake.seen == []
        assert (await talk.ask("tools/list", {"_meta": META}))["result"] == DONE


@asynccontextmanager
async def bridge(url: str, *options: str, **pipes: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """`placet stdio` as a process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        "stdio",
        "--url",
        url,
        *options,
        **{"stdin": PIPE, "stdout": PIPE, "stderr": PIPE, **pipes},
        env={**os.environ, "PLACET_TOKEN": "plc_agent_x"},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def lines_of(*messages: Any) -> bytes:
    return b"".join(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n" for message in messages)


LIST = {"id": 1, "method": "tools/list", "params": {"_meta": META}}


async def test_only_json_rpc_reaches_stdout_and_the_end_of_stdin_is_the_end() -> None:
    big = {"content": [{"type": "text", "text": "é" * 200_000}]}
    async with Fake(gateway(says(answer), says(lambda seen: answer(seen, big)))) as fake:
        async with bridge(fake.url, "--log-level", "debug") as process:
            hostile = b"\n".join(row[1].replace(b"\n", b" ") for row in ROWS[:60]) + b"\n" + b"x" * 2_000_000 + b"\n"
            async with asyncio.timeout(30):
                output, errors = await process.communicate(hostile + lines_of(LIST))
            assert process.returncode == 0, errors
        said = [json.loads(line) for line in output.splitlines()]
        assert {one["jsonrpc"] for one in said} == {"2.0"}
        assert said[-1] == {"jsonrpc": "2.0", "id": 1, "result": big}
        assert all("error" in one for one in said[:-1])
        assert b"plc_agent_x" not in errors


@pytest.mark.parametrize("end", ["eof", "SIGTERM", "SIGINT", "stdout closed"])
async def test_every_end_hangs_up_and_ends_the_session(end: str) -> None:
    held = Held(asyncio.Event(), asyncio.Queue())
    async with Fake(gateway(held)) as fake, bridge(fake.url) as process:
        assert process.stdin is not None
        process.stdin.write(
            lines_of(
                {"id": 0, "method": "initialize", "params": OPENING},
                {"id": 1, "method": "tools/call", "params": {"name": "pay", "_meta": {"progressToken": 5}}},
            )
        )
        await asyncio.wait_for(held.begun.wait(), WAIT)
        match end:
            case "eof":
                process.stdin.close()
            case "stdout closed":
                process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined] # no public way
            case name:
                process.send_signal(signal.Signals[name])
        assert await asyncio.wait_for(process.wait(), WAIT) == 0
        assert [seen.headers["mcp-session-id"] for seen in fake.seen if seen.verb == "DELETE"] == ["s1"]
        assert fake.calls("notifications/cancelled") == []


async def test_plain_files_and_no_input_work_too(tmp_path: Path) -> None:
    asked, told = tmp_path / "in", tmp_path / "out"
    asked.write_bytes(lines_of(LIST))
    async with Fake(gateway(says(answer), says(answer))) as fake:
        with asked.open("rb") as source, told.open("wb") as sink:
            async with bridge(fake.url, stdin=source, stdout=sink) as process:
                assert await asyncio.wait_for(process.wait(), WAIT) == 0
        assert json.loads(told.read_bytes()) == {"jsonrpc": "2.0", "id": 1, "result": DONE}
        async with bridge(fake.url, stdin=asyncio.subprocess.DEVNULL) as process:
            output, errors = await asyncio.wait_for(process.communicate(), WAIT)
            assert (process.returncode, output, errors) == (0, b"", b"")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["http://gateway.example/mcp"], b"--insecure-http", id="plain http elsewhere"),
        pytest.param(["not an address"], b"https://", id="no address"),
        pytest.param(["https://h/mcp", "--token-env", "NO_SUCH_TOKEN"], b"NO_SUCH_TOKEN is not set", id="no token"),
        pytest.param(["https://h/mcp", "--wait", "long"], b"not a duration", id="no duration"),
        pytest.param(["https://h/mcp", "--wait", "0s"], b"between", id="no time at all"),
    ],
)
async def test_wrong_options_end_with_code_2_and_an_empty_stdout(options: list[str], words: bytes) -> None:
    async with bridge(*options) as process:
        output, errors = await asyncio.wait_for(process.communicate(), WAIT)
    assert (process.returncode, output) == (2, b"")
    assert words in errors
