"""Time for the look-alike, handed in, and the one way to wait for something to happen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
Clock = Callable[[], float]

WAIT_SECONDS = 5.0


class HandClock:
    """A clock that only moves when told: for tests of what expires."""

    def __init__(self, start: float | None = None) -> None:
        self.now = time.time() if start is None else start

    def __call__(self) -> float:
        """The time now, in seconds since the epoch."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Changes:
    """Says that something changed; whoever waits looks again."""

    def __init__(self) -> None:
        self.version = 0
        self._happened = asyncio.Event()

    def bump(self) -> None:
        """Something changed."""
        self.version += 1
        happened, self._happened = self._happened, asyncio.Event()
        happened.set()

    async def next(self) -> None:
        """Wait for the next change."""
        await self._happened.wait()

    async def until(self, look: Callable[[], T | None], *, seconds: float, else_say: Callable[[], str]) -> T:
        """Wait until `look` finds something, at most `seconds`.

        Raises:
            TimeoutError: with `else_say()` as its text.
        """
        try:
            async with asyncio.timeout(seconds):
                while (found := look()) is None:
                    await self.next()
                return found
        except TimeoutError:
            raise TimeoutError(else_say()) from None
