"""`subscriptions/listen` of the modern era: one long answer, which is acknowledged, fed, and ended (protocol.md 1.1).

It lasts as long as its connection: a client that leaves has cancelled it. When the gateway stops, each ends with its
result. What is listened to is the gateway's to accept; what was not asked for is never sent.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from approvals.domain.model import Caller
from gateway.inbound.feed import Feed
from gateway.inbound.gate import Gate
from gateway.inbound.heard import Heard
from gateway.inbound.reply import failed, plain
from gateway.inbound.sessions import session_key
from gateway.inbound.sse import Tap, Ticker
from gateway.protocol.classify import Route
from gateway.protocol.headers import Rejection
from gateway.protocol.jsonrpc import Request
from gateway.protocol.methods import Era
from gateway.protocol.results import envelope
from gateway.protocol.subscriptions import acknowledged, ended, stamped
from gateway.upstreams import NoAnswer, RpcError, Unsent, Wants

RETRY_SECONDS = 5


class Listening:
    """The open subscriptions of this process; at most `most` for one credential."""

    def __init__(self, gate: Gate, ticker: Ticker, info: bytes, *, most: int) -> None:
        self._gate = gate
        self._ticker = ticker
        self._info = info
        self._most = most
        self._open: dict[Heard, tuple[bytes, Caller]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def close(self) -> None:
        """End every subscription with its result."""
        for heard in self._open:
            heard.end()

    def sweep(self) -> None:
        """End the subscriptions of who may not come in any more."""
        for heard, (_, caller) in self._open.items():
            if not self._gate.admits(caller):
                heard.end()

    def full(self, credential: bytes) -> Rejection | None:
        """Why this credential may not open one more; None if it may."""
        if sum(held == credential for held, _ in self._open.values()) < self._most:
            return None
        why = f"{self._most} subscriptions are open with this token. Close one, or listen to more with one."
        return Rejection(status=429, code=429, message=why, retry_after=RETRY_SECONDS)

    async def serve(
        self, http: web.Request, caller: Caller, server: str | None, route: Route, message: Request, credential: bytes
    ) -> web.StreamResponse:
        """Answer one `subscriptions/listen` until it ends."""
        heard = Heard()
        self._open[heard] = credential, caller
        try:
            async with AsyncExitStack() as stack:
                accepted = await self._enter(stack, caller, server, route, message, heard)
                return await self._stream(Tap(http, self._ticker), message, accepted, heard)
        except (Unsent, NoAnswer) as err:
            error = RpcError(code=-32603, message=f"Nothing can be listened to now: {err}")
            return plain(*failed(message.id, error, era=Era.MODERN, method=message.method))
        finally:
            del self._open[heard]

    async def _enter(
        self,
        stack: AsyncExitStack,
        caller: Caller,
        server: str | None,
        route: Route,
        message: Request,
        heard: Heard,
    ) -> dict[str, Any]:
        asked: dict[str, Any] = message.params["notifications"]
        wants = Wants(
            tools=asked.get("toolsListChanged", False),
            prompts=asked.get("promptsListChanged", False),
            resources=asked.get("resourcesListChanged", False),
            uris=frozenset(asked.get("resourceSubscriptions", ())),
        )
        accepted, tasks = Wants(), frozenset[str]()
        if wants != Wants():
            key = session_key(caller.agent, "")
            listening = self._gate.listen(
                caller, server, wants, session=key, capabilities=route.capabilities, hear=heard.hear
            )
            accepted = await stack.enter_async_context(listening)
        if task_ids := frozenset(asked.get("taskIds", ())):
            watching = self._gate.watch_tasks(caller, task_ids, hear=heard.hear_task)
            tasks = await stack.enter_async_context(watching)
        return _said(accepted, tasks & task_ids)

    async def _stream(self, tap: Tap, message: Request, accepted: dict[str, Any], heard: Heard) -> web.StreamResponse:
        feed = Feed(None)
        try:
            await feed.begin(tap)
            await feed.push(acknowledged(message.id, accepted))
            while not heard.over and not tap.gone:
                for method, params in await heard.next():
                    await feed.push(stamped(message.id, method, params))
            await feed.finish(envelope(message.id, ended(message.id, self._info)))
        finally:
            tap.close()
        return tap.stream


def _said(accepted: Wants, tasks: frozenset[str]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "toolsListChanged": accepted.tools,
        "promptsListChanged": accepted.prompts,
        "resourcesListChanged": accepted.resources,
        "resourceSubscriptions": sorted(accepted.uris),
        "taskIds": sorted(tasks),
    }
    return {name: value for name, value in said.items() if value}
