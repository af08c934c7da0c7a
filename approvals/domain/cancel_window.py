"""The cancel window: what people approved runs some seconds later, and until then any of them can pull it back.

It is a part of the approval and follows from it: nothing is stored, and nobody has to end it. What nobody was asked
about (break-glass, a standing grant) has none.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from approvals.domain.model import ApprovalRequest, Ground, State

LONGEST = timedelta(hours=1)
DECIDED = frozenset({None, Ground.SILENCE})
"""What let it run: people's votes, or their silence."""


def opens_at(request: ApprovalRequest) -> datetime | None:
    """When the window of a decided request is over and its call may run; None where there is none."""
    window = request.terms.cancel_window
    if request.decided_at is None or window <= timedelta(0) or request.ground not in DECIDED:
        return None
    return request.decided_at + window


def runs_at(request: ApprovalRequest) -> datetime | None:
    """The same, while the call has not run."""
    return opens_at(request) if request.state is State.APPROVED else None


def is_open(request: ApprovalRequest, now: datetime) -> bool:
    """Is it too early to run an approved request?"""
    at = runs_at(request)
    return at is not None and now < at
