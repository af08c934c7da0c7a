"""Ready-made approval requests and the steps of their lives, for tests that need one and do not care which."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals.domain import fingerprint, lifecycle
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Step
from approvals.domain.model import Answer, ApprovalRequest, Caller, Claim, Client, PersonId, RequestId, Vote
from approvals.domain.terms import Factor, Terms

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ADA = PersonId("ada@example.com")
_numbers = itertools.count(1)


def make_request(
    *, arguments: Any = None, agent: str = "claude-ada", at: datetime = NOON, **fields: Any
) -> ApprovalRequest:
    """A pending request for `pay`; each has an id of its own, and a call key of its own unless arguments are given."""
    number = next(_numbers)
    id = RequestId(f"req_{number:026d}")
    call = fingerprint.make_call(
        server=fields.pop("server", "bank"),
        tool=fields.pop("tool", "pay"),
        arguments={"number": number} if arguments is None else arguments,
        tool_fingerprint="f" * 64,
    )
    rule, version = "/tools/pay/action", "v1"
    values: dict[str, Any] = {
        "id": id,
        "call": call,
        "caller": Caller(agent=agent, owner=ADA, client=Client(name="claude-code", version="2.1")),
        "terms": Terms(factors=(Factor(members=("group:finance",)),)),
        "rule": rule,
        "rule_reason": "Payments need a person",
        "policy_version": version,
        "binding": fingerprint.binding(request=id, agent=agent, call=call, policy_version=version, rule=rule),
        "call_key": fingerprint.call_key(agent, call),
        "created_at": at,
        "expires_at": at + timedelta(minutes=15),
        "trace": ({"rule": rule, "matched": True, "why": "named"},),
    }
    return ApprovalRequest(**{**values, **fields})


def vote(request: ApprovalRequest, answer: Answer = Answer.APPROVE, reviewer: PersonId = ADA) -> Vote:
    """A vote for what the request would run."""
    return Vote(reviewer=reviewer, answer=answer, binding=request.binding, via="web", at=NOON)


def approved(request: ApprovalRequest, at: datetime = NOON) -> Step:
    """The step by which one yes approves the request."""
    return lifecycle.advance(request, Happened(event=Event.QUORUM_MET, actor=ADA, vote=vote(request)), at)


def denied(request: ApprovalRequest, at: datetime = NOON) -> Step:
    """The step by which one no denies the request."""
    no = vote(request, Answer.DENY)
    return lifecycle.advance(request, Happened(event=Event.VETOED, actor=ADA, vote=no), at)


def claimed(request: ApprovalRequest, holder: str = "here", at: datetime = NOON) -> Step:
    """The step by which a process takes the right to run an approved request."""
    claim = Claim(holder=holder, lease_until=at + timedelta(minutes=6))
    return lifecycle.advance(request, Happened(event=Event.CLAIMED, actor="placet", claim=claim), at)
