"""Sessions and streams of the older era under stress: lost, broken, resumed, and asked on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from gateway.upstreams import NoAnswer, Relay, Result, Timeouts, Unsent, Wants, nothing
from gateway.upstreams import breaker as breaker_module
from gateway.upstreams import http as http_module
from gateway.upstreams import places as places_module
from gateway.upstreams import standing as standing_module
from gateway.upstreams import trust as trust_module
from gateway.upstreams.http import HttpUpstream
from tests.contracts.upstream_contract import Sent
from tests.fakes.raw_http import DISCOVERED, SSE_HEAD, RawHttp, Script, Seen, event, http, legacy, modern
from tests.fakes.upstreams import Client, relay, running, tool_call

FORMS = b'{"elicitation":{}}'
LIVE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
UPDATED = "notifications/resources/updated"


def session_server(on_get: Script, *, sessions: list[str] | None = None) -> Script:
    """A server that lets resources be followed; each GET goes to `on_get`, calls are answered at once."""
    known = sessions if sessions is not None else []
    opened = 0

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        match seen.verb, seen.method:
            case "POST", "server/discover":
                writer.write(http("", status="404 Not Found", kind=None))
            case "POST", "initialize":
                opened += 1
                known.append(f"s{opened}")
                able = {"tools": {}, "resources": {"subscribe": True}, "logging": {}}
                result = {"protocolVersion": "2025-11-25", "capabilities": able, "serverInfo": {}}
                body = '{"jsonrpc":"2.0","id":$ID,"result":' + json.dumps(result) + "}"
                writer.write(seen.text(body, headers=f"Mcp-Session-Id: s{opened}\r\n"))
            case _ if seen.headers.get("mcp-session-id") not in known:
                writer.write(http("", status="404 Not Found", kind=None))
            case "GET", _:
                await on_get(seen, writer)
            case "POST", _ if "id" in seen.message and "method" in seen.message:
                writer.write(seen.answer({"content": []}))
            case _:
                writer.write(http("", status="202 Accepted", kind=None))

    return script


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing_module, "_AGAIN_SECONDS", (0.01, 0.02))
    monkeypatch.setattr(http_module, "_LISTEN_AGAIN_SECONDS", (0.01, 0.02))


class Ear:
    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def __call__(self, method: str, params: bytes) -> None:
        self.heard.put_nowait((method, params))

    async def next(self) -> tuple[str, bytes]:
        async with asyncio.timeout(5):
            return await self.heard.get()


def told(method: str, params: str = "{}", *, id: str | None = None) -> bytes:
    return event('{"jsonrpc":"2.0","method":"%s","params":%s}' % (method, params), id=id)  # noqa: UP031


async def test_a_standing_stream_is_taken_up_from_its_last_event() -> None:
    lasts: list[str | None] = []

    async def on_get(seen: Seen, writer: asyncio.StreamWriter) -> None:
        lasts.append(seen.headers.get("last-event-id"))
        writer.write(SSE_HEAD + b"retry: 1\n" + told(UPDATED, f'{{"uri":"x:{len(lasts)}"}}', id=f"e{len(lasts)}"))
        writer.close()

    ear = Ear()
    async with RawHttp(session_server(on_get)) as peer, running(HttpUpstream(name="peer", url=peer.url)) as upstream:
        wants = Wants(uris=frozenset({"x:1"}))
        async with upstream.listen(wants, session="ada", capabilities=b"{}", hear=ear) as accepted:
            assert accepted == wants
            assert [await ear.next() for _ in range(3)] == [(UPDATED, b'{"uri":"x:%d"}' % n) for n in (1, 2, 3)]
    assert lasts[:3] == [None, "e1", "e2"]


async def test_after_a_gap_everything_accepted_is_announced_once() -> None:
    gets = 0

    async def on_get(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal gets
        gets += 1
        writer.write(LIVE)
        if gets == 1:
            writer.close()

    ear = Ear()
    async with RawHttp(session_server(on_get)) as peer, running(HttpUpstream(name="peer", url=peer.url)) as upstream:
        wants = Wants(tools=True, uris=frozenset({"x:1"}))
        async with upstream.listen(wants, session="ada", capabilities=b"{}", hear=ear):
            assert await ear.next() == ("notifications/tools/list_changed", b"{}")
            assert await ear.next() == (UPDATED, b'{"uri":"x:1"}')
        assert ear.heard.empty()


async def idle(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(LIVE)


def levels(peer: RawHttp) -> list[tuple[str, str]]:
    """In which session which level was asked for."""
    asked = peer.calls("logging/setLevel")
    return [(seen.headers["mcp-session-id"], seen.message["params"]["level"]) for seen in asked]


SET_DEBUG = relay("logging/setLevel", b'{"level":"debug"}', repeatable=True, log_level="debug")


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(relay("resources/list", repeatable=True, log_level="debug"), id="a list"),
        pytest.param(tool_call("echo", log_level="debug"), id="a call"),
    ],
)
async def test_a_session_that_is_opened_again_logs_at_the_level_that_was_set(
    asked: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[str] = []
    monkeypatch.setattr(trust_module, "TRUSTED_SECONDS", 0.0)
    async with RawHttp(session_server(idle, sessions=sessions)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        assert isinstance(await upstream.request(SET_DEBUG, peer=Client(), sent=nothing), Result)
        sessions.clear()
        assert isinstance(await upstream.request(asked, peer=Client(), sent=nothing), Result)
        assert isinstance(await upstream.request(asked, peer=Client(), sent=nothing), Result)
        await upstream.close()
    assert levels(peer) == [("s1", "debug"), ("s2", "debug")]


async def test_a_session_that_was_given_up_while_it_was_idle_logs_at_its_level_when_it_is_needed() -> None:
    async with RawHttp(session_server(idle)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.request(SET_DEBUG, peer=Client(), sent=nothing)
        await upstream.forget("ada")
        await upstream.request(tool_call("echo", log_level="debug"), peer=Client(), sent=nothing)
        await upstream.close()
    assert levels(peer) == [("s1", "debug"), ("s2", "debug")]


async def test_a_session_opened_again_for_who_listens_logs_at_its_level() -> None:
    sessions: list[str] = []
    gone, again = asyncio.Event(), asyncio.Event()

    async def on_get(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(LIVE)
        if gone.is_set():
            # The gateway's own session is opened again too; it has no level.
            if len(levels(peer)) == 2:
                again.set()
            return
        await gone.wait()
        sessions.clear()
        writer.close()

    async with (
        RawHttp(session_server(on_get, sessions=sessions)) as peer,
        running(HttpUpstream(name="peer", url=peer.url)) as upstream,
        upstream.listen(Wants(uris=frozenset({"x:1"})), session="ada", capabilities=b"{}", hear=Ear()),
    ):
        await upstream.request(SET_DEBUG, peer=Client(), sent=nothing)
        gone.set()
        async with asyncio.timeout(5):
            await again.wait()
    (before, first), (after, second) = levels(peer)
    assert (before != after, first, second) == (True, "debug", "debug")


async def test_a_level_that_changes_is_told_once() -> None:
    async with RawHttp(session_server(idle)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        for level in ("debug", "debug", "error"):
            await upstream.request(tool_call("echo", log_level=level), peer=Client(), sent=nothing)
        await upstream.close()
    assert levels(peer) == [("s1", "debug"), ("s1", "error")]


async def test_a_lost_session_is_opened_again_and_follows_its_resources_again() -> None:
    sessions: list[str] = []
    live = asyncio.Event()

    async def on_get(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(LIVE)
        live.set()

    ear = Ear()
    async with (
        RawHttp(session_server(on_get, sessions=sessions)) as peer,
        running(HttpUpstream(name="peer", url=peer.url)) as upstream,
        upstream.listen(Wants(uris=frozenset({"x:1"})), session="ada", capabilities=b"{}", hear=ear),
    ):
        async with asyncio.timeout(5):
            await live.wait()
        sessions.clear()
        asked = relay("resources/list", repeatable=True)
        assert isinstance(await upstream.request(asked, peer=Client(), sent=nothing), Result)
        assert await ear.next() == (UPDATED, b'{"uri":"x:1"}')
        followed = [seen.headers["mcp-session-id"] for seen in peer.calls("resources/subscribe")]
    assert len(followed) == 2
    assert followed[1] in sessions


async def test_without_a_standing_stream_a_client_can_still_follow() -> None:
    async def on_get(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(http("", status="405 Method Not Allowed", kind=None))

    async with RawHttp(session_server(on_get)) as peer, running(HttpUpstream(name="peer", url=peer.url)) as upstream:
        wants = Wants(uris=frozenset({"x:1"}))
        async with upstream.listen(wants, session="ada", capabilities=b"{}", hear=Ear()) as accepted:
            assert accepted == wants
            assert isinstance(await upstream.request(tool_call("echo"), peer=Client(), sent=nothing), Result)


async def test_capabilities_are_declared_when_the_session_begins_and_others_begin_another() -> None:
    async def on_get(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(http("", status="405 Method Not Allowed", kind=None))

    async with RawHttp(session_server(on_get)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        for capabilities in (FORMS, b' { "elicitation" : { } } ', b'{"roots":{}}', FORMS):
            await upstream.request(tool_call("echo", capabilities=capabilities), peer=Client(), sent=nothing)
        await upstream.forget("ada")
        await upstream.close()
    declared = [seen.message["params"]["capabilities"] for seen in peer.calls("initialize")]
    assert declared == [{"elicitation": {}}, {"roots": {}}]
    assert [seen.headers["mcp-session-id"] for seen in peer.calls("tools/call")] == ["s1", "s1", "s2", "s1"]
    assert sorted(seen.headers["mcp-session-id"] for seen in peer.seen if seen.verb == "DELETE") == ["s1", "s2"]


async def test_a_session_that_nobody_used_for_long_is_ended_and_the_next_request_begins_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places_module, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(http_module, "_SWEEP_SECONDS", 0.01)
    ended: asyncio.Queue[str] = asyncio.Queue()

    async def on_get(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(http("", status="405 Method Not Allowed", kind=None))

    serve = session_server(on_get)

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.verb == "DELETE":
            ended.put_nowait(seen.headers["mcp-session-id"])
        await serve(seen, writer)

    async with RawHttp(script) as peer, running(HttpUpstream(name="peer", url=peer.url)) as upstream:
        calls: list[str] = []
        for _ in range(2):
            await upstream.request(tool_call("echo"), peer=Client(), sent=nothing)
            calls.append(peer.calls("tools/call")[-1].headers["mcp-session-id"])
            async with asyncio.timeout(5):
                assert await ended.get() == calls[-1]
    assert calls[0] != calls[1]


async def test_sessions_of_one_client_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_module, "MAX_SESSIONS_A_KEY", 2)

    async def on_get(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(http("", status="405 Method Not Allowed", kind=None))

    async with RawHttp(session_server(on_get)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        for number in range(4):
            capabilities = b'{"experimental":{"n%d":{}}}' % number
            await upstream.request(tool_call("echo", capabilities=capabilities), peer=Client(), sent=nothing)
        await upstream.close()
    assert len([seen for seen in peer.seen if seen.verb == "DELETE"]) == 4
    assert [seen.headers["mcp-session-id"] for seen in peer.seen if seen.verb == "DELETE"][:2] == ["s1", "s2"]


def asking(then: Callable[[Seen, asyncio.StreamWriter, dict[str, Any]], bytes]) -> tuple[Script, asyncio.Queue[Any]]:
    """A server that asks in the middle of a call, and answers the call once it was answered."""
    answers: asyncio.Queue[Any] = asyncio.Queue()

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "tools/call":
            question = '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"n":1.0}}'
            writer.write(SSE_HEAD + event(question))
            await writer.drain()
            writer.write(then(seen, writer, await answers.get()))
            writer.close()
            return
        if seen.message.get("id") == "q":
            answers.put_nowait(seen.message)
        writer.write(http("", status="202 Accepted", kind=None))

    return legacy(on_call), answers


async def test_a_server_that_waits_for_an_answer_may_be_silent_for_long() -> None:
    script, _ = asking(lambda seen, _writer, answer: event(
        json.dumps({"jsonrpc": "2.0", "id": seen.message["id"], "result": answer["result"]})
    ))  # fmt: skip
    client, sent = Slow(b'{"action":"accept","content":{"n":1.0}}'), Sent()
    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url, timeouts=Timeouts(idle=1.0))
        answer = await upstream.request(tool_call("echo", capabilities=FORMS), peer=client, sent=sent)
        await upstream.close()
    assert answer == Result(raw=b'{"action": "accept", "content": {"n": 1.0}}')
    assert client.asked == [("elicitation/create", b'{"n":1.0}')]
    assert sent.times == 1
    (posted,) = [seen for seen in peer.seen if seen.message.get("id") == "q"]
    assert posted.headers["mcp-session-id"] == "s1"
    assert posted.body == b'{"jsonrpc":"2.0","id":"q","result":{"action":"accept","content":{"n":1.0}}}'


class Slow(Client):
    """Answers after the server's idle time is long over."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(create=answer)

    async def ask(self, method: str, params: bytes) -> Any:
        await asyncio.sleep(1.5)
        return await super().ask(method, params)


async def test_a_question_that_is_taken_back_is_no_longer_asked() -> None:
    client = Client()

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method != "tools/call":
            writer.write(http("", status="202 Accepted", kind=None))
            return
        writer.write(SSE_HEAD + event('{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}}'))
        await writer.drain()
        await client.asking.wait()
        writer.write(told("notifications/cancelled", '{"requestId":1}'))
        await writer.drain()
        await client.ended.wait()
        writer.write(event(json.dumps({"jsonrpc": "2.0", "id": seen.message["id"], "result": {}})))
        writer.close()

    async with RawHttp(legacy(on_call)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        answer = await upstream.request(tool_call("echo", capabilities=FORMS), peer=client, sent=nothing)
        await upstream.close()
    assert answer == Result(raw=b"{}")
    assert client.ended.is_set()


async def test_a_server_that_keeps_failing_is_not_asked_for_a_while() -> None:
    async def broken(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(http("", status="502 Bad Gateway", kind=None))

    async with RawHttp(modern(broken)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        for _ in range(5):
            with pytest.raises(Exception, match="HTTP 502"):
                await upstream.request(tool_call("echo"), peer=Client(), sent=nothing)
        sent = Sent()
        with pytest.raises(Unsent, match=r"peer has failed 5 of its last 5 requests, it is tried again in \d+ s"):
            await upstream.request(tool_call("echo"), peer=Client(), sent=sent)
        await upstream.close()
    assert sent.times == 0
    assert len(peer.calls()) == 5


@pytest.mark.parametrize("well", [True, False])
async def test_no_call_is_made_to_try_a_server_that_was_left_alone(well: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = True

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "server/discover":
            writer.write(seen.answer(DISCOVERED))
        elif broken:
            writer.write(http("", status="502 Bad Gateway", kind=None))
        else:
            writer.write(seen.answer({"tools": []} if seen.method == "tools/list" else {"content": []}))

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        for _ in range(5):
            with pytest.raises(NoAnswer):
                await upstream.request(tool_call("echo"), peer=Client(), sent=nothing)
        monkeypatch.setattr(upstream._breaker, "_now", lambda: time.monotonic() + breaker_module.OPEN_SECONDS)
        broken = not well
        sent = Sent()
        if well:
            await upstream.request(tool_call("echo"), peer=Client(), sent=sent)
            assert upstream.trouble is None
        else:
            with pytest.raises(Unsent, match="HTTP 502"):
                await upstream.request(tool_call("echo"), peer=Client(), sent=sent)
            assert upstream.trouble is not None
        await upstream.close()
    assert (sent.times, len(peer.calls()), len(peer.calls("tools/list"))) == (int(well), 5 + well, 1)


async def test_listening_needs_an_upstream_that_runs() -> None:
    upstream = HttpUpstream(name="peer", url="http://127.0.0.1:9/mcp")
    with pytest.raises(Unsent, match="peer is not in use"):
        async with upstream.listen(Wants(tools=True), session="ada", capabilities=b"{}", hear=Ear()):
            pass
    await upstream.close()
