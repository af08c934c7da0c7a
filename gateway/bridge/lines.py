"""Newline-delimited messages out of chunks of bytes, within a cap.

Pure. A line over the cap is never judged by its beginning: it is skipped to its end, reported once, and the next
line is read as if nothing had been. Blank lines are no messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_LINE_BYTES = 1024 * 1024
"""The most that one message of the client may have; the gateway reads no more either."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A line was longer than the cap and has been skipped."""


class Lines:
    """Collects chunks and hands out whole lines, without their line break."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> Iterator[bytes | TooLong]:
        """The lines that this chunk completed."""
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            self._hold(piece)
            yield from self._end()
        self._hold(rest)

    def close(self) -> Iterator[bytes | TooLong]:
        """What stands after the last line break, once nothing more comes."""
        yield from self._end()

    def _hold(self, piece: bytes) -> None:
        if self._skipping or not piece:
            return
        self._size += len(piece)
        if self._size > self._limit + 1:  # one more for the CR of a CRLF
            self._parts.clear()
            self._skipping = True
            return
        self._parts.append(piece)

    def _end(self) -> Iterator[bytes | TooLong]:
        line = b"".join(self._parts).removesuffix(b"\r")
        skipped = self._skipping or len(line) > self._limit
        self._parts, self._size, self._skipping = [], 0, False
        if skipped:
            yield TooLong()
        elif line.strip():
            yield line
