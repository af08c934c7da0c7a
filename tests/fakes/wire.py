"""Small HTTP hands for the inbound tests: messages of both eras, raw sockets, and event streams read by the event."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.fakes.gate import ADA

V = "io.modelcontextprotocol/"
MODERN_META: dict[str, Any] = {
    V + "protocolVersion": "2026-07-28",
    V + "clientCapabilities": {},
    V + "clientInfo": {"name": "tester", "version": "1"},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}
WAIT = 5.0


def auth(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def rpc(method: str, params: dict[str, Any] | None = None, *, rpc_id: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": rpc_id, "method": method, "params": params or {}}


@dataclass
class Reply:
    """A whole answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Agent:
    """One agent's HTTP client. `session` and `version` are set by `initialize`."""

    http: aiohttp.ClientSession
    base: str
    token: str | None = ADA
    session: str | None = None
    extra: dict[str, str] = field(default_factory=dict)

    def headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        sent = {**ACCEPT, **auth(self.token), **self.extra}
        if self.session is not None:
            sent["Mcp-Session-Id"] = self.session
        return {**sent, **(more or {})}

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        async with self.http.request(method, self.base + path, **options) as answer:
            return Reply(answer.status, answer.headers, await answer.read())

    async def post(self, message: Any, *, path: str = "/mcp/files", headers: dict[str, str] | None = None) -> Reply:
        """Any message as this agent, with the headers of its session if it has one."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        return await self.send("POST", path, data=io.BytesIO(data), headers=self.headers({**_JSON, **(headers or {})}))

    async def modern(self, method: str, *, rpc_id: Any = 1, path: str = "/mcp/files", **params: Any) -> Reply:
        """A 2026-07-28 request with its headers."""
        message, headers = modern(method, rpc_id=rpc_id, **params)
        return await self.post(message, path=path, headers=headers)

    async def initialize(self, version: str = "2025-11-25", path: str = "/mcp/files") -> Reply:
        """Open a session and use it from now on."""
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
        reply = await self.post(rpc("initialize", params), path=path)
        self.session = reply.headers.get("Mcp-Session-Id")
        return reply

    @asynccontextmanager
    async def streaming(
        self, message: Any, *, path: str = "/mcp/files", headers: dict[str, str] | None = None
    ) -> AsyncIterator[Stream]:
        """A POST whose answer is read event by event."""
        sent = self.headers({**_JSON, **(headers or {})})
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        async with self.http.post(self.base + path, data=data, headers=sent) as answer:
            yield Stream(answer)


_JSON = {"Content-Type": "application/json"}


def modern(method: str, *, rpc_id: Any = 1, token: Any = None, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """A 2026-07-28 request and the headers that go with it."""
    meta = MODERN_META if token is None else {**MODERN_META, "progressToken": token}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    for member in ("name", "uri", "taskId"):
        if member in params and str(params[member]).isascii():
            headers["Mcp-Name"] = params[member]
    return rpc(method, {**params, "_meta": meta}, rpc_id=rpc_id), headers


class Stream:
    """An event stream: `block` is the next event or comment as it came."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self._buffer = b""

    async def block(self) -> str | None:
        """The next block between blank lines, None at the end."""
        async with asyncio.timeout(WAIT):
            while b"\n\n" not in self._buffer:
                chunk = await self.answer.content.readany()
                if not chunk:
                    return None
                self._buffer += chunk
        block, _, self._buffer = self._buffer.partition(b"\n\n")
        return block.decode()

    async def message(self) -> Any:
        """The next JSON-RPC message, past comments and priming events."""
        while (block := await self.block()) is not None:
            data = "\n".join(line[6:] for line in block.split("\n") if line.startswith("data: "))
            if data:
                return json.loads(data)
        return None


async def raw(port: int, sent: bytes) -> tuple[int, bytes]:
    """Bytes on a socket, and the status and all bytes that came back until the server had answered once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        await writer.drain()
        async with asyncio.timeout(WAIT):
            head = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
        await writer.wait_closed()
    return int(head.split(b" ", 2)[1]), head


@asynccontextmanager
async def agent(base: str, token: str | None = ADA) -> AsyncIterator[Agent]:
    """An agent with connections of its own."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT * 2)) as http:
        yield Agent(http=http, base=base, token=token)


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(WAIT):
        await event.wait()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what no event tells of."""
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 - what is waited for is a count, not an event
            await asyncio.sleep(0.001)


def wait_call(rpc_id: Any = 1, token: Any = None) -> dict[str, Any]:
    params: dict[str, Any] = {"name": "wait", "arguments": {}}
    return rpc("tools/call", params if token is None else {**params, "_meta": {"progressToken": token}}, rpc_id=rpc_id)
