"""One event stream over HTTP, and the one loop that keeps all of them alive (protocol.md 2.1).

A client that has gone is no error here: aiohttp cancels the handler, so a write that fails only ends the writing.
What is written, and what is kept to be written again, is in `feed`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import web

from gateway.inbound.reply import HEADERS

KEEPALIVE_SECONDS = 15.0
_SLICE = 200
# A reader this far behind gets no comment: it has enough to read, and the ticker must never wait for it.
_BEHIND_BYTES = 16 * 1024
_KEEPALIVE = b": keepalive\n\n"
_STREAM_HEADERS = {**HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}


class Ticker:
    """Writes the keep-alive comment to every open stream in turn: one loop, not a timer a call."""

    def __init__(self, clock: Callable[[], float], interval: float = KEEPALIVE_SECONDS) -> None:
        self._clock = clock
        self._interval = interval
        # The interval is the same for all, so the order of adding is the order of falling due.
        self._due: dict[Tap, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def add(self, tap: Tap) -> None:
        """Keep this stream alive from now on."""
        self._due[tap] = self._clock() + self._interval

    def remove(self, tap: Tap) -> None:
        """Leave this stream alone."""
        self._due.pop(tap, None)

    async def tick(self) -> int:
        """Write to what is due, in slices; how many were written to."""
        now, written = self._clock(), 0
        while self._due:
            tap, due = next(iter(self._due.items()))
            if due > now:
                break
            del self._due[tap]
            self._due[tap] = now + self._interval
            await tap.keep_alive()
            written += 1
            if written % _SLICE == 0:
                await asyncio.sleep(0)
        return written


class Tap:
    """The event stream that answers one HTTP request. `over` is set when it was ended from our side."""

    __slots__ = ("_http", "_owed", "_ticker", "gone", "over", "stream")

    def __init__(self, http: web.Request, ticker: Ticker, *, over: asyncio.Event | None = None) -> None:
        self.stream = web.StreamResponse(headers=_STREAM_HEADERS)
        self.gone = False
        self.over = over
        self._http = http
        self._ticker = ticker
        self._owed = b""

    async def begin(self) -> None:
        """Flush the headers; keep-alives begin."""
        try:
            await self.stream.prepare(self._http)
        except ConnectionError:
            self.gone = True
        self._ticker.add(self)

    async def write(self, data: bytes) -> bool:
        """Write, and whether there was somebody to write to."""
        if self.gone:
            return False
        data, self._owed = self._owed + data, b""
        try:
            await self.stream.write(data)
        except ConnectionError:
            self.gone = True
            self._ticker.remove(self)
        return not self.gone

    def owe(self, data: bytes) -> None:
        """Write this with what is written next, a keep-alive at the latest: for who cannot wait now."""
        self._owed += data

    async def end(self, last: bytes = b"") -> bool:
        """Write the last bytes and end the stream; whether they were written."""
        self._ticker.remove(self)
        if self.over is not None:
            self.over.set()
        if self.gone:
            return False
        last, self._owed = self._owed + last, b""
        with contextlib.suppress(ConnectionError):
            await self.stream.write_eof(last)
            return True
        self.gone = True
        return False

    async def keep_alive(self) -> None:
        """One comment, unless the reader is behind with what it has."""
        transport = self._http.transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size() > _BEHIND_BYTES:
            return
        await self.write(_KEEPALIVE)

    def close(self) -> None:
        """Leave the ticker; for the handler's `finally`."""
        self._ticker.remove(self)
