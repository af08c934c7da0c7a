"""Learned deadlines: clients of a kind that hung up twice after the same time have a clock, and are answered before it.

The kind is the name and version a client gives itself, which proves nothing and decides nothing but how long it is
held (protocol.md 2.1). What one hang-up says is chance; what two say within a few seconds of each other is a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import pairwise

from approvals.bus import Bus
from approvals.domain.model import Client
from approvals.storage.engine import Database
from approvals.storage.patience import Kind

ALIKE_SECONDS = 3.0
AT_LEAST_SECONDS = 5.0
"""A client that leaves sooner was stopped by somebody; no clock is that short."""
REFRESH_SECONDS = 30.0


def clock_of(gave_up_after: Sequence[float]) -> float | None:
    """The shortest time after which at least two gave up alike."""
    ordered = sorted(seconds for seconds in gave_up_after if seconds >= AT_LEAST_SECONDS)
    for one, other in pairwise(ordered):
        if other - one <= ALIKE_SECONDS:
            return one
    return None


class Learned:
    """What is known of clients' clocks, here and on every replica."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db, self._bus = db, bus
        self._clocks: Mapping[Kind, float] = {}

    def deadline(self, client: Client, *, progress: bool) -> timedelta | None:
        """When clients of this kind give up, if that is known."""
        seconds = self._clocks.get(_kind(client, progress=progress))
        return timedelta(seconds=seconds) if seconds is not None else None

    async def gave_up(self, client: Client, *, progress: bool, seconds: float) -> None:
        """A client hung up while it was held."""
        if client.name is not None and seconds >= AT_LEAST_SECONDS:
            await self._db.write(lambda tx: tx.patience.add(_kind(client, progress=progress), seconds))
            await self.refresh()

    async def refresh(self) -> None:
        """Read what every replica has seen."""
        seen = await self._db.read(lambda tx: tx.patience.all())
        self._clocks = {kind: clock for kind, times in seen.items() if (clock := clock_of(times)) is not None}

    async def run(self) -> None:
        """Keep up with the other replicas, for ever."""
        async with self._bus.watch("patience") as watch:
            while True:
                await self.refresh()
                await watch.changed(REFRESH_SECONDS)


def _kind(client: Client, *, progress: bool) -> Kind:
    return Kind(client.name or "", client.version or "", progress)
