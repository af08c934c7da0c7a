"""Raises: budgets that may be gone over for a while. A row that has ended stays, for the record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, tuple_, update

from approvals.domain.model import Overrun
from approvals.domain.raising import Raise
from approvals.storage.frame import Group
from approvals.storage.tables import raises


class Raises(Group):
    """Statements about raises."""

    def add(self, made: Iterable[Raise]) -> None:
        """Put raises in force."""
        self._run(raises.insert(), [_row(one) for one in made])

    def in_force(self, keys: Sequence[tuple[str, str]], now: datetime) -> list[Raise]:
        """What is raised now, of these budgets."""
        if not keys:
            return []
        budget = tuple_(raises.c.counter, raises.c.scope_key)
        holds = (budget.in_(sorted(set(keys))), raises.c.until > now, raises.c.ended_at.is_(None))
        return [_raise(row) for row in self._run(select(raises).where(*holds).order_by(raises.c.at, raises.c.id))]

    def get(self, id: str, *, lock: bool = False) -> Raise | None:
        """One raise."""
        one = select(raises).where(raises.c.id == id)
        row = self._run(one.with_for_update() if lock else one).first()
        return _raise(row) if row is not None else None

    def of_request(self, request_id: str) -> list[Raise]:
        """What came of one request."""
        rows = self._run(select(raises).where(raises.c.request_id == request_id).order_by(raises.c.id))
        return [_raise(row) for row in rows]

    def newest(
        self, *, limit: int, after: tuple[datetime, str] | None = None, holds_at: datetime | None = None
    ) -> list[Raise]:
        """A page, newest first; with `holds_at` only those in force then."""
        place = tuple_(raises.c.at, raises.c.id)
        statement = select(raises).order_by(raises.c.at.desc(), raises.c.id.desc()).limit(limit)
        if after is not None:
            statement = statement.where(place < after)
        if holds_at is not None:
            statement = statement.where(raises.c.until > holds_at, raises.c.ended_at.is_(None))
        return [_raise(row) for row in self._run(statement)]

    def end(self, one: Raise, *, at: datetime, by: str) -> Raise:
        """End a raise that is in force, and locked."""
        self._run(update(raises).where(raises.c.id == one.id).values(ended_at=at, ended_by=by))
        return replace(one, ended_at=at, ended_by=by)


def _row(one: Raise) -> dict[str, Any]:
    return {
        "id": one.id,
        "request_id": one.request,
        "counter": one.over.counter,
        "scope_key": one.over.scope,
        "name": one.over.name,
        "most": one.over.most,
        "to": one.over.to,
        "words": one.over.words,
        "by": list(one.by),
        "at": one.at,
        "until": one.until,
        "ended_at": one.ended_at,
        "ended_by": one.ended_by,
    }


def _raise(row: Row[Any]) -> Raise:
    over = Overrun(counter=row.counter, scope=row.scope_key, name=row.name, most=row.most, to=row.to, words=row.words)
    return Raise(
        id=row.id,
        request=row.request_id,
        over=over,
        by=tuple(row.by),
        at=row.at,
        until=row.until,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
