"""Asking more people: which step of the chain is next, and what a request asks once it is taken.

A step widens who may answer and never how many must: counts stay, and the word of those asked first still counts.
Taking a step removes it from the terms, so that the revision of the request is what makes it happen once, whichever
process does it and however often it is restarted. When time takes a step is in `schedule`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from approvals.domain.model import ApprovalRequest
from approvals.domain.terms import Escalation, Factor, OnTimeout, Terms

EVERYWHERE = ("web", "slack", "email", "webhook", "notify", "push")
"""The channels of a rule that names none."""
NOBODY_ANSWERED = "nobody answered"
NOBODY_REACHED = "nobody could be reached"


def moment(request: ApprovalRequest, step: Escalation) -> datetime | None:
    """When time takes the step by itself, if the deadline does not."""
    return None if step.undelivered or step.after is None else request.created_at + step.after


def on_silence(request: ApprovalRequest) -> Escalation | None:
    """The step for when the time has run out: the first that is left, whatever its own time."""
    return next((step for step in request.terms.escalate if not step.undelivered), None)


def on_undelivered(request: ApprovalRequest) -> Escalation | None:
    """The step for when no card could be shown to anybody."""
    return next((step for step in request.terms.escalate if step.undelivered), None)


def widened(factors: Iterable[Factor], step: Escalation) -> tuple[Factor, ...]:
    """The factors with the people of the step beside their own."""
    return tuple(
        replace(factor, members=tuple(dict.fromkeys((*factor.members, *step.to))))
        if step.widens is None or place in step.widens
        else factor
        for place, factor in enumerate(factors)
    )


def escalated(terms: Terms, factors: tuple[Factor, ...], step: Escalation | None) -> Terms:
    """The terms with other factors; after a step its people are called, its channels used too, and itself is gone."""
    if step is None:
        return replace(terms, factors=factors)
    return replace(
        terms,
        factors=factors,
        escalate=tuple(other for other in terms.escalate if other != step),
        called=tuple(dict.fromkeys((*terms.called, *step.to))),
        channels=_with(terms.channels, step.channels),
    )


def never(terms: Terms) -> list[str]:
    """What of a chain can never come to pass, in sentences for whoever wrote the rule."""
    if terms.on_timeout is OnTimeout.ESCALATE:
        missing = "on_timeout: escalate needs somebody to turn to: add a step to escalate"
        return [] if any(not step.undelivered for step in terms.escalate) else [missing]
    found, until = [], terms.timeout
    for step in sorted(terms.escalate, key=lambda step: step.after or timedelta(0)):
        if step.undelivered:
            continue
        if step.after is None:
            found.append(f"the step to {', '.join(step.to)} is never taken: give it after, or on_timeout: escalate")
        elif step.after > until or (step.after == until and step.timeout is None):
            found.append(f"the step to {', '.join(step.to)} is never taken: the request has ended by then")
        elif step.timeout is not None:
            until = max(until, step.after + step.timeout)
    return found


def _with(channels: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    if not more:
        return channels
    return tuple(dict.fromkeys((*(channels or EVERYWHERE), *more)))
