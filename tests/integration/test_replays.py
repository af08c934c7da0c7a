"""Replays of what a database holds: pages, keys, requests and what became of them, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.fingerprint import canonical, sha256_hex
from approvals.errors import Invalid
from approvals.storage.calls import CallRow
from approvals.storage.engine import Database
from approvals.testing import samples
from gateway import replays
from gateway.journal import Journal
from gateway.keys import Keys
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, Policy
from gateway.policy.recorded import Lost
from gateway.policy.replayed import Replay
from gateway.policy.replaying import Change
from gateway.policy.routes import ApprovalDefaults
from gateway.recording import Recorder
from gateway.replays import Bench, Period, replay
from tests.fakes.desk import house
from tests.fakes.requests import NOON

DAY = timedelta(days=1)
RECORDER, STRANGER = Recorder.of(Keys(b"k" * 32)), Recorder.of(Keys(b"x" * 32))
DEFAULTS = ApprovalDefaults(reviewers=("group:finance",))
PERIOD = Period(since=NOON - DAY, until=NOON + DAY)


def policy(tools: str) -> Policy:
    return load_policy(f'version: "1"\ndefault: deny\ntools: {tools}\n', "p.yaml")


DENIES_LARGE = policy("{pay: {deny_if: [{conditions: [{path: args.amount, op: gt, value: 5}]}]}}")


def row(number: int, arguments: dict[str, Any], **more: Any) -> tuple[CallRow, bytes]:
    """A call that was allowed and ran."""
    raw = canonical(arguments)
    at = NOON + timedelta(seconds=number)
    call = CallRow(
        id=f"call_{number:03}", at=at, agent="claude-ada", server="bank", tool="pay", arguments_sha256=sha256_hex(raw),
        verdict="allow", rule="/tools/pay", risk="write", severity="medium", counted_at=at, ran_at=at, ms=4,
    )  # fmt: skip
    return replace(call, **more), raw


async def journal(db: Database, rows: list[tuple[CallRow, bytes]], recorder: Recorder | None = RECORDER) -> None:
    written = Journal(db, recorder)
    for one, arguments in rows:
        written.write(one, arguments)
    await written.flush()


async def of(db: Database, new: Policy, **options: Any) -> Replay:
    bench = Bench(db=db, recorder=RECORDER, people=samples.PEOPLE, defaults=DEFAULTS)
    return await replay(bench, "bank", (new,), options.pop("period", PERIOD), **options)


async def test_a_recording_is_read_page_by_page_and_told_how_far(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "PAGE", 3)
    await journal(database, [row(number, {"amount": number}) for number in range(8)])
    told: list[tuple[int, int]] = []
    found = await of(database, DENIES_LARGE, progress=lambda done, count: told.append((done, count)))
    assert (found.count(Change.UNCHANGED), found.count(Change.NEWLY_DENIED)) == (6, 2)
    assert told == [(3, 8), (6, 8), (8, 8)]
    assert found.groups[0].examples[0].why == "args.amount 6 is > 5"


async def test_what_was_not_kept_or_does_not_open_is_counted_apart(database: Database) -> None:
    await journal(database, [row(1, {"amount": 9})])
    await journal(database, [row(2, {"amount": 9})], STRANGER)
    await journal(database, [row(3, {"amount": 9}), row(4, {"amount": 9})], None)
    found = await of(database, DENIES_LARGE)
    assert found.not_judged == {Lost.NOT_OPENED: 1, Lost.NOT_KEPT: 2}
    assert found.count(Change.NEWLY_DENIED) == 1


async def test_a_budget_that_servers_share_is_taken_from_by_both(database: Database) -> None:
    shared = policy("{pay: {limits: [{counter: c, window: day, max: 2, scope: agent}]}}")
    used = evaluate(shared, Facts(server="shop", tool="pay", arguments={}, agent="claude-ada", now=NOON)).limits
    paid = tuple(use.as_json() for use in used)
    elsewhere = [row(number, {}, server="shop", limits=paid) for number in (1, 2)]
    await journal(database, [*elsewhere, row(3, {})])
    found = await of(database, shared)
    assert (found.calls, found.count(Change.NEWLY_DENIED)) == (1, 1)


async def test_requests_bring_their_arguments_and_what_became_of_them(database_url: str) -> None:
    """The first ran and took room; the second was never decided; a third call only came back for the first."""
    async with house(database_url) as at:
        ran, waiting = await at.succeeded({"amount": 9}), await at.file({"amount": 4})
        asks: dict[str, Any] = {
            "verdict": "require_approval", "server": ran.call.server, "tool": ran.call.tool, "ran_at": None,
        }  # fmt: skip
        rows = [
            row(1, {"amount": 9}, request_id=ran.id, **asks),
            row(2, {"amount": 4}, request_id=waiting.id, **asks),
            row(3, {"amount": 9}, request_id=ran.id, **asks),
        ]
        await journal(at.db, rows, None)
        new = policy(f"{{{ran.call.tool}: {{deny_if: [{{conditions: [{{path: args.amount, op: gt, value: 5}}]}}]}}}}")
        bench = Bench(db=at.db, recorder=RECORDER, people=samples.PEOPLE, defaults=DEFAULTS)
        found = await replay(bench, ran.call.server, (new,), PERIOD)
    assert found.counts == {Change.NEWLY_DENIED: 1, Change.NEWLY_ALLOWED: 1, Change.CAME_BACK: 1}
    assert found.before.requests == 2


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(Invalid):
        Period(since=NOON, until=NOON)
