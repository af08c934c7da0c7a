"""The way back to one client: a plain JSON answer, or an event stream once somebody opened it (protocol.md 2.1).

Nothing is sent before `open`, so that a call that needs no waiting is answered in one write. An opened stream says
progress that strictly rises, and one Ticker keeps every open stream alive with comments. A client that has gone is
no error here: aiohttp cancels the handler, so a write that fails only ends the writing.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from gateway.protocol.jsonrpc import RpcId
from gateway.protocol.raw import one_line
from gateway.protocol.results import progressed

KEEPALIVE_SECONDS = 15.0
_SLICE = 200
_TICK_SECONDS = 1.0
# A reader this far behind gets no comment: it has enough to read, and the ticker must never wait for it.
_BEHIND_BYTES = 16 * 1024
_KEEPALIVE = b": keepalive\n\n"
_MESSAGE_LIMIT = 1_000

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Server": "placet",
}
"""On every answer of the agents' side."""
_STREAM_HEADERS = {**HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}


class Ticker:
    """Writes the keep-alive comment to every open stream in turn: one loop, not a timer a call."""

    def __init__(self, clock: Callable[[], float], interval: float = KEEPALIVE_SECONDS) -> None:
        self._clock = clock
        self._interval = interval
        # The interval is the same for all, so the order of adding is the order of falling due.
        self._due: dict[SseLine, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def add(self, line: SseLine) -> None:
        """Keep this stream alive from now on."""
        self._due[line] = self._clock() + self._interval

    def remove(self, line: SseLine) -> None:
        """Leave this stream alone."""
        self._due.pop(line, None)

    async def tick(self) -> int:
        """Write to what is due, in slices; how many were written to."""
        now, written = self._clock(), 0
        while self._due:
            line, due = next(iter(self._due.items()))
            if due > now:
                break
            del self._due[line]
            self._due[line] = now + self._interval
            await line.keep_alive()
            written += 1
            if written % _SLICE == 0:
                await asyncio.sleep(0)
        return written

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self.tick()


class SseLine:
    """The line of one call. `request` and `tells` are the gateway's to set; `delivered`: the answer was written."""

    __slots__ = (
        "_events",
        "_gone",
        "_http",
        "_last",
        "_offset",
        "_stream",
        "_stream_id",
        "_streams",
        "_ticker",
        "_token",
        "delivered",
        "request",
        "scope",
        "tells",
    )

    def __init__(
        self,
        http: web.Request,
        ticker: Ticker,
        *,
        token: RpcId | None,
        streams: bool,
        stream_id: str | None = None,
    ) -> None:
        self.request: str | None = None
        self.tells: str | None = None
        self.delivered = False
        self.scope: asyncio.Timeout | None = None
        self._http = http
        self._ticker = ticker
        self._token = token
        self._streams = streams
        self._stream_id = stream_id
        self._stream: web.StreamResponse | None = None
        self._gone = False
        self._events = 0
        self._last = -math.inf
        self._offset: float | None = None

    @property
    def opened(self) -> bool:
        """Whether the event stream has begun."""
        return self._stream is not None

    async def open(self) -> None:
        """Begin the event stream: headers are flushed, keep-alives begin. Idempotent; not for JSON-only clients."""
        if self._stream is not None or not self._streams:
            return
        self._stream = web.StreamResponse(headers=_STREAM_HEADERS)
        try:
            await self._stream.prepare(self._http)
        except ConnectionError:
            self._gone = True
        if self._stream_id is not None:
            # An id and no data: from here on the client may ask for the rest of this stream (2025-11-25, transports).
            await self._write(self._id() + b"data: \n\n")
        self._ticker.add(self)

    async def progress(self, progress: float, message: str, total: float | None = None) -> None:
        """Say how far it is, if the client asked to be told; raised where it would not rise."""
        await self._say(progress, message, total)

    async def relay(self, params: Mapping[str, Any]) -> None:
        """Pass on an upstream's progress, moved up so that it continues what was said while the call was held."""
        progress, total, message = _number(params.get("progress")), _number(params.get("total")), params.get("message")
        if progress is None:
            return
        if self._offset is None:
            self._offset = 0 if self._last == -math.inf else max(0, self._last - progress + 1)
        moved = None if total is None else total + self._offset
        await self._say(progress + self._offset, message if isinstance(message, str) else None, moved)

    async def _say(self, progress: float, message: str | None, total: float | None) -> None:
        if self._token is None:
            return
        await self.open()
        if self._stream is None:
            return
        self._last = progress if progress > self._last else math.nextafter(self._last, math.inf)
        cut = None if message is None else message[:_MESSAGE_LIMIT]
        await self._write(self._event(progressed(self._token, progress=self._last, message=cut, total=total)))

    async def keep_alive(self) -> None:
        """One comment, unless the reader is behind with what it has."""
        transport = self._http.transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > _BEHIND_BYTES:
            return
        await self._write(_KEEPALIVE)

    async def finish(self, body: bytes, status: int) -> web.StreamResponse:
        """Write the answer, as the last event of the stream or as the one JSON response."""
        if self._stream is None:
            whole = web.Response(body=body, status=status, content_type="application/json", headers=HEADERS)
            with contextlib.suppress(ConnectionError):
                await whole.prepare(self._http)
                await whole.write_eof()
                self.delivered = True
            return whole
        return await self._end(self._event(body))

    async def abandon(self) -> web.StreamResponse:
        """End without an answer: the client said that it does not wait for one."""
        if self._stream is None:
            return web.Response(status=202, headers=HEADERS)
        return await self._end(b"")

    def hang_up(self) -> None:
        """Treat the client as gone: whoever waits for its call stops waiting."""
        if self.scope is not None and not self.scope.expired():
            self.scope.reschedule(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Leave the ticker; for the handler's `finally`."""
        self._ticker.remove(self)

    async def _end(self, last: bytes) -> web.StreamResponse:
        stream = self._stream
        assert stream is not None  # noqa: S101 - both callers asked
        self._ticker.remove(self)
        if not self._gone:
            with contextlib.suppress(ConnectionError):
                await stream.write_eof(last)
                self.delivered = True
        return stream

    async def _write(self, data: bytes) -> None:
        if self._stream is None or self._gone:
            return
        try:
            await self._stream.write(data)
        except ConnectionError:
            self._gone = True
            self._ticker.remove(self)

    def _event(self, body: bytes) -> bytes:
        return self._id() + b"event: message\ndata: " + one_line(body) + b"\n\n"

    def _id(self) -> bytes:
        if self._stream_id is None:
            return b""
        self._events += 1
        return f"id: {self._stream_id}-{self._events}\n".encode("ascii")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value
