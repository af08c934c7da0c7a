"""How fast each channel is talked to: so much at once, a pause for what fails, and quiet for a channel that is down.

Every delivery backs off by itself, from a second to five minutes, so one that can never be taken delays nobody else.
Where several cards in a row find no ear it is the channel: then all of its deliveries rest for a while, longer each
time, up to a minute, and the next few find out. Requests that are filed meanwhile do not each knock anew.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

AT_ONCE = 4
"""Deliveries of one channel under way at the same time."""
FIRST_PAUSE, LAST_PAUSE = 1.0, 300.0
LONGEST_ASKED_PAUSE = 3600.0
IS_DOWN = 3
"""So many different cards that failed, and none that was delivered between, are the channel's fault."""
LONGEST_REST = 60.0


@dataclass(slots=True)
class _Trouble:
    """What failed since the last delivery, and how often the channel has rested for it."""

    cards: set[str] = field(default_factory=set)
    rests: int = 0


class Pace:
    """The pace of one process; `clock` is in seconds, from anywhere, and `chance` from 0 to 1."""

    def __init__(
        self, *, chance: Callable[[], float] = random.random, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._chance, self._clock = chance, clock
        self._busy: Counter[str] = Counter()
        self._paused_until: dict[str, float] = {}
        self._trouble: dict[str, _Trouble] = {}

    def free(self, channel: str) -> int:
        """How many deliveries may begin now."""
        return 0 if self._clock() < self._paused_until.get(channel, 0.0) else AT_ONCE - self._busy[channel]

    def begin(self, channel: str) -> None:
        """One delivery begins."""
        self._busy[channel] += 1

    def end(self, channel: str) -> None:
        """It is over, whatever came of it."""
        self._busy[channel] -= 1

    def asked(self, channel: str, seconds: float) -> float:
        """The channel asks for quiet: its other cards would only be told the same. For how many seconds it is given."""
        quiet = min(max(seconds, 0.0), LONGEST_ASKED_PAUSE)
        self._pause(channel, quiet)
        return quiet

    def delivered(self, channel: str) -> None:
        """The channel works."""
        self._trouble.pop(channel, None)

    def failed(self, channel: str, card: str) -> None:
        """A card could not be delivered, and nobody knows whose fault that is."""
        trouble = self._trouble.setdefault(channel, _Trouble())
        trouble.cards.add(card)
        if len(trouble.cards) < IS_DOWN or self._clock() < self._paused_until.get(channel, 0.0):
            return
        self._pause(channel, self._some_of(min(LONGEST_REST, FIRST_PAUSE * 2.0 ** min(trouble.rests, 16))))
        trouble.rests += 1

    def back_off(self, attempts: int) -> float:
        """How many seconds a delivery rests that has failed so often before."""
        return self._some_of(min(LAST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts, 16)))

    def _pause(self, channel: str, seconds: float) -> None:
        self._paused_until[channel] = max(self._paused_until.get(channel, 0.0), self._clock() + seconds)

    def _some_of(self, ceiling: float) -> float:
        return ceiling * (0.5 + 0.5 * self._chance())
