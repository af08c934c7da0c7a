"""The life of an approval request: every state, every event, every arrow, in one table.

`advance()` is the only function that moves a request, and it is pure: the shell hands in `now`
and commits the returned `Step` in one transaction. An arrow that is not in `TABLE` cannot happen.

Theory. `pending` collects votes. A quorum, a default, a standing grant or break-glass make it `approved`; one
denial makes it `denied`; silence makes it `expired`; a decoy is never approved, but disclosed (`cancelled`).
`approved` is a right that has not been used: it is claimed once (`executing`), taken back (`cancelled`), or runs
out (`expired`). `executing` ends in what the upstream said, or in `unknown` when nobody can say; `unknown` is never
re-run by us, a person only notes what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from approvals.domain.cancel_window import opens_at
from approvals.domain.escalating import escalated
from approvals.domain.happening import Event, Happened, detail_of, lacking
from approvals.domain.model import OPEN_STATES, ApprovalRequest, Cause, Ground, PersonId, Question, Ruled, State, Vote
from approvals.domain.terms import Terms

S = State


class Note(StrEnum):
    """What is written into the ledger beside the events: it moves nothing."""

    FILED = "filed"
    """The request was saved: the first row of every request."""
    COMMENTED = "commented"
    BUDGETS_RAISED = "budgets_raised"
    """The approval also raised what the call goes over, for a while."""
    RAISE_ENDED = "raise_ended"
    """A person took a raise back before its time."""
    EXPECTATION = "expectation"
    """A person said whether the outcome was what they expected."""
    GRANT_GIVEN = "grant_given"
    """The approval also lets more calls of its shape run, for a while; or a person let them later."""
    GRANT_NOT_GIVEN = "grant_not_given"
    """Somebody who approved wanted that, and it did not come about."""
    GRANT_ENDED = "grant_ended"
    """A person took a grant back before its time, or the session it was bound to is over."""
    LATE = "late"
    """A result that came when our claim no longer stood: kept as evidence, never as state."""
    DESTROYED = "destroyed"
    """What was written in it is unreadable from here on, because it is older than is kept."""


TABLE: Mapping[tuple[State, Event], State] = {
    (S.PENDING, Event.VOTED): S.PENDING,
    (S.PENDING, Event.EDITED): S.PENDING,
    (S.PENDING, Event.EXTENDED): S.PENDING,
    (S.PENDING, Event.ESCALATED): S.PENDING,
    (S.PENDING, Event.REASSIGNED): S.PENDING,
    (S.PENDING, Event.ASKED): S.PENDING,
    (S.PENDING, Event.ANSWERED): S.PENDING,
    (S.PENDING, Event.QUORUM_MET): S.APPROVED,
    (S.PENDING, Event.DEFAULTED): S.APPROVED,
    (S.PENDING, Event.COVERED): S.APPROVED,
    (S.PENDING, Event.BYPASSED): S.APPROVED,
    (S.PENDING, Event.VETOED): S.DENIED,
    (S.PENDING, Event.DISCLOSED): S.CANCELLED,
    (S.PENDING, Event.TIMED_OUT): S.EXPIRED,
    (S.PENDING, Event.UNDELIVERED): S.EXPIRED,
    (S.PENDING, Event.CANCELLED): S.CANCELLED,
    (S.APPROVED, Event.CLAIMED): S.EXECUTING,
    (S.APPROVED, Event.CANCELLED): S.CANCELLED,
    (S.APPROVED, Event.LAPSED): S.EXPIRED,
    (S.EXECUTING, Event.RETURNED): S.SUCCEEDED,
    (S.EXECUTING, Event.RAISED): S.FAILED,
    (S.EXECUTING, Event.LOST): S.UNKNOWN,
    (S.UNKNOWN, Event.RESOLVED): S.UNKNOWN,
}


class Effect(StrEnum):
    """What the shell owes the world once a step is committed."""

    ANNOUNCE = "announce"
    """Post a card on every channel of the terms."""
    REVISE = "revise"
    """Repaint every card ever posted for the request."""
    WAKE = "wake"
    """Publish the id on the bus: a holder, a page, a client may be waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The row of the event table that proves one change, or a note beside it.

    `seq` is the revision the change made; a note carries the revision it was written at.
    """

    request: str
    seq: int
    event: Event | Note
    before: State | None
    after: State
    actor: str
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change to commit whole or not at all: the row after it, its proof, and what it owes."""

    before: ApprovalRequest
    after: ApprovalRequest
    record: Record
    effects: tuple[Effect, ...]


class NoSuchArrow(Exception):
    """The event cannot happen in the state the request is in."""

    def __init__(self, state: State, event: Event) -> None:
        self.state, self.event = state, event
        super().__init__(f"{event} cannot happen while {state}")


class Unfounded(ValueError):
    """The event lacks what would justify it: a yes for an approval, a no for a veto, a rule for a default."""


def advance(request: ApprovalRequest, happened: Happened, now: datetime) -> Step:
    """Apply one event to a request.

    Raises:
        NoSuchArrow: the table has no arrow for this event in the request's state.
        Unfounded: the event does not carry what would justify it; always a bug of the caller.
    """
    target = TABLE.get((request.state, happened.event))
    if target is None:
        raise NoSuchArrow(request.state, happened.event)
    missing = lacking(request, happened, now)
    if missing is not None:
        raise Unfounded(f"{happened.event} of {request.id}: {missing}")
    after = replace(request, state=target, revision=request.revision + 1, **_changes(request, happened, now))
    return Step(
        before=request,
        after=after,
        record=Record(
            request=request.id,
            seq=after.revision,
            event=happened.event,
            before=request.state,
            after=target,
            actor=happened.actor,
            at=now,
            detail=detail_of(happened),
        ),
        effects=_EFFECTS.get(happened.event, (Effect.REVISE, Effect.WAKE)),
    )


_ASKING = (Effect.ANNOUNCE, Effect.REVISE, Effect.WAKE)
_EFFECTS = {Event.EDITED: _ASKING, Event.ESCALATED: _ASKING, Event.REASSIGNED: _ASKING}

_ENDED_BECAUSE = {
    Event.TIMED_OUT: Cause.TIMED_OUT,
    Event.UNDELIVERED: Cause.UNDELIVERED,
    Event.LAPSED: Cause.NOT_COLLECTED,
    Event.DISCLOSED: Cause.DECOY,
}


_GROUNDS = {Event.DEFAULTED: Ground.SILENCE, Event.BYPASSED: Ground.BREAK_GLASS, Event.COVERED: Ground.GRANT}


def _changes(request: ApprovalRequest, happened: Happened, now: datetime) -> dict[str, Any]:
    match happened.event:
        case Event.VOTED:
            return {"votes": _with(request.votes, happened.vote)}
        case Event.QUORUM_MET | Event.DEFAULTED | Event.COVERED | Event.BYPASSED:
            return _approved(request, happened, now)
        case Event.VETOED | Event.DISCLOSED:
            cause = _ENDED_BECAUSE.get(happened.event)
            return {"votes": _with(request.votes, happened.vote), "decided_at": now, "cause": cause}
        case Event.EDITED:
            return _edited(request, happened)
        case Event.ASKED | Event.ANSWERED:
            return {"questions": _questions(request.questions, happened, now)}
        case Event.EXTENDED | Event.ESCALATED | Event.REASSIGNED:
            # A vote counts only while its voter speaks for one of the factors, so those given stay on record.
            return {
                "terms": _called(request, happened),
                "expires_at": happened.expires_at or request.expires_at,
                "handed_by": _handed_by(request, happened),
            }
        case Event.TIMED_OUT | Event.UNDELIVERED | Event.LAPSED | Event.CANCELLED | Event.RESOLVED:
            return {"cause": _ENDED_BECAUSE.get(happened.event, happened.cause)}
        case Event.CLAIMED:
            return {"claim": happened.claim, "cause": None}
        case Event.RETURNED | Event.RAISED | Event.LOST:
            return {"outcome": happened.outcome, "cause": happened.cause, "claim": None}


def _called(request: ApprovalRequest, happened: Happened) -> Terms:
    """What it asks from now on. Whom it was handed to is called as those of a step are: they are told in person."""
    before = request.terms
    after = escalated(before, happened.factors or before.factors, happened.step)
    if happened.event is not Event.REASSIGNED:
        return after
    had = {one for factor in before.factors for one in factor.members}
    come = (one for factor in after.factors for one in factor.members if one not in had)
    return replace(after, called=tuple(dict.fromkeys((*after.called, *come))))


def _handed_by(request: ApprovalRequest, happened: Happened) -> tuple[PersonId, ...]:
    if happened.event is not Event.REASSIGNED:
        return request.handed_by
    return tuple(dict.fromkeys((*request.handed_by, PersonId(happened.actor))))


def _approved(request: ApprovalRequest, happened: Happened, now: datetime) -> dict[str, Any]:
    ground = _GROUNDS.get(happened.event)
    # Whoever comes for it has all of the time for that after the cancel window.
    from_then = opens_at(replace(request, decided_at=now, ground=ground)) or now
    return {
        "votes": _with(request.votes, happened.vote),
        "ground": ground,
        "covered": happened.grant.covered() if happened.grant is not None else None,
        "decided_at": now,
        "collect_by": from_then + request.terms.collect_within,
        "cause": happened.cause,
    }


def _edited(request: ApprovalRequest, happened: Happened) -> dict[str, Any]:
    """What an edit changes. The votes go, for they spoke for another call; the agent's own arguments are kept."""
    call, ruled = happened.call, happened.ruled
    if call is None or ruled is None:  # `lacking` has looked
        raise Unfounded("an edit without its call")
    original = request.edited_from or request.call.arguments
    return {
        "call": call,
        "binding": happened.binding,
        "edited_from": None if call.arguments == original else original,
        "votes": (),
        "terms": _under(request.terms, ruled),
        "rule": ruled.rule,
        "rule_reason": ruled.rule_reason,
        "policy_version": ruled.policy_version,
        "severity": ruled.severity,
        "trace": ruled.trace,
        "over": ruled.over,
    }


def _under(before: Terms, ruled: Ruled) -> Terms:
    """The terms of an edited call: whoever waits for it without a connection still does, what was hidden stays so."""
    after = ruled.terms or before
    return replace(
        after,
        execute_on_approve=before.execute_on_approve or after.execute_on_approve,
        redact=tuple(dict.fromkeys((*before.redact, *ruled.redact))),
    )


def _with(votes: tuple[Vote, ...], vote: Vote | None) -> tuple[Vote, ...]:
    return votes if vote is None else (*votes, vote)


def open_question(request: ApprovalRequest) -> Question | None:
    """The oldest question that its agent has not answered, while there are people to read what it says."""
    if request.state is not State.PENDING:
        return None
    return next((one for one in request.questions if one.answer is None), None)


def _questions(asked: tuple[Question, ...], happened: Happened, now: datetime) -> tuple[Question, ...]:
    """One more; or the oldest open one answered, for that is the one its agent was told."""
    if happened.question is not None:
        return (*asked, happened.question)
    at = next(n for n, one in enumerate(asked) if one.answer is None)
    return (*asked[:at], replace(asked[at], answer=happened.answer, answered_at=now), *asked[at + 1 :])


def filed(request: ApprovalRequest) -> Record:
    """The first row of a request's ledger."""
    return note(request, Note.FILED, actor=f"agent:{request.caller.agent}", at=request.created_at, before=None)


def late(request: ApprovalRequest, happened: Happened, now: datetime) -> Record:
    """A result that came after the claim was gone, kept as evidence beside the state it did not change."""
    detail = {"event": happened.event.value, **detail_of(happened)}
    return note(request, Note.LATE, actor=happened.actor, at=now, before=request.state, detail=detail)


def note(
    request: ApprovalRequest,
    event: Note,
    *,
    actor: str,
    at: datetime,
    before: State | None,
    detail: Mapping[str, Any] | None = None,
) -> Record:
    """A ledger row that moves nothing."""
    return Record(
        request=request.id,
        seq=request.revision,
        event=event,
        before=before,
        after=request.state,
        actor=actor,
        at=at,
        detail=detail or {},
    )


def decided_by(request: ApprovalRequest) -> PersonId | None:
    """The person whose vote ended the waiting, if a person did."""
    return request.votes[-1].reviewer if request.decided_at is not None and request.votes else None


def ending(history: Iterable[Record]) -> Record | None:
    """The row that took the request out of its open states: who ended it, and when."""
    ends = [r for r in history if r.before in OPEN_STATES and r.after not in OPEN_STATES]
    return ends[-1] if ends else None


def actor_of(history: Iterable[Record], event: Event) -> Record | None:
    """The newest row of one event, for its actor and time."""
    rows = [r for r in history if r.event == event]
    return rows[-1] if rows else None
