"""Rows that limits count in: kept exactly, changed only by who holds them, and nobody's deadlock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from approvals.storage.counters import CounterKey, Slot
from approvals.storage.engine import Database, Tx
from tests.fakes.requests import NOON

DAY = timedelta(days=1)
PAID: CounterKey = ("paid_today", "agent:claude-ada")
CALLS: CounterKey = ("calls", "agent:claude-ada")


def add(amount: str, *keys: CounterKey, start: datetime = NOON) -> Callable[[Tx], None]:
    """A work that adds to counters, in the order given."""

    def work(tx: Tx) -> None:
        tx.counters.lock({(key, start): NOON + DAY for key in keys or (PAID,)})
        for key in keys or (PAID,):
            held = tx.counters.rows([(key, start)])[key][start]
            tx.counters.save({(key, start): (held + Decimal(amount), NOON + DAY)})

    return work


async def value(db: Database, key: CounterKey = PAID) -> Decimal:
    return (await db.read(lambda tx: tx.counters.rows([(key, NOON)]))).get(key, {}).get(NOON, Decimal(0))


async def test_what_is_locked_is_changed_by_one_at_a_time(database: Database) -> None:
    await asyncio.gather(*(database.write(add("0.1")) for _ in range(100)))
    assert await value(database) == Decimal("10.0")


async def test_counters_locked_in_opposite_order_do_not_wait_for_each_other(database: Database) -> None:
    both = (PAID, CALLS)
    await asyncio.gather(*(database.write(add("1", *(both if number % 2 else both[::-1]))) for number in range(100)))
    assert (await value(database), await value(database, CALLS)) == (Decimal(100), Decimal(100))


async def test_digits_beyond_the_usual_precision_are_kept(database: Database) -> None:
    digits = "9" * 38 + "." + "0" * 37 + "1"
    await database.write(lambda tx: tx.counters.save({(PAID, NOON): (Decimal(digits), NOON + DAY)}))
    assert format(await value(database), "f") == digits


async def test_the_rows_of_a_counter_come_from_a_moment_on(database: Database) -> None:
    for hours in (-2, -1, 0):
        await database.write(add(str(10 + hours), start=NOON + timedelta(hours=hours)))
    await database.write(add("5", CALLS))
    spans = [(PAID, NOON - timedelta(hours=1)), (CALLS, NOON), (("other", "x"), NOON)]
    assert await database.read(lambda tx: tx.counters.rows(spans)) == {
        PAID: {NOON - timedelta(hours=1): 9, NOON: 10},
        CALLS: {NOON: 5},
    }
    assert await database.read(lambda tx: tx.counters.rows([])) == {}


async def test_only_rows_that_are_there_are_changed(database: Database) -> None:
    await database.write(add("3"))
    known: list[Slot] = [(PAID, NOON), (CALLS, NOON)]
    assert await database.write(lambda tx: tx.counters.lock_known(known)) == {PAID: {NOON: 3}}
    await database.write(lambda tx: tx.counters.change({(PAID, NOON): Decimal("0.5"), (CALLS, NOON): Decimal(7)}))
    assert (await value(database), await value(database, CALLS)) == (Decimal("0.5"), Decimal(0))


async def test_nothing_asked_costs_nothing(database: Database) -> None:
    def nothing(tx: Tx) -> None:
        tx.counters.lock({})
        tx.counters.save({})
        tx.counters.change({})

    await database.write(nothing)
    assert await database.write(lambda tx: tx.counters.lock_known([])) == {}


BAD = [
    ("negative", "-1"),
    ("not a number", "NaN"),
    ("endless", "Infinity"),
    ("too large", "1E+80"),
    ("too fine", "1E-81"),
]


@pytest.mark.parametrize("amount", [row[1] for row in BAD], ids=[row[0] for row in BAD])
async def test_a_value_that_cannot_be_kept_exactly_is_refused(database: Database, amount: str) -> None:
    with pytest.raises(ValueError, match="a counter"):
        await database.write(lambda tx: tx.counters.save({(PAID, NOON): (Decimal(amount), NOON + DAY)}))
    with pytest.raises(ValueError, match="a counter"):
        await database.write(lambda tx: tx.counters.change({(PAID, NOON): Decimal(amount)}))


async def test_windows_that_are_over_are_swept_away(database: Database) -> None:
    await database.write(add("3"))
    await database.write(lambda tx: tx.counters.sweep(NOON + DAY - timedelta(seconds=1)))
    assert await value(database) == 3
    await database.write(lambda tx: tx.counters.sweep(NOON + DAY))
    assert await value(database) == 0
