"""Raises as people see and end them: what may be gone over now, because of whom, until when.

Whoever may take the call back may also take the raise back: the reviewers of its request, the agent's owner,
operators and admins. It counts from the commit on, in every process: limits ask the store each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from approvals.desk import Desk
from approvals.domain import quorum
from approvals.domain.lifecycle import Note, note
from approvals.domain.model import ApprovalRequest, Person
from approvals.domain.raising import Raise
from approvals.errors import NotAllowed, NotFound, Refusal
from approvals.room import Room
from approvals.storage.tx import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A raise with the request it came of."""

    one: Raise
    request: ApprovalRequest


class Raises:
    """The acts on raises."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def listed(
        self, person: Person, *, only_in_force: bool = False, limit: int = 50, after: tuple[datetime, str] | None = None
    ) -> tuple[list[Listed], tuple[datetime, str] | None]:
        """A page of the raises whose requests the person may see, newest first, and where the next page begins."""

        def look(tx: Tx) -> tuple[list[Listed], tuple[datetime, str] | None]:
            found = tx.raises.newest(limit=limit, after=after, holds_at=tx.now if only_in_force else None)
            pairs = ((one, tx.requests.get(one.request)) for one in found)
            seen = [
                Listed(one=one, request=request)
                for one, request in pairs
                if request is not None and quorum.may_see(person, request)
            ]
            return seen, (found[-1].at, found[-1].id) if len(found) == limit else None

        return await self._desk.db.read(look)

    async def end(self, raise_id: str, *, person: Person) -> Listed:
        """Take a raise back before its time; one that is over stays as it is.

        Raises:
            NotFound: there is none, or the person may not know of it.
            NotAllowed: the person has no part in it.
        """
        done = await self._desk.db.write(lambda tx: _end(self._desk.room(tx), raise_id, person))
        if isinstance(done, Refusal):
            raise done
        return done


def _end(room: Room, raise_id: str, person: Person) -> Listed | Refusal:
    tx = room.tx
    found = tx.raises.get(raise_id, lock=True)
    request = tx.requests.get(found.request, lock=True) if found is not None else None
    current = room.person(person.id)
    if found is None or request is None or not quorum.may_see(current, request):
        return NotFound(what="raise")
    if not quorum.may_cancel(current, request):
        return NotAllowed(what="take this raise back", why="only its reviewers, the agent's owner and operators may")
    if not found.holds(tx.now):
        return Listed(one=found, request=request)
    ended = tx.raises.end(found, at=tx.now, by=current.id)
    detail = {"budgets": [{"limit": found.over.name, "from": found.over.to, "to": found.over.most}]}
    row = note(request, Note.RAISE_ENDED, actor=current.id, at=tx.now, before=request.state, detail=detail)
    tx.requests.append(row, request.binding)
    return Listed(one=ended, request=request)
