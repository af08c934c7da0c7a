"""A request put out of one person's sight for a while: theirs alone, and never past its deadline.

It comes back when its time is over or when anything about the request changed meanwhile. Nothing else of the request
knows of it: the deadline, what is needed and who may decide stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from approvals.domain.model import ApprovalRequest, PersonId, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Snooze:
    """Out of one person's sight, while the request is still at this revision."""

    request: str
    person: PersonId
    until: datetime
    revision: int

    def hides(self, request: ApprovalRequest, now: datetime) -> bool:
        """Is it hidden now?"""
        unchanged = request.state is State.PENDING and request.revision == self.revision
        return unchanged and now < self.until


def why_not(request: ApprovalRequest, until: datetime, now: datetime) -> str | None:
    """Why it cannot be hidden so long, or None."""
    if until <= now:
        return "the time to hide it for must be more than nothing"
    if until >= request.expires_at:
        left = max(0, int((request.expires_at - now).total_seconds()) // 60)
        return f"it can only be hidden for less than the {left} minutes that are left to decide it"
    return None
