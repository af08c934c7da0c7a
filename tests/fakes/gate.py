"""A Gate of a few tools, and a real server on loopback in front of it: what the inbound tests talk to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from approvals.domain.model import Caller
from gateway.inbound.gate import Answered, Called, Gate, InboundAsk, InboundCall, Line, Welcome
from gateway.inbound.http import Inbound, InboundSettings, add_routes
from gateway.paging import ToolPage
from gateway.upstreams import Hear, Result, RpcError, Wants

ADA = "plc_agent_ada"
BOB = "plc_agent_bob"

TOOLS: list[dict[str, Any]] = [
    {"name": "echo", "description": "Says it again", "inputSchema": {"type": "object"}, "execution": {}},
    {"name": "wait", "inputSchema": {"type": "object"}},
    {"name": "task_only", "inputSchema": {"type": "object"}, "execution": {"taskSupport": "required"}},
]

CAPABILITIES: dict[str, Any] = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {"listChanged": True},
    "completions": {},
    "logging": {},
    "tasks": {"list": {}},
    "extensions": {"io.modelcontextprotocol/tasks": {}},
}

Behaviour = Callable[[InboundCall, Line], Awaitable[Called]]
Reaction = Callable[[InboundAsk, Line], Awaitable[Answered]]


NO_TASK = RpcError(code=-32602, message="There is no such task.")


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
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)
    tolds: list[str] = field(default_factory=list)
    was_told: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled_in_words: asyncio.Event = field(default_factory=asyncio.Event)
    anonymous: Caller | None = None
    reactions: dict[str, Reaction] = field(default_factory=dict)
    asks: list[InboundAsk] = field(default_factory=list)
    listeners: list[tuple[Wants, Hear]] = field(default_factory=list)
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    unheard: asyncio.Event = field(default_factory=asyncio.Event)
    unlistenable: Exception | None = None
    refused_uris: set[str] = field(default_factory=set)
    watchers: list[Callable[[bytes], None]] = field(default_factory=list)
    tasks: dict[str, bytes] = field(default_factory=dict)
    updates: list[tuple[str, bytes]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    here: list[frozenset[str]] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    went: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def identify(self, bearer: str | None) -> Caller | None:
        if bearer is None:
            return self.anonymous
        return {ADA: Caller(agent="ada"), BOB: Caller(agent="bob")}.get(bearer)

    def admits(self, caller: Caller) -> bool:
        return caller.agent not in self.revoked

    def servers(self, caller: Caller) -> Sequence[str]:
        return ["files", "shared"] if caller.agent == "ada" else ["shared"]

    def instructions(self, caller: Caller, server: str | None) -> str | None:
        return "Some calls wait for a person."

    async def hello(self, caller: Caller, server: str | None) -> Welcome:
        return Welcome(capabilities=CAPABILITIES, instructions=self.instructions(caller, server))

    async def list_tools(
        self, caller: Caller, server: str | None, *, session: str, capabilities: bytes, cursor: str | None
    ) -> ToolPage | RpcError:
        return ToolPage(tools=TOOLS) if cursor is None else ToolPage(tools=[], next_cursor=f"after {cursor}")

    async def call_tool(self, caller: Caller, server: str | None, call: InboundCall, line: Line) -> Called:
        self.calls.append(call)
        self.lines.append(line)
        self.callers.append(caller)
        tool = self.tools.get(call.name)
        if tool is None:
            return RpcError(code=-32602, message=f"Unknown tool: {call.name}")
        try:
            return await tool(call, line)
        except asyncio.CancelledError:
            self.abandoned.set()
            raise

    async def ask(self, caller: Caller, server: str | None, ask: InboundAsk, line: Line) -> Answered:
        self.asks.append(ask)
        self.lines.append(line)
        reaction = self.reactions.get(ask.method)
        if reaction is None:
            return Result(raw=b"{}")
        return await reaction(ask, line)

    @asynccontextmanager
    async def listen(
        self, caller: Caller, server: str | None, wants: Wants, *, session: str, capabilities: bytes, hear: Hear
    ) -> AsyncIterator[Wants]:
        if self.unlistenable is not None:
            raise self.unlistenable
        listener = (wants, hear)
        self.listeners.append(listener)
        self.listening.set()
        try:
            yield replace(wants, uris=wants.uris - self.refused_uris)
        finally:
            self.listeners.remove(listener)
            self.unheard.set()

    def say(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """As an upstream that tells everybody of a change."""
        for _, hear in self.listeners:
            hear(method, json.dumps(params or {}).encode())

    async def still_here(self, sessions: Callable[[], Collection[str]]) -> None:
        self.here.append(frozenset(sessions()))

    async def left(self, session: str) -> None:
        self.gone.append(session)
        self.went.set()

    async def task(self, caller: Caller, task_id: str) -> bytes | RpcError:
        return self.tasks.get(task_id, NO_TASK)

    async def task_update(self, caller: Caller, task_id: str, responses: bytes) -> RpcError | None:
        self.updates.append((task_id, responses))
        return None if task_id in self.tasks else NO_TASK

    async def task_cancel(self, caller: Caller, task_id: str) -> RpcError | None:
        return None if self.tasks.pop(task_id, None) is not None else NO_TASK

    @asynccontextmanager
    async def watch_tasks(
        self, caller: Caller, task_ids: frozenset[str], *, hear: Callable[[bytes], None]
    ) -> AsyncIterator[frozenset[str]]:
        self.watchers.append(hear)
        self.listening.set()
        try:
            yield task_ids & self.tasks.keys()
        finally:
            self.watchers.remove(hear)
            self.unheard.set()

    async def cancelled(self, caller: Caller, line: Line, reason: str | None) -> bool:
        self.cancels.append((line, reason))
        self.cancelled_in_words.set()
        return True

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
    async with asyncio.TaskGroup() as group:
        running = group.create_task(inbound.run())
        await asyncio.sleep(0)
        try:
            yield Served(inbound=inbound, url=f"http://127.0.0.1:{port}", port=port)
        finally:
            # Whoever is still held is let go, so that the shutdown waits for nobody.
            if (held := release or getattr(gate, "release", None)) is not None:
                held.set()
            await runner.cleanup()
            running.cancel()
