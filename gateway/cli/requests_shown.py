"""A request as the person of a command may see it."""

from __future__ import annotations

import json
from typing import Any

from approvals.domain.card import status_of
from approvals.domain.model import ApprovalRequest, Person
from approvals.domain.quorum import may_see_in_full, named_in
from approvals.errors import NotFound
from approvals.storage.tx import Tx
from approvals.web.shape import view, write
from approvals.web.spoken import ledger, speakers, spoken
from gateway.cli.requests_lines import line
from gateway.cli.session import Session


async def get(session: Session, request_id: str, person: Person) -> ApprovalRequest:
    """The request.

    Raises:
        NotFound: there is none of that id, or the person may not see it.
    """
    found = await session.desk.get(request_id, person)
    if found is None:
        raise NotFound(what="request", name=request_id)
    return found


async def shown(session: Session, requests: list[ApprovalRequest], person: Person) -> list[dict[str, Any]]:
    """Requests as REST has them."""

    def work(tx: Tx) -> list[dict[str, Any]]:
        names = [one for request in requests for one in named_in(request.votes)]
        seen = view(tx, session.desk.directory, person, names, snoozed=tx.snoozes.of(person.id))
        return [json.loads(write(request, seen)) for request in requests]

    return await session.db.read(work)


async def whole(session: Session, request: ApprovalRequest, person: Person) -> dict[str, Any]:
    """A request as REST has it, with what people said beside their votes."""

    def work(tx: Tx) -> dict[str, Any]:
        full = may_see_in_full(person, request)
        history = ledger(tx, request, full=full)
        names = [*named_in(request.votes), *speakers(request, history)]
        seen = view(tx, session.desk.directory, person, names, snoozed=tx.snoozes.of(person.id))
        said: dict[str, Any] = json.loads(write(request, seen, spoken(request, history, seen, full=full)))
        return said

    return await session.db.read(work)


async def told_of(session: Session, requests: list[ApprovalRequest]) -> list[str]:
    """What has happened to each of them, as their cards say it."""
    return await session.db.read(lambda tx: [_told(session, tx, one) for one in requests])


async def told_lines(session: Session, requests: list[ApprovalRequest]) -> list[str]:
    """A line for each of them."""

    def work(tx: Tx) -> list[str]:
        return [line(one, told=_told(session, tx, one), now=tx.now) for one in requests]

    return await session.db.read(work)


def _told(session: Session, tx: Tx, request: ApprovalRequest) -> str:
    room, history = session.desk.room(tx), tx.requests.events(request.id)
    people = room.named(request, history)
    return status_of(request, needs=room.needs(request), people=people, now=tx.now, history=history)
