"""Freezes: who stopped what, why, and until when. A row that has ended stays, for the record.

A scope is `all`, `agent:NAME` or `server:NAME`; the partial unique index keeps one freeze in force for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, update

from approvals.storage.frame import Group
from approvals.storage.tables import IS_IN_FORCE, switches


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeRow:
    """One freeze. Without `until` it lasts until somebody ends it."""

    scope: str
    reason: str
    by: str
    at: datetime
    until: datetime | None
    ended_at: datetime | None
    ended_by: str | None

    def holds(self, now: datetime) -> bool:
        """Is it in force?"""
        return self.ended_at is None and (self.until is None or now < self.until)


class Switches(Group):
    """Statements about freezes."""

    def freeze(self, scope: str, *, reason: str, by: str, at: datetime, until: datetime | None = None) -> None:
        """Put a freeze in force, in place of an earlier one of the same scope."""
        self.thaw(scope, by=by, at=at)
        self._run(switches.insert().values(scope=scope, reason=reason, by=by, at=at, until=until))
        ends = None if until is None else until.isoformat()
        self._tx.did("freeze.on", by, subject=f"freeze:{scope}", reason=reason, until=ends)

    def thaw(self, scope: str, *, by: str, at: datetime) -> bool:
        """End a freeze. False: there is none."""
        self._tx.touch("switches")
        ended = update(switches).where(switches.c.scope == scope, IS_IN_FORCE).values(ended_at=at, ended_by=by)
        if self._run(ended.returning(switches.c.id)).first() is None:
            return False
        self._tx.did("freeze.off", by, subject=f"freeze:{scope}")
        return True

    def in_force(self, now: datetime) -> list[FreezeRow]:
        """Every freeze that holds now, the oldest first."""
        running = or_(switches.c.until.is_(None), switches.c.until > now)
        rows = self._run(select(switches).where(IS_IN_FORCE, running).order_by(switches.c.id).limit(1000))
        return [_freeze(row) for row in rows]

    def history(self, limit: int = 50) -> list[FreezeRow]:
        """The last freezes, newest first."""
        return [_freeze(row) for row in self._run(select(switches).order_by(switches.c.id.desc()).limit(limit))]


def _freeze(row: Row[Any]) -> FreezeRow:
    return FreezeRow(
        scope=row.scope,
        reason=row.reason,
        by=row.by,
        at=row.at,
        until=row.until,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
