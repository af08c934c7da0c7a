"""The life of an approval request: every state, every event, every arrow, in one table.

`advance()` is the only function that moves a request, and it is pure: the shell hands in `now`
and commits the returned `Step` in one transaction. An arrow that is not in `TABLE` cannot happen.

Theory. `pending` collects votes. A quorum, a default, or a standing grant make it `approved`; one
denial makes it `denied`; silence makes it `expired`. `approved` is a right that has not been used:
it is claimed once (`executing`), taken back (`cancelled`), or runs out (`expired`). `executing`
ends in what the upstream said, or in `unknown` when nobody can say; `unknown` is never re-run by
us, a person only notes what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from approvals.domain.model import ApprovalRequest, Cause, Claim, Outcome, PersonId, State, Vote

S = State


class Event(StrEnum):
    """The eighteen things that can happen to a request."""

    VOTED = "voted"
    EDITED = "edited"
    EXTENDED = "extended"
    ESCALATED = "escalated"
    REASSIGNED = "reassigned"
    QUORUM_MET = "quorum_met"
    DEFAULTED = "defaulted"
    COVERED = "covered"
    VETOED = "vetoed"
    TIMED_OUT = "timed_out"
    UNDELIVERED = "undelivered"
    CANCELLED = "cancelled"
    CLAIMED = "claimed"
    LAPSED = "lapsed"
    RETURNED = "returned"
    RAISED = "raised"
    LOST = "lost"
    RESOLVED = "resolved"


TABLE: Mapping[tuple[State, Event], State] = {
    (S.PENDING, Event.VOTED): S.PENDING,
    (S.PENDING, Event.EDITED): S.PENDING,
    (S.PENDING, Event.EXTENDED): S.PENDING,
    (S.PENDING, Event.ESCALATED): S.PENDING,
    (S.PENDING, Event.REASSIGNED): S.PENDING,
    (S.PENDING, Event.QUORUM_MET): S.APPROVED,
    (S.PENDING, Event.DEFAULTED): S.APPROVED,
    (S.PENDING, Event.COVERED): S.APPROVED,
    (S.PENDING, Event.VETOED): S.DENIED,
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
class Happened:
    """An event with what it carries. `actor` is a person's id, `agent:NAME`, or `placet`.

    Only the fields an event needs are set: `vote` (voted, quorum_met, vetoed), `expires_at` (extended),
    `claim` (claimed), `outcome` (returned, raised, lost), `cause` (cancelled and endings), `note` (free text).
    """

    event: Event
    actor: str
    vote: Vote | None = None
    expires_at: datetime | None = None
    claim: Claim | None = None
    outcome: Outcome | None = None
    cause: Cause | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The row of the event table that proves one change. `seq` is the revision it made."""

    request: str
    seq: int
    event: Event
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


def advance(request: ApprovalRequest, happened: Happened, now: datetime) -> Step:
    """Apply one event to a request.

    Raises:
        NoSuchArrow: the table has no arrow for this event in the request's state.
    """
    target = TABLE.get((request.state, happened.event))
    if target is None:
        raise NoSuchArrow(request.state, happened.event)
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
            detail=_detail(happened),
        ),
        effects=(Effect.REVISE, Effect.WAKE),
    )


def _changes(request: ApprovalRequest, happened: Happened, now: datetime) -> dict[str, Any]:
    match happened.event:
        case Event.VOTED:
            return {"votes": _with(request.votes, happened.vote)}
        case Event.QUORUM_MET | Event.DEFAULTED | Event.COVERED:
            return {
                "votes": _with(request.votes, happened.vote),
                "decided_at": now,
                "collect_by": now + request.terms.collect_within,
                "cause": happened.cause,
            }
        case Event.VETOED:
            return {"votes": _with(request.votes, happened.vote), "decided_at": now}
        case Event.EXTENDED:
            return {"expires_at": happened.expires_at or request.expires_at}
        case Event.EDITED | Event.ESCALATED | Event.REASSIGNED:
            return {}
        case Event.TIMED_OUT:
            return {"cause": Cause.TIMED_OUT}
        case Event.UNDELIVERED:
            return {"cause": Cause.UNDELIVERED}
        case Event.LAPSED:
            return {"cause": Cause.NOT_COLLECTED}
        case Event.CANCELLED:
            return {"cause": happened.cause}
        case Event.CLAIMED:
            return {"claim": happened.claim, "cause": None}
        case Event.RETURNED | Event.RAISED | Event.LOST:
            return {"outcome": happened.outcome, "cause": happened.cause, "claim": None}
        case Event.RESOLVED:
            return {"cause": happened.cause}


def _with(votes: tuple[Vote, ...], vote: Vote | None) -> tuple[Vote, ...]:
    return votes if vote is None else (*votes, vote)


def _detail(happened: Happened) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if happened.vote is not None:
        detail["decision"] = happened.vote.answer.value
        detail["reason"] = happened.vote.reason
        detail["via"] = happened.vote.via
        detail["binding"] = happened.vote.binding
    if happened.expires_at is not None:
        detail["expires_at"] = happened.expires_at.isoformat()
    if happened.claim is not None:
        detail["holder"] = happened.claim.holder
        detail["lease_until"] = happened.claim.lease_until.isoformat()
    if happened.cause is not None:
        detail["cause"] = happened.cause.value
    if happened.note is not None:
        detail["note"] = happened.note
    return detail


def decided_by(request: ApprovalRequest) -> PersonId | None:
    """The person whose vote ended the waiting, if a person did."""
    return request.votes[-1].reviewer if request.decided_at is not None and request.votes else None
