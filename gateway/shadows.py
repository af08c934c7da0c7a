"""What entries in shadow would have done, read from the journal. Only reads; no keys are needed."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.storage.engine import Database
from approvals.storage.recordings import RecordedQuery
from gateway.policy.model import Policy
from gateway.policy.shadowing import InShadow, ShadowTally
from gateway.replays import EXAMPLES, PAGE, Period, Progress, calls, quiet, recorded


async def in_shadow(
    db: Database,
    server: str,
    policies: Sequence[Policy],
    period: Period,
    *,
    examples: int = EXAMPLES,
    progress: Progress = quiet,
) -> tuple[InShadow, ...]:
    """Every entry in shadow of a server's policies, with what it would have done in a period.

    Raises:
        Unavailable: the database cannot answer now.
    """
    tally = ShadowTally(policies, examples=examples)
    query = RecordedQuery(server=server, since=period.since, until=period.until, limit=PAGE)
    if tally.entries:
        async for row in calls(db, query, progress):
            tally.add(recorded(row, None))
    return tuple(tally.entries)
