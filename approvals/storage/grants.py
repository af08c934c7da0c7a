"""Standing grants and their uses. A row that has ended stays, for the record.

The request that a grant was given with is read with it: agent, tool, rule and arguments are never copied.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, select, tuple_, update

from approvals.domain import shapes
from approvals.domain.grants import Grant
from approvals.domain.model import ApprovalRequest, PersonId
from approvals.domain.shapes import Proposal
from approvals.storage.frame import Group
from approvals.storage.requests import Requests
from approvals.storage.tables_grants import IS_IN_FORCE, grant_uses, grants

USES_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One call that a grant let run."""

    request: str
    at: datetime


class Grants(Group):
    """Statements about grants."""

    def add(self, grant: Grant) -> None:
        """Put a grant in force."""
        self._run(grants.insert().values(self._tx.cells(grant.origin.id).row(grants, _row(grant))))

    def in_force(self, *, agent: str, server: str, tool: str) -> list[Grant]:
        """What may speak for a call of this agent and tool now, what ends first in front."""
        same = (grants.c.agent == agent, grants.c.server == server, grants.c.tool == tool)
        holds = (IS_IN_FORCE, grants.c.until > self._tx.now_sql(), grants.c.used < grants.c.uses)
        return self._many(select(grants).where(*same, *holds).order_by(grants.c.until, grants.c.id))

    def get(self, id: str, *, lock: bool = False) -> Grant | None:
        """One grant; `lock` keeps other uses off it until this transaction ends."""
        one = select(grants).where(grants.c.id == id)
        found = self._many(one.with_for_update() if lock else one)
        return found[0] if found else None

    def of_request(self, request_id: str) -> list[Grant]:
        """What was given with one request."""
        return self._many(select(grants).where(grants.c.request_id == request_id).order_by(grants.c.at, grants.c.id))

    def of_session(self, key: str) -> list[Grant]:
        """What is bound to a session and was not ended, locked."""
        mine = select(grants).where(IS_IN_FORCE, grants.c.session == key).order_by(grants.c.id)
        return self._many(mine.with_for_update())

    def newest(
        self, *, limit: int, after: tuple[datetime, str] | None = None, holds_at: datetime | None = None
    ) -> list[Grant]:
        """A page, newest first; with `holds_at` only those in force then."""
        statement = select(grants).order_by(grants.c.at.desc(), grants.c.id.desc()).limit(limit)
        if after is not None:
            statement = statement.where(tuple_(grants.c.at, grants.c.id) < after)
        if holds_at is not None:
            statement = statement.where(IS_IN_FORCE, grants.c.until > holds_at, grants.c.used < grants.c.uses)
        return self._many(statement)

    def use(self, grant: Grant, request_id: str, amount: Decimal) -> Grant:
        """Take one use of a grant that is locked. What it took of the budget stands in the request's arguments."""
        after = grant.use(amount)
        spent = {"used": after.used, "spent": shapes.plainly(after.spent)}
        self._run(update(grants).where(grants.c.id == grant.id).values(spent))
        taken = {"grant_id": grant.id, "request_id": request_id, "at": self._tx.now}
        self._run(grant_uses.insert().values(taken))
        self._tx.touch(grant.id)
        return after

    def uses(self, grant_id: str, *, limit: int = USES_MAX) -> list[Use]:
        """The calls that a grant let run, newest first."""
        mine = select(grant_uses).where(grant_uses.c.grant_id == grant_id)
        rows = self._run(mine.order_by(grant_uses.c.at.desc(), grant_uses.c.request_id.desc()).limit(limit))
        return [Use(request=row.request_id, at=row.at) for row in rows]

    def end(self, grant: Grant, *, by: str) -> Grant:
        """End a grant that is in force, and locked."""
        now = self._tx.now
        self._run(update(grants).where(grants.c.id == grant.id).values(ended_at=now, ended_by=by))
        return replace(grant, ended_at=now, ended_by=by)

    def _many(self, statement: Any) -> list[Grant]:
        return [self._grant(row) for row in self._run(statement).all()]

    def _grant(self, row: Row[Any]) -> Grant:
        origin = Requests(self._tx).get(row.request_id)
        if origin is None:
            raise LookupError(f"{row.id} has lost the request it was given with")
        return Grant(
            id=row.id,
            origin=origin,
            proposal=self._proposal(row, origin),
            given_by=tuple(PersonId(one) for one in row.given_by),
            at=row.at,
            until=row.until,
            used=row.used,
            spent=Decimal(row.spent),
            ended_at=row.ended_at,
            ended_by=row.ended_by,
            session=row.session,
        )

    def _proposal(self, row: Row[Any], origin: ApprovalRequest) -> Proposal:
        cells = self._tx.cells_of([origin.id]).get(origin.id)
        if cells is None or origin.destroyed is not None:
            # Its words were destroyed with its request, and it speaks for nothing (`grants.outside`).
            return Proposal(places=(), lasts=row.until - row.at, uses=row.uses)
        return shapes.read(cells.open(grants.c.proposal, row.proposal))


def _row(grant: Grant) -> dict[str, Any]:
    origin = grant.origin
    return {
        "id": grant.id,
        "request_id": origin.id,
        "agent": origin.caller.agent,
        "server": origin.call.server,
        "tool": origin.call.tool,
        "proposal": shapes.written(grant.proposal),
        "given_by": list(grant.given_by),
        "at": grant.at,
        "until": grant.until,
        "uses": grant.proposal.uses,
        "used": grant.used,
        "spent": shapes.plainly(grant.spent),
        "ended_at": grant.ended_at,
        "ended_by": grant.ended_by,
        "session": grant.session,
    }
