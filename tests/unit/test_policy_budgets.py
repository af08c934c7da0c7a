"""The arithmetic of limits, in memory and on a clock in the test's hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.policy.budgets import Budgets, Exceeded, Reservation, Room
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse

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
    budgets.release(taken)
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
