"""Which era a server over HTTP is taken to speak, and how sessions of the older one are kept."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import pytest

from gateway.upstreams import NoAnswer, Result, RpcError, Unsent, trust
from gateway.upstreams import legacy as legacy_module
from gateway.upstreams.http import HttpUpstream
from tests.contracts.upstream_contract import Sent
from tests.fakes.raw_http import (
    DISCOVERED,
    ECHO,
    SSE_HEAD,
    RawHttp,
    Script,
    Seen,
    bytes_for,
    event,
    http,
    legacy,
    modern,
)
from tests.fakes.upstreams import running, send_call, tool_call

AGENT = tool_call("echo").session
OLD_VERSIONS = '{"jsonrpc":"2.0","id":$ID,"result":{"supportedVersions":["2025-11-25"]}}'
OK = '{"jsonrpc":"2.0","id":$ID,"result":{"content":[]}}'


def error(code: int, *, status: str = "400 Bad Request", id: str = "$ID", data: Any = None) -> tuple[str, str]:
    body = {"code": code, "message": "no", **({"data": data} if data is not None else {})}
    return '{"jsonrpc":"2.0","id":' + id + ',"error":' + json.dumps(body) + "}", status


async def ok(seen: Seen, writer: asyncio.StreamWriter) -> None:
    tools = '{"jsonrpc":"2.0","id":$ID,"result":{"tools":[' + json.dumps(ECHO) + "]}}"
    writer.write(seen.text(tools if seen.method == "tools/list" else OK))


def discovering(body: str, status: str) -> Script:
    """An old server, but for what it answers to `server/discover`."""
    rest = legacy(ok)

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "server/discover":
            writer.write(seen.text(body, status=status))
        else:
            await rest(seen, writer)

    return script


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(*error(-32601, status="404 Not Found"), id="method not found"),
        pytest.param(*error(-32601, status="200 OK"), id="method not found with 200"),
        pytest.param(*error(-32600, id="null"), id="no session"),
        pytest.param("Bad Request", "400 Bad Request", id="no JSON"),
        pytest.param("", "405 Method Not Allowed", id="not allowed"),
        pytest.param("<html>", "500 Internal Server Error", id="it fell over"),
        pytest.param("<html>", "200 OK", id="some page"),
        pytest.param(OK, "200 OK", id="a result that names no versions"),
        pytest.param(OLD_VERSIONS, "200 OK", id="old versions"),
        pytest.param(*error(-32022, data={"supported": ["2025-11-25"]}), id="unsupported, old ones named"),
    ],
)  # fmt: skip
async def test_what_is_no_proof_of_the_modern_era_means_initialize(body: str, status: str) -> None:
    async with RawHttp(discovering(body, status)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        assert await upstream.list_tools() == [ECHO]
        await upstream.close()
    assert [seen.method for seen in peer.seen] == [
        "server/discover", "initialize", "notifications/initialized", "tools/list", "",
    ]  # fmt: skip
    assert peer.seen[-1].verb == "DELETE"


@pytest.mark.parametrize("code", [-32020, -32021])
async def test_an_error_that_only_modern_servers_send_is_proof(code: int) -> None:
    rest = modern(ok)

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "server/discover":
            body, status = error(code)
            writer.write(seen.text(body, status=status))
        else:
            await rest(seen, writer)

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        assert await upstream.list_tools() == [ECHO]
        await upstream.close()
    assert [seen.method for seen in peer.seen] == ["server/discover", "tools/list"]


async def test_a_server_of_other_modern_versions_only_cannot_be_used() -> None:
    body, status = error(-32022, data={"supported": ["2027-01-01"]})
    async with RawHttp(discovering(body, status)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(NoAnswer, match="peer cannot be used: it speaks only protocol versions 2027-01-01"):
            await upstream.list_tools()
        sent = Sent()
        with pytest.raises(Unsent, match="2027-01-01"):
            await send_call(upstream, tool_call("echo"), sent=sent)
        await upstream.close()
    assert sent.times == 0
    assert not peer.calls("initialize")


async def test_an_outage_is_no_verdict_and_is_asked_again() -> None:
    down = True
    up = modern(ok)

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if down:
            writer.write(http("", status="503 Service Unavailable", kind=None))
        else:
            await up(seen, writer)

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(Unsent, match=r"peer failed \(HTTP 503\)"):
            await send_call(upstream, tool_call("echo"))
        down = False
        assert await upstream.list_tools() == [ECHO]
        await upstream.close()
    assert not peer.calls("initialize")


@pytest.mark.parametrize("first", ["modern", "legacy"])
async def test_a_server_that_changes_its_era_is_probed_again(first: str) -> None:
    scripts = {"modern": modern(ok), "legacy": legacy(ok)}
    now = first
    known: set[str] = set()

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "initialize" and now == "modern":
            body, status = error(-32601, status="404 Not Found")
            writer.write(seen.text(body, status=status))
        elif seen.method.startswith("tools/") and now == "modern" and "mcp-method" not in seen.headers:
            body, status = error(-32602)
            writer.write(seen.text(body, status=status))
        elif seen.method.startswith("tools/") and now == "legacy" and "mcp-session-id" not in seen.headers:
            body, status = error(-32600, id="null")
            writer.write(seen.text(body, status=status))
        else:
            known.add(now)
            await scripts[now](seen, writer)

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.list_tools()
        now = "legacy" if first == "modern" else "modern"
        if first == "modern":
            with pytest.raises(NoAnswer, match="peer refused the request"):
                await send_call(upstream, tool_call("echo"))
            assert len(peer.calls()) == 1
        await upstream.list_tools()
        assert isinstance(await send_call(upstream, tool_call("echo")), Result)
        await upstream.close()
    assert known == {"modern", "legacy"}


async def test_each_agent_has_a_session_and_the_negotiated_version() -> None:
    async with RawHttp(legacy(ok)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        for agent in ("ada", "bob", "ada"):
            await send_call(upstream, tool_call("echo", session=agent))
        await upstream.close()
    assert [seen.headers["mcp-session-id"] for seen in peer.calls()] == ["s1", "s2", "s1"]
    assert {seen.headers["mcp-protocol-version"] for seen in peer.calls()} == {"2025-06-18"}
    assert "mcp-method" not in peer.calls()[0].headers
    ended = [seen.headers["mcp-session-id"] for seen in peer.seen if seen.verb == "DELETE"]
    assert sorted(ended) == ["s1", "s2"]


def losing(refusal: Script) -> Script:
    """An old server that has forgotten session `s1`."""

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await (refusal if seen.headers.get("mcp-session-id") == "s1" else ok)(seen, writer)

    return legacy(on_call)


def refuses(body: str, status: str) -> Script:
    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(seen.text(body, status=status) if body else http("gone", status=status, kind="text/plain"))

    return script


REFUSALS = [
    pytest.param(*error(-32001, status="404 Not Found", id="null"), id="as the TypeScript SDK says it"),
    pytest.param(*error(-32600, status="404 Not Found", id='"server-error"'), id="as the Python SDK says it"),
    pytest.param(*error(-32000, status="400 Bad Request", id="null"), id="as many examples say it"),
]


@pytest.mark.parametrize(("body", "status"), REFUSALS)
async def test_a_refused_call_is_not_sent_again_and_the_next_one_has_a_new_session(body: str, status: str) -> None:
    sent = Sent()
    async with RawHttp(losing(refuses(body, status))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(NoAnswer, match="its session was lost, and whether the call ran is not known"):
            await send_call(upstream, tool_call("echo"), sent=sent)
        assert (len(peer.calls()), sent.times) == (1, 1)
        assert await send_call(upstream, tool_call("echo")) == Result(raw=b'{"content":[]}')
        await upstream.close()
    assert [seen.headers["mcp-session-id"] for seen in peer.calls()] == ["s1", "s2"]


def restarted(ping: Script) -> Script:
    """An old server that no longer knows session `s1`, and answers what is asked in it by `ping`."""
    rest = legacy(ok)

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        lost = seen.headers.get("mcp-session-id") == "s1" and seen.method in {"ping", "tools/call"}
        await (ping if lost else rest)(seen, writer)

    return script


@pytest.mark.parametrize(
    ("body", "status"), [*REFUSALS, pytest.param(*error(-32001, status="404 Not Found"), id="under our id")]
)
async def test_a_session_that_was_silent_is_found_lost_before_a_call_is_sent(
    body: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawHttp(restarted(refuses(body, status))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.hello(session=AGENT)
        monkeypatch.setattr(trust, "TRUSTED_SECONDS", 0.0)
        assert await send_call(upstream, tool_call("echo")) == Result(raw=b'{"content":[]}')
        await upstream.close()
    assert [seen.headers["mcp-session-id"] for seen in peer.calls()] == ["s2"]
    assert len(peer.calls("ping")) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param('{"jsonrpc":"2.0","id":$ID,"result":{}}', "200 OK", id="a pong"),
        pytest.param(*error(-32601, status="404 Not Found"), id="no such method"),
        pytest.param(*error(-32601, status="200 OK"), id="no such method, with 200"),
        pytest.param("", "405 Method Not Allowed", id="no answer at all"),
        pytest.param("[]", "200 OK", id="nothing of sense"),
    ],
)
async def test_a_session_stays_where_a_ping_does_not_show_that_it_is_lost(
    body: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session may hold what an agent has done in it, so it is not given up lightly."""
    pinged = refuses(body, status)
    rest = legacy(ok)

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await (pinged if seen.method == "ping" else rest)(seen, writer)

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.hello(session=AGENT)
        monkeypatch.setattr(trust, "TRUSTED_SECONDS", 0.0)
        assert isinstance(await send_call(upstream, tool_call("echo")), Result)
        await upstream.close()
    assert [seen.headers["mcp-session-id"] for seen in peer.calls()] == ["s1"]
    assert len(peer.calls("ping")) == 1


async def test_a_ping_that_nobody_answers_holds_a_call_up_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy_module, "ASSURANCE_SECONDS", 0.05)
    rest, over = legacy(ok), asyncio.Event()

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await (over.wait() if seen.method == "ping" else rest(seen, writer))

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.hello(session=AGENT)
        monkeypatch.setattr(trust, "TRUSTED_SECONDS", 0.0)
        assert isinstance(await send_call(upstream, tool_call("echo")), Result)
        over.set()
        await upstream.close()
    assert len(peer.calls()) == 1


async def test_a_call_to_a_server_that_fails_when_pinged_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent()
    async with RawHttp(restarted(refuses("", "503 Service Unavailable"))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.hello(session=AGENT)
        monkeypatch.setattr(trust, "TRUSTED_SECONDS", 0.0)
        with pytest.raises(Unsent, match=r"peer failed \(HTTP 503\)"):
            await send_call(upstream, tool_call("echo"), sent=sent)
        await upstream.close()
    assert (len(peer.calls()), sent.times) == (0, 0)


async def test_calls_in_a_session_that_has_just_answered_are_sent_without_a_ping() -> None:
    async with RawHttp(legacy(ok)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        for _ in range(3):
            await send_call(upstream, tool_call("echo"))
        await upstream.close()
    assert (len(peer.calls()), len(peer.calls("ping"))) == (3, 0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param("", "500 Internal Server Error", id="it failed"),
        pytest.param(*error(-32001, status="404 Not Found"), id="it named the call in a 404"),
        pytest.param("[]", "200 OK", id="it answered nonsense"),
    ],
)
async def test_after_a_failure_the_next_call_is_sent_to_a_session_that_is_surely_there(body: str, status: str) -> None:
    refuse = refuses(body, status)
    async with RawHttp(restarted(refuse)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.hello(session=AGENT)
        with contextlib.suppress(NoAnswer):
            assert await send_call(upstream, tool_call("echo")) == RpcError(code=-32001, message="no")
        assert (len(peer.calls()), len(peer.calls("ping"))) == (1, 0)
        with contextlib.suppress(Unsent, NoAnswer):
            await send_call(upstream, tool_call("echo"))
        await upstream.close()
    assert len(peer.calls("ping")) == 1


async def test_many_calls_at_once_ask_once_whether_their_session_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse = refuses(*error(-32001, status="404 Not Found", id="null"))

    async def pinged(seen: Seen, writer: asyncio.StreamWriter) -> None:
        monkeypatch.setattr(trust, "TRUSTED_SECONDS", 60.0)
        await refuse(seen, writer)

    async with RawHttp(restarted(pinged)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.hello(session=AGENT)
        monkeypatch.setattr(trust, "TRUSTED_SECONDS", 0.0)
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(send_call(upstream, tool_call("echo")))
        await upstream.close()
    assert [seen.headers["mcp-session-id"] for seen in peer.calls()] == ["s2"] * 5
    assert (len(peer.calls("ping")), len(peer.calls("initialize"))) == (1, 2)


@pytest.mark.parametrize("code", [-32020, -32021, -32022])
async def test_a_modern_refusal_under_our_id_is_the_answer_and_the_call_is_not_sent_again(code: int) -> None:
    body, status = error(code, data={"supported": ["2025-11-25"]} if code == -32022 else None)
    async with RawHttp(modern(refuses(body, status))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.list_tools()
        changes: list[int] = []
        upstream.on_tools_changed = lambda: changes.append(code)
        answer = await send_call(upstream, tool_call("echo"))
        assert isinstance(answer, RpcError)
        assert answer.code == code
        await upstream.list_tools()
        await upstream.close()
    assert len(peer.calls()) == 1
    assert changes == ([] if code == -32021 else [code])
    assert len(peer.calls("server/discover")) == (2 if code == -32022 else 1)  # probed again for the next request
    assert len(peer.calls("tools/list")) == (3 if code == -32020 else 2)


@pytest.mark.parametrize("code", [-32020, -32022, -32600])
async def test_a_modern_refusal_that_names_no_call_leaves_it_unknown(code: int) -> None:
    body, status = error(code, id="null")
    sent = Sent()
    async with RawHttp(modern(refuses(body, status))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(NoAnswer, match="peer refused the request"):
            await send_call(upstream, tool_call("echo"), sent=sent)
        await upstream.list_tools()
        await upstream.close()
    assert (len(peer.calls()), sent.times) == (1, 1)
    assert len(peer.calls("server/discover")) == 2


async def test_a_modern_server_that_was_silent_is_asked_what_it_speaks_before_a_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripts = [modern(ok), legacy(ok)]
    now = scripts[0]

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await now(seen, writer)

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await upstream.list_tools()
        monkeypatch.setattr(trust, "TRUSTED_SECONDS", 0.0)
        assert isinstance(await send_call(upstream, tool_call("echo")), Result)
        assert len(peer.calls("server/discover")) == 2
        now = scripts[1]
        assert isinstance(await send_call(upstream, tool_call("echo")), Result)
        await upstream.close()
    assert ["mcp-session-id" in seen.headers for seen in peer.calls()] == [False, True]


async def test_an_error_that_names_the_call_is_its_answer_whatever_the_status() -> None:
    body, status = error(-32001, status="404 Not Found")
    async with RawHttp(legacy(refuses(body, status))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        assert await send_call(upstream, tool_call("echo")) == RpcError(code=-32001, message="no")
        await upstream.close()
    assert len(peer.calls()) == 1


async def test_the_older_era_has_no_results_that_ask_for_input() -> None:
    wish = '{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"input_required","inputRequests":{}}}'
    async with RawHttp(legacy(refuses(wish, "200 OK"))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        assert await send_call(upstream, tool_call("echo")) == RpcError(
            code=-32021,
            message="The upstream server wanted to go on with 'input_required', which it was not offered",
            data={"requiredCapabilities": {}},
        )
        await upstream.close()


async def test_a_list_goes_again_after_any_lost_session() -> None:
    async with RawHttp(losing(refuses("", "404 Not Found"))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        assert await upstream.list_tools() == [ECHO]
        await upstream.close()


async def test_a_session_that_is_refused_again_and_again_is_given_up() -> None:
    body, status = error(-32001, status="404 Not Found", id="null")
    async with RawHttp(legacy(refuses(body, status))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(NoAnswer, match=r"peer answered tools/list with an error: no \(code -32001\)"):
            await upstream.list_tools()
        await upstream.close()
    assert len(peer.calls("tools/list")) == 2
    assert len(peer.calls("initialize")) == 2


async def test_a_server_may_keep_no_sessions() -> None:
    rest = legacy(ok)

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "initialize":
            writer.write(seen.answer({"protocolVersion": "2025-03-26", "capabilities": {}, "serverInfo": {}}))
        else:
            await rest(seen, writer)

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await send_call(upstream, tool_call("echo"))
        await upstream.close()
    assert "mcp-session-id" not in peer.calls()[0].headers
    assert not [seen for seen in peer.seen if seen.verb == "DELETE"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param(
            '{"protocolVersion":"2026-07-28"}', "answered protocol version '2026-07-28'", id="a modern version"
        ),
        pytest.param('{"protocolVersion":{}}', "which Placet does not speak", id="no version"),
    ],
)
async def test_a_handshake_that_settles_nothing_sends_nothing(answer: str, sentence: str) -> None:
    rest, sent = legacy(ok), Sent()

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "initialize":
            writer.write(seen.text('{"jsonrpc":"2.0","id":$ID,"result":' + answer + "}"))
        else:
            await rest(seen, writer)

    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(Unsent, match=sentence):
            await send_call(upstream, tool_call("echo"), sent=sent)
        await upstream.close()
    assert (sent.times, peer.calls()) == (0, [])


async def test_the_servers_own_requests_are_answered_while_the_call_waits() -> None:
    answered: dict[str, Any] = {}
    both = asyncio.Event()

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method != "tools/call":
            if "id" in seen.message:
                answered[seen.message["id"]] = seen.message
            writer.write(http("", status="202 Accepted", kind=None))
            if len(answered) == 2:
                both.set()
            return
        writer.write(SSE_HEAD + event('{"jsonrpc":"2.0","id":"p","method":"ping"}'))
        writer.write(event('{"jsonrpc":"2.0","id":"e","method":"elicitation/create","params":{}}'))
        await both.wait()
        writer.write(event(OK.replace("$ID", str(seen.message["id"]))))
        writer.close()

    async with RawHttp(legacy(on_call)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await send_call(upstream, tool_call("echo"))
        await upstream.close()
    assert answered["p"]["result"] == {}
    assert answered["e"]["result"] == {"action": "decline"}


NOT_OFFERED = http("", status="405 Method Not Allowed")


def dropping(resumed: list[bytes], *, id: str | None = "7") -> Script:
    """The call's stream breaks after one event; each GET gets the next of `resumed`."""
    request: list[Seen] = []

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.verb == "DELETE":
            writer.write(http("", kind=None))
            return
        if seen.verb == "POST":
            request.append(seen)
            writer.write(SSE_HEAD + b"retry: 1\n" + event("", id=id))
        else:
            writer.write(resumed.pop(0).replace(b"$ID", str(request[0].message["id"]).encode()))
        writer.close()

    return legacy(on_call)


async def test_a_stream_that_broke_is_resumed_from_its_last_event() -> None:
    resumed = [SSE_HEAD + event("", id="8"), SSE_HEAD, SSE_HEAD + event(OK, id="9")]
    async with RawHttp(dropping(resumed)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        answer = await send_call(upstream, tool_call("echo"))
        await upstream.close()
    assert answer == Result(raw=b'{"content":[]}')
    assert [seen.headers["last-event-id"] for seen in peer.seen if seen.verb == "GET"] == ["7", "8", "8"]
    assert len(peer.calls()) == 1


@pytest.mark.parametrize(
    ("script", "sentence", "gets"),
    [
        pytest.param(dropping([], id=None), "ended its event stream without an answer", 0, id="no event ids"),
        pytest.param(dropping([SSE_HEAD] * 9), "ended its event stream without an answer", 5, id="nothing new"),
        pytest.param(dropping([NOT_OFFERED]), r"would not go on with it \(HTTP 405\)", 1, id="not offered"),
    ],
)  # fmt: skip
async def test_a_stream_that_cannot_be_resumed_leaves_the_outcome_unknown(
    script: Script, sentence: str, gets: int
) -> None:
    async with RawHttp(script) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(NoAnswer, match=sentence):
            await send_call(upstream, tool_call("echo"))
        await upstream.close()
    assert len([seen for seen in peer.seen if seen.verb == "GET"]) == gets
    assert len(peer.calls()) == 1


async def test_a_cancelled_call_is_cancelled_in_words_in_the_legacy_era() -> None:
    arrived, told = asyncio.Event(), asyncio.Event()
    rest = legacy(bytes_for(b""))

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.method == "tools/call":
            writer.write(SSE_HEAD)
            arrived.set()
            return
        await rest(seen, writer)
        if seen.method == "notifications/cancelled":
            told.set()

    async with RawHttp(script) as peer, running(HttpUpstream(name="peer", url=peer.url)) as upstream:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(send_call(upstream, tool_call("echo")))
            await arrived.wait()
            task.cancel()
        async with asyncio.timeout(5):
            await told.wait()
    (cancelled,) = peer.calls("notifications/cancelled")
    assert cancelled.message["params"]["requestId"] == peer.calls()[0].message["id"]
    assert cancelled.headers["mcp-session-id"] == "s1"


async def test_a_modern_call_is_cancelled_by_closing_its_stream() -> None:
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def hang(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD)
        arrived.set()
        try:
            while True:
                writer.write(b":\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            closed.set()

    async with RawHttp(modern(hang)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(send_call(upstream, tool_call("echo")))
            await arrived.wait()
            task.cancel()
        async with asyncio.timeout(5):
            await closed.wait()
        await upstream.close()
    assert [seen.method for seen in peer.seen] == ["server/discover", "tools/call"]


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_notice_of_changed_tools_is_heard_on_the_standing_stream(era: str) -> None:
    notice = SSE_HEAD + event('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}')
    rest = modern(ok) if era == "modern" else legacy(ok)
    able = {"tools": {"listChanged": True}}

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        match seen.verb, seen.method:
            case "POST", "server/discover" if era == "modern":
                writer.write(seen.answer({**DISCOVERED, "capabilities": able}))
            case "POST", "initialize":
                writer.write(seen.answer({"protocolVersion": "2025-06-18", "capabilities": able, "serverInfo": {}}))
            case ("GET", "") | ("POST", "subscriptions/listen"):
                writer.write(notice)
            case _:
                await rest(seen, writer)

    changed = asyncio.Event()
    async with RawHttp(script) as peer, running(HttpUpstream(name="peer", url=peer.url)) as upstream:
        upstream.on_tools_changed = changed.set
        await upstream.list_tools()
        async with asyncio.timeout(5):
            await changed.wait()


async def test_a_tool_with_wrong_header_marks_is_left_out_in_the_modern_era_only() -> None:
    marked = {
        "name": "bad",
        "inputSchema": {"type": "object", "properties": {"x": {"type": "number", "x-mcp-header": "X"}}},
    }

    async def listing(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(seen.answer({"tools": [marked, ECHO]}))

    def with_list(script: Script) -> Script:
        async def both(seen: Seen, writer: asyncio.StreamWriter) -> None:
            await (listing if seen.method == "tools/list" else script)(seen, writer)

        return both

    for script, names in ((modern(ok), ["echo"]), (legacy(ok), ["bad", "echo"])):
        async with RawHttp(with_list(script)) as peer:
            upstream = HttpUpstream(name="peer", url=peer.url)
            assert [tool["name"] for tool in await upstream.list_tools()] == names
            await upstream.close()


async def test_a_bound_tool_that_changed_is_not_called_under_its_new_definition() -> None:
    """-32020 says that our view of the schema is old; what was approved is the old tool."""
    mismatch, status = error(-32020)

    async def on_call(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(seen.text(mismatch, status=status))

    changed = asyncio.Event()
    async with RawHttp(modern(on_call)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        upstream.on_tools_changed = changed.set
        before = {**ECHO, "description": "as it was approved"}
        answer = await send_call(upstream, tool_call("echo", definition=before))
        await upstream.close()
    assert answer == RpcError(code=-32020, message="no")
    assert len(peer.calls()) == 1
    assert changed.is_set()


async def test_pages_are_read_to_the_end_and_circles_are_refused() -> None:
    def pages(*cursors: str | None) -> Script:
        left = list(cursors)

        async def listing(seen: Seen, writer: asyncio.StreamWriter) -> None:
            cursor = left.pop(0)
            more = {} if cursor is None else {"nextCursor": cursor}
            name = str(seen.message["params"].get("cursor", "first"))
            writer.write(seen.answer({"tools": [{**ECHO, "name": name}], **more}))

        rest = modern(ok)

        async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
            await (listing if seen.method == "tools/list" else rest)(seen, writer)

        return script

    async with RawHttp(pages("a", "b", None)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        assert [tool["name"] for tool in await upstream.list_tools()] == ["first", "a", "b"]
        await upstream.close()
    async with RawHttp(pages("a", "b", "a", "b")) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(NoAnswer, match="lists its tools in a circle"):
            await upstream.list_tools()
        await upstream.close()
