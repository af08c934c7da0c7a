"""A desk over a real database, with a clock that tests move and ids that count."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from approvals.bus import LocalBus
from approvals.desk import Desk
from approvals.directory import Directory
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Record
from approvals.domain.model import Answer, ApprovalRequest, Decision, Outcome, Person, PersonId, ToolCall
from approvals.domain.shapes import Proposal
from approvals.domain.terms import Terms
from approvals.filing import Caps, Filing
from approvals.storage.engine import Database
from approvals.testing import samples
from tests.fakes.keys import VAULT

LEASE = timedelta(minutes=5)
ROUTES = [("slack", "#money"), ("hook", "one")]


class Clock:
    """The time, moved by hand."""

    def __init__(self) -> None:
        self.now = samples.NOW

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(slots=True)
class House:
    """A desk, its database, its clock, and shorthands for what tests do again and again."""

    desk: Desk
    db: Database
    clock: Clock
    directory: Directory
    ids: itertools.count[int] = field(default_factory=itertools.count)

    def another(self, holder: str) -> Desk:
        """Another replica's desk over the same database."""
        return make_desk(self.db, self.directory, holder=holder, ids=self.ids)

    async def file(self, arguments: Any = None, *, terms: Terms | None = None, **changes: Any) -> ApprovalRequest:
        filed = await self.desk.file(filing(arguments, terms=terms, **changes))
        return filed.request

    async def approve(self, request: ApprovalRequest, by: Person = samples.ADA, **changes: Any) -> ApprovalRequest:
        return await self.desk.decide(request.id, decision(request, by, **changes))

    async def deny(self, request: ApprovalRequest, by: Person = samples.ADA, **changes: Any) -> ApprovalRequest:
        return await self.desk.decide(request.id, decision(request, by, answer=Answer.DENY, **changes))

    async def claim(self, request: ApprovalRequest) -> ApprovalRequest:
        return await self.desk.claim(request.id, binding=request.binding, lease=LEASE)

    async def approved(self, arguments: Any = None, **changes: Any) -> ApprovalRequest:
        return await self.approve(await self.file(arguments, **changes))

    async def running(self, arguments: Any = None, **changes: Any) -> ApprovalRequest:
        return await self.claim(await self.approved(arguments, **changes))

    async def succeeded(self, arguments: Any = None, **changes: Any) -> ApprovalRequest:
        return await self.desk.settle((await self.running(arguments, **changes)).id, returned())

    async def ledger(self, request: ApprovalRequest) -> list[Record]:
        return await self.desk.timeline(request.id)

    async def now(self, request: ApprovalRequest) -> ApprovalRequest:
        found = await self.desk.get(request.id)
        assert found is not None
        return found

    def people(self, *changed: Person) -> None:
        """Change who people are, as a reload would."""
        self.directory.replace({**samples.PEOPLE, **{p.id: p for p in changed}}, {})


def make_desk(
    db: Database, directory: Directory, *, holder: str, ids: itertools.count[int], caps: Caps | None = None
) -> Desk:
    """A desk whose ids count up."""
    return Desk(
        db=db,
        bus=LocalBus(db),
        directory=directory,
        new_id=lambda kind: f"{kind}_{next(ids):026d}",
        holder=holder,
        caps=caps or Caps(),
        routes=lambda *_: ROUTES,
    )


@asynccontextmanager
async def house(
    url: str, *, caps: Caps | None = None, people: Mapping[PersonId, Person] = samples.PEOPLE
) -> AsyncIterator[House]:
    """A desk over the database at `url`, on a clock of its own."""
    clock = Clock()
    async with Database.opened(url, VAULT, clock=clock) as db:
        directory = Directory(people, {})
        ids = itertools.count()
        desk = make_desk(db, directory, holder="one", ids=ids, caps=caps)
        yield House(desk=desk, db=db, clock=clock, directory=directory, ids=ids)


def filing(
    arguments: Any = None,
    *,
    terms: Terms | None = None,
    agent: str = "claude-ada",
    owner: str | None = None,
    call: ToolCall | None = None,
    session: str | None = None,
    **changes: Any,
) -> Filing:
    """A filing of the sample call."""
    fields: dict[str, Any] = {"rule": "/tools/new_order/action", "policy_version": "v1"} | changes
    return Filing(
        call=call or samples.call(arguments),
        caller=replace(samples.caller(agent, owner), session=session),
        terms=terms or samples.terms(),
        **fields,
    )


def decision(
    request: ApprovalRequest,
    by: Person,
    *,
    answer: Answer = Answer.APPROVE,
    binding: str | None = None,
    reason: str | None = None,
    via: str = "web",
    raise_for: timedelta | None = None,
    grant: Proposal | None = None,
) -> Decision:
    """A decision that names what the request binds, unless another binding is given."""
    bound = request.binding if binding is None else binding
    return Decision(
        reviewer=by.id, answer=answer, binding=bound, via=via, reason=reason, raise_for=raise_for, grant=grant
    )


def returned(result: bytes = b'{"content":[]}') -> Happened:
    """An upstream's good answer."""
    return Happened(event=Event.RETURNED, actor="placet", outcome=Outcome(kind="succeeded", result=result))
