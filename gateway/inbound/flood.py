"""Token buckets of requests and of bytes, asked before a body is read or parsed (security.md 4, "Flood").

Who is signed in has a bucket of its own, so that garbage from the same address takes nothing from it; who is not
shares one with its address, which only failed sign-ins and agents without a token use up.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

MOST_BUCKETS = 20_000
"""How many buckets are remembered; the one unused for longest is forgotten, and so full again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many requests (or bytes) a second over time, so many at once."""

    per_second: float
    burst: float


class Buckets:
    """One bucket a key."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, amount: float = 1) -> int | None:
        """Take so many tokens; None if they were there, else in how many seconds they will be.

        More than fit into the bucket are had for a full one.
        """
        amount = min(amount, self._rate.burst)
        now = self._clock()
        left, at = self._left.get(key, (self._rate.burst, now))
        left = min(self._rate.burst, left + (now - at) * self._rate.per_second)
        self._left[key] = (left if left < amount else left - amount), now
        self._left.move_to_end(key)
        if len(self._left) > MOST_BUCKETS:
            self._left.popitem(last=False)
        return None if left >= amount else max(1, math.ceil((amount - left) / self._rate.per_second))
