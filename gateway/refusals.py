"""Refusals of each agent, remembered for a while: the same one again is told as such, and hammering is stopped.

A refused call costs no budget (policy.md 3.4), so what bounds a loop of them is here: so many refusals of one tool a
minute, then its calls are not looked at until there is room again. In memory, bounded, and of this process alone: it
protects the gateway and the agent from a loop, and no rule hangs on it.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

AGAIN_SECONDS = 600.0
"""A refusal that is older is not told as the same one."""
MINUTE = 60.0
KEPT = 10_000
"""How many calls, and how many tools of agents, are remembered; what was refused longest ago goes first."""

Tool = tuple[str, str, str]
"""Agent, server, tool."""


class Refusals:
    """Remembers. `most` refusals of one tool a minute are looked at; `clock` is monotonic seconds."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self._clock = most, clock
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._left: OrderedDict[Tool, tuple[float, float]] = OrderedDict()

    def wait(self, tool: Tool) -> timedelta | None:
        """How long calls of this tool are not looked at; None if they are."""
        left, _ = self._now(tool)
        return None if left >= 1 else timedelta(seconds=math.ceil((1 - left) * MINUTE / self.most))

    def note(self, tool: Tool) -> None:
        """A call of this tool was refused."""
        left, now = self._now(tool)
        self._left[tool] = max(0.0, left - 1), now
        self._left.move_to_end(tool)
        if len(self._left) > KEPT:
            self._left.popitem(last=False)

    def again(self, call_key: str, why: str) -> bool:
        """Was the same call refused for the same within the last ten minutes? From now on it was."""
        key, now = (call_key, why), self._clock()
        before = self._told.pop(key, None)
        self._told[key] = now
        if len(self._told) > KEPT:
            self._told.popitem(last=False)
        return before is not None and now - before < AGAIN_SECONDS

    def _now(self, tool: Tool) -> tuple[float, float]:
        now = self._clock()
        left, since = self._left.get(tool, (float(self.most), now))
        return min(float(self.most), left + (now - since) * self.most / MINUTE), now
