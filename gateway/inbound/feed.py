"""The events of one stream, numbered and kept for a client that comes back for them (protocol.md 1.2, resumability).

Of a session of 2025-11-25 the last events are kept: a GET with Last-Event-ID takes over the stream where it broke off.
In the other eras nothing is numbered or kept, and what nobody reads is lost. Only the newest reader is written to.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.inbound.sse import Tap
from gateway.protocol.raw import one_line

KEPT_EVENTS = 100
KEPT_BYTES = 256 * 1024
"""How much of one stream is kept, but for its newest event, which is kept whatever its size."""
RETRY_MS = 1_000
_EVENT_ID = re.compile(r"([sg])([0-9]{1,9})-([0-9]{1,9})")
_STANDING = "g"


class EventId(NamedTuple):
    """Which stream of a session, whether that was its standing one, and which event of it."""

    standing: bool
    stream: int
    event: int


def read_event_id(text: str) -> EventId | None:
    """What a Last-Event-ID names, None if it was never one of ours."""
    found = _EVENT_ID.fullmatch(text)
    if found is None:
        return None
    kind, stream, event = found.groups()
    return EventId(standing=kind == _STANDING, stream=int(stream), event=int(event))


class Feed:
    """The events of one stream. `number` is None where they are neither numbered nor kept."""

    __slots__ = ("_kept", "_kind", "_last", "finished", "number", "size", "tap")

    def __init__(self, number: int | None, *, standing: bool = False) -> None:
        self._kind = _STANDING if standing else "s"
        self.number = number
        self.tap: Tap | None = None
        self.finished = False
        self.size = 0
        self._last = 0
        self._kept: list[tuple[int, bytes]] = []

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever sent on it."""
        return self._last == 0 and self.tap is None and not self.finished

    async def begin(self, tap: Tap) -> None:
        """Let `tap` be the reader from the first event on; told how to come back where that is possible."""
        self.tap = tap
        await tap.begin()
        if self.number is not None:
            # An id and no data: from here on the client may ask for the rest of this stream (2025-11-25, transports).
            self._last += 1
            await tap.write(self._id(self._last) + f"retry: {RETRY_MS}\ndata: \n\n".encode("ascii"))

    async def push(self, body: bytes) -> bool:
        """Send an event; whether somebody was there to take it."""
        event = self._note(body)
        return self.tap is not None and await self.tap.write(event)

    def owe(self, body: bytes) -> None:
        """Send an event with the next one: for who cannot wait now."""
        event = self._note(body)
        if self.tap is not None:
            self.tap.owe(event)

    async def finish(self, body: bytes | None) -> bool:
        """Send the last event, if there is one, and end the stream; whether it was written."""
        last = b"" if body is None else self._note(body)
        self.finished = True
        tap, self.tap = self.tap, None
        return tap is not None and await tap.end(last)

    async def resume(self, tap: Tap, after: int) -> bool:
        """Give the stream to `tap`, from the event after `after` on; whether it has been told the end of it."""
        former, self.tap = self.tap, None
        if former is not None and former is not tap:
            await former.end()
        await tap.begin()
        # What is added while this writes is found by the next round, and nothing is awaited before the hand-over.
        while later := [(at, body) for at, body in self._kept if at > after]:
            if not await tap.write(b"".join(self._event(at, body) for at, body in later)):
                return False
            after = later[-1][0]
        if self.finished:
            return await tap.end()
        former, self.tap = self.tap, tap
        if former is not None:
            await former.end()
        return False

    def let_go(self, tap: Tap) -> bool:
        """The reader has gone; False where it was not the newest one."""
        if self.tap is not tap:
            return False
        self.tap = None
        return True

    def _note(self, body: bytes) -> bytes:
        body = one_line(body)
        if self.number is None:
            return self._event(0, body)
        self._last += 1
        self._kept.append((self._last, body))
        self.size += len(body)
        while len(self._kept) > 1 and (len(self._kept) > KEPT_EVENTS or self.size > KEPT_BYTES):
            self.size -= len(self._kept.pop(0)[1])
        return self._event(self._last, body)

    def _event(self, at: int, body: bytes) -> bytes:
        return self._id(at) + b"event: message\ndata: " + body + b"\n\n"

    def _id(self, at: int) -> bytes:
        return b"" if self.number is None else f"id: {self._kind}{self.number}-{at}\n".encode("ascii")
