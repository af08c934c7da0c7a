"""Budgets that hold: exact over concurrency, replicas and restarts, and charged only for what ran."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from approvals.directory import Directory
from approvals.storage.engine import Database
from approvals.sweeper import Sweeper
from gateway.limits import Exceeded, Limits, Reservation, Room, waived_by
from gateway.metrics import Metrics
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse
from gateway.policy.windows import LEASE
from tests.fakes.desk import make_desk
from tests.fakes.keys import VAULT
from tests.fakes.processes import at_the_line

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


class Clock:
    """The store's clock, in the test's hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def facts(tool: str = "pay", **more: Any) -> Facts:
    given: dict[str, Any] = {"server": "s", "agent": "ada", "arguments": {"amount": 1}, "now": NOON, **more}
    return Facts(tool=tool, **given)


def uses(limits: str, call: Facts) -> Sequence[LimitUse]:
    """What the limits of a policy ask for one call."""
    policy = load_policy(f'version: "1"\ndefault: deny\ntools: {{"*": {{limits: [{limits}]}}}}\n', "p.yaml")
    ruling = evaluate(policy, call)
    assert ruling.limits, ruling.reason
    return ruling.limits


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(database: Database) -> Limits:
    return Limits(database)


async def test_a_hundred_calls_at_once_take_exactly_what_the_limit_allows(limits: Limits) -> None:
    call = facts()
    wanted = uses("{counter: c, window: day, max: 30}", call)
    taken = await asyncio.gather(*(limits.reserve(wanted) for _ in range(100)))
    assert sum(isinstance(one, Reservation) for one in taken) == 30


async def test_a_rolling_window_is_exact_under_concurrency_too(limits: Limits) -> None:
    call = facts()
    wanted = uses("{counter: c, window: 1d, max: 20}", call)
    taken = await asyncio.gather(*(limits.reserve(wanted) for _ in range(60)))
    assert sum(isinstance(one, Reservation) for one in taken) == 20


async def test_the_budget_outlives_the_process(database_url: str) -> None:
    call = facts()
    wanted = uses("{counter: c, window: day, max: 1}", call)
    for expected in (Reservation, Exceeded):
        async with Database.opened(database_url, VAULT, clock=Clock()) as db:
            assert isinstance(await Limits(db).reserve(wanted), expected)


async def test_a_check_takes_nothing(limits: Limits) -> None:
    call = facts()
    wanted = uses("{counter: c, window: day, max: 1}", call)
    for _ in range(3):
        room = await limits.check(wanted)
        assert isinstance(room, Room)
        assert room.standings[0].remaining == 1


async def test_all_counters_of_a_call_are_taken_or_none(limits: Limits) -> None:
    call = facts()
    wide = uses("{counter: wide, window: day, max: 10}", call)
    both = uses("{counter: wide, window: day, max: 10}, {counter: narrow, window: day, max: 1}", call)
    assert isinstance(await limits.reserve(both), Reservation)
    refused = await limits.reserve(both)
    assert isinstance(refused, Exceeded)
    assert refused.rule == "/tools/*/limits/1"
    room = await limits.check(wide)
    assert isinstance(room, Room)
    assert room.standings[0].used == 1


async def test_a_call_that_did_not_run_gives_its_place_back(limits: Limits) -> None:
    call = facts()
    wanted = uses("{counter: c, window: day, max: 1}", call)
    taken = await limits.reserve(wanted)
    assert isinstance(taken, Reservation)
    await limits.release(taken)
    assert isinstance(await limits.reserve(wanted), Reservation)


KINDS = [
    "{counter: c, window: week, max: 30}",
    "{counter: c, window: month, max: 30, tz: Pacific/Auckland}",
    "{counter: c, window: 1d, max: 30}",
    "{counter: c, window: day, max: 1, kind: bucket, burst: 30}",
    "{counter: c, window: inflight, max: 30}",
    "{counter: c, window: day, max: 3, amount: 0.1}",
    "{counter: c, window: day, max: 30, scope: [agent, args.amount]}",
]


@pytest.mark.parametrize("limit", KINDS)
async def test_processes_that_race_take_exactly_what_the_limit_allows(database_url: str, limit: str) -> None:
    policy = f'{{version: "1", default: deny, all_tools: {{limits: [{limit}]}}, tools: {{pay: {{}}}}}}'
    async with at_the_line([("take", database_url, policy)] * 2) as racers:
        assert sum(int(line) for line in await racers.go()) == 30


async def test_a_limit_of_what_runs_at_a_time_has_room_again_when_a_call_is_over(limits: Limits) -> None:
    wanted = uses("{counter: slots, window: inflight, max: 2}, {counter: c, window: day, max: 9}", facts())
    taken = [await limits.reserve(wanted) for _ in range(3)]
    assert [isinstance(one, Reservation) for one in taken] == [True, True, False]
    assert isinstance(taken[0], Reservation)
    await limits.settle(taken[0])
    await limits.settle(taken[0])
    room = await limits.check(wanted)
    assert [standing.used for standing in room.standings] == [1, 2]
    assert isinstance(await limits.reserve(wanted), Reservation)
    assert isinstance(await limits.reserve(wanted), Exceeded)


async def test_a_call_that_was_not_sent_gives_back_its_place_among_the_running_too(limits: Limits) -> None:
    wanted = uses("{counter: slots, window: inflight, max: 1}", facts())
    taken = await limits.reserve(wanted)
    assert isinstance(taken, Reservation)
    await limits.release(taken)
    await limits.settle(taken)
    assert isinstance(await limits.reserve(wanted), Reservation)


async def test_a_long_call_keeps_its_place_and_a_dead_process_loses_it(database_url: str, clock: Clock) -> None:
    wanted = uses("{counter: slots, window: inflight, max: 1}", facts())
    async with Database.opened(database_url, VAULT, clock=clock) as db:
        alive, dead = Limits(db), Limits(db)
        held = await alive.reserve(wanted)
        assert isinstance(held, Reservation)
        for _ in range(3):
            clock.now += LEASE / 2
            await alive.renew()
            assert isinstance(await dead.reserve(wanted), Exceeded)
        await alive.settle(held)
        assert isinstance(await dead.reserve(wanted), Reservation)
        clock.now += LEASE
        assert isinstance(await alive.reserve(wanted), Reservation)


async def test_a_call_whose_task_is_gone_loses_its_place_by_its_lease(sqlite_url: str, clock: Clock) -> None:
    wanted = uses("{counter: slots, window: inflight, max: 1}", facts())
    async with Database.opened(sqlite_url, VAULT, clock=clock) as db:
        limits = Limits(db)
        async with asyncio.TaskGroup() as group:
            lost = group.create_task(limits.reserve(wanted))
        assert isinstance(await lost, Reservation)
        clock.now += LEASE / 2
        await limits.renew()
        assert isinstance(await limits.reserve(wanted), Exceeded)
        clock.now += LEASE / 2
        assert isinstance(await limits.reserve(wanted), Reservation)


async def test_nothing_runs_when_the_one_service_of_a_sqlite_file_starts(sqlite_url: str) -> None:
    wanted = uses("{counter: slots, window: inflight, max: 1}, {counter: c, window: day, max: 1}", facts())
    async with Database.opened(sqlite_url, VAULT) as db:
        assert isinstance(await Limits(db).reserve(wanted), Reservation)
        await Sweeper(make_desk(db, Directory({}, {}), holder="one", ids=count())).begin()
        room = await Limits(db).check(wanted)
        assert [standing.used for standing in room.standings] == [0, 1]


async def test_what_cannot_be_given_back_now_does_not_fail_the_call(sqlite_url: str) -> None:
    wanted = uses("{counter: slots, window: inflight, max: 1}", facts())
    async with Database.opened(sqlite_url, VAULT) as db:
        limits = Limits(db)
        taken = await limits.reserve(wanted)
        assert isinstance(taken, Reservation)
    await limits.settle(taken)
    async with Database.opened(sqlite_url, VAULT) as db:
        assert isinstance(await Limits(db).check(wanted), Exceeded)


async def test_an_operator_hears_of_a_level_once_a_window(
    sqlite_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = uses("{counter: c, window: minute, max: 4}", facts())
    metrics = Metrics()
    caplog.set_level("INFO", "gateway.limits")
    async with Database.opened(sqlite_url, VAULT, clock=clock) as db:
        limits = Limits(db, metrics)
        for _ in range(4):
            assert isinstance(await limits.reserve(wanted), Reservation)
        assert isinstance(await limits.reserve(wanted), Exceeded)
        clock.now += timedelta(minutes=1)
        for _ in range(2):
            taken = await limits.reserve(wanted)
            assert isinstance(taken, Reservation)
            await limits.release(taken)
            await limits.reserve(wanted)
    told = [
        (record.levelname, getattr(record, "percent", None), getattr(record, "counter", None))
        for record in caplog.records
    ]
    assert told == [("INFO", 50, "c"), ("WARNING", 80, "c"), ("INFO", 50, "c")]
    text = metrics.text().decode()
    assert 'placet_budget_levels_total{counter="c",percent="50"} 2.0' in text
    assert 'placet_budget_levels_total{counter="c",percent="100"} 1.0' in text


async def test_a_counter_that_two_rules_share_is_charged_once_at_its_strictest(limits: Limits) -> None:
    call = facts()
    wanted = uses("{counter: c, window: day, max: 5}, {counter: c, window: day, max: 2}", call)
    room = await limits.check(wanted)
    assert isinstance(room, Room)
    assert [(standing.max, standing.rule) for standing in room.standings] == [(Decimal(2), "/tools/*/limits/1")]
    assert isinstance(await limits.reserve(wanted), Reservation)
    assert isinstance(await limits.reserve(wanted), Reservation)
    assert isinstance(await limits.reserve(wanted), Exceeded)


async def test_the_same_counter_in_other_windows_is_another_budget(limits: Limits) -> None:
    call = facts()
    wanted = uses("{counter: c, window: hour, max: 1}, {counter: c, window: day, max: 9}", call)
    assert isinstance(await limits.reserve(wanted), Reservation)
    refused = await limits.reserve(wanted)
    assert isinstance(refused, Exceeded)
    assert refused.rule == "/tools/*/limits/0"


async def test_a_limit_that_refuses_is_told_before_one_that_asks(limits: Limits) -> None:
    call = facts()
    wanted = uses(
        "{counter: a, window: day, max: 1, on_exceed: require_approval}, {counter: b, window: day, max: 1}", call
    )
    assert isinstance(await limits.reserve(wanted), Reservation)
    refused = await limits.check(wanted)
    assert isinstance(refused, Exceeded)
    assert (refused.rule, refused.asks) == ("/tools/*/limits/1", False)


async def test_a_person_can_let_a_call_go_over_a_limit_that_asks(limits: Limits) -> None:
    call = facts()
    wanted = uses("{counter: a, window: day, max: 1, on_exceed: require_approval}", call)
    assert isinstance(await limits.reserve(wanted), Reservation)
    refused = await limits.check(wanted)
    assert isinstance(refused, Exceeded)
    assert refused.asks
    assert waived_by("/tools/*/action", wanted) == frozenset()
    waived = waived_by(refused.rule, wanted)
    assert isinstance(await limits.reserve(wanted, waived), Reservation)
    again = await limits.check(wanted)
    assert isinstance(again, Exceeded)
    assert again.standing.used == 2


async def test_a_call_without_limits_asks_the_store_nothing(limits: Limits) -> None:
    assert await limits.check(()) == Room()
    taken = await limits.reserve(())
    assert taken == Reservation()
    await limits.release(Reservation())


@pytest.fixture
def at_noon(sqlite_url: str, clock: Clock) -> Any:
    return Database.opened(sqlite_url, VAULT, clock=clock)


async def test_a_calendar_window_opens_again_at_its_end(at_noon: Any, clock: Clock) -> None:
    call = facts()
    wanted = uses("{counter: c, window: minute, max: 1}", call)
    async with at_noon as db:
        limits = Limits(db)
        assert isinstance(await limits.reserve(wanted), Reservation)
        refused = await limits.reserve(wanted)
        assert isinstance(refused, Exceeded)
        assert refused.retry_after == timedelta(seconds=30)
        assert refused.standing.resets_at == datetime(2026, 11, 24, 12, 1, tzinfo=UTC)
        assert refused.reason == (
            "The limit 'c' is 1 per minute for each agent on this server; 0 is left and this call needs 1."
        )
        clock.now += timedelta(seconds=30)
        assert isinstance(await limits.reserve(wanted), Reservation)


async def test_a_rolling_window_never_lets_more_through_over_its_boundary(at_noon: Any, clock: Clock) -> None:
    call = facts()
    wanted = uses("{counter: c, window: 60, max: 2}", call)
    async with at_noon as db:
        limits = Limits(db)
        assert isinstance(await limits.reserve(wanted), Reservation)
        clock.now += timedelta(seconds=29)
        assert isinstance(await limits.reserve(wanted), Reservation)
        # The calendar minute turns here; the last sixty seconds are still full.
        clock.now += timedelta(seconds=20)
        refused = await limits.reserve(wanted)
        assert isinstance(refused, Exceeded)
        assert refused.retry_after == timedelta(seconds=12)
        clock.now += timedelta(seconds=12)
        assert isinstance(await limits.reserve(wanted), Reservation)


async def test_a_call_that_costs_more_than_the_limit_ever_allows_is_not_told_to_wait(at_noon: Any) -> None:
    call = facts(arguments={"amount": 9})
    wanted = uses("{counter: c, window: day, max: 5, amount: args.amount, scope: all}", call)
    async with at_noon as db:
        refused = await Limits(db).check(wanted)
    assert isinstance(refused, Exceeded)
    assert refused.retry_after is None
    assert refused.reason == "This call costs 9; the limit 'c' never allows more than 5 per day for everybody."


async def test_a_changed_maximum_counts_at_once(at_noon: Any) -> None:
    call = facts()
    async with at_noon as db:
        limits = Limits(db)
        assert isinstance(await limits.reserve(uses("{counter: c, window: day, max: 1}", call)), Reservation)
        wider = uses("{counter: c, window: day, max: 2, on_deny: Enough}", call)
        assert isinstance(await limits.reserve(wider), Reservation)
        refused = await limits.reserve(wider)
        assert isinstance(refused, Exceeded)
        assert refused.reason == (
            "Enough. The limit 'c' is 2 per day for each agent on this server; 0 is left and this call needs 1."
        )
        clockwise = uses("{counter: c, window: day, max: 1, kind: sliding}", call)
        assert isinstance(await limits.check(clockwise), Room)
