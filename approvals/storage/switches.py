"""Freezes: who stopped what, why, and until when. A row that has ended stays, for the record.

The partial unique index keeps one freeze in force for each scope. One whose time has passed holds no longer, whether
or not somebody has come by to write down that it ended.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update

from approvals.domain.stops import LONGEST, Freeze, scopes_of
from approvals.storage.frame import Group
from approvals.storage.tables_stops import IS_IN_FORCE, switches

SUBJECT = "switches"
"""What watchers of freezes watch."""
MAX_IN_FORCE = 1_000


class Switches(Group):
    """Statements about freezes."""

    def freeze(
        self, scope: str, *, reason: str, by: str, at: datetime, until: datetime | None = None, via: str = ""
    ) -> Freeze:
        """Put a freeze in force, in place of an earlier one of the same scope."""
        self.thaw(scope, by=by, at=at, via=via)
        freeze = Freeze(scope=scope, reason=reason, by=by, at=at, until=until or at + LONGEST)
        row = {"scope": scope, "reason": reason, "by": by, "at": at, "until": freeze.until}
        self._run(switches.insert().values(**row))
        self._tx.touch(SUBJECT)
        ends = freeze.until.isoformat()
        self._tx.did("freeze.on", by, subject=f"freeze:{scope}", via=via, reason=reason, until=ends)
        return freeze

    def thaw(self, scope: str, *, by: str, at: datetime, via: str = "") -> Freeze | None:
        """End a freeze. None: there is none."""
        ended = update(switches).where(switches.c.scope == scope, IS_IN_FORCE).values(ended_at=at, ended_by=by)
        row = self._run(ended.returning(switches)).first()
        if row is None:
            return None
        self._tx.touch(SUBJECT)
        self._tx.did("freeze.off", by, subject=f"freeze:{scope}", via=via)
        return _freeze(row)

    def end_due(self, now: datetime, *, by: str) -> list[Freeze]:
        """End what its own time has ended; says what it was. Of several that come by, one gets it."""
        due = (
            update(switches).where(IS_IN_FORCE, switches.c.until <= now).values(ended_at=switches.c.until, ended_by=by)
        )
        ended = [_freeze(row) for row in self._run(due.returning(switches))]
        for freeze in ended:
            self._tx.touch(SUBJECT)
            self._tx.did("freeze.ran_out", by, subject=f"freeze:{freeze.scope}")
        return ended

    def in_force(self, now: datetime) -> list[Freeze]:
        """Every freeze that holds now, the oldest first."""
        holding = select(switches).where(IS_IN_FORCE, switches.c.until > now).order_by(switches.c.id)
        return [_freeze(row) for row in self._run(holding.limit(MAX_IN_FORCE))]

    def standing(self) -> list[Freeze]:
        """Every freeze that was not ended, those whose time has passed too, the oldest first."""
        return [
            _freeze(row)
            for row in self._run(select(switches).where(IS_IN_FORCE).order_by(switches.c.id).limit(MAX_IN_FORCE))
        ]

    def freeze_of(self, *, agent: str, server: str) -> Freeze | None:
        """The freeze that an agent's calls to a server meet now; of several the one that lasts longest."""
        met = select(switches).where(
            IS_IN_FORCE,
            switches.c.scope.in_(scopes_of(agent=agent, server=server)),
            switches.c.until > self._tx.now_sql(),
        )
        row = self._run(met.order_by(switches.c.until.desc()).limit(1)).first()
        return None if row is None else _freeze(row)

    def history(self, limit: int = 50) -> list[Freeze]:
        """The last freezes, newest first."""
        return [_freeze(row) for row in self._run(select(switches).order_by(switches.c.id.desc()).limit(limit))]


def _freeze(row: Row[Any]) -> Freeze:
    return Freeze(
        scope=row.scope,
        reason=row.reason,
        by=row.by,
        at=row.at,
        until=row.until,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
