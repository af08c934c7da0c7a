"""What a broken or hostile server over HTTP leads to: the right one of unsent, no answer, and an answer."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import Callable

import pytest

from gateway.upstreams import InputRequired, NoAnswer, Overlarge, Result, RpcError, Timeouts, Unsent
from gateway.upstreams import replies as replies_module
from gateway.upstreams.http import HttpUpstream
from tests.contracts.upstream_contract import Sent
from tests.fakes.raw_http import SSE_HEAD, RawHttp, Seen, bytes_for, event, http, modern
from tests.fakes.upstreams import send_call, tool_call

OK = '{"jsonrpc":"2.0","id":$ID,"result":{"content":[],"resultType":"complete"}}'
FIXED = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"


def typed(body: str, kind: str | None = "application/json", status: str = "200 OK") -> bytes:
    # No Content-Length: the id is filled in later and may be of any length.
    line = f"Content-Type: {kind}\r\n" if kind else ""
    return f"HTTP/1.1 {status}\r\n{line}Connection: close\r\n\r\n{body}".encode()


NO_ANSWER = [
    pytest.param(http("<html>", kind="text/html"), "web page instead of MCP: check its url", id="a web page"),
    pytest.param(
        http("<html>", kind="text/html", status="502 Bad Gateway"), r"failed \(HTTP 502\)", id="a proxy error"
    ),
    pytest.param(http("no", kind="text/plain", status="401 Unauthorized"), "refuses the credentials", id="bad key"),
    pytest.param(
        http("", status="307 Temporary Redirect", headers="Location: http://127.0.0.1:1/\r\n"),
        "Redirects are never followed",
        id="a redirect",
    ),
    pytest.param(typed(OK, kind=None), "without a content type", id="no content type"),
    pytest.param(typed(OK, kind="text/plain"), "content type 'text/plain'", id="another content type"),
    pytest.param(typed("not json"), "is not a JSON object", id="not JSON"),
    pytest.param(typed('{"jsonrpc":'), "is not valid JSON", id="half JSON"),
    pytest.param(typed(OK.replace("$ID", "999")), "the id of another request", id="a wrong id"),
    pytest.param(typed(OK.replace("$ID", '"$ID"')), "the id of another request", id="the id as a string"),
    pytest.param(typed(f"[{OK}]"), "is not a JSON object", id="a batch"),
    pytest.param(
        typed('{"jsonrpc":"2.0","id":$ID,"result":[]}'), "result that is not an object", id="result is a list"
    ),
    pytest.param(typed('{"jsonrpc":"2.0","id":$ID}'), "not exactly one of", id="neither result nor error"),
    pytest.param(
        typed('{"jsonrpc":"2.0","id":$ID,"result":{},"error":{"code":1,"message":""}}'), "not exactly one", id="both"
    ),
    pytest.param(typed('{"jsonrpc":"2.0","id":$ID,"result":{},"result":{}}'), "twice", id="result named twice"),
    pytest.param(typed('{"jsonrpc":"2.0","id":$ID,"result":{"a":NaN}}'), "not a JSON number", id="NaN"),
    pytest.param(
        typed('{"jsonrpc":"2.0","id":$ID,"result":%s}' % ('{"a":' * 200 + "1" + "}" * 200)), "nested deeper", id="deep"
    ),
    pytest.param(typed('{"id":$ID,"result":{}}'), "not JSON-RPC 2.0", id="no version"),
    pytest.param(typed('{"jsonrpc":"2.0","id":1,"method":"ping"}'), "message of its own", id="a request as the answer"),
    pytest.param(typed("\ufeff" + OK), "is not a JSON object", id="a byte order mark"),
    pytest.param(http("", status="202 Accepted", kind=None), "without an answer", id="accepted, no answer"),
    pytest.param(b"", "closed the connection without an answer", id="hung up"),
    pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "something that is not HTTP", id="not HTTP"),
    pytest.param(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{",
        "broke off",
        id="half answer",
    ),
    pytest.param(SSE_HEAD, "ended its event stream without an answer", id="an empty stream"),
    pytest.param(
        SSE_HEAD + event(OK.replace("$ID", "999")), "ended its event stream", id="a stream with a foreign answer"
    ),
    pytest.param(SSE_HEAD + b"data: " + OK.encode(), "ended its event stream", id="an event that never ended"),
]


@pytest.mark.parametrize(("raw", "sentence"), NO_ANSWER)
async def test_what_is_no_valid_answer_leaves_the_outcome_unknown(raw: bytes, sentence: str) -> None:
    sent = Sent()
    async with RawHttp(modern(bytes_for(raw))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        with pytest.raises(NoAnswer, match=sentence) as caught:
            await send_call(upstream, tool_call("echo"), sent=sent)
        await upstream.close()
    assert str(caught.value).startswith("peer ")
    assert sent.times == 1
    assert len(peer.calls()) == 1
    assert upstream.up is False


ERROR = '{"jsonrpc":"2.0","id":$ID,"error":{"code":-32602,"message":"no such tool","data":{"x":1}}}'
NO_SUCH_TOOL = RpcError(code=-32602, message="no such tool", data={"x": 1})
TEXT = '{"jsonrpc":"2.0","id":$ID,"result":{"isError":true,"n":1.10e2 ,"x":"\\u00e9"}}'
ANSWERS = [
    pytest.param(typed(ERROR), NO_SUCH_TOOL, id="an error"),
    pytest.param(
        typed(ERROR, status="400 Bad Request"), NO_SUCH_TOOL, id="with 400"
    ),
    pytest.param(
        typed(ERROR, status="500 Oh"), NO_SUCH_TOOL, id="an error with 500"
    ),
    pytest.param(typed(OK), Result(raw=b'{"content":[],"resultType":"complete"}'), id="a result"),
    pytest.param(
typed(TEXT, kind="Application/JSON; charset=utf-8"),
        Result(raw=b'{"isError":true,"n":1.10e2 ,"x":"\\u00e9"}', is_error=True),
        id="numbers and escapes as they came",
    ),
    pytest.param(
        SSE_HEAD
        + b"\xef\xbb\xbf: hello\r\n\r\nretry: 10\r\n\r\nevent: other\ndata: 1\n\n"
        + event(OK.replace("$ID", "999"))
        + event("garbage")
        + b'data: {"jsonrpc":"2.0","id":$ID,\rdata: "result":{"a":1}}\r\r'
        + event(ERROR),
        Result(raw=b'{"a":1}'),
        id="the first valid answer of a stream",
    ),
    pytest.param(
        typed('{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"input_required","inputRequests":{}}}'),
        InputRequired(raw=b'{"resultType":"input_required","inputRequests":{}}'),
        id="a wish for input",
    ),
    pytest.param(
        typed('{"jsonrpc":"2.0","id":$ID,"result":{"resultType":"task","taskId":"1"}}'),
        RpcError(
            code=-32021,
            message="The upstream server wanted to go on with 'task', which it was not offered",
            data={"requiredCapabilities": {}},
        ),
        id="a way to go on that was not offered",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "answer"), ANSWERS)
async def test_an_answer_is_given_as_it_is(raw: bytes, answer: Result | RpcError | InputRequired) -> None:
    async with RawHttp(modern(bytes_for(raw))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        assert await send_call(upstream, tool_call("echo")) == answer
        await upstream.close()
    assert upstream.up is True


async def test_an_answer_over_the_cap_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies_module, "MAX_ANSWER_BYTES", 50_000)
    big = '{"jsonrpc":"2.0","id":$ID,"result":{"x":"' + "y" * 60_000 + '"}}'
    packed = gzip.compress(b" " * 5_000_000)
    for raw in (
        typed(big),
        SSE_HEAD + event(big),
        SSE_HEAD + b"data: z\n" * 30_000,
        http(packed, headers="Content-Encoding: gzip\r\n"),
    ):
        async with RawHttp(modern(bytes_for(raw))) as peer:
            upstream = HttpUpstream(name="peer", url=peer.url)
            with pytest.raises(Overlarge, match=r"peer answered .*more than 50000 bytes|longer than 50000 bytes"):
                await send_call(upstream, tool_call("echo"))
            await upstream.close()


async def test_a_server_that_goes_silent_in_its_answer_is_given_up() -> None:
    async def half(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(FIXED.encode() + b"{")

    async with RawHttp(modern(half)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url, timeouts=Timeouts(idle=0.2))
        with pytest.raises(NoAnswer, match=r"sent nothing for 0\.2 s in the middle of its answer"):
            await send_call(upstream, tool_call("echo"))
        await upstream.close()


async def test_a_server_that_drips_is_given_up_at_the_deadline() -> None:
    async def drip(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE_HEAD)
        while not writer.is_closing():
            writer.write(b":\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with RawHttp(modern(drip)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url, timeouts=Timeouts(idle=5))
        with pytest.raises(NoAnswer, match=r"peer did not answer within 0\.5 s"):
            await send_call(upstream, tool_call("echo", timeout=0.5))
        await upstream.close()


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


UNREACHABLE: list[object] = [
    pytest.param(lambda _port: f"http://127.0.0.1:{_closed_port()}/mcp", "cannot be reached: connect", id="refused"),
    pytest.param(lambda _port: "http://no-such-host.invalid/mcp", "its name is not known", id="no such name"),
    pytest.param(lambda port: f"https://127.0.0.1:{port}/mcp", "TLS could not be set up", id="https to a plain server"),
    pytest.param(lambda _port: "http://127.0.0.1:99999/mcp", "not a valid http", id="not an address"),
]


@pytest.mark.parametrize(("url", "sentence"), UNREACHABLE)
async def test_what_could_not_be_connected_to_was_sent_nothing(url: Callable[[int], str], sentence: str) -> None:
    sent = Sent()

    async def plain(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        upstream = HttpUpstream(name="peer", url=url(server.sockets[0].getsockname()[1]))
        with pytest.raises(Unsent, match=f"peer cannot be reached: .*{sentence.removeprefix('cannot be reached: ')}"):
            await send_call(upstream, tool_call("echo"), sent=sent)
        await upstream.close()
    assert sent.times == 0
    assert upstream.up is False


async def test_a_server_that_goes_away_between_calls_was_sent_nothing() -> None:
    async with RawHttp(modern(bytes_for(typed(OK)))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        await send_call(upstream, tool_call("echo"))
    sent = Sent()
    with pytest.raises(Unsent, match="peer cannot be reached"):
        await send_call(upstream, tool_call("echo"), sent=sent)
    await upstream.close()
    assert sent.times == 0


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "fd00:ec2::254"]
)
async def test_a_name_that_leads_to_a_link_local_address_is_not_connected_to(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def rebound(*_: object, **__: object) -> list[dict[str, object]]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [{"hostname": "x", "host": address, "port": 80, "family": family, "proto": 0, "flags": 0}]

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", rebound)
    upstream = HttpUpstream(name="peer", url="http://metadata.example/mcp")
    with pytest.raises(Unsent, match="peer cannot be reached: its name leads to a link-local address"):
        await send_call(upstream, tool_call("echo"))
    await upstream.close()


async def test_only_configured_headers_and_the_protocols_own_go_out() -> None:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(http(OK.replace("$ID", str(seen.message["id"])), headers="Set-Cookie: a=b; Path=/\r\n"))

    async with RawHttp(modern(answer)) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url, headers={"Authorization": "Bearer ours"})
        for _ in range(2):
            await send_call(upstream, tool_call("echo", b'{"text":"x"}'))
        await upstream.close()
    first, second = peer.calls()
    assert first.headers.keys() - {"host", "content-length"} == {
        "authorization", "accept", "accept-encoding", "content-type", "user-agent",
        "mcp-protocol-version", "mcp-method", "mcp-name",
    }  # fmt: skip
    assert (first.headers["mcp-method"], first.headers["mcp-name"]) == ("tools/call", "echo")
    assert first.headers["mcp-protocol-version"] == "2026-07-28"
    assert "cookie" not in second.headers
    assert first.message["params"] == {
        "name": "echo",
        "arguments": {"text": "x"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": first.message["params"]["_meta"][
                "io.modelcontextprotocol/clientInfo"
            ],
        },
    }


async def test_approved_arguments_go_out_byte_for_byte_and_meta_passes() -> None:
    arguments = '{"a":1e+21,"b":"\u2028é","c":{"z":[1,0.1]}}'.encode()
    async with RawHttp(modern(bytes_for(typed(OK)))) as peer:
        upstream = HttpUpstream(name="peer", url=peer.url)
        meta = (
            b'{"traceparent":"00-1-2-01","progressToken":"theirs","io.modelcontextprotocol/clientInfo":{"name":"evil"}}'
        )
        await send_call(upstream, tool_call("echo", arguments, meta=meta))
        await upstream.close()
    (seen,) = peer.calls()
    assert b'"arguments":' + arguments + b"," in seen.body
    passed = seen.message["params"]["_meta"]
    assert passed["traceparent"] == "00-1-2-01"
    assert passed["io.modelcontextprotocol/clientInfo"]["name"] == "placet"
    assert "progressToken" not in passed


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawHttp(bytes_for(b"")) as canary, RawHttp(modern(bytes_for(typed(OK)))) as peer:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
        upstream = HttpUpstream(name="peer", url=peer.url)
        await send_call(upstream, tool_call("echo"))
        await upstream.close()
    assert canary.seen == []


@pytest.mark.parametrize("header", ["Host", "cookie", "Mcp-Session-Id", "Content-Type", "Transfer-Encoding"])
def test_headers_that_the_protocol_needs_cannot_be_configured(header: str) -> None:
    with pytest.raises(ValueError, match=f"servers.peer.headers: {header} is set by Placet itself"):
        HttpUpstream(name="peer", url="http://127.0.0.1/", headers={header: "x"})


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/", "localhost:1", ""])
def test_only_http_addresses_are_taken(url: str) -> None:
    with pytest.raises(ValueError, match="only http:// and https:// addresses"):
        HttpUpstream(name="peer", url=url)
