"""Standing grants inside a transaction: given with an approval, found for a call, used once for it, looked at again.

A use is taken in the transaction that files the call, under the grant's own row lock: of two calls at once with one use
left, one is covered and the other is asked about. The right to run is asked again when the call is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping

from approvals import stopped
from approvals.domain import grant_words, grants, quorum, shapes
from approvals.domain.grants import Grant
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Note, note
from approvals.domain.model import Answer, ApprovalRequest, Person, PersonId
from approvals.domain.schedule import CLOCK
from approvals.domain.shapes import Proposal, Scope, TooWide
from approvals.errors import Invalid, NotAllowed, NotFound, Refusal, StaleBinding
from approvals.room import Room

IN_FORCE_MAX = 50
"""How many grants of one agent for one tool may be in force: each call is held against all of them."""


def refused(room: Room, request: ApprovalRequest, answer: Answer, proposal: Proposal) -> Refusal | None:
    """Why a decision about the request cannot carry this grant, None if it can."""
    if answer is not Answer.APPROVE:
        return Invalid(field="grant", why="only an approval gives one")
    if request.destroyed is not None:
        return Invalid(field="grant", why="its arguments are destroyed, so nothing can be like it")
    why = grants.why_not_offered(request)
    if why is not None:
        return Invalid(field="grant", why=why)
    try:
        shapes.check(proposal, request.call.arguments, room.grant_limits)
    except TooWide as wide:
        return Invalid(field=f"grant/{wide.field}", why=wide.why)
    if (why := _no_session(room, request, proposal)) is not None:
        return Invalid(field="grant/scope", why=why)
    call = request.call
    if len(room.tx.grants.in_force(agent=request.caller.agent, server=call.server, tool=call.tool)) >= IN_FORCE_MAX:
        return Invalid(field="grant", why=f"{IN_FORCE_MAX} are in force for this agent and tool; revoke some first")
    return None


def give(room: Room, request: ApprovalRequest, *, actor: str) -> None:
    """Put in force what everybody who approved the request agreed on; the ledger says what, or why nothing."""
    voters = room.voters(request)
    proposal, why = grants.agreed(request, voters)
    if proposal is not None:
        why = _no_session(room, request, proposal, lock=True)
    if proposal is not None and why is None:
        by = tuple(dict.fromkeys(vote.reviewer for vote in quorum.counted(request, voters)))
        _put(room, request, proposal, by, actor=actor)
    elif why is not None:
        row = note(
            request, Note.GRANT_NOT_GIVEN, actor=CLOCK, at=room.tx.now, before=request.state, detail={"note": why}
        )
        room.tx.requests.append(row, request.binding)


def give_after(room: Room, request_id: str, *, reviewer: PersonId, binding: str, proposal: Proposal) -> Grant | Refusal:
    """Give a grant of a call that was approved before; it takes somebody who could have approved it alone."""
    request, person = room.load(request_id), room.person(reviewer)
    if request is None or not quorum.may_see(person, request):
        return NotFound(what="request")
    if binding != request.binding:
        return StaleBinding(request=request)
    why = quorum.why_no_authority(person, request)
    if why is not None:
        return NotAllowed(what="give this grant", why=why)
    if not grants.may_be_given_after(request):
        return Invalid(field="request", why="only a call that people have approved can be the model of a grant")
    wrong = refused(room, request, Answer.APPROVE, proposal)
    if wrong is not None:
        return wrong
    grant = _grant(room, request, proposal, (person.id,))
    if grants.unfounded(grant, request, {person.id: person}) is not None:
        return NotAllowed(
            what="give this grant",
            why="the rule asks for more people than you; give the grant with the approval, all of you",
        )
    if (why := _no_session(room, request, proposal, lock=True)) is not None:
        return Invalid(field="grant/scope", why=why)
    return _put(room, request, proposal, (person.id,), actor=person.id)


def covering(room: Room, request: ApprovalRequest) -> Grant | None:
    """A grant that lets this call run, locked until the transaction ends; None if people have to be asked."""
    tx, call = room.tx, request.call
    found = tx.grants.in_force(agent=request.caller.agent, server=call.server, tool=call.tool)
    for one in found:
        if grants.outside(one, request, tx.now) is not None:
            continue
        grant = tx.grants.get(one.id, lock=True)
        fits = grant is not None and grants.why_not(grant, request, _givers(room, grant), tx.now) is None
        if grant is not None and fits and stopped.why(tx, request) is None:
            return grant
    return None


def cover(room: Room, request: ApprovalRequest, grant: Grant) -> ApprovalRequest:
    """Take one use of the grant for the request, and approve it."""
    amount = shapes.amount_in(grant.proposal, request.call.arguments)
    if amount is None:
        raise ValueError(f"{grant.id} does not cover {request.id}")
    after = room.move(request, Happened(event=Event.COVERED, actor=CLOCK, grant=grant))
    used = room.tx.grants.use(grant, request.id, amount)
    # Quietly, where the grant was given: nobody has to do anything.
    room.tx.alerts.owe(room.threads(grant.origin), grant_words.used(used, after), request=grant.origin.id)
    return after


def still_stands(room: Room, request: ApprovalRequest) -> bool:
    """Does the grant that spoke for the request still let it run?"""
    grant = room.tx.grants.get(request.covered.grant) if request.covered is not None else None
    return grant is not None and grants.still_stands(grant, request, _givers(room, grant), room.tx.now)


def is_anothers(room: Room, request: ApprovalRequest, session: str | None) -> bool:
    """Was the request covered by a grant that is bound to another session than the one that wants to run it?"""
    grant = room.tx.grants.get(request.covered.grant) if request.covered is not None else None
    return grant is not None and grant.session is not None and grant.session != session


def session_over(room: Room, key: str) -> int:
    """A session of an agent is over, and with it whatever is bound to it; says how many grants."""
    if not room.tx.agent_sessions.end(key):
        return 0
    bound = room.tx.grants.of_session(key)
    for grant in bound:
        ended = room.tx.grants.end(grant, by=CLOCK)
        detail = {"grant": grant.id, "used": grant.used, "note": "the session it was bound to is over"}
        _noted(room, ended, Note.GRANT_ENDED, actor=CLOCK, detail=detail)
    return len(bound)


def end(room: Room, grant_id: str, *, reviewer: PersonId) -> Grant | Refusal:
    """Take a grant back; one that is over stays as it is."""
    tx = room.tx
    grant, person = tx.grants.get(grant_id, lock=True), room.person(reviewer)
    if grant is None or not quorum.may_see(person, grant.origin):
        return NotFound(what="grant")
    if not quorum.may_cancel(person, grant.origin):
        return NotAllowed(what="take this grant back", why="only its reviewers, the agent's owner and operators may")
    if not grant.stands(tx.now):
        return grant
    ended = tx.grants.end(grant, by=person.id)
    _noted(room, ended, Note.GRANT_ENDED, actor=person.id, detail={"grant": grant.id, "used": grant.used})
    return ended


def _put(room: Room, request: ApprovalRequest, proposal: Proposal, by: tuple[PersonId, ...], *, actor: str) -> Grant:
    grant = _grant(room, request, proposal, by)
    room.tx.grants.add(grant)
    detail = {
        "grant": grant.id,
        "given_by": list(by),
        "until": grant.until.isoformat(),
        "uses": proposal.uses,
        "grant_scope": proposal.scope.value,
        "proposal": shapes.written(proposal),
    }
    _noted(room, grant, Note.GRANT_GIVEN, actor=actor, detail=detail)
    return grant


def _grant(room: Room, request: ApprovalRequest, proposal: Proposal, by: tuple[PersonId, ...]) -> Grant:
    number = len(room.tx.grants.of_request(request.id))
    return Grant(
        id=f"grt_{request.id.removeprefix('req_')}{number or ''}",
        origin=request,
        proposal=proposal,
        given_by=by,
        at=room.tx.now,
        until=room.tx.now + proposal.lasts,
        session=grants.session_of(proposal, request),
    )


def _no_session(room: Room, request: ApprovalRequest, proposal: Proposal, *, lock: bool = False) -> str | None:
    session = request.caller.session
    if proposal.scope is not Scope.SESSION:
        return None
    if session is None:
        return grants.why_no_session(request)
    known = room.tx.agent_sessions.is_open(session, lock=lock)
    return None if known else "the session in which it was made is over, and a grant bound to it would cover nothing"


def _noted(room: Room, grant: Grant, event: Note, *, actor: str, detail: Mapping[str, object]) -> None:
    row = note(grant.origin, event, actor=actor, at=room.tx.now, before=grant.origin.state, detail=detail)
    room.tx.requests.append(row, grant.origin.binding)
    room.tx.touch(grant.id)


def _givers(room: Room, grant: Grant) -> dict[PersonId, Person]:
    found = (room.directory.person(room.tx, one) for one in grant.given_by)
    return {person.id: person for person in found if person is not None}
