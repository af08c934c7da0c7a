"""Which processes are alive: a heartbeat each, so that what a dead one held is seen to be free.

Each also says here which policies it has in force, so that a command can compare them with the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from approvals.storage.frame import Group
from approvals.storage.requests import LIVE_FOR
from approvals.storage.tables import replicas


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaRow:
    """A process that is alive. `in_force` is what it said of its policies; None before it has said anything."""

    holder: str
    in_force: Mapping[str, Any] | None


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

    def tell(self, holder: str, now: datetime, in_force: Mapping[str, Any]) -> None:
        """Say which policies a process has in force."""
        values = {"beat_at": now, "in_force": dict(in_force)}
        fresh = self._tx.insert(replicas).values(holder=holder, started_at=now, **values)
        self._run(fresh.on_conflict_do_update(index_elements=["holder"], set_=values))

    def in_force(self, now: datetime) -> list[ReplicaRow]:
        """The processes heard of lately, with what they said of their policies."""
        alive = select(replicas.c.holder, replicas.c.in_force).where(replicas.c.beat_at > now - LIVE_FOR)
        return [ReplicaRow(**row) for row in self._run(alive.order_by(replicas.c.holder)).mappings()]

    def leave(self, holder: str) -> None:
        """Say that a process ends in good order."""
        self._run(delete(replicas).where(replicas.c.holder == holder))

    def sweep(self, before: datetime) -> None:
        """Forget processes last heard of before a time."""
        self._run(delete(replicas).where(replicas.c.beat_at < before))
