"""What is stopped now, and where break-glass is open, in the memory of each process: looked at before every policy.

Both are read again when the bus says that they changed, and twice a second besides, so that one counts within a second
on every replica; a pause is a fact of the agent, which `callers` keeps. What must hold from the very commit on,
the claim of an approved call, asks the rows themselves (`approvals.stopped`). A change wakes everybody who waits, so
that a held call is answered at once and open pages show it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from approvals.break_glass import BreakGlass
from approvals.bus import Bus
from approvals.domain.break_glass import Opening, opening_for
from approvals.domain.stops import Freeze, Pause, Stop, freeze_of, named
from approvals.errors import Unavailable
from approvals.stops import Stops
from approvals.storage.switches import SUBJECT
from gateway.callers import Callers

log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.5
Clock = Callable[[], datetime]


def current_time() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


class Switches:
    """The freezes in force, and the pauses of agents."""

    def __init__(
        self, stops: Stops, break_glass: BreakGlass, bus: Bus, callers: Callers, *, clock: Clock = current_time
    ) -> None:
        self._stops, self._break_glass, self._bus, self._callers = stops, break_glass, bus, callers
        self._clock = clock
        self._freezes: tuple[Freeze, ...] = ()
        self._openings: tuple[Opening, ...] = ()
        self._reading = asyncio.Lock()

    def why(self, agent: str, server: str) -> Stop | None:
        """What stops an agent's calls to a server now; a freeze comes before a pause."""
        if self._freezes:
            freeze = freeze_of(self._freezes, agent=agent, server=server, now=self._clock())
            if freeze is not None:
                return freeze
        return Pause(agent=agent) if self._callers.paused(agent) else None

    def may_use(self, agent: str, server: str) -> bool:
        """Is the server one of the agent's, stopped or not?"""
        return server in self._callers.servers(agent)

    def bypasses(self, server: str) -> bool:
        """Do calls to a server that need approval run without it now?"""
        return bool(self._openings) and opening_for(self._openings, server=server, now=self._clock()) is not None

    def openings(self) -> Sequence[Opening]:
        """The openings of break-glass that are in force, the oldest first."""
        now = self._clock()
        return [opening for opening in self._openings if opening.is_open(now)]

    def freezes(self) -> Sequence[Freeze]:
        """The freezes in force, the oldest first."""
        now = self._clock()
        return [freeze for freeze in self._freezes if freeze.holds(now)]

    async def run(self) -> None:
        """Keep up with the database, for ever."""
        async with self._bus.watch(SUBJECT) as watch:
            while True:
                try:
                    await self.refresh()
                except Unavailable:
                    # What was in force stays so: nothing runs because the store does not answer.
                    log.warning("freezes could not be read", extra={"retry_seconds": REFRESH_SECONDS})
                    await asyncio.sleep(REFRESH_SECONDS)
                await watch.changed(REFRESH_SECONDS)

    async def settle(self) -> None:
        """After an act of this process: let it count here before it is answered; the act itself is saved."""
        try:
            await self.refresh()
        except Unavailable:
            log.warning("freezes could not be read", extra={"retry_seconds": REFRESH_SECONDS})

    async def refresh(self) -> None:
        """Read what is in force once, and write down what has run out."""
        # One after the other: of two that cross, what was read first must not be kept last.
        async with self._reading:
            await self._refresh()

    async def _refresh(self) -> None:
        before = (self._freezes, self._openings)
        self._freezes, self._openings = tuple(await self._stops.standing()), tuple(await self._break_glass.standing())
        now = self._clock()
        if any(not freeze.holds(now) for freeze in self._freezes):
            await self._stops.end_due()
        if any(not (opening.is_open(now) or opening.waits(now)) for opening in self._openings):
            await self._break_glass.end_due()
        if before == (self._freezes, self._openings):
            return
        for freeze in set(self._freezes) - set(before[0]):
            log.warning("in force: %s frozen", named(freeze.scope), extra={"until": freeze.until.isoformat()})
        for opening in set(self.openings()) - set(before[1]):
            log.warning("in force: break-glass", extra={"scope": opening.scope, "by": opening.by})
        self._bus.publish_everything()
