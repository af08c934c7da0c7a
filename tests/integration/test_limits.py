"""Budgets that hold: exact over concurrency, replicas and restarts, and charged only for what ran."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.storage.engine import Database
from gateway.limits import Exceeded, Limits, Reservation, Room, waived_by
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse

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
        async with Database.opened(database_url, clock=Clock()) as db:
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


@pytest.mark.parametrize(
    ("amounts", "allowed"),
    [(["0.99", "0.99", "0.99"], 2), (["1.99", "1.99"], 1), (["1e29"], 0), (["0.1"] * 21, 20)],
    ids=["fractions add up", "and are never cut", "a huge amount does not wrap around", "twenty tenths are two"],
)
async def test_amounts_are_exact(limits: Limits, amounts: list[str], allowed: int) -> None:
    ran = 0
    for amount in amounts:
        call = facts(arguments={"amount": float(amount)})
        wanted = uses("{counter: c, window: day, max: 2, amount: args.amount}", call)
        ran += isinstance(await limits.reserve(wanted), Reservation)
    assert ran == allowed
    left = facts()
    room = await limits.check(uses("{counter: c, window: day, max: 1000000}", left))
    assert isinstance(room, Room)


@pytest.mark.parametrize(
    ("scope", "other", "shared"),
    [
        ("grant", {"agent": "bo"}, False),
        ("grant", {"server": "t"}, False),
        ("grant", {"tool": "pay2"}, True),
        ("agent", {"server": "t"}, True),
        ("agent", {"agent": "bo"}, False),
        ("owner", {"agent": "bo", "owner": "o@x"}, True),
        ("owner", {"owner": "p@x"}, False),
        ("server", {"agent": "bo"}, True),
        ("server", {"server": "t"}, False),
        ("tool", {"agent": "bo"}, True),
        ("tool", {"tool": "pay2"}, False),
        ("all", {"agent": "bo", "server": "t", "tool": "pay2"}, True),
    ],
)
def test_a_scope_says_whose_calls_share_the_budget(scope: str, other: dict[str, Any], shared: bool) -> None:
    one = facts(owner="o@x")
    two = facts(**{"owner": "o@x", **other})
    limit = f"{{counter: c, window: day, max: 1, scope: {scope}}}"
    assert (uses(limit, one)[0].keys == uses(limit, two)[0].keys) is shared


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
    return Database.opened(sqlite_url, clock=clock)


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
        assert refused.reason == ("The limit 'c' is 1 per minute for each grant; 0 is left and this call needs 1.")
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
        assert refused.reason == "Enough"
        clockwise = uses("{counter: c, window: day, max: 1, kind: sliding}", call)
        assert isinstance(await limits.check(clockwise), Room)
