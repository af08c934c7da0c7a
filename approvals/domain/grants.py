"""Standing grants: a yes for a shape of call, for a while and so many times, given by those who approved one call.

Pure. A grant stands on the request it was given with (agent, server, tool and its fingerprint, rule, arguments), and
speaks for a call only if everything still holds that made it a yes. Those who gave it must be able to decide that very
call, as they are now, under the terms the policy asks now, all of them together. It is never given for what a rule
wants decided each time, nor for what destroys or moves money, unless the rule says `grants: always`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from approvals.domain import quorum, shapes
from approvals.domain.answered import answered_in
from approvals.domain.model import Answer, ApprovalRequest, Person, PersonId, State, Vote
from approvals.domain.shapes import Proposal, Scope

NEVER, ALWAYS = "never", "always"
BARRED = "barred"
"""`Terms.grants` where the rule offers grants, and the server itself calls the tool destructive."""
_GRAVE = frozenset({"destructive", "financial"})
_DECIDED = frozenset({State.APPROVED, State.EXECUTING, State.SUCCEEDED, State.FAILED, State.UNKNOWN})


class End(StrEnum):
    """Why a grant speaks for no more calls."""

    TAKEN_BACK = "taken_back"
    SESSION_OVER = "session_over"
    TIME_OVER = "time_over"
    USED_UP = "used_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """The grant that spoke for a call: who gave it, with which request, and for which calls of the agent."""

    grant: str
    given_by: tuple[PersonId, ...]
    request: str
    scope: Scope = Scope.AGENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One grant. `origin` is the request it was given with; `spent` is what its uses took of the budget.

    `session` keys the session of the agent's client that it is bound to; None: it is bound to none.
    """

    id: str
    origin: ApprovalRequest
    proposal: Proposal
    given_by: tuple[PersonId, ...]
    at: datetime
    until: datetime
    used: int = 0
    spent: Decimal = Decimal(0)
    ended_at: datetime | None = None
    ended_by: str | None = None
    session: str | None = None

    def holds(self, now: datetime) -> bool:
        """Is there anything left of it?"""
        return self.stands(now) and self.uses_left > 0

    def stands(self, now: datetime) -> bool:
        """May what it let through still be sent? So it may be taken back even when it is used up."""
        return self.ended_at is None and now < self.until

    def end(self, now: datetime) -> End | None:
        """Why there is nothing left of it, None while there is."""
        if self.ended_at is not None:
            # People are known by their addresses; what no person ended has ended with its session.
            return End.TAKEN_BACK if "@" in (self.ended_by or "") else End.SESSION_OVER
        if now >= self.until:
            return End.TIME_OVER
        return None if self.uses_left > 0 else End.USED_UP

    @property
    def uses_left(self) -> int:
        """How many calls it still speaks for."""
        return self.proposal.uses - self.used

    @property
    def budget_left(self) -> Decimal | None:
        """What those may still come to; None where it has no budget."""
        return None if self.proposal.budget is None else self.proposal.budget.most - self.spent

    def use(self, amount: Decimal) -> Grant:
        """The grant after one more call."""
        return replace(self, used=self.used + 1, spent=self.spent + amount)

    def covered(self) -> Covered:
        """What a call that it speaks for keeps of it."""
        scope = Scope.AGENT if self.session is None else Scope.SESSION
        return Covered(grant=self.id, given_by=self.given_by, request=self.origin.id, scope=scope)


def why_no_session(request: ApprovalRequest) -> str | None:
    """Why no grant can be bound to the session in which this call was made; None if one can."""
    if request.caller.session is not None:
        return None
    return (
        "its agent has no session with Placet (its client speaks the stateless protocol), and no session is made up; "
        "bound the grant by time and uses"
    )


def narrowest(request: ApprovalRequest) -> Scope:
    """What a surface proposes that does not ask: its own session, where the call was made in one."""
    return Scope.AGENT if request.caller.session is None else Scope.SESSION


def session_of(proposal: Proposal, request: ApprovalRequest) -> str | None:
    """The session that a grant proposed with this request is bound to; None where it is bound to none.

    Raises:
        ValueError: it is to be bound to one, and there is none.
    """
    if proposal.scope is Scope.AGENT:
        return None
    if request.caller.session is None:
        raise ValueError(f"{request.id} was made in no session")
    return request.caller.session


def why_not_offered(request: ApprovalRequest) -> str | None:
    """Why no approval of this request can carry a grant, and no grant can speak for it; None if one can."""
    if answered_in(request.call) is not None:
        return "it is an answer in the middle of a call, and each of those is decided by itself"
    if request.over:
        return "it goes over a limit; raise that instead"
    said = request.terms.grants
    if said == ALWAYS:
        return None
    if said == NEVER:
        return "its rule wants every call decided by itself (grants: never)"
    grave = _grave(request)
    return None if grave is None else f"{grave}, and the rule does not say `grants: always`"


def _grave(request: ApprovalRequest) -> str | None:
    """What no rule lets be granted by merely offering grants."""
    if request.terms.grants == BARRED:
        return "its server calls the tool destructive"
    if request.risk in _GRAVE:
        return f"it is a {request.risk} tool"
    return "it is a tool of critical severity" if request.severity == "critical" else None


def agreed(request: ApprovalRequest, people: Mapping[PersonId, Person]) -> tuple[Proposal | None, str | None]:
    """The grant that everybody who approved the request wants; or why there is none though somebody wanted one."""
    votes = quorum.counted(request, people)
    wanted = [vote.grant for vote in votes]
    first = next((one for one in wanted if one is not None), None)
    if first is None:
        return None, None
    if any(one != first for one in wanted):
        return None, "not everybody who approved wanted the same grant, so only this one call is approved"
    return first, None


def may_be_given_after(request: ApprovalRequest) -> bool:
    """Was this request approved by votes, so that a grant can still be given of it?"""
    return request.state in _DECIDED and request.ground is None and request.decoy is None


def why_not(grant: Grant, request: ApprovalRequest, people: Mapping[PersonId, Person], now: datetime) -> str | None:
    """Why the grant does not let this call run, None if it does. `people` are its givers as they are now."""
    return outside(grant, request, now) or unfounded(grant, request, people)


def outside(grant: Grant, request: ApprovalRequest, now: datetime) -> str | None:
    """Why the call is not one that the grant speaks for, whoever gave it."""
    if not grant.holds(now):
        return "it is over"
    if grant.origin.destroyed is not None:
        return "what it was given with is destroyed"
    why = why_not_offered(request)
    if why is not None:
        return why
    return of_something_else(grant.origin, grant.session, request) or _out_of_shape(grant, request)


def unfounded(grant: Grant, request: ApprovalRequest, people: Mapping[PersonId, Person]) -> str | None:
    """Why those who gave it could not approve this call together, now and under its own terms.

    Whoever is somebody's delegate now could decide in their place, and only as long as they are.
    """
    known = {absent.id: absent for giver in people.values() for absent in giver.stands_for} | dict(people)
    votes = tuple(_vote(request, giver, known, grant.at) for giver in grant.given_by)
    enough = quorum.met(quorum.tally(replace(request, votes=votes), known))
    return None if enough else "those who gave it are not enough to approve this call now"


def still_stands(grant: Grant, request: ApprovalRequest, people: Mapping[PersonId, Person], now: datetime) -> bool:
    """Does a use that was taken for this request still let it run? What it took is not asked for twice."""
    taken = request.covered is not None and request.covered.grant == grant.id
    in_force = grant.stands(now) and grant.origin.destroyed is None
    about_it = of_something_else(grant.origin, grant.session, request) is None and why_not_offered(request) is None
    inside = shapes.why_outside(grant.proposal, grant.origin.call.arguments, request.call.arguments) is None
    return taken and in_force and about_it and inside and unfounded(grant, request, people) is None


def of_something_else(origin: ApprovalRequest, session: str | None, request: ApprovalRequest) -> str | None:
    """Why a grant given with `origin`, and bound to this session if to any, is not about the call at all."""
    was, now = origin.call, request.call
    if (origin.caller.agent, was.server, was.tool) != (request.caller.agent, now.server, now.tool):
        return "it is for another agent or another tool"
    if session is not None and session != request.caller.session:
        return "it is for another session of its agent"
    if was.tool_fingerprint != now.tool_fingerprint:
        return "the tool has changed since it was given"
    if origin.rule != request.rule:
        return "another rule asks for approval now"
    return None if was.meta_sha256 == now.meta_sha256 else "what is sent beside the arguments is another"


def _out_of_shape(grant: Grant, request: ApprovalRequest) -> str | None:
    differs = shapes.why_outside(grant.proposal, grant.origin.call.arguments, request.call.arguments)
    if differs is not None:
        return differs
    amount, left = shapes.amount_in(grant.proposal, request.call.arguments), grant.budget_left
    if amount is None:
        return "its amount cannot be told"
    return "its budget does not reach" if left is not None and amount > left else None


def _vote(request: ApprovalRequest, giver: PersonId, people: Mapping[PersonId, Person], at: datetime) -> Vote:
    absent = quorum.represented(people[giver], request) if giver in people else ()
    return Vote(
        reviewer=giver,
        answer=Answer.APPROVE,
        binding=request.binding,
        via="grant",
        at=at,
        on_behalf=tuple(one.id for one in absent),
    )
