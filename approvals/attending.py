"""What the meter of attention does to a decision, inside its transaction: may it pass, and what is kept of it."""

from __future__ import annotations

from datetime import timedelta

from approvals.domain import attention
from approvals.domain.attention import Friction, Reading, Step
from approvals.domain.card import make_card
from approvals.domain.model import Answer, ApprovalRequest, Decision
from approvals.errors import ConfirmNeeded
from approvals.storage.tx import Tx


def asked(tx: Tx, friction: Friction, request: ApprovalRequest, *, person: str, via: str) -> Step | None:
    """What a person must add to approve a request on this surface now."""
    if via not in friction.surfaces:
        return None
    last = tx.attention.last(person, limit=friction.last, since=tx.now - friction.within)
    return attention.step(friction, attention.meter(last), tool=request.call.tool, via=via)


def unconfirmed(tx: Tx, friction: Friction, request: ApprovalRequest, decision: Decision) -> ConfirmNeeded | None:
    """Refuse an approval that lacks the step its reviewer has to take."""
    if decision.answer is Answer.DENY:
        return None
    step = asked(tx, friction, request, person=decision.reviewer.lower(), via=decision.via)
    if step is None or attention.is_done(step, decision.confirm):
        return None
    return ConfirmNeeded(why=step.why, level=step.level, send=step.send)


def keep(tx: Tx, request: ApprovalRequest, decision: Decision) -> None:
    """Keep what time the reviewer had for this decision, and what its card needs; `request` is as it left it."""
    person = decision.reviewer.lower()
    moments = tx.attention.moments(request, person, channel=decision.via, batch=decision.batch)
    began, known = attention.since(moments)
    reading = Reading(
        person=person,
        answer=decision.answer,
        at=tx.now,
        since=began,
        known=known,
        needed=_needed(request, tx),
    )
    tx.attention.add(reading, request, via=decision.via, batch=decision.batch)


def _needed(request: ApprovalRequest, tx: Tx) -> timedelta:
    card = make_card(request, needs=(), people={}, url="", now=tx.now)
    return attention.reading_time(attention.shown_length(card))
