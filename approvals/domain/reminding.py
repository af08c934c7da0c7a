"""Reminders of what still waits: fewer and fewer, never many, and one message for all that waits for somebody.

The first comes after the length the rule says, each next one after twice the time of the one before it, and after the
last the chain of escalation is what is left. No place is reminded more often than once in `APART`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from approvals.domain import plain
from approvals.domain.model import ApprovalRequest

MOST = 4
APART = timedelta(minutes=2)
LISTED = 10


def next_after(every: timedelta, sent: int, now: datetime) -> datetime | None:
    """When to remind next, after so many reminders the last of which is now; None: no more."""
    return now + every * 2**sent if sent < MOST else None


def told(requests: Sequence[ApprovalRequest], *, inbox: str) -> str:
    """One message about all that waits: what, until when, and where to decide. No word of an agent's is in it."""
    many = "1 request waits for you" if len(requests) == 1 else f"{len(requests)} requests wait for you"
    more = [f"… and {len(requests) - LISTED} more"] if len(requests) > LISTED else []
    return "\n".join([f"{many}.", *_lines(requests[:LISTED]), *more, inbox])


def _lines(requests: Iterable[ApprovalRequest]) -> list[str]:
    return [
        f"{plain.visible(one.call.tool)} on {plain.visible(one.call.server)} ({one.severity}), "
        f"until {one.expires_at:%Y-%m-%d %H:%M} UTC"
        for one in sorted(requests, key=lambda one: one.expires_at)
    ]
