"""Approval blocks as written into what a rule asks of people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from approvals.domain.cancel_window import LONGEST
from approvals.domain.terms import Escalation, Factor, OnTimeout
from gateway.policy.collecting import Collector, Path
from gateway.policy.model import ApprovalBlock
from gateway.policy.shapes import ApprovalShape, EscalateShape

SHORTEST_TIMEOUT = timedelta(seconds=1)
SHORTEST_REMINDER = timedelta(minutes=1)

SELF_AND_OTHERS = (
    "self_service puts the page before the agent's owner to decide, and four_eyes says that they may not; take out "
    "one of the two"
)
AFTER_OR_UNDELIVERED = (
    "nobody answered and nobody could be reached are two things: write a step with after, and one with undelivered"
)


def approval(notes: Collector, shape: ApprovalShape | None, path: Path) -> ApprovalBlock | None:
    """One approval block."""
    if shape is None:
        return None
    if shape.factors is not None and (shape.reviewers is not None or shape.quorum is not None):
        notes.problem((*path, "factors"), "factors stand instead of reviewers and quorum; keep one of the two")
    if shape.self_service and shape.four_eyes:
        notes.problem((*path, "self_service"), SELF_AND_OTHERS)
    shortest(notes, path, remind=shape.remind, timeout=shape.timeout)
    if shape.cancel_window is not None and shape.cancel_window > LONGEST:
        notes.problem((*path, "cancel_window"), "a cancel window is at most 1h: whoever made the call waits for it")
    for index, reviewer in enumerate(shape.reviewers or ()):
        _reviewer(notes, reviewer, (*path, "reviewers", index))
    steps = chain(notes, shape.escalate or (), (*path, "escalate"))
    return ApprovalBlock(
        reviewers=_members(shape.reviewers),
        quorum=shape.quorum,
        factors=_tuple(shape.factors and [Factor(members=(f"group:{f.group}",), count=f.count) for f in shape.factors]),
        four_eyes=shape.four_eyes,
        delegation=shape.delegation,
        timeout=shape.timeout,
        on_timeout=OnTimeout(shape.on_timeout) if shape.on_timeout else None,
        escalate=steps or None,
        remind=shape.remind,
        channels=_tuple(shape.channels),
        edit=shape.edit,
        justification=shape.justification,
        cancel_window=shape.cancel_window,
        execute_on_approve=shape.execute_on_approve,
        self_service=shape.self_service,
        grants=shape.grants,
    )


def shortest(notes: Collector, path: Path, *, remind: timedelta | None, timeout: timedelta | None) -> None:
    """What is too short for people, in a rule or for all rules that do not say."""
    if remind is not None and remind < SHORTEST_REMINDER:
        notes.problem((*path, "remind"), "a reminder is at least 1m apart: sooner is noise")
    if timeout is not None and timeout < SHORTEST_TIMEOUT:
        notes.problem((*path, "timeout"), "a timeout is at least 1s: nobody can decide faster")


def chain(notes: Collector, shapes: Sequence[EscalateShape], path: Path) -> tuple[Escalation, ...]:
    """The steps of a chain; what only the whole of the terms can tell of them is in `escalating.never`."""
    for index, shape in enumerate(shapes):
        here = (*path, index)
        for at, reviewer in enumerate(shape.to):
            _reviewer(notes, reviewer, (*here, "to", at))
        if shape.after is not None and shape.undelivered:
            notes.problem((*here, "undelivered"), AFTER_OR_UNDELIVERED)
        for key in ("after", "timeout"):
            wait = getattr(shape, key)
            if wait is not None and wait < SHORTEST_TIMEOUT:
                notes.problem((*here, key), f"{key} is at least 1s")
    return steps_of(shapes)


def steps_of(shapes: Sequence[EscalateShape]) -> tuple[Escalation, ...]:
    """The steps of a chain that has been checked."""
    return tuple(
        Escalation(
            to=_members(shape.to) or (),
            after=shape.after,
            undelivered=bool(shape.undelivered),
            timeout=shape.timeout,
            channels=tuple(shape.channels or ()),
        )
        for shape in shapes
    )


def _reviewer(notes: Collector, text: str, path: Path) -> None:
    if not text.removeprefix("group:") or (not text.startswith("group:") and "@" not in text):
        notes.problem(path, f"{text!r} is neither group:NAME nor an e-mail address")


def _members(items: Sequence[str] | None) -> tuple[str, ...] | None:
    """Groups as written, people by their address in lower case, as the directory keys them."""
    return None if items is None else tuple(i if i.startswith("group:") else i.lower() for i in items)


def _tuple(items: Any) -> tuple[Any, ...] | None:
    return None if items is None else tuple(items)
