"""What time alone does to a request: run out, be allowed by silence, lapse, or lose its lease.

A deadline belongs to the past the moment it is reached: at exactly `expires_at` it is too late.
Silence allows only where the rule's own words say so; an escalation that nobody answered is silence.
The sweeper asks for every request whose time has come, and the desk asks before each decision.
"""

from __future__ import annotations

from datetime import datetime

from approvals.domain.happening import Event, Happened
from approvals.domain.model import ApprovalRequest, Cause, OnTimeout, Outcome, State

CLOCK = "placet"
"""The actor of what nobody did."""
BY_TIME = frozenset({Event.TIMED_OUT, Event.DEFAULTED, Event.LAPSED})
"""Events that are true only because a deadline has passed."""


def due(request: ApprovalRequest, now: datetime) -> Happened | None:
    """The event that time has brought, or None if nothing is due."""
    if request.state is State.PENDING and now >= request.expires_at:
        return _silence(request)
    if request.state is State.APPROVED and request.collect_by is not None and now >= request.collect_by:
        return Happened(event=Event.LAPSED, actor=CLOCK, cause=Cause.NOT_COLLECTED)
    if request.state is State.EXECUTING and request.claim is not None and now >= request.claim.lease_until:
        return _lease_lost(now)
    return None


def next_deadline(request: ApprovalRequest) -> datetime | None:
    """When time will next change this request by itself."""
    if request.state is State.PENDING:
        return request.expires_at
    if request.state is State.APPROVED:
        return request.collect_by
    return request.claim.lease_until if request.claim is not None else None


def _silence(request: ApprovalRequest) -> Happened:
    if request.terms.on_timeout is OnTimeout.ALLOW:
        return Happened(event=Event.DEFAULTED, actor=CLOCK, cause=Cause.SILENCE_ALLOWS)
    return Happened(event=Event.TIMED_OUT, actor=CLOCK, cause=Cause.TIMED_OUT)


def _lease_lost(now: datetime) -> Happened:
    outcome = Outcome(
        kind="unknown",
        error="The process that sent this call stopped before it could say what came of it.",
        finished_at=now,
    )
    return Happened(event=Event.LOST, actor=CLOCK, cause=Cause.LEASE_LOST, outcome=outcome)
