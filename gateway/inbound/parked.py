"""Streams whose client has gone and may come back: how long they wait, and how much is kept for them in all.

A lost connection is no cancel in a session of 2025-11-25, so the call behind it goes on and its answer is kept. Both
end when the client does not come back in time; where too much is kept, what waits longest goes first.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.inbound.sessions import Resumable


class Parked:
    """The streams nobody reads at the moment, in the order in which they fall due."""

    def __init__(self, clock: Callable[[], float], *, seconds: float, budget: int) -> None:
        self._clock = clock
        self._seconds = seconds
        self._budget = budget
        self._bytes = 0
        self._due: dict[Resumable, tuple[float, int]] = {}

    def __len__(self) -> int:
        return len(self._due)

    def add(self, stream: Resumable) -> None:
        """Nobody reads this stream now; its time begins anew if it is here already."""
        self.remove(stream)
        size = stream.feed.size if stream.feed is not None else 0
        self._due[stream] = self._clock() + self._seconds, size
        self._bytes += size
        while self._bytes > self._budget and self._due:
            self._lapse(next(iter(self._due)))

    def remove(self, stream: Resumable) -> None:
        """The client is back, or the stream is over for good."""
        _, size = self._due.pop(stream, (0.0, 0))
        self._bytes -= size

    def sweep(self) -> None:
        """End what nobody came back for in time."""
        now = self._clock()
        while self._due:
            stream, (due, _) = next(iter(self._due.items()))
            if due > now:
                break
            self._lapse(stream)

    def _lapse(self, stream: Resumable) -> None:
        self.remove(stream)
        stream.lapse()
