"""Raw bytes at the front of the server: what is no HTTP is answered like everything else, and nobody dawdles."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from approvals.web import body
from approvals.web.connections import QUIET_SECONDS, Runner, Seldom
from approvals.web.headers import ALWAYS, DATA_POLICY, STRICT_TRANSPORT, set_headers
from approvals.web.models import Empty
from approvals.web.problems import Problem

WAIT = 10.0
HEAD = "GET / HTTP/1.1\r\nHost: a\r\n"
BAD = [
    pytest.param(f"{HEAD}Host: b\r\n\r\n", id="two hosts"),
    pytest.param(f"{HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="two lengths"),
    pytest.param(f"GET /{'a' * 9000} HTTP/1.1\r\nHost: a\r\n\r\n", id="a path too long"),
    pytest.param(f"{HEAD}X: {'a' * 9000}\r\n\r\n", id="a header too long"),
    pytest.param(f"{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", id="a bad chunk size"),
    pytest.param("\x16\x03\x01\x00\r\n\r\n", id="TLS"),
    pytest.param("plc_agent_secret\r\n\r\n", id="no request line"),
]


class Server:
    """The front over one handler that reads its body and answers `ok`, or waits for `go`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.go = asyncio.Event()
        self.entered = asyncio.Event()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(WAIT):
                yield reader, writer
        finally:
            writer.close()

    async def exchange(self, sent: str) -> tuple[int, dict[str, str], bytes]:
        """Send the bytes, and read until the server closes."""
        async with self.connected() as (reader, writer):
            writer.write(sent.encode())
            return parsed(await reader.read())


def parsed(got: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = got.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    return int(line.split()[1]), dict(h.split(": ", 1) for h in headers), body


@asynccontextmanager
async def running(*, https: bool = False, head_seconds: float = WAIT) -> AsyncIterator[Server]:
    app = web.Application()
    app.on_response_prepare.append(set_headers(https=https))
    runner = Runner(app, https=https, shutdown_seconds=1, head_seconds=head_seconds)

    async def plain(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="ok")

    async def held(_request: web.Request) -> web.Response:
        server.entered.set()
        await server.go.wait()
        return web.Response(text="held")

    async def strict(request: web.Request) -> web.Response:
        server.entered.set()
        try:
            return web.json_response((await body.read(request, Empty)).model_dump())
        except Problem as problem:
            return problem.response()

    app.router.add_route("*", "/", plain)
    app.router.add_route("*", "/strict", strict)
    app.router.add_route("*", "/held", held)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server = Server(runner.addresses[0][1])
    try:
        yield server
    finally:
        server.go.set()
        await runner.cleanup()


@pytest.mark.parametrize("sent", BAD)
@pytest.mark.parametrize("https", [False, True])
async def test_what_is_no_http_gets_a_problem_with_our_headers(sent: str, https: bool) -> None:
    async with running(https=https) as server:
        status, headers, said = await server.exchange(sent)
    assert status == 400
    assert headers["Content-Type"] == "application/problem+json; charset=utf-8"
    assert headers["Content-Security-Policy"] == DATA_POLICY
    assert "frame-ancestors 'none'" in DATA_POLICY
    assert {name: headers[name] for name in ALWAYS} == ALWAYS
    assert headers["Server"] == "placet"
    assert headers.get("Strict-Transport-Security") == (STRICT_TRANSPORT if https else None)
    assert json.loads(said)["code"] == "bad_request"
    for quoted in (b"aaaa", b"zz", b"plc_agent"):
        assert quoted not in said


async def test_a_flood_of_it_is_one_line_for_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with running() as server:
            for _ in range(3):
                for sent in BAD:
                    await server.exchange(str(sent.values[0]))
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    kinds = [vars(record)["kind"] for record in lines]
    assert len(kinds) == len(set(kinds)) <= 4
    assert {record.levelno for record in lines} == {logging.WARNING}
    assert "Traceback" not in caplog.text
    assert "plc_agent" not in caplog.text


def test_a_kind_is_said_again_after_a_minute_with_how_many_there_were() -> None:
    now = 0.0
    seldom = Seldom(lambda: now)
    assert [seldom.ask("a"), seldom.ask("a"), seldom.ask("b"), seldom.ask("a")] == [0, None, 0, None]
    now = QUIET_SECONDS
    assert [seldom.ask("a"), seldom.ask("a"), seldom.ask("b")] == [2, None, 0]


async def test_a_body_that_breaks_its_framing_is_refused_at_once(caplog: pytest.LogCaptureFixture) -> None:
    head = "POST /strict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with running() as server, server.connected() as (reader, writer):
        writer.write(head.encode())
        await server.entered.wait()
        writer.write(b"zz\r\n")
        status, _, got = parsed(await reader.read())
    assert (status, json.loads(got)["detail"]) == (400, "The body is not framed as its head says.")
    assert caplog.records == []


async def test_an_expectation_that_cannot_be_met_is_answered_with_our_headers() -> None:
    async with running() as server:
        status, headers, _ = await server.exchange(f"{HEAD}Expect: nonsense\r\nConnection: close\r\n\r\n")
    assert (status, {name: headers[name] for name in ALWAYS}) == (417, ALWAYS)
    assert headers["Content-Security-Policy"] == DATA_POLICY


@pytest.mark.parametrize("sent", ["", "GE", HEAD, f"{HEAD}X: "])
async def test_a_connection_that_sends_no_whole_head_is_closed(sent: str) -> None:
    async with running(head_seconds=0.05) as server, server.connected() as (reader, writer):
        writer.write(sent.encode())
        assert await reader.read() == b""


async def test_a_trickle_of_bytes_buys_no_time() -> None:
    async with running(head_seconds=0.2) as server, server.connected() as (reader, writer):
        writer.write(HEAD.encode())
        got: bytes | None = None
        while got is None:
            try:
                async with asyncio.timeout(0.02):
                    got = await reader.read(1)
            except TimeoutError:
                writer.write(b"X: y\r\n")
            except ConnectionError:
                got = b""
    assert got == b""


async def test_a_later_request_that_is_begun_must_be_sent_in_time_too() -> None:
    async with running(head_seconds=0.05) as server, server.connected() as (reader, writer):
        writer.write(f"{HEAD}\r\n".encode())
        assert b" 200 OK" in await reader.readuntil(b"\r\n")
        assert (await reader.readuntil(b"ok")).endswith(b"ok")
        writer.write(b"GET / HT")
        assert await reader.read() == b""


async def test_a_held_call_and_an_idle_connection_are_not_hurried() -> None:
    async with running(head_seconds=0.05) as server, server.connected() as (reader, writer):
        writer.write(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n")
        await server.entered.wait()
        async with server.connected() as (other, _):
            assert await other.read() == b"", "the deadline of a connection opened later has passed"
        server.go.set()
        assert (await reader.readuntil(b"held")).endswith(b"held")
        async with server.connected() as (other, _):
            assert await other.read() == b""
        writer.write(f"{HEAD}Connection: close\r\n\r\n".encode())
        assert (await reader.read()).endswith(b"ok")


async def test_a_slow_body_is_not_taken_for_a_slow_head() -> None:
    async with running(head_seconds=0.05) as server, server.connected() as (reader, writer):
        writer.write(f"{HEAD}Content-Length: 2\r\nConnection: close\r\n\r\nx".encode())
        async with server.connected() as (other, _):
            assert await other.read() == b""
        writer.write(b"y")
        assert (await reader.read()).endswith(b"ok")
