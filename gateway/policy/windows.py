"""The windows that limits count over: which rows of a counter count, what a charge adds, when there is room again.

A counter is rows of exact decimals by their moment, and a kind of window says what the moments mean. No window
reads a clock: the moment of a Counter is the store's, or the test's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import reduce
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.policy.durations import written

EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, Overflow])
"""Sums that would have to round are refused instead; nothing that a policy can say comes near."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
NOTHING = Decimal(0)
ROLLING_PARTS = 60
"""A rolling window is counted in this many parts; one that is only partly over still counts in full."""
LEASE = timedelta(seconds=60)
"""How long a running call keeps its place without saying again that it runs: after a crash it is lost by then."""
CALENDAR: Mapping[str, timedelta | None] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": None,
}
"""The windows that have a name, with their lengths."""
INFLIGHT = "inflight"

Rows = Mapping[datetime, Decimal]
"""The rows of one counter; one that is not there is zero."""
Change = dict[datetime, Decimal | None]
"""What rows of one counter hold from now on; None where one is to go."""


class Counter(NamedTuple):
    """A counter as it stands `now`, and what a limit allows of it."""

    rows: Rows
    now: datetime
    most: Decimal


class Added(NamedTuple):
    """What a charge changes: the row it went to, all that is to be written, and when that may be forgotten."""

    at: datetime
    change: Change
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What every kind of window has. `name` is how the file says it."""

    name: str

    @property
    def id(self) -> str:
        """What tells its counters from those of other windows."""
        raise NotImplementedError

    @property
    def per(self) -> str:
        """How a sentence goes on after the number."""
        return f"per {self.name}"

    def raised(self, _by: Decimal) -> Window:
        """The window of a limit that is raised by so much."""
        return self

    def since(self, now: datetime) -> datetime:
        """The first row that can count now."""
        raise NotImplementedError

    def reach(self, now: datetime, _most: Decimal) -> datetime:
        """Since when a charge can count now."""
        return self.since(now)

    def lock(self, _now: datetime) -> datetime:
        """The row that whoever changes the counter must hold: a sum spans several, so it has one of its own."""
        return EPOCH

    @property
    def one_row(self) -> bool:
        """Is the row that is held all that counts?"""
        return False

    def over(self, now: datetime) -> datetime:
        """When the window of now is over."""
        raise NotImplementedError

    def capacity(self, most: Decimal) -> Decimal:
        """What can be taken at once, when nothing is taken."""
        return most

    def used(self, counter: Counter) -> Decimal:
        """What is taken now."""
        return total(self._counted(counter))

    def fits(self, counter: Counter, amount: Decimal) -> bool:
        """Is there room for the amount?"""
        return EXACT.add(self.used(counter), amount) <= counter.most

    def opens(self, counter: Counter, amount: Decimal) -> datetime | None:
        """When there is more room, enough for the amount if it can ever fit. None: nobody can say."""
        raise NotImplementedError

    def add(self, counter: Counter, amount: Decimal) -> Added:
        """Take the amount."""
        raise NotImplementedError

    def give(self, counter: Counter, at: datetime, amount: Decimal, _taken: datetime) -> Change:
        """Give back an amount that was taken and went to the row `at`."""
        held = counter.rows.get(at)
        return {} if held is None else {at: max(NOTHING, EXACT.subtract(held, amount))}

    def _counted(self, counter: Counter) -> list[tuple[datetime, Decimal]]:
        since = self.since(counter.now)
        return sorted((at, value) for at, value in counter.rows.items() if at >= since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed(Window):
    """Windows one after the other: each starts with nothing taken.

    Those of the calendar are aligned to it, in a time zone; others, of a `length`, to 1970 in UTC.
    """

    length: timedelta | None
    zone: ZoneInfo | None = None

    @property
    def id(self) -> str:
        """`day`, `day@Europe/Athens`, `10m`."""
        return f"{self.name}@{self.zone.key}" if self.zone is not None else self.name

    def since(self, now: datetime) -> datetime:
        """The start of the window of now."""
        if self._of_days:
            return self._midnight(self._first_day(now))
        length = self.length or timedelta(hours=1)
        offset = (now.astimezone(self.zone).utcoffset() if self.zone is not None else None) or timedelta(0)
        return floor(now + offset, length) - offset

    def lock(self, now: datetime) -> datetime:
        """Its one row."""
        return self.since(now)

    @property
    def one_row(self) -> bool:
        """It has no other."""
        return True

    def opens(self, counter: Counter, amount: Decimal) -> datetime | None:
        """Its end, whatever the amount."""
        del amount
        return self.over(counter.now)

    def add(self, counter: Counter, amount: Decimal) -> Added:
        """To its one row, which is kept for a day more: what was taken may come back late."""
        at = self.since(counter.now)
        changed = EXACT.add(counter.rows.get(at, NOTHING), amount)
        return Added(at, {at: changed}, self.over(counter.now) + timedelta(days=1))

    def over(self, now: datetime) -> datetime:
        """The start of the next window."""
        if not self._of_days:
            return self.since(now) + (self.length or timedelta(hours=1))
        first = self._first_day(now)
        if self.length is None:
            return self._midnight((first + timedelta(days=31)).replace(day=1))
        return self._midnight(first + self.length)

    @property
    def _of_days(self) -> bool:
        return self.name in {"day", "week", "month"}

    def _first_day(self, now: datetime) -> date:
        today = now.astimezone(self.zone or UTC).date()
        if self.name == "week":
            return today - timedelta(days=today.weekday())
        return today.replace(day=1) if self.name == "month" else today

    def _midnight(self, day: date) -> datetime:
        # A midnight that a change of the clocks skips is the moment of the change.
        return datetime(day.year, day.month, day.day, tzinfo=self.zone or UTC).astimezone(UTC)

    def _counted(self, counter: Counter) -> list[tuple[datetime, Decimal]]:
        at = self.since(counter.now)
        return [(at, counter.rows[at])] if at in counter.rows else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliding(Window):
    """The last `length`, at any moment."""

    length: timedelta

    @property
    def id(self) -> str:
        """`10m~`."""
        return f"{written(self.length)}~"

    def since(self, now: datetime) -> datetime:
        """The part that is only just over counts in full."""
        return floor(now, self._part) - self.length

    def over(self, now: datetime) -> datetime:
        """Its length on."""
        return now + self.length

    def opens(self, counter: Counter, amount: Decimal) -> datetime | None:
        """When enough of it is over: its oldest parts go first."""
        counted = self._counted(counter)
        left = total(counted)
        for at, value in counted:
            left = EXACT.subtract(left, value)
            if value and EXACT.add(left, amount) <= counter.most:
                return at + self.length + self._part
        return floor(counter.now, self._part) + self.length + self._part

    def add(self, counter: Counter, amount: Decimal) -> Added:
        """To the part of now."""
        at = floor(counter.now, self._part)
        return Added(at, {at: EXACT.add(counter.rows.get(at, NOTHING), amount)}, counter.now + 2 * self.length)

    @property
    def _part(self) -> timedelta:
        return self.length / ROLLING_PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight(Window):
    """What runs now. A running call has a row, at the moment its lease ends; it goes when the call is over."""

    name: str = INFLIGHT

    @property
    def id(self) -> str:
        """`inflight`."""
        return INFLIGHT

    @property
    def per(self) -> str:
        """It is not counted over time."""
        return "at a time"

    def since(self, now: datetime) -> datetime:
        """Leases that have not run out."""
        return now + TICK

    def reach(self, now: datetime, _most: Decimal) -> datetime:
        """A lease ago."""
        return now - LEASE

    def over(self, now: datetime) -> datetime:
        """At once."""
        return now

    def opens(self, counter: Counter, amount: Decimal) -> datetime | None:
        """When a running call ends: nobody knows."""
        del counter, amount
        return None

    def add(self, counter: Counter, amount: Decimal) -> Added:
        """A row of its own."""
        at = counter.now + LEASE
        while at in counter.rows:
            at += TICK
        return Added(at, {at: amount}, at + LEASE)

    def give(self, counter: Counter, at: datetime, amount: Decimal, _taken: datetime) -> Change:
        """The row goes."""
        del amount
        return {at: None} if at in counter.rows else {}


def floor(moment: datetime, length: timedelta) -> datetime:
    """The start of the UTC window of this length, counted from 1970."""
    return moment - (moment - EPOCH) % length


def total(counted: Iterable[tuple[datetime, Decimal]]) -> Decimal:
    """The exact sum."""
    return reduce(EXACT.add, (value for _, value in counted), NOTHING)
