"""Decoys: those to come, those that wait, and what reviewers did with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.sql.expression import ColumnElement

from approvals.domain.decoys import Seen
from approvals.domain.model import ApprovalRequest
from approvals.storage.frame import Group
from approvals.storage.tables import IS_PENDING, IS_REAL, requests
from approvals.storage.tables_decoys import decoy_answers, decoy_plans


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a person did with the decoys they answered."""

    seen: int = 0
    missed: int = 0


class DecoyRows(Group):
    """Statements about decoys."""

    def plan(self, request_id: str, due_at: datetime) -> None:
        """Have a decoy made of a request, at that time."""
        self._run(decoy_plans.insert().values(request_id=request_id, due_at=due_at))

    def due(self, limit: int) -> list[str]:
        """The requests that decoys are to be made of now."""
        found = select(decoy_plans.c.request_id).where(decoy_plans.c.due_at <= self._tx.now)
        return list(self._run(found.order_by(decoy_plans.c.due_at).limit(limit)).scalars())

    def take(self, request_id: str) -> bool:
        """Use a plan up. False: another process has."""
        taken = delete(decoy_plans).where(decoy_plans.c.request_id == request_id)
        return self._run(taken.returning(decoy_plans.c.request_id)).first() is not None

    def waits(self, server: str, rule: str) -> bool:
        """Does a decoy among the requests of this rule wait for an answer?"""
        found = select(requests.c.id).where(IS_PENDING, requests.c.decoy.is_not(None), *_of(server, rule))
        return self._run(found.limit(1)).first() is not None

    def waiting(self, server: str, rule: str) -> int:
        """How many real requests of this rule wait for people."""
        counted = select(func.count()).select_from(requests).where(IS_PENDING, IS_REAL, *_of(server, rule))
        return int(self._run(counted).scalar_one())

    def answered(self, request: ApprovalRequest, person: str, seen: Seen) -> None:
        """Keep what a person did with a decoy; the first counts."""
        said = {"request_id": request.id, "person": person, "server": request.call.server, "seen": seen.value}
        fresh = self._tx.insert(decoy_answers).values(**said, at=self._tx.now)
        self._run(fresh.on_conflict_do_nothing(index_elements=["request_id", "person"]))

    def scores(self, start: datetime, end: datetime, *, server: str | None, person: str | None) -> Mapping[str, Score]:
        """By person, what was answered within [start, end); None is any."""
        columns = (decoy_answers.c.person, decoy_answers.c.seen)
        found = select(*columns, func.count().label("number")).where(
            decoy_answers.c.at >= start, decoy_answers.c.at < end
        )
        if server is not None:
            found = found.where(decoy_answers.c.server == server)
        if person is not None:
            found = found.where(decoy_answers.c.person == person)
        scores: dict[str, Score] = {}
        for row in self._run(found.group_by(*columns)):
            was, missed = scores.get(row.person, Score()), row.seen == Seen.APPROVED
            more = (0, row.number) if missed else (row.number, 0)
            scores[row.person] = Score(seen=was.seen + more[0], missed=was.missed + more[1])
        return scores

    def totals(self) -> Mapping[str, int]:
        """How often people did what with decoys, in all."""
        counted = select(decoy_answers.c.seen, func.count().label("number")).group_by(decoy_answers.c.seen)
        return {row.seen: row.number for row in self._run(counted)}


def _of(server: str, rule: str) -> tuple[ColumnElement[bool], ...]:
    return (requests.c.server == server, requests.c.rule == rule)
