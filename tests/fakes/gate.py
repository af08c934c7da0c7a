"""A Gate of a few tools, and a real server on loopback in front of it: what the inbound tests talk to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from approvals.domain.model import Caller
from gateway.inbound.gate import Gate, InboundCall, Line
from gateway.inbound.http import Inbound, InboundSettings, add_routes
from gateway.upstreams import Result, RpcError

ADA = "plc_agent_ada"
BOB = "plc_agent_bob"

TOOLS: list[dict[str, Any]] = [
    {"name": "echo", "description": "Says it again", "inputSchema": {"type": "object"}, "execution": {}},
    {"name": "wait", "inputSchema": {"type": "object"}},
    {"name": "task_only", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "required"}},
]

Behaviour = Callable[[InboundCall, Line], Awaitable[Result | RpcError]]


def text_result(text: str) -> Result:
    return Result(raw=json.dumps({"content": [{"type": "text", "text": text}], "isError": False}).encode())


async def echo(call: InboundCall, line: Line) -> Result:
    return text_result(json.dumps(call.arguments, sort_keys=True))


@dataclass
class FakeGate:
    """Knows two agents; runs `tools[name]` for a call, and keeps what it was asked."""

    tools: dict[str, Behaviour] = field(default_factory=lambda: {"echo": echo})
    calls: list[InboundCall] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    cancels: list[tuple[Line, str | None]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    tolds: list[str] = field(default_factory=list)
    was_told: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled_in_words: asyncio.Event = field(default_factory=asyncio.Event)
    anonymous: Caller | None = None
    release: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def identify(self, bearer: str | None) -> Caller | None:
        if bearer is None:
            return self.anonymous
        return {ADA: Caller(agent="ada"), BOB: Caller(agent="bob")}.get(bearer)

    def servers(self, caller: Caller) -> Sequence[str]:
        return ["files", "shared"] if caller.agent == "ada" else ["shared"]

    def instructions(self, caller: Caller, server: str | None) -> str | None:
        return "Some calls wait for a person."

    async def list_tools(self, caller: Caller, server: str | None) -> Sequence[dict[str, Any]] | RpcError:
        return TOOLS

    async def call_tool(self, caller: Caller, server: str | None, call: InboundCall, line: Line) -> Result | RpcError:
        self.calls.append(call)
        self.lines.append(line)
        self.callers.append(caller)
        tool = self.tools.get(call.name)
        if tool is None:
            return RpcError(code=-32602, message=f"Unknown tool: {call.name}")
        try:
            return await tool(call, line)
        except asyncio.CancelledError:
            self.left.set()
            raise

    async def cancelled(self, caller: Caller, line: Line, reason: str | None) -> None:
        self.cancels.append((line, reason))
        self.cancelled_in_words.set()

    async def told(self, request_id: str) -> None:
        self.tolds.append(request_id)
        self.was_told.set()

    async def held(self, call: InboundCall, line: Line) -> Result:
        """A behaviour: opens the line and waits for `release`."""
        await line.open()
        await line.progress(0, "waiting for approval")
        self.entered.set()
        await self.release.wait()
        return text_result("released")


@dataclass
class Served:
    """A running server: its inbound side and its base URL."""

    inbound: Inbound
    url: str
    port: int


@asynccontextmanager
async def served(
    gate: Gate, settings: InboundSettings | None = None, *, release: asyncio.Event | None = None
) -> AsyncIterator[Served]:
    """The inbound side on a free port of loopback, as the composition root runs it."""
    app = web.Application()
    inbound = add_routes(app, gate, settings or InboundSettings(version="0.0.0"))
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    try:
        yield Served(inbound=inbound, url=f"http://127.0.0.1:{port}", port=port)
    finally:
        # Whoever is still held is let go, so that the shutdown waits for nobody.
        if (held := release or getattr(gate, "release", None)) is not None:
            held.set()
        await runner.cleanup()
