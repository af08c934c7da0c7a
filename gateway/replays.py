"""Replays: recorded calls read from the database, opened, and judged again by other policies.

The judging is pure (`gateway.policy.replaying`); here are the pages, the keys, and the patience of the event loop. Only
reads: a replay changes nothing, takes nothing from a limit, and sends nothing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from approvals.domain.model import Cause, Person, PersonId, State
from approvals.errors import Invalid
from approvals.storage.engine import Database
from approvals.storage.recordings import Held, RecordedCall, RecordedQuery
from gateway.policy.layers import layered, version_of
from gateway.policy.model import Policy, Risk, RiskClass, Severity, Verdict
from gateway.policy.recorded import Lost, Paid, Recorded, Request
from gateway.policy.replayed import Replay, Tally
from gateway.policy.replaying import Assume, Replayer, reach, shares
from gateway.policy.risk import classify
from gateway.policy.routes import ApprovalDefaults
from gateway.recording import Recorder

PAGE = 500
BREATHE_EVERY = 20
"""After so many calls the event loop may go on: a running service replays, too."""
STOPPED = frozenset({"invalid_arguments", "tool_changed"})
RAN = frozenset({"succeeded", "failed", "unknown", "input_required"})
EXAMPLES = 5

Progress = Callable[[int, int], None]
"""Hears how many calls of how many have been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a replay needs of an installation: its recording, the keys to it, and who would be asked.

    `agents` are the layers that agents have under those of each server, by their names.
    """

    db: Database
    recorder: Recorder
    people: Mapping[PersonId, Person]
    defaults: ApprovalDefaults
    agents: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `since` on, and before `until`.

    Raises:
        Invalid: nothing can lie in it.
    """

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since >= self.until:
            raise Invalid(field="since", why="the period must begin before it ends")


def quiet(_done: int, _all: int) -> None:
    """Say nothing of the progress."""


async def replay(
    bench: Bench,
    server: str,
    policies: tuple[Policy, ...],
    period: Period,
    *,
    assume: Assume = Assume.APPROVED,
    examples: int = EXAMPLES,
    progress: Progress = quiet,
) -> Replay:
    """What these policies, all layers of a server, would have made of its recorded calls.

    The layers of its agents stay as they are.

    Raises:
        Unavailable: the database cannot answer now.
    """
    every = layered(policies, *bench.agents.values())
    replayer = Replayer(server=server, policies=policies, begins=period.since, agents=bench.agents, assume=assume)
    tally = Tally(people=bench.people, defaults=bench.defaults, examples=examples)
    query = RecordedQuery(
        server=None if shares(every) else server, since=reach(every, period.since), until=period.until, limit=PAGE
    )
    async for row in calls(bench.db, query, progress):
        opened = bench.recorder.open(row) if row.server == server else None
        for judged in replayer.feed(recorded(row, opened)):
            tally.add(judged)
    for judged in replayer.end():
        tally.add(judged)
    return tally.replay(
        server=server, version=version_of(policies), since=period.since, until=period.until, assume=assume
    )


async def calls(db: Database, query: RecordedQuery, progress: Progress = quiet) -> AsyncIterator[RecordedCall]:
    """Recorded calls in order; the event loop may go on between them."""
    done = 0
    async for page in pages(db, query, progress):
        for row in page:
            done += 1
            if done % BREATHE_EVERY == 0:
                await asyncio.sleep(0)
            yield row


async def pages(
    db: Database, query: RecordedQuery, progress: Progress = quiet
) -> AsyncIterator[Sequence[RecordedCall]]:
    """Recorded calls in order, a page at a time: a long recording is never in memory whole."""
    count, done = await db.read(lambda tx: tx.recordings.count(query)), 0
    while True:
        page = await db.read(lambda tx, asked=query: tx.recordings.page(asked))  # type: ignore[misc]  # mypy loses the default
        yield page
        done += len(page)
        progress(done, max(done, count))
        if len(page) < query.limit:
            return
        query = replace(query, after=(page[-1].at, page[-1].id))


def recorded(row: RecordedCall, arguments: bytes | None) -> Recorded:
    """A call as the policy judges it again. `arguments` are None where they are not known."""
    held = row.held
    verdict = Verdict.REQUIRE_APPROVAL if held is not None else Verdict(row.verdict)
    ran_at, ended_at = _ran(row, held)
    return Recorded(
        id=row.id,
        at=row.at,
        server=row.server,
        tool=row.tool,
        agent=row.agent,
        owner=row.owner,
        arguments=_known(row, arguments),
        arguments_sha256=row.arguments_sha256,
        risk=_risk(row),
        verdict=verdict,
        rule=row.rule or "",
        policy_version=row.policy_version or "",
        session=row.session or "",
        counted_at=row.counted_at or row.at,
        ran_at=ran_at,
        ended_at=ended_at,
        request=_request(held) if held is not None else None,
        stopped=row.outcome if row.outcome in STOPPED else None,
        came_back=held is None and ran_at is None and row.risk is not None and row.outcome in RAN,
        ran_well=(held.state if held is not None else row.outcome) == State.SUCCEEDED,
        paid=tuple(_paid(one) for one in row.limits if one["amount"] is not None),
        shadow=row.shadow,
    )


def _known(row: RecordedCall, arguments: bytes | None) -> Mapping[str, Any] | Lost:
    if arguments is None:
        return Lost.NOT_KEPT if row.sealed is None else Lost.NOT_OPENED
    value: dict[str, Any] = json.loads(arguments)
    return value


def _ran(row: RecordedCall, held: Held | None) -> tuple[datetime | None, datetime | None]:
    if held is None:
        # A row of an older version does not say when it ran, only what came of it.
        old = row.risk is None and row.verdict == Verdict.ALLOW and row.outcome in RAN
        ran_at = row.ran_at or (row.at if old else None)
        return ran_at, row.at + timedelta(milliseconds=row.ms or 0) if ran_at is not None else None
    if held.cause == Cause.UNSENT:
        return None, None
    if held.state in {State.EXECUTING, State.UNKNOWN} and held.started_at is None:
        return held.changed_at, None
    return held.started_at, held.finished_at


def _risk(row: RecordedCall) -> Risk:
    if row.risk is None or row.severity is None:
        return classify({"name": row.tool})
    return Risk(kind=RiskClass(row.risk), severity=Severity(row.severity))


def _request(held: Held) -> Request:
    return Request(id=held.id, state=held.state, created_at=held.created_at, decided_at=held.decided_at)


def _paid(said: Mapping[str, Any]) -> Paid:
    keys = tuple((str(counter), str(scope)) for counter, scope in said["keys"])
    return Paid(keys=keys, amount=Decimal(said["amount"]))
