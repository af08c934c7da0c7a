"""What time alone does to a request: ask more people, run out, be allowed by silence, lapse, or lose its lease.

A deadline belongs to the past the moment it is reached: at exactly `expires_at` it is too late. A step of the chain
that gives more time comes before the deadline where its own moment does, however late anybody looks. Silence allows
only where the rule's own words say so; a chain that has been gone through without an answer is silence that denies.
The sweeper asks for every request whose time has come, and the desk asks before each decision.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from approvals.domain import escalating
from approvals.domain.happening import Event, Happened
from approvals.domain.model import ApprovalRequest, Cause, Outcome, State
from approvals.domain.terms import Escalation, OnTimeout

NO_CARD_SHOWN = "no card could be shown to anybody before the time was up"
CLOCK = "placet"
"""The actor of what nobody did."""
BY_TIME = frozenset({Event.TIMED_OUT, Event.DEFAULTED, Event.LAPSED, Event.ESCALATED})
"""Events that are true only because a moment has passed; a step may also be taken because nobody can be reached."""
OF_SILENCE = frozenset({Event.TIMED_OUT, Event.DEFAULTED, Event.ESCALATED})
"""Events that say nobody answered: of whom nothing was asked, nothing can be said to have been silent."""


def due(request: ApprovalRequest, now: datetime) -> Happened | None:
    """The event that time has brought, or None if nothing is due. Of several, the first; ask again after it."""
    if request.state is State.PENDING:
        return _of_waiting(request, now)
    if request.state is State.APPROVED and request.collect_by is not None and now >= request.collect_by:
        return Happened(event=Event.LAPSED, actor=CLOCK, cause=Cause.NOT_COLLECTED)
    if request.state is State.EXECUTING and request.claim is not None and now >= request.claim.lease_until:
        return _lease_lost(now)
    return None


def next_deadline(request: ApprovalRequest) -> datetime | None:
    """When time will next change this request by itself."""
    if request.state is State.PENDING:
        return min([request.expires_at, *(at for at, _ in _steps(request))])
    if request.state is State.APPROVED:
        return request.collect_by
    return request.claim.lease_until if request.claim is not None else None


def step_taken(request: ApprovalRequest, step: Escalation, why: str, now: datetime) -> Happened:
    """The event of taking a step of the chain."""
    return Happened(
        event=Event.ESCALATED,
        actor=CLOCK,
        factors=escalating.widened(request.terms.factors, step),
        step=step,
        expires_at=None if step.timeout is None else max(request.expires_at, now + step.timeout),
        note=why,
    )


def untold(request: ApprovalRequest, by_time: Happened, now: datetime) -> Happened:
    """What time has brought where nobody was told of the request: nobody was silent, so silence allows nothing."""
    if by_time.event is Event.ESCALATED:
        return replace(by_time, note=escalating.NOBODY_REACHED)
    step = escalating.on_undelivered(request)
    if step is not None and step.timeout is not None:
        return step_taken(request, step, escalating.NOBODY_REACHED, now)
    if step is not None and request.terms.on_timeout is OnTimeout.ESCALATE:
        return _with_time(step_taken(request, step, escalating.NOBODY_REACHED, now), request, now)
    return Happened(event=Event.UNDELIVERED, actor=CLOCK, note=NO_CARD_SHOWN)


def _of_waiting(request: ApprovalRequest, now: datetime) -> Happened | None:
    over = now >= request.expires_at
    for at, step in _steps(request):
        # Past the deadline only a step that would have moved it counts, and only if it came first.
        if now >= at and (not over or (at <= request.expires_at and step.timeout is not None)):
            return step_taken(request, step, escalating.NOBODY_ANSWERED, now)
    return _silence(request, now) if over else None


def _steps(request: ApprovalRequest) -> list[tuple[datetime, Escalation]]:
    """The steps that are left with their moments, in the order of these."""
    moments = [(escalating.moment(request, step), step) for step in request.terms.escalate]
    return sorted(((at, step) for at, step in moments if at is not None), key=lambda pair: pair[0])


def _silence(request: ApprovalRequest, now: datetime) -> Happened:
    if request.terms.on_timeout is OnTimeout.ALLOW:
        return Happened(event=Event.DEFAULTED, actor=CLOCK, cause=Cause.SILENCE_ALLOWS)
    step = escalating.on_silence(request) if request.terms.on_timeout is OnTimeout.ESCALATE else None
    if step is None:
        return Happened(event=Event.TIMED_OUT, actor=CLOCK, cause=Cause.TIMED_OUT)
    taken = step_taken(request, step, escalating.NOBODY_ANSWERED, now)
    return taken if step.timeout is not None else _with_time(taken, request, now)


def _with_time(taken: Happened, request: ApprovalRequest, now: datetime) -> Happened:
    return replace(taken, expires_at=now + request.terms.timeout)


def _lease_lost(now: datetime) -> Happened:
    outcome = Outcome(
        kind="unknown",
        error="The process that sent this call stopped before it could say what came of it.",
        finished_at=now,
    )
    return Happened(event=Event.LOST, actor=CLOCK, cause=Cause.LEASE_LOST, outcome=outcome)
