"""GET of the older eras: the standing stream of a session, or the rest of a stream that broke off.

A client that names the last event it has seen gets the rest of that stream and of no other (protocol.md 1.2). One that
names none gets the session's standing stream, which it takes over from any connection that read it before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from approvals.domain.model import Caller
from gateway.inbound.calls import Calls
from gateway.inbound.feed import EventId, read_event_id
from gateway.inbound.gate import Gate
from gateway.inbound.line import SseLine
from gateway.inbound.parked import Parked
from gateway.inbound.sessions import Resumable, Session
from gateway.inbound.sse import Tap, Ticker
from gateway.inbound.standing import Standing
from gateway.protocol.headers import Rejection
from gateway.protocol.jsonrpc import INVALID_REQUEST
from gateway.upstreams import Wants
from gateway.work import Work

Stream = tuple[Resumable, EventId | None]
"""What a GET reads, and from where on if not from its begin."""


class Streams:
    """Serves the GETs of this process. `work` is the service's, None while it does not run yet."""

    def __init__(
        self, gate: Gate, ticker: Ticker, parked: Parked, calls: Calls, work: Callable[[], Work | None]
    ) -> None:
        self._gate = gate
        self._ticker = ticker
        self._parked = parked
        self._calls = calls
        self._work = work
        self._all: set[Standing] = set()

    def close(self) -> None:
        """End every standing stream: the gateway stops."""
        for standing in list(self._all):
            standing.end()

    def sweep(self) -> None:
        """End the standing streams of who may not come in any more."""
        for standing in list(self._all):
            if not self._gate.admits(standing.caller):
                standing.end()

    def find(self, caller: Caller, session: Session, last_event_id: str | None) -> Stream | Rejection:
        """The stream a GET means."""
        at = read_event_id(last_event_id) if last_event_id is not None else None
        stream = session.feeds.get(at.stream) if at is not None else None
        if at is not None and stream is not None:
            return stream, at
        # Of a standing stream that is kept no more, as of none at all, a new one can take the place.
        if last_event_id is None or (at is not None and at.standing):
            return self._standing(caller, session) or _STARTING
        return _LOST

    async def serve(self, http: web.Request, stream: Resumable, at: EventId | None) -> web.StreamResponse:
        """Read a stream until it ends, or another connection takes it."""
        tap = Tap(http, self._ticker, over=asyncio.Event())
        try:
            await self._attach(stream, tap, at)
            if tap.over is not None and not tap.gone:
                await tap.over.wait()
        finally:
            tap.close()
            if stream.feed is not None and stream.feed.let_go(tap):
                self._parked.add(stream)
        return tap.stream

    async def changed(self, caller: Caller, session: Session) -> Wants | None:
        """Have the session's subscriptions listened to; what was accepted, None where nothing can be listened to."""
        found = self._standing(caller, session)
        if found is None:
            return None
        standing, _ = found
        accepted = await standing.changed()
        if standing.feed.tap is None:
            self._parked.add(standing)
        return accepted

    async def _attach(self, stream: Resumable, tap: Tap, at: EventId | None) -> None:
        if isinstance(stream, SseLine) and at is not None:
            await self._calls.resume(stream, tap, at)
            return
        self._parked.remove(stream)
        if at is not None and stream.feed is not None:
            await stream.feed.resume(tap, at.event)
        elif isinstance(stream, Standing):
            await stream.take(tap)

    def _standing(self, caller: Caller, session: Session) -> tuple[Standing, None] | None:
        if session.standing is not None:
            return session.standing, None
        work = self._work()
        if work is None:
            return None
        standing = Standing(self._gate, caller, session)
        self._all.add(standing)
        work.start(self._run(standing))
        return standing, None

    async def _run(self, standing: Standing) -> None:
        try:
            await standing.run()
        finally:
            self._all.discard(standing)
            self._parked.remove(standing)


_STARTING = Rejection(status=503, code=503, message="The gateway is only starting. Try again.", retry_after=1)
_LOST = Rejection(
    status=400,
    code=INVALID_REQUEST,
    message="Nothing is kept of that stream any more. Open a new one, and send the same call again if it was a call's.",
)
