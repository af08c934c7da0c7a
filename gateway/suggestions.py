"""Suggestions for the policy of a server, from its recording: mined in one pass, tried on all of it in another.

Only reads. The mining is pure (`gateway.policy.suggesting`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from approvals.domain.model import Cause, State
from approvals.storage.recordings import Held, RecordedQuery
from gateway.policy.mining import Said, Support
from gateway.policy.model import Policy
from gateway.policy.recorded import Recorded
from gateway.policy.suggested import Suggestions
from gateway.policy.suggesting import Miner
from gateway.replays import BREATHE_EVERY, PAGE, Bench, Period, Progress, pages, quiet, recorded

APPROVED = frozenset({State.APPROVED, State.EXECUTING, State.SUCCEEDED, State.FAILED, State.UNKNOWN})


async def suggest(
    bench: Bench,
    server: str,
    policies: tuple[Policy, ...],
    period: Period,
    *,
    support: Support | None = None,
    progress: Progress = quiet,
) -> Suggestions:
    """What these policies, all layers of a server, could say by what people decided in a period.

    Raises:
        Unavailable: the database cannot answer now.
    """
    miner = Miner(server=server, policies=policies, agents=bench.agents, support=support or Support())
    async for call, said, people in _decided(bench, server, period, progress):
        miner.add(call, said, people)
    ideas = list(miner.ideas())
    if ideas:
        async for call, said, _ in _decided(bench, server, period, progress):
            for idea in ideas:
                miner.try_on(idea, call, said)
    return Suggestions(
        server=server,
        since=period.since,
        until=period.until,
        decided=miner.decided,
        found=tuple(idea for idea in ideas if miner.stands(idea)),
        passed_over=tuple(miner.passed_over),
    )


async def _decided(
    bench: Bench, server: str, period: Period, progress: Progress
) -> AsyncIterator[tuple[Recorded, Said | None, frozenset[str]]]:
    """Every call once, with what people said to it, and who."""
    query = RecordedQuery(server=server, since=period.since, until=period.until, limit=PAGE)
    seen: set[str] = set()
    async for page in pages(bench.db, query, progress):
        asked = {row.held.id for row in page if row.held is not None}
        voters = await bench.db.read(lambda tx, ids=asked: tx.recordings.voters(ids))  # type: ignore[misc]  # mypy loses the default
        for number, row in enumerate(page):
            if number % BREATHE_EVERY == 0:
                await asyncio.sleep(0)
            if row.held is None:
                yield recorded(row, bench.recorder.open(row)), None, frozenset()
            elif row.held.id not in seen:
                seen.add(row.held.id)
                call = recorded(row, bench.recorder.open(row))
                yield call, said_of(row.held), voters.get(row.held.id, frozenset())


def said_of(held: Held) -> Said | None:
    """What came of asking people; None while nobody has answered."""
    if held.state == State.PENDING or held.ground is not None:
        return None
    if held.state == State.DENIED or held.cause == Cause.CANCELLED_BY_PERSON:
        return Said.DENIED
    if held.state in APPROVED or held.cause == Cause.NOT_COLLECTED:
        return Said.EDITED if held.edited else Said.APPROVED
    return Said.UNANSWERED
