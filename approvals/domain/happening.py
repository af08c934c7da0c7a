"""What can happen to a request, what an event must carry to be true, and what of it is written down.

`lifecycle.advance` asks `lacking` before it moves anything: the last line of defence behind the desk's own checks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from approvals.domain import cancel_window, changes, grants, shapes
from approvals.domain.answered import answered_in
from approvals.domain.break_glass import Opening
from approvals.domain.changes import Change
from approvals.domain.grants import Grant
from approvals.domain.model import Answer, ApprovalRequest, Cause, Claim, Outcome, Question, Ruled, ToolCall, Vote
from approvals.domain.terms import Escalation, Factor, OnTimeout


class Event(StrEnum):
    """The things that can happen to a request."""

    VOTED = "voted"
    EDITED = "edited"
    EXTENDED = "extended"
    ESCALATED = "escalated"
    REASSIGNED = "reassigned"
    ASKED = "asked"
    ANSWERED = "answered"
    QUORUM_MET = "quorum_met"
    DEFAULTED = "defaulted"
    COVERED = "covered"
    BYPASSED = "bypassed"
    VETOED = "vetoed"
    DISCLOSED = "disclosed"
    TIMED_OUT = "timed_out"
    UNDELIVERED = "undelivered"
    CANCELLED = "cancelled"
    CLAIMED = "claimed"
    LAPSED = "lapsed"
    RETURNED = "returned"
    RAISED = "raised"
    LOST = "lost"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """An event with what it carries. `actor` is a person's id, `agent:NAME`, or `placet`.

    Only the fields an event needs are set: `vote` (voted, quorum_met, vetoed), `expires_at` (extended),
    `factors` (escalated, reassigned: whose word counts from now on), `step` (escalated: the one of the chain),
    `question` (asked), `answer` (answered: of the oldest question that is open),
    `call`, `binding`, `ruled`, `changes` and `via` (edited), `claim` (claimed), `outcome` (returned, raised, lost),
    `opening` (bypassed), `grant` (covered), `cause` (cancelled and endings), `note` (free text).
    """

    event: Event
    actor: str
    vote: Vote | None = None
    expires_at: datetime | None = None
    factors: tuple[Factor, ...] = ()
    step: Escalation | None = None
    call: ToolCall | None = None
    binding: str | None = None
    ruled: Ruled | None = None
    changes: tuple[Change, ...] = ()
    via: str | None = None
    question: Question | None = None
    answer: str | None = None
    claim: Claim | None = None
    outcome: Outcome | None = None
    opening: Opening | None = None
    grant: Grant | None = None
    cause: Cause | None = None
    note: str | None = None


NEVER_OF_A_DECOY = frozenset(Event) - {
    Event.VOTED,
    Event.VETOED,
    Event.DISCLOSED,
    Event.EXTENDED,
    Event.REASSIGNED,
    Event.ASKED,
    Event.TIMED_OUT,
    Event.UNDELIVERED,
    Event.CANCELLED,
}
"""A decoy is never approved, and so never claimed: everything that leads to a run, or is of one."""

_MUST_CARRY = {
    Event.REASSIGNED: "factors",
    Event.ASKED: "question",
    Event.CANCELLED: "cause",
    Event.RETURNED: "outcome",
    Event.RAISED: "outcome",
    Event.LOST: "outcome",
}


def lacking(request: ApprovalRequest, happened: Happened, now: datetime) -> str | None:
    """What is missing for the event to be true, or None."""
    if request.decoy is not None and happened.event in NEVER_OF_A_DECOY:
        return "it is a decoy"
    field = _MUST_CARRY.get(happened.event)
    if field is not None:
        return None if getattr(happened, field) else f"no {field}"
    match happened.event:
        case Event.VOTED | Event.QUORUM_MET | Event.VETOED as voted:
            answer = Answer.DENY if voted is Event.VETOED else Answer.APPROVE
            return _not_a_vote_for(answer, request, happened.vote)
        case Event.DEFAULTED:
            return None if request.terms.on_timeout is OnTimeout.ALLOW else "the rule does not say that silence allows"
        case Event.ESCALATED:
            return _not_a_step_of(request, happened)
        case Event.BYPASSED | Event.COVERED:
            return _not_let_through(request, happened, now)
        case Event.CLAIMED:
            return _not_claimable(request, happened, now)
        case _:
            return _lacking_beside(request, happened)


def _lacking_beside(request: ApprovalRequest, happened: Happened) -> str | None:
    """The same of what neither approves nor runs anything."""
    match happened.event:
        case Event.EXTENDED:
            later = happened.expires_at is not None and happened.expires_at > request.expires_at
            return None if later else "the new deadline is not later"
        case Event.EDITED:
            return _not_an_edit_of(request, happened)
        case Event.ANSWERED:
            asked = happened.answer and any(one.answer is None for one in request.questions)
            return None if asked else "no answer to a question that is open"
        case Event.DISCLOSED:
            return _not_disclosed(request, happened)
        case Event.RESOLVED:
            noted = happened.cause in {Cause.RESOLVED_RAN, Cause.RESOLVED_DID_NOT_RUN}
            return None if noted else "it does not say whether it ran"
        case _:
            return None


def _not_a_vote_for(answer: Answer, request: ApprovalRequest, vote: Vote | None) -> str | None:
    if vote is None or vote.answer is not answer:
        return f"no vote to {answer}"
    return None if vote.binding == request.binding else "the vote is for another binding"


def _not_disclosed(request: ApprovalRequest, happened: Happened) -> str | None:
    if request.decoy is None:
        return "it is no decoy"
    # Whoever approved it with other arguments gave no vote for these.
    return None if happened.vote is None else _not_a_vote_for(Answer.APPROVE, request, happened.vote)


def _not_a_step_of(request: ApprovalRequest, happened: Happened) -> str | None:
    if not happened.factors:
        return "no factors"
    return None if happened.step in request.terms.escalate else "it is no step that is left"


def _not_claimable(request: ApprovalRequest, happened: Happened, now: datetime) -> str | None:
    if happened.claim is None:
        return "no claim"
    return "its cancel window is open" if cancel_window.is_open(request, now) else None


def _not_an_edit_of(request: ApprovalRequest, happened: Happened) -> str | None:
    """An edit changes arguments and nothing else of a call, and the policy has judged the new ones."""
    call, was = happened.call, request.call
    if call is None or not happened.binding or happened.ruled is None:
        return "no new call with its binding and its ruling"
    if not request.terms.edit or answered_in(was) is not None:
        return "nothing of it is edited"
    if call.arguments == was.arguments:
        return "the arguments are the same"
    same = replace(call, arguments=was.arguments, arguments_sha256=was.arguments_sha256)
    return None if same == was else "it is another call"


def _not_let_through(request: ApprovalRequest, happened: Happened, now: datetime) -> str | None:
    if happened.event is Event.BYPASSED:
        return _not_open_for(request, happened, now)
    return "no grant" if happened.grant is None else grants.outside(happened.grant, request, now)


def _not_open_for(request: ApprovalRequest, happened: Happened, now: datetime) -> str | None:
    """Why break-glass does not let this call run: nobody opened it, it is over, or it is about something else."""
    opening = happened.opening
    if opening is None or not opening.is_open(now):
        return "no break-glass that is open"
    if not opening.covers(request.call.server):
        return f"the break-glass is about {opening.scope}"
    return None if happened.actor == opening.by else "the break-glass was opened by somebody else"


def detail_of(happened: Happened) -> dict[str, Any]:
    """What the ledger keeps of an event beside who, when and where it led."""
    detail: dict[str, Any] = {}
    bases = (_of_claim(happened.claim), _of_opening(happened.opening), _of_grant(happened.grant))
    for part in (_of_edit(happened), _of_vote(happened.vote), *bases):
        detail |= part
    if happened.expires_at is not None:
        detail["expires_at"] = happened.expires_at.isoformat()
    if happened.factors:
        detail["factors"] = [{"members": list(f.members), "count": f.count} for f in happened.factors]
    if happened.step is not None:
        detail["to"] = list(happened.step.to)
    if happened.question is not None:
        detail |= {"question": happened.question.text, "via": happened.question.via}
    if happened.cause is not None:
        detail["cause"] = happened.cause.value
    if happened.outcome is not None:
        detail["outcome"] = happened.outcome.kind
        detail["error"] = happened.outcome.error
    said = {"binding": happened.binding, "answer": happened.answer, "note": happened.note}
    return detail | {name: text for name, text in said.items() if text is not None}


def _of_edit(happened: Happened) -> dict[str, Any]:
    if happened.ruled is None:
        return {}
    said = {"binding": happened.binding, "via": happened.via, "rule": happened.ruled.rule}
    return {**said, **changes.kept(happened.changes)}


def _of_vote(vote: Vote | None) -> dict[str, Any]:
    if vote is None:
        return {}
    said = {"decision": vote.answer.value, "reason": vote.reason, "via": vote.via, "binding": vote.binding}
    raised = {} if vote.raise_for is None else {"raise_seconds": int(vote.raise_for.total_seconds())}
    known = {} if vote.sign_in is None else {"sign_in": vote.sign_in.saved()}
    granted = {} if vote.grant is None else {"proposal": shapes.written(vote.grant)}
    absent = {"for": list(vote.on_behalf)} if vote.on_behalf else {}
    return {**said, **raised, **granted, **known, **absent}


def _of_claim(claim: Claim | None) -> dict[str, Any]:
    return {} if claim is None else {"holder": claim.holder, "lease_until": claim.lease_until.isoformat()}


def _of_grant(grant: Grant | None) -> dict[str, Any]:
    return {} if grant is None else {"grant": grant.id, "given_by": list(grant.given_by), "given_with": grant.origin.id}


def _of_opening(opening: Opening | None) -> dict[str, Any]:
    if opening is None:
        return {}
    return {
        "break_glass": opening.id,
        "confirmed_by": opening.confirmed_by,
        "until": opening.until.isoformat() if opening.until is not None else None,
        "note": opening.reason,
    }
