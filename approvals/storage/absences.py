"""Who is away, from when until when, and who decides for them: one absence a person, the one now or the next."""

from __future__ import annotations

from sqlalchemy import RowMapping, delete, or_, select, update
from sqlalchemy.sql.expression import ColumnElement

from approvals.domain.absent import Absence
from approvals.domain.model import PersonId
from approvals.storage.frame import Group
from approvals.storage.tables_when import absences

LISTED_MAX = 10_000


class Absences(Group):
    """Statements about absences."""

    def put(self, one: Absence) -> None:
        """Save a person's absence in place of the one that is there."""
        values = {"to": one.to, "since": one.since, "until": one.until, "moved_at": None}
        fresh = self._tx.insert(absences).values(person=one.person, **values)
        self._run(fresh.on_conflict_do_update(index_elements=["person"], set_=values))
        self._tx.touch("people")

    def end(self, person: str) -> bool:
        """Forget a person's absence. False: there is none."""
        self._tx.touch("people")
        ended = delete(absences).where(absences.c.person == person, absences.c.until > self._tx.now)
        return self._run(ended.returning(absences.c.person)).first() is not None

    def of(self, person: str) -> Absence | None:
        """The person's absence, now or to come."""
        found = select(absences).where(absences.c.person == person, absences.c.until > self._tx.now)
        row = self._run(found).mappings().first()
        return None if row is None else _absence(row)

    def coming(self) -> list[Absence]:
        """Everybody's absences, those of now and those to come."""
        rows = self._run(select(absences).where(absences.c.until > self._tx.now).limit(LISTED_MAX)).mappings()
        return [_absence(row) for row in rows]

    def about(self, person: str) -> list[Absence]:
        """The absences of this moment that a person has to do with: their own, and those they are the delegate in."""
        return self._now(or_(absences.c.person == person, absences.c.to == person))

    def now(self) -> list[Absence]:
        """Everybody's absences of this moment."""
        return self._now()

    def to_move(self) -> list[Absence]:
        """Those that have begun, and whose delegates were not shown yet what waits."""
        return self._now(absences.c.to.is_not(None), absences.c.moved_at.is_(None))

    def moved(self, person: str) -> bool:
        """Note that the delegate was shown what waits. False: somebody else did."""
        waits = (absences.c.person == person, absences.c.moved_at.is_(None))
        done = update(absences).where(*waits).values(moved_at=self._tx.now)
        return self._run(done.returning(absences.c.person)).first() is not None

    def sweep(self) -> None:
        """Forget what is over."""
        self._run(delete(absences).where(absences.c.until <= self._tx.now))

    def _now(self, *conditions: ColumnElement[bool]) -> list[Absence]:
        now = self._tx.now
        held = select(absences).where(absences.c.since <= now, absences.c.until > now, *conditions)
        rows = self._run(held.order_by(absences.c.person).limit(LISTED_MAX)).mappings()
        return [_absence(row) for row in rows]


def _absence(row: RowMapping) -> Absence:
    return Absence(
        person=PersonId(row["person"]),
        to=PersonId(row["to"]) if row["to"] is not None else None,
        since=row["since"],
        until=row["until"],
    )
