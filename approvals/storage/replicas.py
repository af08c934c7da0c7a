"""Which processes are alive: a heartbeat each, so that what a dead one held is seen to be free."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from approvals.storage.frame import Group
from approvals.storage.requests import LIVE_FOR
from approvals.storage.tables import replicas


class Replicas(Group):
    """Statements about the processes that share this database."""

    def heartbeat(self, holder: str, now: datetime) -> None:
        """Say that a process is alive; every few seconds, well within LIVE_FOR."""
        fresh = self._tx.insert(replicas).values(holder=holder, started_at=now, beat_at=now)
        self._run(fresh.on_conflict_do_update(index_elements=["holder"], set_={"beat_at": now}))

    def live(self, now: datetime) -> frozenset[str]:
        """The processes heard of lately."""
        rows = self._run(select(replicas.c.holder).where(replicas.c.beat_at > now - LIVE_FOR))
        return frozenset(rows.scalars())

    def leave(self, holder: str) -> None:
        """Say that a process ends in good order."""
        self._run(delete(replicas).where(replicas.c.holder == holder))

    def sweep(self, before: datetime) -> None:
        """Forget processes last heard of before a time."""
        self._run(delete(replicas).where(replicas.c.beat_at < before))
