"""Break-glass: who asked for it and why, who confirmed it, how it ended. A row that has ended stays, for the record.

The partial unique index keeps one opening for each scope that is asked for or open.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, select, update

from approvals.domain.break_glass import Opening
from approvals.domain.stops import ALL, SERVER
from approvals.storage.frame import Group
from approvals.storage.switches import SUBJECT
from approvals.storage.tables_stops import IS_IN_FORCE, openings

MAX_STANDING = 1_000


class Openings(Group):
    """Statements about openings."""

    def ask(
        self, scope: str, *, reason: str, by: str, lasts: timedelta, confirm_until: datetime, via: str = ""
    ) -> Opening | None:
        """Ask for an opening that somebody else has to confirm. None: there is one of this scope."""
        asked = self._insert(scope=scope, reason=reason, by=by, lasts=lasts, confirm_until=confirm_until)
        if asked is not None:
            self._did("break_glass.asked", by, asked, via, reason=reason, seconds=round(lasts.total_seconds()))
        return asked

    def open_alone(self, scope: str, *, reason: str, by: str, lasts: timedelta, via: str = "") -> Opening | None:
        """Open at once. None: there is one of this scope."""
        now = self._tx.now
        opened = self._insert(scope=scope, reason=reason, by=by, lasts=lasts, opened_at=now, until=now + lasts)
        if opened is not None:
            self._did("break_glass.opened", by, opened, via, reason=reason, until=(now + lasts).isoformat())
        return opened

    def confirm(self, opening: Opening, *, by: str, via: str = "") -> Opening | None:
        """Open what was asked for. None: it was confirmed, taken back or too late meanwhile."""
        now = self._tx.now
        waits = (openings.c.opened_at.is_(None), openings.c.confirm_until > now)
        confirming = update(openings).where(openings.c.id == opening.id, IS_IN_FORCE, *waits)
        opened = confirming.values(confirmed_by=by, opened_at=now, until=now + opening.lasts)
        row = self._run(opened.returning(openings)).first()
        if row is None:
            return None
        confirmed = _opening(row)
        self._did("break_glass.opened", by, confirmed, via, asked_by=opening.by, until=row.until.isoformat())
        return confirmed

    def end(self, scope: str, *, by: str, via: str = "") -> Opening | None:
        """Close an opening, or take one back that was asked for. None: there is none."""
        standing = update(openings).where(openings.c.scope == scope, IS_IN_FORCE)
        row = self._run(standing.values(ended_at=self._tx.now, ended_by=by).returning(openings)).first()
        if row is None:
            return None
        ended = _opening(row)
        self._did("break_glass.closed", by, ended, via)
        return ended

    def end_due(self, *, by: str) -> list[Opening]:
        """End what its own time has ended; says what it was. Of several that come by, one gets it."""
        deadline = case((openings.c.until.is_(None), openings.c.confirm_until), else_=openings.c.until)
        due = update(openings).where(IS_IN_FORCE, deadline <= self._tx.now).values(ended_at=deadline, ended_by=by)
        ended = [_opening(row) for row in self._run(due.returning(openings))]
        for opening in ended:
            self._did("break_glass.ran_out", by, opening, "")
        return ended

    def standing(self) -> list[Opening]:
        """Every opening that was not ended, those whose time has passed too, the oldest first."""
        rows = select(openings).where(IS_IN_FORCE).order_by(openings.c.id).limit(MAX_STANDING)
        return [_opening(row) for row in self._run(rows)]

    def of(self, scope: str) -> Opening | None:
        """The opening of a scope that was not ended."""
        row = self._run(select(openings).where(openings.c.scope == scope, IS_IN_FORCE)).first()
        return None if row is None else _opening(row)

    def open_for(self, server: str) -> Opening | None:
        """The opening that calls to a server pass by now; of several the one that lasts longest."""
        scopes = (ALL, SERVER + server)
        found = select(openings).where(IS_IN_FORCE, openings.c.scope.in_(scopes), openings.c.until > self._tx.now_sql())
        row = self._run(found.order_by(openings.c.until.desc()).limit(1)).first()
        return None if row is None else _opening(row)

    def history(self, limit: int = 50) -> list[Opening]:
        """The last openings, newest first."""
        return [_opening(row) for row in self._run(select(openings).order_by(openings.c.id.desc()).limit(limit))]

    def _insert(self, *, scope: str, lasts: timedelta, **values: Any) -> Opening | None:
        fresh = self._tx.insert(openings).values(
            scope=scope, at=self._tx.now, seconds=round(lasts.total_seconds()), **values
        )
        row = self._run(fresh.on_conflict_do_nothing().returning(openings)).first()
        return None if row is None else _opening(row)

    def _did(self, action: str, by: str, opening: Opening, via: str, **detail: Any) -> None:
        self._tx.touch(SUBJECT)
        self._tx.did(action, by, subject=f"break_glass:{opening.scope}", via=via, id=opening.id, **detail)


def _opening(row: Row[Any]) -> Opening:
    return Opening(
        id=row.id,
        scope=row.scope,
        reason=row.reason,
        by=row.by,
        at=row.at,
        lasts=timedelta(seconds=row.seconds),
        confirm_until=row.confirm_until,
        confirmed_by=row.confirmed_by,
        opened_at=row.opened_at,
        until=row.until,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
