"""Decoys: those to come, those that wait, and what reviewers did with the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, exists, func, or_, select, update
from sqlalchemy.sql.expression import ColumnElement

from approvals.domain.decoys import GIVEN_UP, Plan, Seen, hour_of
from approvals.domain.model import ApprovalRequest, State
from approvals.storage.frame import Group
from approvals.storage.tables import IS_PENDING, IS_REAL, agent_tokens, requests
from approvals.storage.tables_decoys import decoy_answers, decoy_plans


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a person did with the decoys they answered."""

    seen: int = 0
    missed: int = 0


class DecoyRows(Group):
    """Statements about decoys."""

    def plan(self, plan: Plan) -> None:
        """Have something done with a request, at that time."""
        row = {"request_id": plan.request, "due_at": plan.due_at, "left_at": plan.left_at}
        self._run(decoy_plans.insert().values(row))

    def left(self, request_id: str) -> None:
        """The agent of a request that a decoy is to be made of has gone away; the first time counts."""
        planned = update(decoy_plans).where(decoy_plans.c.request_id == request_id, decoy_plans.c.left_at.is_(None))
        self._run(planned.values(left_at=self._tx.now))

    def due(self, limit: int) -> list[Plan]:
        """What is to be done now. A decoy is only made when its agent is about: all can see when it last was."""
        now = self._tx.now
        of = agent_tokens.c.agent == requests.c.agent
        never = ~exists().where(of, agent_tokens.c.last_used_at.is_not(None))
        lately = exists().where(of, agent_tokens.c.last_used_at >= hour_of(now))
        about = or_(requests.c.decoy.is_not(None), never, lately, decoy_plans.c.due_at < now - GIVEN_UP)
        found = select(decoy_plans).join(requests, requests.c.id == decoy_plans.c.request_id)
        rows = self._run(found.where(decoy_plans.c.due_at <= now, about).order_by(decoy_plans.c.due_at).limit(limit))
        return [Plan(request=row.request_id, due_at=row.due_at, left_at=row.left_at) for row in rows]

    def next_due(self) -> datetime | None:
        """When the next plan is due that is not yet."""
        first = select(func.min(decoy_plans.c.due_at, type_=decoy_plans.c.due_at.type))
        at: datetime | None = self._run(first.where(decoy_plans.c.due_at > self._tx.now)).scalar_one()
        return at

    def waited_for(self) -> list[str]:
        """The decoys whose agent seems to wait."""
        found = select(requests.c.id).where(
            IS_PENDING, requests.c.decoy.is_not(None), requests.c.waiting_holder.is_not(None)
        )
        return list(self._run(found).scalars())

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
        """By person, what was answered within [start, end); None is any. What still waits tells nobody what it is."""
        columns = (decoy_answers.c.person, decoy_answers.c.seen)
        found = _disclosed(*columns).where(decoy_answers.c.at >= start, decoy_answers.c.at < end)
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
        """How often people did what with decoys that have ended, in all."""
        counted = _disclosed(decoy_answers.c.seen).group_by(decoy_answers.c.seen)
        return {row.seen: row.number for row in self._run(counted)}


def _disclosed(*columns: ColumnElement[Any]) -> Select[Any]:
    """The number of answers to decoys that have ended."""
    counted = select(*columns, func.count().label("number"))
    return counted.join(requests, requests.c.id == decoy_answers.c.request_id).where(requests.c.state != State.PENDING)


def _of(server: str, rule: str) -> tuple[ColumnElement[bool], ...]:
    return (requests.c.server == server, requests.c.rule == rule)
