"""Questions to the ledger that count: what has changed since a row (metrics), and what became of requests (insights).

Everything is counted in the database, in one pass over the newest `MOST` requests of the period, so that what comes
back is short however many there were. Times were rounded when they were saved, so that there are not many different.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Integer, Select, Subquery, cast, func, select
from sqlalchemy.sql.expression import ColumnElement

from approvals.storage.frame import Group
from approvals.storage.tables import IS_CHANGE, IS_OPEN, IS_PENDING, IS_REAL, SEEMS_REAL, events, requests
from approvals.storage.tables_attention import expectations, readings

MOST = 200_000
"""So many requests, or decisions, of a period are counted at most: the newest."""
MOST_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One arrow of the lifecycle as the ledger has it; `row` goes on from here."""

    row: int
    after: str
    cause: str | None
    ground: str | None
    at: datetime
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Which requests are counted: filed in [start, end), of one server, decided by one person; None is any."""

    start: datetime
    end: datetime
    server: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How many requests of a tool and rule are in a state."""

    server: str
    tool: str
    rule: str
    state: str
    cause: str | None
    ground: str | None
    decided: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """How many requests of a tool and rule people decided so many milliseconds after they were filed."""

    server: str
    tool: str
    rule: str
    ms: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How many requests that were filed within a bar of time are in a state."""

    at: datetime
    state: str
    cause: str | None
    ground: str | None
    decided: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """How many decisions a person gave on the calls of a tool and rule."""

    person: str
    server: str
    tool: str
    rule: str
    answer: str
    too_fast: bool
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How many decisions a person gave when the request had waited for `ms`."""

    person: str
    ms: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How many people found outcomes as expected, or not."""

    server: str
    tool: str
    rule: str
    as_expected: bool
    number: int


class Numbers(Group):
    """Statements that count."""

    def changes_after(self, row: int, limit: int) -> Sequence[Change]:
        """What moved after a row of the ledger, oldest first."""
        moved = (
            select(events.c.id, events.c.after, events.c.detail, events.c.at, requests.c.ground, requests.c.created_at)
            .join(requests, requests.c.id == events.c.request_id)
            .where(events.c.id > row, IS_CHANGE, events.c.before != events.c.after, IS_REAL)
            .order_by(events.c.id)
            .limit(limit)
        )
        return [
            Change(
                row=found.id,
                after=found.after,
                cause=found.detail.get("cause"),
                ground=found.ground,
                at=found.at,
                created_at=found.created_at,
            )
            for found in self._run(moved)
        ]

    def ended(self, period: Period) -> Sequence[Ended]:
        """What became of the requests of a period, by tool and rule."""
        of = self._requests(period)
        names = (of.c.server, of.c.tool, of.c.rule, of.c.state, of.c.cause, of.c.ground)
        rows = self._run(_counted(*names, of.c.decided_at.is_not(None).label("decided")))
        return [Ended(**{**row._asdict(), "decided": bool(row.decided)}) for row in rows]

    def took(self, period: Period) -> Sequence[Took]:
        """How long requests had waited when people decided them within a period, by tool and rule."""
        of = self._readings(period, readings.c.final)
        rows = self._run(_counted(of.c.server, of.c.tool, of.c.rule, of.c.waited_ms.label("ms")))
        return [Took(**row._asdict()) for row in rows]

    def bars(self, period: Period, width: timedelta) -> Sequence[Bar]:
        """The same over time."""
        of, seconds = self._requests(period), int(width.total_seconds())
        place = self._seconds(of.c.created_at) // seconds
        decided = of.c.decided_at.is_not(None).label("decided")
        rows = self._run(_counted(place.label("place"), of.c.state, of.c.cause, of.c.ground, decided))
        return [
            Bar(
                at=_at(row.place * seconds),
                state=row.state,
                cause=row.cause,
                ground=row.ground,
                decided=bool(row.decided),
                number=row.number,
            )
            for row in rows
        ]

    def filed_by_hour(self, period: Period) -> dict[datetime, int]:
        """How many requests were filed in each hour, by its beginning."""
        of = self._requests(period)
        rows = self._run(_counted((self._seconds(of.c.created_at) // 3600).label("place")))
        return {_at(row.place * 3600): row.number for row in rows}

    def first_filed(self) -> datetime | None:
        """When the first request of all was filed."""
        first: datetime | None = self._run(select(func.min(requests.c.created_at)).where(IS_REAL)).scalar_one()
        return first

    def pending(self, server: str | None) -> tuple[int, datetime | None]:
        """How many requests wait for people, and since when the oldest."""
        oldest = func.min(requests.c.created_at, type_=requests.c.created_at.type)
        waiting = select(func.count().label("number"), oldest.label("oldest")).where(IS_OPEN, IS_PENDING)
        row = self._run(_of_server(waiting, server)).one()
        return row.number, row.oldest

    def decided(self, period: Period) -> Sequence[Decided]:
        """The decisions of a period, by person and tool."""
        of = self._readings(period)
        names = (of.c.person, of.c.server, of.c.tool, of.c.rule, of.c.answer, of.c.too_fast)
        return [Decided(**row._asdict()) for row in self._run(_counted(*names))]

    def answered(self, period: Period) -> Sequence[Answered]:
        """How long requests had waited for the decisions of a period, by person."""
        of = self._readings(period)
        return [Answered(**row._asdict()) for row in self._run(_counted(of.c.person, of.c.waited_ms.label("ms")))]

    def busiest(self, period: Period) -> dict[str, int]:
        """The most decisions that each person gave within one hour of the clock."""
        of = self._readings(period)
        each = _counted(of.c.person, (self._seconds(of.c.at) // 3600).label("place")).subquery()
        rows = self._run(select(each.c.person, func.max(each.c.number).label("most")).group_by(each.c.person))
        return {row.person: row.most for row in rows}

    def said(self, period: Period) -> Sequence[Said]:
        """What people said of outcomes within a period."""
        found = (
            select(requests.c.server, requests.c.tool, requests.c.rule, expectations.c.as_expected)
            .join(requests, requests.c.id == expectations.c.request_id)
            .where(expectations.c.at >= period.start, expectations.c.at < period.end)
            .order_by(expectations.c.at.desc())
            .limit(MOST)
        )
        if period.person is not None:
            found = found.where(expectations.c.person == period.person)
        of = _of_server(found, period.server).subquery()
        return [Said(**row._asdict()) for row in self._run(_counted(*of.c))]

    def _requests(self, period: Period) -> Subquery:
        names = ("server", "tool", "rule", "state", "cause", "ground", "created_at", "decided_at")
        found = select(*(requests.c[name] for name in names)).where(
            requests.c.created_at >= period.start, requests.c.created_at < period.end, SEEMS_REAL
        )
        if period.person is not None:
            theirs = select(readings.c.request_id).where(readings.c.person == period.person)
            found = found.where(requests.c.id.in_(theirs.where(readings.c.at >= period.start)))
        newest = _of_server(found, period.server).order_by(requests.c.created_at.desc()).limit(MOST)
        return newest.subquery()

    def _readings(self, period: Period, *more: ColumnElement[bool]) -> Subquery:
        found = select(readings).where(readings.c.at >= period.start, readings.c.at < period.end, *more)
        if period.person is not None:
            found = found.where(readings.c.person == period.person)
        if period.server is not None:
            found = found.where(readings.c.server == period.server)
        return found.order_by(readings.c.at.desc()).limit(MOST).subquery()

    def _seconds(self, at: ColumnElement[datetime]) -> ColumnElement[int]:
        if self._tx.conn.dialect.name == "postgresql":
            return cast(func.floor(func.extract("epoch", at)), Integer)
        return cast(func.strftime("%s", at), Integer)


def _counted(*columns: ColumnElement[Any]) -> Select[Any]:
    return select(*columns, func.count().label("number")).group_by(*columns).limit(MOST_ROWS)


def _of_server(statement: Select[*tuple[Any, ...]], server: str | None) -> Select[*tuple[Any, ...]]:
    return statement if server is None else statement.where(requests.c.server == server)


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
