"""What is stopped now, in the memory of each process: looked at before every policy and before every run.

Freezes are read again when the bus says that they changed, and twice a second besides, so that one counts within a
second on every replica; a pause is a fact of the agent, which `callers` keeps. What must hold from the very commit on,
the claim of an approved call, asks the rows themselves (`approvals.stopped`). A change wakes everybody who waits, so
that a held call is answered at once and open pages show it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from approvals.bus import Bus
from approvals.domain.stops import Freeze, Pause, Stop, freeze_of, named
from approvals.errors import Unavailable
from approvals.stops import Stops
from approvals.storage.switches import SUBJECT
from gateway.callers import Callers

log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.5


class Switches:
    """The freezes in force, and the pauses of agents."""

    def __init__(self, stops: Stops, bus: Bus, callers: Callers) -> None:
        self._stops, self._bus, self._callers = stops, bus, callers
        self._freezes: tuple[Freeze, ...] = ()

    def why(self, agent: str, server: str) -> Stop | None:
        """What stops an agent's calls to a server now; a freeze comes before a pause."""
        if self._freezes:
            freeze = freeze_of(self._freezes, agent=agent, server=server, now=datetime.now(UTC))
            if freeze is not None:
                return freeze
        return Pause(agent=agent) if self._callers.paused(agent) else None

    def may_use(self, agent: str, server: str) -> bool:
        """Is the server one of the agent's, stopped or not?"""
        return server in self._callers.servers(agent)

    def freezes(self) -> Sequence[Freeze]:
        """The freezes in force, the oldest first."""
        now = datetime.now(UTC)
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

    async def refresh(self) -> None:
        """Read the freezes once, and write down what has run out."""
        before, self._freezes = self._freezes, tuple(await self._stops.standing())
        now = datetime.now(UTC)
        if any(not freeze.holds(now) for freeze in self._freezes):
            await self._stops.end_due()
        if before == self._freezes:
            return
        for freeze in self._freezes:
            if freeze not in before:
                log.warning("in force: %s frozen", named(freeze.scope), extra={"until": freeze.until.isoformat()})
        self._bus.publish_everything()
