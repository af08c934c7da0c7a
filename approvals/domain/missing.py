"""Who is missing: whether the people there are now could approve a request at all. Pure.

A group can be emptied, or be one that nobody has signed in with yet, long after the configuration was checked. Such a
call would wait for its whole timeout and then say only that nobody decided, so it says so from the first moment.
"""

from __future__ import annotations

from collections.abc import Collection

from approvals.domain import quorum
from approvals.domain.model import ApprovalRequest, Person, State
from approvals.domain.terms import Factor


def missing(request: ApprovalRequest, people: Collection[Person]) -> tuple[str, ...]:
    """A sentence for each factor that cannot be met by these people, voted or not; none for what waits for nobody."""
    if request.state is not State.PENDING:
        return ()
    able = [person for person in people if quorum.why_no_authority(person, request) is None]
    found = ((factor, quorum.within_reach(request, factor, able)) for factor in request.terms.factors)
    return tuple(_sentence(factor, reach) for factor, reach in found if reach < factor.count)


def _sentence(factor: Factor, reach: int) -> str:
    whom = quorum.who([factor])
    if not reach:
        return f"nobody can approve for {whom} now"
    return f"{factor.count} of {whom} must approve, and only {reach} can now"
