"""What goes wrong on purpose, what was called, and how fast callers may call.

A `Fault` waits for the next matching call of its method and spoils it. `Limiter` refuses as Slack
does: posts per channel and second, everything else per method and minute.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from approvals.testing.slack import limits
from approvals.testing.slack.clock import Clock
from approvals.testing.slack.state import Json


class Cut(StrEnum):
    """When the connection breaks."""

    BEFORE = "before"  # nothing happened
    AFTER = "after"  # it was done, and the caller does not hear of it: the duplicate-post case


class Gate:
    """Holds one call until released: `slow` without a sleep."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._open = asyncio.Event()

    def release(self) -> None:
        """Let the held call go on."""
        self._open.set()

    async def through(self) -> None:
        """What the held call waits in."""
        self.reached.set()
        await self._open.wait()


@dataclass(slots=True, kw_only=True)
class Fault:
    """One way to spoil calls of a method, `times` times (None: until healed)."""

    method: str
    error: str | None = None
    extra: Json = field(default_factory=dict)
    status: int | None = None
    retry_after: int | None = None
    delay: float = 0.0
    gate: Gate | None = None
    cut: Cut | None = None
    times: int | None = 1
    where: Callable[[Json], bool] = lambda _: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call the app made, and the answer it got (None: the connection was cut)."""

    method: str
    args: Json
    at: float
    status: int
    answer: Json | None

    @property
    def error(self) -> str | None:
        """The error named in the answer, if it was not ok."""
        return None if self.answer is None else self.answer.get("error")


class Faults:
    """The faults that wait for their call."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Spoil the next matching call."""
        self._waiting.append(fault)

    def heal(self, method: str | None = None) -> None:
        """Take back the faults of a method, or all."""
        self._waiting = [f for f in self._waiting if method is not None and f.method != method]

    def take(self, method: str, args: Json) -> Fault | None:
        """The fault for this call, used up once."""
        for fault in self._waiting:
            if fault.method in (method, "*") and fault.where(args):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                return fault
        return None


@dataclass(slots=True)
class _Bucket:
    room: float
    at: float


class Limiter:
    """Token buckets; `wait` is how many whole seconds a caller has to pause, 0 for none."""

    def __init__(self, clock: Clock, *, posts_per_second: float | None, burst: int = limits.POST_BURST) -> None:
        self._clock = clock
        self._posts, self._burst = posts_per_second, burst
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def wait(self, method: str, args: Json, per_minute: int) -> int:
        """Take one call out of its bucket."""
        if self._posts is None:
            return 0
        if method == "chat.postMessage":
            return self._take((method, str(args.get("channel"))), self._burst, self._posts)
        return self._take((method, ""), per_minute, per_minute / 60)

    def _take(self, key: tuple[str, str], size: float, per_second: float) -> int:
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(size, now))
        bucket.room = min(size, bucket.room + (now - bucket.at) * per_second)
        bucket.at = now
        if bucket.room >= 1:
            bucket.room -= 1
            return 0
        return max(1, math.ceil((1 - bucket.room) / per_second))


def ratelimited() -> Json:
    """The body of a 429."""
    return {"ok": False, "error": "ratelimited"}


def refused(error: str, extra: dict[str, Any]) -> Json:
    """An `ok: false` body."""
    return {"ok": False, "error": error, **extra}
