"""What limits count: one exact decimal for each (counter, scope, window), taken all or none.

The caller decides where a window starts and when its row may go; nothing here knows a calendar. Rows are
locked in one order whatever the order asked in, so two reservations never wait for each other, and arithmetic
that would have to round is refused instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import NamedTuple

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.sql.expression import ColumnElement

from approvals.storage.frame import Group
from approvals.storage.tables import counters

EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow])
MAX_DIGITS = 40
"""Amounts and maxima with more digits than this, before or after the point, are refused."""

CounterKey = tuple[str, str]
"""`(counter, scope_key)`."""
Slot = tuple[CounterKey, datetime]
"""One counter in one window."""


class Take(NamedTuple):
    """What one limit asks of its counter. After `expires` the row may be deleted."""

    key: CounterKey
    window_start: datetime
    amount: Decimal
    max: Decimal
    expires: datetime


class Give(NamedTuple):
    """What goes back to a counter because the call provably did not run."""

    key: CounterKey
    window_start: datetime
    amount: Decimal


class Counters(Group):
    """Statements about counters."""

    def try_reserve(self, takes: Sequence[tuple[CounterKey, datetime, Decimal, Decimal, datetime]]) -> int | None:
        """Take every amount, or none: the index of the first that has no room, or None when all were taken.

        Raises:
            ValueError: an amount or maximum is negative, not finite, or has more than MAX_DIGITS digits.
        """
        wanted = [Take(*take) for take in takes]
        for take in wanted:
            _check(take.amount)
            _check(take.max)
        values = self._locked(wanted)
        for index, take in enumerate(wanted):
            slot = (take.key, take.window_start)
            value = EXACT.add(values[slot], take.amount)
            if value > take.max:
                return index
            values[slot] = value
        self._save(values)
        return None

    def release(self, gives: Iterable[tuple[CounterKey, datetime, Decimal]]) -> None:
        """Give amounts back. A counter never goes below nothing, and one that is gone stays gone."""
        returned = [Give(*give) for give in gives]
        for give in returned:
            _check(give.amount)
        values = self._read(sorted({(give.key, give.window_start) for give in returned}), lock=True)
        for give in returned:
            slot = (give.key, give.window_start)
            if slot in values:
                values[slot] = max(Decimal(0), EXACT.subtract(values[slot], give.amount))
        self._save(values)

    def value(self, key: CounterKey, window_start: datetime) -> Decimal:
        """What a counter stands at."""
        return self.values([(key, window_start)])[(key, window_start)]

    def values(self, slots: Iterable[Slot]) -> dict[Slot, Decimal]:
        """What several counters stand at, in one question; zero where nothing was taken yet."""
        asked = sorted(set(slots))
        return dict.fromkeys(asked, Decimal(0)) | self._read(asked, lock=False)

    def sweep(self, now: datetime) -> None:
        """Delete the counters of windows that are over."""
        self._run(delete(counters).where(counters.c.expires_at <= now))

    def _locked(self, takes: Sequence[Take]) -> dict[Slot, Decimal]:
        rows = {(take.key, take.window_start): take.expires for take in takes}
        for (key, window_start), expires in sorted(rows.items()):
            zero = self._tx.insert(counters).values(
                counter=key[0], scope_key=key[1], window_start=window_start, value="0", expires_at=expires
            )
            self._run(zero.on_conflict_do_nothing(index_elements=["counter", "scope_key", "window_start"]))
        return self._read(sorted(rows), lock=True)

    def _read(self, slots: Sequence[Slot], *, lock: bool) -> dict[Slot, Decimal]:
        if not slots:
            return {}
        columns = (counters.c.counter, counters.c.scope_key, counters.c.window_start)
        asked = [(key[0], key[1], window_start) for key, window_start in slots]
        found = select(counters).where(tuple_(*columns).in_(asked)).order_by(*columns)
        rows = self._run(found.with_for_update() if lock else found)
        return {((row.counter, row.scope_key), row.window_start): Decimal(row.value) for row in rows}

    def _save(self, values: Mapping[Slot, Decimal]) -> None:
        for (key, window_start), value in sorted(values.items()):
            self._run(update(counters).where(*_is(key, window_start)).values(value=format(value, "f")))


def _is(key: CounterKey, window_start: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        counters.c.counter == key[0],
        counters.c.scope_key == key[1],
        counters.c.window_start == window_start,
    )


def _check(amount: Decimal) -> None:
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"an amount must be a finite number and not negative, got {amount}")
    exponent = amount.as_tuple().exponent
    if amount and (abs(amount.adjusted()) >= MAX_DIGITS or (isinstance(exponent, int) and exponent < -MAX_DIGITS)):
        raise ValueError(f"an amount may have up to {MAX_DIGITS} digits before and after the point, got {amount}")
