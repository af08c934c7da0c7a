"""Raises: a limit may be gone over up to a higher amount, for a while, because the reviewers of one call said so.

Pure. A raise is agreed on as an approval is: everybody whose word made it an approval asked for it, and the shortest
time counts. It holds for one budget (an agent's, a recipient's, …), up to the amount that stood on the screen, and only
as long as the policy's own maximum is not lowered below what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals.domain import quorum
from approvals.domain.model import Answer, ApprovalRequest, Overrun, Person, PersonId

LEAST, MOST = timedelta(minutes=1), timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """One budget that may be gone over until a moment. `by` are those who agreed."""

    id: str
    request: str
    over: Overrun
    by: tuple[str, ...]
    at: datetime
    until: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None

    def holds(self, now: datetime) -> bool:
        """Is it in force?"""
        return self.ended_at is None and now < self.until


def offered(request: ApprovalRequest) -> bool:
    """May an approval of the request raise what it goes over? Not where the rule wants no standing yes."""
    return bool(request.over) and request.terms.grants != "never"


def why_not(request: ApprovalRequest, answer: Answer, lasts: timedelta) -> str | None:
    """Why a decision cannot raise anything, None if it can."""
    if answer is not Answer.APPROVE:
        return "only an approval raises a budget"
    if not request.over:
        return "this call goes over no limit, so there is nothing to raise"
    if not offered(request):
        return "its rule wants every call decided by itself (grants: never)"
    if not LEAST <= lasts <= MOST:
        return "at least a minute and at most 24 hours"
    return None


def agreed(request: ApprovalRequest, people: Mapping[PersonId, Person]) -> timedelta | None:
    """For how long those who approved have agreed to raise what the request goes over, None if they have not."""
    asked = [vote.raise_for for vote in quorum.counted(request, people)]
    times = [one for one in asked if one is not None]
    return min(times) if times and len(times) == len(asked) else None
