"""The arithmetic of limits, in memory and on a clock in the test's hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.policy.budgets import Budgets, Raised, Reservation
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse
from gateway.policy.standings import Exceeded, Room

NOON = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


def uses(limits: str, **more: Any) -> tuple[LimitUse, ...]:
    """What limits ask for one call of `pay`; `more` are its facts."""
    given: dict[str, Any] = {"server": "s", "agent": "ada", "arguments": {"amount": 1}, "now": NOON, **more}
    policy = load_policy(f'version: "1"\ndefault: deny\ntools: {{pay: {{limits: [{limits}]}}}}\n', "p.yaml")
    ruling = evaluate(policy, Facts(tool="pay", **given))
    assert ruling.limits, ruling.reason
    return ruling.limits


def test_counters_in_memory_take_check_and_release() -> None:
    budgets, wanted = Budgets(), uses("{counter: c, window: minute, max: 1}")
    assert isinstance(budgets.check(wanted, NOON), Room)
    taken = budgets.take(wanted, NOON)
    assert isinstance(taken, Reservation)
    full = budgets.take(wanted, NOON)
    assert isinstance(full, Exceeded)
    assert full.retry_after == timedelta(seconds=30)
    budgets.release(taken, NOON)
    assert isinstance(budgets.take(wanted, NOON), Reservation)
    assert isinstance(budgets.check(wanted, NOON + timedelta(seconds=30)), Room)


def test_a_test_can_say_what_counters_stand_at() -> None:
    budgets, wanted = Budgets(), uses("{counter: paid_today, window: day, max: 5000, amount: args.amount}")
    budgets.begin(wanted, {"paid_today": Decimal(4999), "another": Decimal(1)}, NOON)
    room = budgets.check(wanted, NOON)
    assert isinstance(room, Room)
    assert room.standings[0].remaining == 1
    assert isinstance(budgets.take(wanted, NOON), Reservation)
    assert isinstance(budgets.take(wanted, NOON), Exceeded)


def test_a_limit_that_refuses_stands_behind_one_that_asks_on_the_same_counter() -> None:
    budgets = Budgets()
    wanted = uses(
        "{counter: c, window: day, max: 1, on_exceed: require_approval}, {counter: c, window: day, max: 2}",
    )
    asks = wanted[0].limit.pointer
    assert isinstance(budgets.take(wanted, NOON), Reservation)
    assert isinstance(budgets.take(wanted, NOON, {asks}), Reservation)
    refused = budgets.take(wanted, NOON, {asks})
    assert isinstance(refused, Exceeded)
    assert not refused.asks


def test_sums_are_exact_beyond_the_usual_precision() -> None:
    budgets = Budgets()
    limit = "{counter: c, window: 1d, max: 1000000000000000000000000000000, amount: args.amount}"
    large = uses(limit, arguments={"amount": Decimal("9" * 30)})
    small = uses(limit, arguments={"amount": Decimal("0.6")})
    assert isinstance(budgets.take(large, NOON), Reservation)
    assert isinstance(budgets.take(small, NOON), Reservation)
    assert isinstance(budgets.take(small, NOON + timedelta(hours=1)), Exceeded)


def test_levels_are_told_once_when_a_call_brings_a_budget_to_them() -> None:
    budgets, wanted = Budgets(), uses("{counter: c, window: day, max: 10, amount: args.amount}")
    levels = []
    for _ in range(10):
        taken = budgets.take(wanted, NOON)
        assert isinstance(taken, Reservation)
        levels.append([crossed.level for crossed in taken.crossed])
    assert levels == [[], [], [], [], [50], [], [], [80], [], []]
    large = Budgets().take(uses("{counter: c, window: day, max: 1}"), NOON)
    assert isinstance(large, Reservation)
    assert [crossed.level for crossed in large.crossed] == [80]


def test_what_runs_at_a_time_comes_back_when_the_call_is_over_and_nothing_else_does() -> None:
    budgets = Budgets()
    wanted = uses("{counter: slots, window: inflight, max: 1}, {counter: c, window: day, max: 9}")
    taken = budgets.take(wanted, NOON)
    assert isinstance(taken, Reservation)
    full = budgets.check(wanted, NOON)
    assert isinstance(full, Exceeded)
    assert (
        full.reason
        == "The limit 'slots' is 1 at a time for each agent on this server; 0 is left and this call needs 1."
    )
    assert full.retry_after == timedelta(seconds=2)
    assert full.standing.as_json() == {"counter": "slots", "remaining": "0", "resets_at": None}
    budgets.settle(taken, NOON + timedelta(seconds=3))
    room = budgets.check(wanted, NOON + timedelta(seconds=3))
    assert isinstance(room, Room)
    assert [standing.used for standing in room.standings] == [0, 1]


def test_a_bucket_says_what_it_holds_and_when_there_is_room() -> None:
    budgets, wanted = Budgets(), uses("{counter: c, window: minute, max: 60, kind: bucket, burst: 2}")
    assert isinstance(budgets.take(wanted, NOON), Reservation)
    assert isinstance(budgets.take(wanted, NOON), Reservation)
    full = budgets.take(wanted, NOON)
    assert isinstance(full, Exceeded)
    assert full.reason == (
        "The limit 'c' is 60 per minute and 2 at once for each agent on this server; 0 is left and this call needs 1."
    )
    assert full.retry_after == timedelta(seconds=1)
    assert isinstance(budgets.take(wanted, NOON + timedelta(seconds=1)), Reservation)


def test_a_counter_of_a_bucket_can_be_given_too() -> None:
    budgets, wanted = Budgets(), uses("{counter: c, window: minute, max: 60, kind: bucket}")
    budgets.begin(wanted, {"c": Decimal(59)}, NOON)
    assert isinstance(budgets.take(wanted, NOON), Reservation)
    assert isinstance(budgets.take(wanted, NOON), Exceeded)


ASKS = "{counter: c, window: day, max: 10, amount: args.amount, on_exceed: require_approval}"


def spend(budgets: Budgets, amount: int, limit: str = ASKS) -> Reservation | Exceeded:
    return budgets.take(uses(limit, arguments={"amount": amount}), NOON)


def test_a_raised_budget_has_room_up_to_what_it_was_raised_to() -> None:
    budgets = Budgets()
    [key] = uses(ASKS)[0].keys
    assert isinstance(spend(budgets, 9), Reservation)
    over = spend(budgets, 4)
    assert isinstance(over, Exceeded)
    assert [(one.key, one.used, one.amount) for one in over.over] == [(key, Decimal(9), Decimal(4))]
    budgets.raises = {key: [Raised(Decimal(10), Decimal(23)), Raised(Decimal(10), Decimal(15))]}
    assert isinstance(spend(budgets, 14), Reservation)
    full = spend(budgets, 1)
    assert isinstance(full, Exceeded)
    assert full.reason == "The limit 'c' is 23 per day for each agent on this server; 0 is left and this call needs 1."


@pytest.mark.parametrize(
    ("limit", "room"),
    [
        (ASKS, True),
        (ASKS.replace("max: 10", "max: 9"), False),
        (ASKS.replace("max: 10", "max: 11"), True),
        (ASKS.replace("require_approval", "deny"), False),
        (f"{ASKS}, {{counter: c, window: day, max: 19, amount: args.amount}}", False),
        (ASKS.replace("day", "minute, kind: bucket, burst: 2"), True),
    ],
    ids=[
        "it stands",
        "the policy has been tightened since",
        "or loosened",
        "a limit that refuses is never raised",
        "nor one on the same counter",
        "a bucket holds more, too",
    ],
)
def test_a_raise_holds_for_limits_that_ask_and_are_not_stricter_by_now(limit: str, room: bool) -> None:
    budgets = Budgets()
    for use in uses(limit):
        budgets.raises = {**budgets.raises, **{key: [Raised(Decimal(10), Decimal(100))] for key in use.keys}}
    assert isinstance(spend(budgets, 20, limit), Reservation) is room


def test_nobody_is_asked_to_raise_what_another_limit_refuses_anyway() -> None:
    refuses = ASKS.replace("counter: c", "counter: d").replace("require_approval", "deny")
    over = Budgets().check(uses(f"{ASKS}, {refuses}", arguments={"amount": 11}), NOON)
    assert isinstance(over, Exceeded)
    assert (over.asks, over.over) == (False, ())
