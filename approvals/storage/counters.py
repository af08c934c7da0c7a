"""What limits count: rows of one exact decimal each, by counter, scope and start of a window.

The caller decides where a window starts, what there is room for, and when a row may go; nothing here knows a
calendar or a maximum. Whoever changes a counter first locks the row the caller names for it. Rows are locked in one
order whatever the order asked in, so two reservations never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, or_, select, tuple_, update

from approvals.storage.frame import Group
from approvals.storage.tables import counters

MAX_DIGITS = 80
"""Values with more digits than this, before or after the point, are refused."""

CounterKey = tuple[str, str]
"""`(counter, scope_key)`."""
Slot = tuple[CounterKey, datetime]
"""One counter in one window."""


class Counters(Group):
    """Statements about counters."""

    def lock(self, slots: Mapping[Slot, datetime]) -> dict[CounterKey, dict[datetime, Decimal]]:
        """Hold these rows until the transaction ends, and read them; what is not there is made, to go at its time."""
        zeros = [{**_named(slot), "value": "0", "expires_at": expires} for slot, expires in sorted(slots.items())]
        insert = self._tx.insert(counters).on_conflict_do_nothing(index_elements=_KEY)
        held: dict[CounterKey, dict[datetime, Decimal]] = {}
        while sum(map(len, held.values())) < len(slots):
            # Tidying may delete a row between these two; then it is made anew, and held.
            for zero in zeros:
                self._run(insert, zero)
            held = self.lock_known(slots)
        return held

    def lock_known(self, slots: Iterable[Slot]) -> dict[CounterKey, dict[datetime, Decimal]]:
        """Hold those of these rows that are there until the transaction ends, and read them."""
        asked = [(key[0], key[1], start) for key, start in sorted(set(slots))]
        if not asked:
            return {}
        held = select(counters).where(tuple_(*_COLUMNS).in_(asked)).order_by(*_COLUMNS).with_for_update()
        return _by_key(self._run(held))

    def rows(self, spans: Iterable[tuple[CounterKey, datetime]]) -> dict[CounterKey, dict[datetime, Decimal]]:
        """What counters stand at: of each key, every row from the given start on."""
        asked = sorted(set(spans))
        if not asked:
            return {}
        of = [
            and_(counters.c.counter == key[0], counters.c.scope_key == key[1], counters.c.window_start >= start)
            for key, start in asked
        ]
        return _by_key(self._run(select(counters).where(or_(*of))))

    def save(self, values: Mapping[Slot, tuple[Decimal, datetime]]) -> None:
        """Write rows, each with the time after which it may be deleted. Their counters must be locked.

        Raises:
            ValueError: a value is negative, not finite, or has more than MAX_DIGITS digits.
        """
        written = self._tx.insert(counters).values({name: bindparam(name) for name in (*_KEY, "value", "expires_at")})
        statement = written.on_conflict_do_update(
            index_elements=_KEY, set_={"value": written.excluded.value, "expires_at": written.excluded.expires_at}
        )
        rows = [
            {**_named(slot), "value": _exact(value), "expires_at": expires}
            for slot, (value, expires) in sorted(values.items())
        ]
        if rows:
            self._run(statement, rows)

    def change(self, values: Mapping[Slot, Decimal | None]) -> None:
        """Change rows that are there, or (None) delete them; one that is gone stays gone. Their counters are locked.

        Raises:
            ValueError: as `save`.
        """
        kept = [
            {"c": key[0], "s": key[1], "w": start, "value": _exact(value)}
            for (key, start), value in sorted(values.items(), key=_slot_of)
            if value is not None
        ]
        gone = [
            {"c": key[0], "s": key[1], "w": at}
            for (key, at), value in sorted(values.items(), key=_slot_of)
            if value is None
        ]
        of = (
            counters.c.counter == bindparam("c"),
            counters.c.scope_key == bindparam("s"),
            counters.c.window_start == bindparam("w"),
        )
        if kept:
            self._run(update(counters).where(*of).values(value=bindparam("value")), kept)
        if gone:
            self._run(delete(counters).where(*of), gone)

    def end_leases(self) -> None:
        """Forget every call that was running: on SQLite, nobody else can be."""
        self._run(delete(counters).where(counters.c.counter.like("%/inflight")))

    def sweep(self, now: datetime) -> None:
        """Delete the counters of windows that are over."""
        self._run(delete(counters).where(counters.c.expires_at <= now))


_KEY: Sequence[str] = ("counter", "scope_key", "window_start")
_COLUMNS = (counters.c.counter, counters.c.scope_key, counters.c.window_start)


def _by_key(rows: Iterable[Row[Any]]) -> dict[CounterKey, dict[datetime, Decimal]]:
    found: dict[CounterKey, dict[datetime, Decimal]] = {}
    for row in rows:
        found.setdefault((row.counter, row.scope_key), {})[row.window_start] = Decimal(row.value)
    return found


def _slot_of(item: tuple[Slot, object]) -> Slot:
    return item[0]


def _named(slot: Slot) -> dict[str, str | datetime]:
    return {"counter": slot[0][0], "scope_key": slot[0][1], "window_start": slot[1]}


def _exact(value: Decimal) -> str:
    if not value.is_finite() or value < 0:
        raise ValueError(f"a counter holds a finite number that is not negative, not {value}")
    exponent = value.as_tuple().exponent
    if value and (abs(value.adjusted()) >= MAX_DIGITS or (isinstance(exponent, int) and exponent < -MAX_DIGITS)):
        raise ValueError(f"a counter has up to {MAX_DIGITS} digits before and after the point, not {value}")
    return format(value, "f")
