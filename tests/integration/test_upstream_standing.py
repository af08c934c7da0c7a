"""A session whose client can be asked has its standing stream before its first request: questions may come there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.upstreams import Relay, Result, RpcError, nothing, standing
from gateway.upstreams.http import HttpUpstream
from tests.fakes.raw_http import SSE_HEAD, RawHttp, Script, Seen, event, http, legacy
from tests.fakes.upstreams import running

ASKED = '{"jsonrpc":"2.0","id":"q1","method":"elicitation/create","params":{"message":"Who?","requestedSchema":{}}}'
CALL = Relay(
    method="tools/call",
    params=b'{"name":"echo","arguments":{}}',
    session="ada",
    timeout=10,
    name="echo",
    capabilities=b'{"elicitation":{}}',
)
A_FEW_TURNS = 50


class Person:
    """Accepts what it is asked."""

    async def progress(self, params: dict[str, Any]) -> None: ...

    async def message(self, params: bytes) -> None: ...

    async def paused(self) -> None:
        """Nothing to end."""

    async def told(self, method: str, params: bytes) -> None: ...

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        return Result(raw=b'{"action":"accept","content":{"name":"ada"}}')


class Server:
    """Asks on the standing stream in the middle of a call; without one the question is lost, as in some SDKs."""

    def __init__(self, standing: Script) -> None:
        self._standing = standing
        self._stream: asyncio.StreamWriter | None = None
        self._answered = asyncio.Event()
        self.answer: Any = None

    async def script(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        if seen.verb == "GET":
            await self._standing(seen, writer)
            self._stream = writer
            await self._answered.wait()
        elif seen.message.get("id") == "q1":
            self.answer = seen.message["result"]
            writer.write(http("", status="202 Accepted", kind=None))
            self._answered.set()
        else:
            await legacy(self._called)(seen, writer)

    async def _called(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        if self._stream is not None:
            self._stream.write(event(ASKED))
            await self._answered.wait()
        said = "was told" if self.answer else "heard nothing"
        self._answered.set()
        writer.write(seen.answer({"content": [{"type": "text", "text": said}]}))


async def late(seen: Seen, writer: asyncio.StreamWriter) -> None:
    for _ in range(A_FEW_TURNS):
        await asyncio.sleep(0)
    writer.write(SSE_HEAD)
    await writer.drain()


async def said(server: Server) -> str:
    async with RawHttp(server.script) as peer, running(HttpUpstream(name="peer", url=peer.url)) as upstream:
        async with asyncio.timeout(10):
            answer = await upstream.request(CALL, peer=Person(), sent=nothing)
        assert isinstance(answer, Result)
        return str(json.loads(answer.raw)["content"][0]["text"])


async def test_a_question_on_the_standing_stream_finds_the_stream_there() -> None:
    server = Server(late)
    assert await said(server) == "was told"
    assert server.answer == {"action": "accept", "content": {"name": "ada"}}


async def test_a_server_without_a_standing_stream_is_called_all_the_same() -> None:
    async def none(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(http("", status="405 Method Not Allowed", kind=None))

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await (none if seen.verb == "GET" else legacy(Server(none)._called))(seen, writer)

    async with RawHttp(script) as peer, running(HttpUpstream(name="peer", url=peer.url)) as upstream:
        answer = await upstream.request(CALL, peer=Person(), sent=nothing)
    assert isinstance(answer, Result)


async def test_a_standing_stream_that_does_not_begin_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "_BEGIN_SECONDS", 0.05)
    over = asyncio.Event()

    async def never(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    server = Server(never)
    assert await said(server) == "heard nothing"
    over.set()
