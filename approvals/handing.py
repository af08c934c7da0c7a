"""What people do about who decides and when: hand a request on to others, or put it out of their own sight.

Both leave the call, its deadline and the counts as they are. Votes that were given stay on record, and count while
their voters speak for a factor.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from approvals.deciding import bad_text, clean, over, unseen
from approvals.domain import handing_on, quorum, snoozing
from approvals.domain.audit import Act
from approvals.domain.happening import Event, Happened
from approvals.domain.model import ApprovalRequest, Person, PersonId
from approvals.domain.snoozing import Snooze
from approvals.errors import Invalid, NotAllowed, NotFound, Refusal
from approvals.room import Result, Room

HAND_ON = "hand this on"


def reassign(
    room: Room, request_id: str, *, by: PersonId, to: tuple[str, ...], factor: int | None, note: str | None
) -> Result:
    """Let others decide in place of those whom a person speaks for; `factor` names one of several by its place."""
    request = room.load(request_id)
    person = room.person(by)
    refused = unseen(request, person) or (request is not None and over(room, request))
    if refused or request is None:
        return refused or NotFound(what="request")
    at = _places(request, person, factor)
    if isinstance(at, Refusal):
        return at
    bad = bad_text("note", note)
    if bad is not None:
        return bad
    people = room.directory.people(room.tx)
    try:
        named = handing_on.members(to)
        why = handing_on.why_not_them(request, named, people)
        if why is not None:
            return Invalid(field="to", why=why)
        factors = handing_on.handed(request, at, named, people)
    except ValueError as err:
        return Invalid(field="to", why=str(err))
    asked = replace(request, terms=replace(request.terms, factors=factors))
    if quorum.met(room.needs(asked)):
        return Invalid(field="to", why="those who approved already would be enough, and nobody would be asked any more")
    return room.move(request, Happened(event=Event.REASSIGNED, actor=person.id, factors=factors, note=clean(note)))


def snooze(room: Room, request_id: str, *, by: PersonId, lasts: timedelta | None) -> Result:
    """Put a waiting request out of one person's sight, or back into it (None)."""
    request = room.load(request_id)
    person = room.person(by)
    refused = unseen(request, person) or (request is not None and over(room, request))
    if refused or request is None:
        return refused or NotFound(what="request")
    if lasts is None:
        room.tx.snoozes.end(request.id, person.id)
    else:
        until = room.tx.now + lasts
        why = snoozing.why_not(request, until, room.tx.now)
        if why is not None:
            return Invalid(field="for", why=why)
        room.tx.snoozes.put(Snooze(request=request.id, person=person.id, until=until, revision=request.revision))
    seconds = None if lasts is None else int(lasts.total_seconds())
    room.tx.record(
        Act(
            action="request.snoozed",
            actor=person.id,
            at=room.tx.now,
            request=request.id,
            binding=request.binding,
            before=request.state.value,
            after=request.state.value,
            detail={"seconds": seconds},
        )
    )
    room.tx.touch(request.id)
    return request


def may_not_hand_on(person: Person, request: ApprovalRequest) -> Refusal | None:
    """Whoever speaks for somebody who is asked may let others decide in their place."""
    if handing_on.places(request, person):
        return None
    return NotAllowed(what=HAND_ON, why=quorum.why_no_authority(person, request) or "you speak for nobody who is asked")


def _places(request: ApprovalRequest, person: Person, factor: int | None) -> frozenset[int] | Refusal:
    mine = handing_on.places(request, person)
    if factor is not None and not 0 <= factor < len(request.terms.factors):
        return Invalid(field="factor", why=f"there are {len(request.terms.factors)}, counted from 0")
    if factor is not None and handing_on.may_steer(person, request):
        return frozenset({factor})
    if (may_not := may_not_hand_on(person, request)) is not None:
        return may_not
    if factor is None:
        return mine
    return frozenset({factor}) if factor in mine else NotAllowed(what=HAND_ON, why="you speak for another group in it")
