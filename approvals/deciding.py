"""What people do to a request, each inside one transaction: decide, extend, cancel, resolve.

The order of the checks is fixed: there at all, already ended, what was on the screen, the deadline,
the person's authority now, their words, a stop; then `advance`, the tally, the commit. A refusal is returned,
not raised, because two of them come with a change that must be committed: the request that ran out.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta

from approvals import attending, editing, granting, raised, stopped
from approvals.domain import decoys, quorum, raising, schedule
from approvals.domain.audit import Act
from approvals.domain.decoys import Seen
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import NoSuchArrow, ending
from approvals.domain.model import (
    Answer,
    ApprovalRequest,
    Cause,
    Decision,
    Ground,
    Person,
    PersonId,
    Role,
    State,
    Vote,
)
from approvals.domain.plain import clock_time
from approvals.editing import Judged
from approvals.errors import (
    AlreadyDecided,
    Expired,
    Invalid,
    NotAllowed,
    NotClaimable,
    NotFound,
    Refusal,
    StaleBinding,
    Stopped,
)
from approvals.room import Result, Room

REASON_MAX = 500
EXTEND_MAX = timedelta(hours=24)
LIFETIME_MAX = timedelta(days=7)


def decide(room: Room, request_id: str, decision: Decision, judged: Judged = None) -> Result:
    """One reviewer's answer: a denial ends it, an approval counts towards the quorum.

    `judged` is what came of asking about the arguments that the decision wants instead.
    """
    request = room.load(request_id)
    person = room.person(decision.reviewer)
    refused = (
        unseen(request, person, binding=decision.binding)
        or (request is not None and over(room, request))
        or (request is not None and _cannot(room, person, request, decision))
        or (request is not None and _stopped(room, request, decision))
        or (request is not None and attending.unconfirmed(room.tx, room.friction, request, decision))
    )
    if refused or request is None:
        return _on_record(room, request, decision, refused) if refused else NotFound(what="request")
    if request.decoy is not None:
        return _seen(room, request, person, decision, judged)
    edited = editing.edit(room, request, replace(decision, reviewer=person.id), judged)
    if isinstance(edited, Refusal):
        return _on_record(room, request, decision, edited)
    if edited is not request and quorum.why_no_authority(person, edited) is not None:
        # Others decide such a call: the editor has said what it should be, and no more.
        return edited
    return _vote(room, edited, person, decision)


def _seen(room: Room, request: ApprovalRequest, person: Person, decision: Decision, judged: Judged) -> Result:
    """An answer to a decoy: it is kept and disclosed, and leads to nothing else.

    Raises:
        Conflict: what other arguments would get was asked about another state of the request.
    """
    if (refused := editing.refused(request, decision, judged)) is not None:
        # What no request would take is no answer, or trying it would tell a decoy apart.
        return _on_record(room, request, decision, refused)
    seen = decoys.seen(decision, request)
    room.tx.decoys.answered(request, person.id, seen)
    room.tx.did(
        "decoy.answered",
        person.id,
        subject=f"request:{request.id}",
        via=decision.via,
        seen=seen.value,
        rule=request.rule,
    )
    if seen is Seen.CHANGED:
        return room.move(request, Happened(event=Event.DISCLOSED, actor=person.id, note="wanted other arguments"))
    vote, denied = _cast(room, request, person, decision), seen is Seen.DENIED
    enough = not denied and quorum.met(room.needs(quorum.with_vote(request, vote)))
    event = Event.VETOED if denied else Event.DISCLOSED if enough else Event.VOTED
    return room.move(request, Happened(event=event, actor=person.id, vote=vote))


def _vote(room: Room, request: ApprovalRequest, person: Person, decision: Decision) -> ApprovalRequest:
    vote = _cast(room, request, person, decision)
    denied = vote.answer is Answer.DENY
    enough = not denied and quorum.met(room.needs(quorum.with_vote(request, vote)))
    event = Event.VETOED if denied else Event.QUORUM_MET if enough else Event.VOTED
    after = room.move(request, Happened(event=event, actor=person.id, vote=vote))
    attending.keep(room.tx, after, decision)
    if enough:
        raised.put(room.tx, after, room.voters(after), actor=person.id)
        granting.give(room, after, actor=person.id)
    return after


def _cast(room: Room, request: ApprovalRequest, person: Person, decision: Decision) -> Vote:
    return Vote(
        reviewer=person.id,
        answer=decision.answer,
        binding=request.binding,
        via=decision.via,
        at=room.tx.now,
        reason=clean(decision.reason),
        raise_for=decision.raise_for,
        sign_in=decision.sign_in,
        grant=decision.grant,
        on_behalf=tuple(absent.id for absent in quorum.represented(person, request)),
    )


def turned_away(room: Room, request_id: str, decision: Decision, refused: Refusal) -> None:
    """Keep on record a vote that a surface has refused before it came here: of somebody who is nobody, say.

    `decision.reviewer` is then an account of that surface (`slack:U0EVE`) where it is no person's.
    """
    _on_record(room, room.tx.requests.get(request_id), decision, refused)


def _on_record(room: Room, request: ApprovalRequest | None, decision: Decision, refused: Refusal) -> Refusal:
    """A vote that did not count leaves a trace, where its request may be known of."""
    if request is not None and not isinstance(refused, NotFound):
        act = Act(
            action="request.vote_refused",
            actor=decision.reviewer.lower() if "@" in decision.reviewer else decision.reviewer,
            at=room.tx.now,
            via=decision.via,
            request=request.id,
            binding=request.binding,
            before=request.state.value,
            after=request.state.value,
            detail={
                "decision": decision.answer.value,
                "code": refused.code,
                "why": str(refused)[:REASON_MAX],
                "named": decision.binding[:64],
                **({} if decision.sign_in is None else {"sign_in": decision.sign_in.saved()}),
            },
        )
        room.tx.record(act)
    return refused


def extend(room: Room, request_id: str, reviewer: PersonId, by: timedelta) -> Result:
    """Give people more time; whoever may decide, or an operator, may."""
    request = room.load(request_id)
    person = room.person(reviewer)
    refused = unseen(request, person) or (request is not None and over(room, request))
    if refused or request is None:
        return refused or NotFound(what="request")
    why = quorum.why_no_authority(person, request)
    if why is not None and (person.disabled or Role.OPERATOR not in person.roles):
        return NotAllowed(what="give this more time", why=why)
    until = request.expires_at + by
    if by <= timedelta(0) or by > EXTEND_MAX:
        return Invalid(field="by", why="more than nothing and at most 24 hours at a time")
    if until > request.created_at + LIFETIME_MAX:
        return Invalid(field="by", why="a request may wait for at most 7 days in all")
    return room.move(request, Happened(event=Event.EXTENDED, actor=person.id, expires_at=until))


def cancel(room: Room, request_id: str, *, actor: str, cause: Cause, note: str | None) -> Result:
    """Take back a call that has not been sent. People need a right to; the agent may cancel its own."""
    request = room.load(request_id)
    refused = _may_not_cancel(room, request, actor) or bad_text("note", note)
    if refused or request is None:
        return refused or NotFound(what="request")
    try:
        ended = room.move(request, Happened(event=Event.CANCELLED, actor=actor, cause=cause, note=clean(note)))
    except NoSuchArrow:
        return over(room, request) or NotClaimable(state=request.state, request=request)
    if cause is Cause.CLIENT_CANCELLED:
        # The agent took it back itself: there is nothing left to tell it.
        room.tx.requests.set_told(request_id, room.tx.now)
    return ended


def resolve(room: Room, request_id: str, *, reviewer: PersonId, ran: bool, note: str | None) -> Result:
    """Note whether a call of unknown outcome ran. Nothing re-runs it."""
    request = room.load(request_id)
    person = room.person(reviewer)
    refused = unseen(request, person) or bad_text("note", note)
    if refused or request is None:
        return refused or NotFound(what="request")
    why = quorum.why_no_authority(person, request)
    if why is not None and (person.disabled or Role.OPERATOR not in person.roles):
        return NotAllowed(what="say whether this ran", why=why)
    if request.state is not State.UNKNOWN:
        return Invalid(
            field="state", why=f"only a call of unknown outcome can be resolved, this one is {request.state}"
        )
    cause = Cause.RESOLVED_RAN if ran else Cause.RESOLVED_DID_NOT_RUN
    return room.move(request, Happened(event=Event.RESOLVED, actor=person.id, cause=cause, note=clean(note)))


def words(field: str, text: str) -> str:
    """A reason that has to be given, without the space around it.

    Raises:
        Invalid: there is none, it is too long, or something in it is invisible.
    """
    said = clean(text)
    if said is None:
        raise Invalid(field=field, why="say why: agents and people are told it")
    bad = bad_text(field, said)
    if bad is not None:
        raise bad
    return said


def clean(text: str | None) -> str | None:
    """A person's words without the space around them; nothing at all is None."""
    return (text or "").replace("\r\n", "\n").strip() or None


def unseen(request: ApprovalRequest | None, person: Person, *, binding: str | None = None) -> Refusal | None:
    """The same NotFound for what is not there and what may not be seen.

    Whoever names the binding has seen the card (in a Slack channel, say): they are told why they may not.
    """
    if request is None:
        return NotFound(what="request")
    if quorum.may_see(person, request) or binding == request.binding:
        return None
    return NotFound(what="request")


def over(room: Room, request: ApprovalRequest) -> Refusal | None:
    """Why nobody can decide any more: it ran out, or somebody was first."""
    if request.state is State.PENDING:
        return None
    if request.state is State.EXPIRED and request.cause is not Cause.NOT_COLLECTED:
        row = ending(room.history(request))
        return Expired(at=clock_time(row.at if row else request.expires_at), request=request)
    word, by, at = _first(room, request)
    return AlreadyDecided(state=word, by=by, at=clock_time(at), request=request)


def _first(room: Room, request: ApprovalRequest) -> tuple[str, str, datetime]:
    """What was decided, by whom, when."""
    if request.state is State.CANCELLED:
        row = ending(room.history(request))
        actor = row.actor if row else "placet"
        return "cancelled", _named(room, actor), row.at if row else request.created_at
    word = "denied" if request.state is State.DENIED else "approved"
    at = request.decided_at or request.created_at
    if request.ground is Ground.BREAK_GLASS:
        return word, "break-glass", at
    if request.covered is not None:
        return word, f"grant {request.covered.grant}", at
    if not request.votes or request.ground is Ground.SILENCE:
        return word, "nobody (the rule lets silence allow)", at
    return word, _named(room, request.votes[-1].reviewer), at


def _named(room: Room, actor: str) -> str:
    if "@" not in actor:
        return actor.replace("agent:", "the agent ").replace("placet", "the gateway")
    return room.person(actor).label


def _cannot(room: Room, person: Person, request: ApprovalRequest, decision: Decision) -> Refusal | None:
    if decision.binding != request.binding:
        return StaleBinding(request=request)
    why = quorum.why_not(person, request, decision.answer)
    if why is not None:
        return NotAllowed(why=why)
    if decision.raise_for is not None:
        why = raising.why_not(request, decision.answer, decision.raise_for)
        if why is not None:
            return Invalid(field="raise", why=why)
    if decision.grant is not None:
        refused = granting.refused(room, request, decision.answer, decision.grant)
        if refused is not None:
            return refused
    return bad_text("reason", decision.reason) or editing.why_not(request, decision)


def _stopped(room: Room, request: ApprovalRequest, decision: Decision) -> Refusal | None:
    """A yes that would run nothing is not taken, and could run something later that nobody then thinks of."""
    if decision.answer is Answer.DENY:
        return None
    what = stopped.why(room.tx, request)
    return Stopped(what=what) if what is not None else None


def _may_not_cancel(room: Room, request: ApprovalRequest | None, actor: str) -> Refusal | None:
    if request is None:
        return NotFound(what="request")
    if actor == schedule.CLOCK:
        return None
    if actor.startswith("agent:"):
        return None if actor == f"agent:{request.caller.agent}" else NotFound(what="request")
    person = room.person(actor)
    if not quorum.may_see(person, request):
        return NotFound(what="request")
    if not quorum.may_cancel(person, request):
        return may_not_take_back()
    return None


def may_not_take_back() -> NotAllowed:
    """What somebody is told who has no part in a call and wants it taken back."""
    return NotAllowed(what="take this call back", why="only its reviewers, the agent's owner and operators may")


def bad_text(field: str, text: str | None) -> Refusal | None:
    """What is wrong with a person's words, if anything is."""
    if text is None:
        return None
    if len(text) > REASON_MAX:
        return Invalid(field=field, why=f"at most {REASON_MAX} characters, this has {len(text)}")
    for position, char in enumerate(text):
        if unicodedata.category(char) in {"Cc", "Cs"} and char not in "\r\n\t":
            return Invalid(field=field, why=f"the character U+{ord(char):04X} at {position} is not allowed")
    return None
