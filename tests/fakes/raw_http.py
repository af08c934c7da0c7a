"""An HTTP server that answers exactly the bytes a test gives it, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

DISCOVERED = {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
INITIALIZED = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "old", "version": "1"},
}
ECHO = {"name": "echo", "description": "Say it back.", "inputSchema": {"type": "object"}}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came in."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        return dict(json.loads(self.body)) if self.body else {}

    @property
    def method(self) -> str:
        return str(self.message.get("method", ""))

    def answer(self, result: Any) -> bytes:
        return self.text('{"jsonrpc":"2.0","id":$ID,"result":' + json.dumps(result) + "}")

    def text(self, body: str, *, status: str = "200 OK", headers: str = "") -> bytes:
        return http(body.replace("$ID", str(self.message.get("id"))), status=status, headers=headers)


Script = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


def http(
    body: str | bytes, *, status: str = "200 OK", kind: str | None = "application/json", headers: str = ""
) -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    typed = f"Content-Type: {kind}\r\n" if kind else ""
    return f"HTTP/1.1 {status}\r\n{typed}Content-Length: {len(raw)}\r\n{headers}\r\n".encode() + raw


SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(message: str, *, id: str | None = None) -> bytes:
    return (f"id: {id}\n" if id else "").encode() + f"event: message\ndata: {message}\n\n".encode()


@dataclass
class RawHttp:
    """Listens on a free port and hands every request to `script`."""

    script: Script
    seen: list[Seen] = field(default_factory=list)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/mcp"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    def calls(self, method: str = "tools/call") -> list[Seen]:
        return [seen for seen in self.seen if seen.method == method]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                verb, path, _ = first.split(" ")
                seen = Seen(verb, path, headers, body)
                self.seen.append(seen)
                await self.script(seen, writer)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)


def modern(on_call: Script) -> Script:
    """A modern server with one tool, `echo`, whose calls are answered by `on_call`."""

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        match seen.method:
            case "server/discover":
                writer.write(seen.answer(DISCOVERED))
            case "tools/list":
                writer.write(
                    seen.answer({"resultType": "complete", "tools": [ECHO], "ttlMs": 0, "cacheScope": "public"})
                )
            case _:
                await on_call(seen, writer)

    return script


def legacy(on_call: Script) -> Script:
    """A server with sessions `s1`, `s2`, …, as before the modern era."""
    opened = 0

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        match seen.method:
            case "server/discover":
                writer.write(seen.text('{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no session"}}',
                                       status="400 Bad Request"))  # fmt: skip
            case "initialize":
                opened += 1
                body = '{"jsonrpc":"2.0","id":$ID,"result":' + json.dumps(INITIALIZED) + "}"
                writer.write(seen.text(body, headers=f"Mcp-Session-Id: s{opened}\r\n"))
            case "tools/call" | "tools/list" | "":
                await on_call(seen, writer)
            case _:
                writer.write(http("", status="202 Accepted", kind=None))

    return script


def bytes_for(text: str | bytes) -> Script:
    """Answer with these bytes (`$ID` is the request's id) and hang up."""

    async def script(seen: Seen, writer: asyncio.StreamWriter) -> None:
        raw = text.encode() if isinstance(text, str) else text
        writer.write(raw.replace(b"$ID", str(seen.message.get("id")).encode()))
        await writer.drain()
        writer.close()

    return script
