"""Limits that hold: exact, all or none, and nobody's race."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.storage.counters import CounterKey, Give, Take
from approvals.storage.engine import Database, Tx
from tests.fakes.requests import NOON

DAY = timedelta(days=1)
PAID: CounterKey = ("paid_today", "agent:claude-ada")
CALLS: CounterKey = ("calls", "agent:claude-ada")


def take(amount: str, most: str, key: CounterKey = PAID) -> Take:
    return Take(key=key, window_start=NOON, amount=Decimal(amount), max=Decimal(most), expires=NOON + DAY)


def give(amount: str, key: CounterKey = PAID) -> Give:
    return Give(key=key, window_start=NOON, amount=Decimal(amount))


def reserve(*takes: Take) -> Callable[[Tx], int | None]:
    return lambda tx: tx.counters.try_reserve(takes)


async def value(db: Database, key: CounterKey = PAID) -> Decimal:
    return await db.read(lambda tx: tx.counters.value(key, NOON))


async def test_two_hundred_reservations_at_once_take_exactly_what_there_is(database: Database) -> None:
    room = await asyncio.gather(*(database.write(reserve(take("0.1", "10"))) for _ in range(200)))
    assert room.count(None) == 100
    assert await value(database) == Decimal("10.0")


async def test_reservations_in_opposite_order_do_not_wait_for_each_other(database: Database) -> None:
    both = (take("1", "1000"), take("1", "1000", CALLS))
    works = [database.write(reserve(*(both if number % 2 else both[::-1]))) for number in range(100)]
    assert await asyncio.gather(*works) == [None] * 100
    assert (await value(database), await value(database, CALLS)) == (Decimal(100), Decimal(100))


async def test_a_reservation_is_all_or_none_and_names_the_first_without_room(database: Database) -> None:
    assert await database.write(reserve(take("1", "5", CALLS), take("9", "10"))) is None
    assert await database.write(reserve(take("1", "5", CALLS), take("2", "10"))) == 1
    assert (await value(database, CALLS), await value(database)) == (Decimal(1), Decimal(9))


async def test_two_takes_of_one_counter_are_added_up(database: Database) -> None:
    assert await database.write(reserve(take("6", "10"), take("5", "10"))) == 1
    assert await value(database) == 0
    assert await database.write(reserve(take("6", "10"), take("4", "10"))) is None
    assert await value(database) == 10


async def test_a_tenth_ten_times_is_one(database: Database) -> None:
    for _ in range(10):
        assert await database.write(reserve(take("0.1", "1"))) is None
    assert await database.write(reserve(take("0.0000000001", "1"))) == 0
    assert await value(database) == Decimal("1.0")


async def test_digits_beyond_the_usual_precision_are_kept(database: Database) -> None:
    large, small = "9" * 38, "0." + "0" * 37 + "1"
    assert await database.write(reserve(take(large, "1" + "0" * 38), take(small, "1" + "0" * 38))) is None
    assert await value(database) == Decimal(large + small[1:])


async def test_another_window_counts_apart(database: Database) -> None:
    assert await database.write(reserve(take("1", "1"))) is None
    tomorrow = take("1", "1")._replace(window_start=NOON + DAY)
    assert await database.write(reserve(tomorrow)) is None
    assert await database.write(reserve(tomorrow)) == 0


async def test_a_changed_maximum_applies_at_once(database: Database) -> None:
    assert await database.write(reserve(take("5", "5"))) is None
    assert await database.write(reserve(take("1", "5"))) == 0
    assert await database.write(reserve(take("1", "6"))) is None


async def test_what_is_given_back_can_be_taken_again(database: Database) -> None:
    await database.write(reserve(take("5", "5")))
    await database.write(lambda tx: tx.counters.release([give("2.5")]))
    assert await value(database) == Decimal("2.5")
    assert await database.write(reserve(take("2.5", "5"))) is None


async def test_a_counter_never_goes_below_nothing(database: Database) -> None:
    await database.write(reserve(take("1", "5")))
    await database.write(lambda tx: tx.counters.release([give("3"), give("1", CALLS)]))
    assert (await value(database), await value(database, CALLS)) == (Decimal(0), Decimal(0))


async def test_giving_back_at_once_from_many_sides_is_exact(database: Database) -> None:
    await database.write(reserve(take("100", "100")))
    await asyncio.gather(*(database.write(lambda tx: tx.counters.release([give("0.5")])) for _ in range(100)))
    assert await value(database) == 50


BAD = [
    ("negative", "-1"),
    ("not a number", "NaN"),
    ("endless", "Infinity"),
    ("too large", "1E+40"),
    ("too fine", "1E-41"),
]


@pytest.mark.parametrize("amount", [row[1] for row in BAD], ids=[row[0] for row in BAD])
async def test_an_amount_that_cannot_be_counted_exactly_is_refused(database: Database, amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        await database.write(reserve(take(amount, "10")))
    with pytest.raises(ValueError, match="amount"):
        await database.write(reserve(take("1", amount)))


async def test_several_values_come_in_one_question(database: Database) -> None:
    await database.write(reserve(take("3", "5")))
    slots: list[Any] = [(PAID, NOON), (CALLS, NOON)]
    assert await database.read(lambda tx: tx.counters.values(slots)) == {(PAID, NOON): 3, (CALLS, NOON): 0}
    assert await database.read(lambda tx: tx.counters.values([])) == {}


async def test_windows_that_are_over_are_swept_away(database: Database) -> None:
    await database.write(reserve(take("3", "5")))
    await database.write(lambda tx: tx.counters.sweep(NOON + DAY - timedelta(seconds=1)))
    assert await value(database) == 3
    await database.write(lambda tx: tx.counters.sweep(NOON + DAY))
    assert await value(database) == 0
