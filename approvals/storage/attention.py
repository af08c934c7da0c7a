"""Statements about attention: who saw a request when, the time there was for a decision, answers about outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from approvals.domain.attention import Moments, Reading
from approvals.domain.model import Answer, ApprovalRequest, State
from approvals.domain.numbers import rounded
from approvals.storage.frame import Group
from approvals.storage.tables_attention import expectations, readings, sightings
from approvals.storage.tables_messages import messages

MILLISECOND = timedelta(milliseconds=1)
MOST_MS = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """A decision for the metrics; `id` goes on from here."""

    id: int
    answer: str
    too_fast: bool


class Attention(Group):
    """What people saw, how long they had, what they expected."""

    def saw(self, request_id: str, person: str) -> None:
        """Note that a surface shows the whole call to a person; only the first time counts."""
        fresh = self._tx.insert(sightings).values(request_id=request_id, person=person, at=self._tx.now)
        self._run(fresh.on_conflict_do_nothing(index_elements=["request_id", "person"]))

    def opened_at(self, request_id: str, person: str) -> datetime | None:
        """When a person first opened a request."""
        one = select(sightings.c.at).where(sightings.c.request_id == request_id, sightings.c.person == person)
        return self._run(one).scalar_one_or_none()

    def opened(self, request_id: str) -> bool:
        """Has anybody opened a request?"""
        return (
            self._run(select(sightings.c.at).where(sightings.c.request_id == request_id).limit(1)).first() is not None
        )

    def moments(self, request: ApprovalRequest, person: str, *, channel: str, batch: str | None) -> Moments:
        """When a person could begin to read a request, in one question.

        Their decisions of the same batch are left out: they were given in one moment.
        """
        opened = select(sightings.c.at).where(sightings.c.request_id == request.id, sightings.c.person == person)
        delivered = select(func.min(messages.c.shown_at, type_=messages.c.shown_at.type)).where(
            messages.c.request_id == request.id, messages.c.channel == channel
        )
        before = select(readings.c.at).where(readings.c.person == person)
        if batch is not None:
            before = before.where(or_(readings.c.batch.is_(None), readings.c.batch != batch))
        newest = before.order_by(readings.c.at.desc(), readings.c.id.desc()).limit(1)
        parts = {"opened": opened, "delivered": delivered, "before": newest}
        row = self._run(select(*(part.scalar_subquery().label(name) for name, part in parts.items()))).one()
        return Moments(filed=request.created_at, opened=row.opened, delivered=row.delivered, before=row.before)

    def add(self, reading: Reading, request: ApprovalRequest, *, via: str, batch: str | None) -> None:
        """Keep what time there was for a decision; `request` is as it left it."""
        self._run(
            readings.insert().values(
                request_id=request.id,
                server=request.call.server,
                tool=request.call.tool,
                rule=request.rule,
                person=reading.person,
                answer=reading.answer.value,
                via=via,
                at=reading.at,
                known=reading.known.value,
                waited_ms=rounded(_ms(reading.at - request.created_at)),
                took_ms=_ms(reading.took),
                needed_ms=_ms(reading.needed),
                too_fast=reading.too_fast,
                final=request.state is not State.PENDING,
                batch=batch,
            )
        )

    def last(self, person: str, *, limit: int, since: datetime) -> list[tuple[Answer, bool]]:
        """The newest decisions of a person, newest first: the answer, and whether it was given too fast."""
        theirs = select(readings.c.answer, readings.c.too_fast).where(
            readings.c.person == person, readings.c.at > since
        )
        rows = self._run(theirs.order_by(readings.c.at.desc(), readings.c.id.desc()).limit(limit))
        return [(Answer(row.answer), row.too_fast) for row in rows]

    def after(self, row: int, limit: int) -> Sequence[ReadingRow]:
        """The decisions since one, oldest first."""
        newer = select(readings.c.id, readings.c.answer, readings.c.too_fast).where(readings.c.id > row)
        found = self._run(newer.order_by(readings.c.id).limit(limit))
        return [ReadingRow(id=one.id, answer=one.answer, too_fast=one.too_fast) for one in found]

    def last_id(self) -> int:
        """The newest decision, 0 if there is none."""
        return int(self._run(select(func.coalesce(func.max(readings.c.id), 0))).scalar_one())

    def say(self, request_id: str, person: str, *, as_expected: bool) -> None:
        """Keep a person's answer about an outcome; a newer one takes the place of theirs before."""
        said = {"as_expected": as_expected, "at": self._tx.now}
        fresh = self._tx.insert(expectations).values(request_id=request_id, person=person, **said)
        self._run(fresh.on_conflict_do_update(index_elements=["request_id", "person"], set_=said))


def _ms(span: timedelta) -> int:
    return max(0, min(span // MILLISECOND, MOST_MS))
