"""People who are away, and who decides for them: the acts, and what an absence does to what waits already.

An absence that begins shows its delegate the cards of all that waits for the absent one, once, whichever process
does it. Whose word counts while it lasts is looked up with every vote; nothing here changes a request.
"""

from __future__ import annotations

from datetime import datetime

from approvals.acting import ADMINS, COMMAND, Actor, permit
from approvals.desk import Desk
from approvals.domain import absent, quorum
from approvals.domain.absent import Absence
from approvals.domain.model import ApprovalRequest, Person, PersonId, Role, State
from approvals.errors import Invalid, NotFound, NotThere
from approvals.room import Room
from approvals.storage.requests import Query
from approvals.storage.tx import Tx

PAGE = 200


class Absences:
    """The acts of reviewers about themselves, and of admins about everybody."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._db = desk, desk.db

    async def begin(
        self, email: str, *, until: datetime, since: datetime | None = None, to: str | None = None, actor: Actor
    ) -> Absence:
        """Note that a person is away, in place of what was noted before.

        Raises:
            NotPermitted: neither a reviewer who speaks of themselves, nor an admin.
            NotFound: there is no such person.
            Invalid: the time or the delegate cannot be.
        """

        def work(tx: Tx) -> Absence:
            room = self._desk.room(tx)
            person = _whose(room, email, actor)
            absence = Absence(
                person=person.id,
                since=since or tx.now,
                until=until,
                to=PersonId(to.lower()) if to is not None else None,
            )
            delegate = room.directory.person(tx, absence.to) if absence.to is not None else None
            wrong = absent.why_not(absence, delegate=delegate, now=tx.now)
            if wrong is not None:
                raise Invalid(field=wrong[0], why=wrong[1])
            tx.absences.put(absence)
            said = {"since": absence.since.isoformat(), "until": until.isoformat(), "to": absence.to}
            tx.did("person.away", actor.id, subject=f"person:{person.id}", via=actor.via, **said)
            move(room)
            return absence

        return await self._db.write(work)

    async def end(self, email: str, *, actor: Actor) -> None:
        """Note that a person is back, or is not going after all.

        Raises:
            NotPermitted, NotFound.
        """

        def work(tx: Tx) -> None:
            room = self._desk.room(tx)
            person = _whose(room, email, actor)
            before = tx.absences.of(person.id)
            if before is None or not tx.absences.end(person.id):
                raise NotThere(what="absence", name=f"of {person.id}")
            tx.did("person.back", actor.id, subject=f"person:{person.id}", via=actor.via, to=before.to)
            for request in _waiting_for(room, person):
                tx.touch(request.id)

        await self._db.write(work)


def move(room: Room) -> int:
    """Show delegates what waits for people who have gone since; says how many absences began."""
    begun = [one for one in room.tx.absences.to_move() if room.tx.absences.moved(one.person)]
    for absence in begun:
        person = room.person(absence.person)
        for request in _waiting_for(room, person):
            room.announce(request)
    return len(begun)


def _whose(room: Room, email: str, actor: Actor) -> Person:
    person = room.directory.person(room.tx, email)
    own = person is not None and person.id == actor.id and Role.REVIEWER in person.roles and not person.disabled
    if not own and not actor.id.startswith(COMMAND):
        permit(room, actor, "say of others that they are away", roles=ADMINS)
    if person is None:
        raise NotFound(what="person", name=email)
    return person


def _waiting_for(room: Room, person: Person) -> list[ApprovalRequest]:
    """Every pending request that asks this person."""
    found: list[ApprovalRequest] = []
    query = Query(states=frozenset({State.PENDING}), limit=PAGE, oldest_first=True)
    while True:
        page = room.tx.requests.search(query)
        found += [one for one in page if any(quorum.speaks_for(person, f) for f in one.terms.factors)]
        if len(page) < PAGE:
            return found
        last = page[-1]
        query = Query(states=query.states, limit=PAGE, oldest_first=True, after=(last.created_at, last.id))
