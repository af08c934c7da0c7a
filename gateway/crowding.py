"""Calls that found no room: a cap on open requests is reached, and nobody is asked. People are told of that once.

A looping agent meets its cap many times a second. So each cap that was met in the last ten minutes is one line on every
page, with a count, and one alert an hour to the channels. In memory, bounded, and of this process alone: the caps
themselves are counted in the database.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from approvals.domain.redact import redact_text
from approvals.errors import QueueFull
from approvals.stops import Surroundings
from approvals.storage.engine import Database
from gateway.work import Work

SHOWN_SECONDS = 600.0
"""How long after its last refusal a cap is said to be met."""
ALERT_SECONDS = 3600.0
KEPT = 1_000

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Met:
    """A cap that was met: how often since it was alerted about, and when."""

    text: str
    alerted: float
    last: float
    count: int = 0


class Crowding:
    """Remembers. `alert` tells the channels one line; `clock` is monotonic seconds."""

    def __init__(
        self,
        work: Work,
        alert: Callable[[str], Coroutine[Any, Any, None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work, self._alert, self._clock = work, alert, clock
        self._met: OrderedDict[str, Met] = OrderedDict()

    def note(self, full: QueueFull, *, agent: str, server: str, tool: str) -> None:
        """A call was refused because a cap was met."""
        now = self._clock()
        cap, limit = full.fields["cap"], full.fields["limit"]
        whose = {"this agent": f"of agent {agent}", "this tool": f"of {tool} on {server}"}.get(cap, "of any agent")
        met = self._met.pop(whose, None)
        if met is None or now - met.alerted >= ALERT_SECONDS:
            text = f"{limit} requests {whose} wait for people. More are refused, and nobody is asked about them."
            met = Met(text=text, alerted=now, last=now)
            log.warning("a cap on open requests is met", extra={"cap": cap, "agent": agent, "tool": tool})
            self._work.start(self._alert(met.text))
        met.last, met.count = now, met.count + 1
        self._met[whose] = met
        if len(self._met) > KEPT:
            self._met.popitem(last=False)

    def texts(self) -> list[str]:
        """What every page shows on top."""
        since = self._clock() - SHOWN_SECONDS
        return [f"{met.text} Refused so far: {met.count}." for met in self._met.values() if met.last >= since]


def alerting_of(db: Database, around: Surroundings) -> Callable[[str], Coroutine[Any, Any, None]]:
    """How channels are told: the same ones, and the same way, as of a freeze."""

    async def alert(text: str) -> None:
        await db.write(lambda tx: tx.alerts.owe(around.targets(), redact_text(f"{text} {around.url}")))

    return alert
