"""The arithmetic of limits: is there room for a call, what does it take, what comes back.

Counters are rows of exact decimals, `{counter: {start: value}}`. The functions here read them and say what must be
written; who keeps the rows is not their business: `gateway.limits` keeps them in the store, `Budgets` in memory, for
tests and replays, by the very same arithmetic. `now` is always an argument.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from functools import reduce
from typing import NamedTuple

from gateway.policy.model import CounterKey, Limit, LimitUse, OnExceed, Scope, Window

ROLLING_PARTS = 60
"""A rolling window is counted in this many parts; one that is only partly over still counts in full."""
EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, Overflow])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Slot = tuple[CounterKey, datetime]
"""One row: a counter in one window, or in one part of it."""
Rows = Mapping[CounterKey, Mapping[datetime, Decimal]]
"""What counters stand at; a row that is not there is zero."""


class Written(NamedTuple):
    """What a row is to hold. After `expires` it may be deleted."""

    value: Decimal
    expires: datetime


Writes = dict[Slot, Written]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one limit stands: what is left of it, and when there is more."""

    rule: str
    counter: str
    used: Decimal
    max: Decimal
    resets_at: datetime

    @property
    def remaining(self) -> Decimal:
        """What may still be taken."""
        return max(Decimal(0), EXACT.subtract(self.max, self.used))


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Every limit of the call has room for it. `at`: by the clock that limits are counted on, if there are any."""

    standings: tuple[Standing, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """A limit has no room: `use.limit.on_exceed` says whether the call is refused or a person asked.

    `retry_after` is None where waiting does not help: the call costs more than the limit ever allows.
    """

    use: LimitUse
    standing: Standing
    retry_after: timedelta | None
    standings: tuple[Standing, ...] = ()
    at: datetime | None = None

    @property
    def rule(self) -> str:
        """The pointer of the limit, which is the rule that decided."""
        return self.use.limit.pointer

    @property
    def asks(self) -> bool:
        """Does a person decide about going over?"""
        return self.use.limit.on_exceed is OnExceed.REQUIRE_APPROVAL

    @property
    def reason(self) -> str:
        """What happened, in numbers."""
        if self.use.limit.reason is not None:
            return self.use.limit.reason
        limit, left = self.use.limit, plain(self.standing.remaining)
        per = f"{plain(limit.max)} per {limit.window.name} for each {limit.scope}"
        if limit.scope is Scope.ALL:
            per = f"{plain(limit.max)} per {limit.window.name} for everybody"
        if self.retry_after is None:
            return (
                f"This call costs {plain(self.use.amount)}; the limit {limit.counter!r} never allows more than {per}."
            )
        return f"The limit {limit.counter!r} is {per}; {left} is left and this call needs {plain(self.use.amount)}."


class Taken(NamedTuple):
    """What one counter was charged."""

    key: CounterKey
    start: datetime
    amount: Decimal
    lock: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a running call has taken, and when."""

    taken: tuple[Taken, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One budget that the call is charged to, once, and every limit that watches it."""

    key: CounterKey
    amount: Decimal
    uses: tuple[LimitUse, ...]

    @property
    def window(self) -> Window:
        """The window of all its limits: it is part of the key."""
        return self.uses[0].limit.window

    @property
    def strictest(self) -> LimitUse:
        """The limit that is reached first."""
        return min(self.uses, key=_strictness)

    def since(self, now: datetime) -> datetime:
        """The first row that counts now."""
        window = self.window
        return _newest(window, now) - window.length if window.rolling else floor(now, window.length)

    def lock(self, now: datetime) -> datetime:
        """The row that whoever changes the counter must hold: a rolling sum spans several, so it has one of its own."""
        return EPOCH if self.window.rolling else floor(now, self.window.length)

    def expires(self, now: datetime) -> datetime:
        """When nothing of the counter as it is now counts any more, with a margin."""
        return now + 2 * self.window.length


def charges(uses: Sequence[LimitUse]) -> tuple[Charge, ...]:
    """One charge per counter: a budget that several limits share is charged once, the most that any of them says."""
    found: dict[CounterKey, Charge] = {}
    for use in uses:
        for key in use.keys:
            other = found.get(key)
            shared = (*other.uses, use) if other is not None else (use,)
            most = use.amount if other is None else max(use.amount, other.amount)
            found[key] = Charge(key=key, amount=most, uses=shared)
    return tuple(found.values())


def check(wanted: Sequence[Charge], rows: Rows, now: datetime, waived: Collection[str] = ()) -> Room | Exceeded:
    """Is there room for every charge? A limit that refuses is told before one that asks.

    `waived`: pointers of limits whose overrun a person has approved; they count, but do not stop.
    """
    standings = tuple(_standing(charge.strictest, charge, rows, now) for charge in wanted)
    over = [
        (use, charge)
        for charge in wanted
        for use in charge.uses
        if use.limit.pointer not in waived and EXACT.add(_used(charge, rows, now), charge.amount) > use.limit.max
    ]
    if not over:
        return Room(standings=standings, at=now)
    use, charge = min(over, key=lambda pair: pair[0].limit.on_exceed is not OnExceed.DENY)
    standing = _standing(use, charge, rows, now)
    hopeless = charge.amount > use.limit.max
    return Exceeded(
        use=use,
        standing=standing,
        retry_after=None if hopeless else max(timedelta(seconds=1), standing.resets_at - now),
        standings=standings,
        at=now,
    )


def take(
    wanted: Sequence[Charge], rows: Rows, now: datetime, waived: Collection[str] = ()
) -> tuple[Reservation, Writes] | Exceeded:
    """What the call takes from every counter and what must be written for it; or which has no room."""
    room = check(wanted, rows, now, waived)
    if isinstance(room, Exceeded):
        return room
    taken = tuple(
        Taken(key=charge.key, start=_newest(charge.window, now), amount=charge.amount, lock=charge.lock(now))
        for charge in wanted
    )
    writes: Writes = {}
    for charge, one in zip(wanted, taken, strict=True):
        held, expires = rows.get(charge.key, {}), charge.expires(now)
        writes[charge.key, one.lock] = Written(held.get(one.lock, Decimal(0)), expires)
        writes[charge.key, one.start] = Written(EXACT.add(held.get(one.start, Decimal(0)), one.amount), expires)
    return Reservation(taken=taken, at=now), writes


def release(reservation: Reservation, rows: Rows) -> dict[Slot, Decimal]:
    """What the rows hold once the call has given back what it took. What is gone stays gone."""
    changed: dict[Slot, Decimal] = {}
    for one in reservation.taken:
        slot = (one.key, one.start)
        value = changed.get(slot, rows.get(one.key, {}).get(one.start))
        if value is not None:
            changed[slot] = max(Decimal(0), EXACT.subtract(value, one.amount))
    return changed


@dataclass(slots=True)
class Budgets:
    """Counters in memory, on a clock that is handed in: what the store's would say, without a store."""

    rows: dict[CounterKey, dict[datetime, Decimal]] = field(default_factory=dict)

    def check(self, uses: Sequence[LimitUse], now: datetime) -> Room | Exceeded:
        """Is there room for the call? Takes nothing."""
        return check(charges(uses), self.rows, now)

    def take(self, uses: Sequence[LimitUse], now: datetime, waived: Collection[str] = ()) -> Reservation | Exceeded:
        """Take every counter of the call, or none and say which has no room."""
        done = take(charges(uses), self.rows, now, waived)
        if isinstance(done, Exceeded):
            return done
        reservation, writes = done
        self._write((slot, written.value) for slot, written in writes.items())
        return reservation

    def release(self, reservation: Reservation) -> None:
        """Give back what a call had taken that did not run."""
        self._write(release(reservation, self.rows).items())

    def begin(self, uses: Sequence[LimitUse], given: Mapping[str, Decimal], now: datetime) -> None:
        """Let the counters of a call that `given` names by their plain names stand at these values."""
        for charge in charges(uses):
            value = given.get(charge.uses[0].limit.counter)
            if value is not None:
                self.rows[charge.key] = {_newest(charge.window, now): value}

    def _write(self, values: Iterable[tuple[Slot, Decimal]]) -> None:
        for (key, start), value in values:
            self.rows.setdefault(key, {})[start] = value


def floor(moment: datetime, length: timedelta) -> datetime:
    """The start of the calendar-aligned UTC window of this length."""
    return moment - (moment - EPOCH) % length


def plain(number: Decimal) -> str:
    """A number without exponent and trailing zeros."""
    return format(EXACT.normalize(number), "f")


def _strictness(use: LimitUse) -> tuple[Decimal, bool]:
    return use.limit.max, use.limit.on_exceed is not OnExceed.DENY


def _newest(window: Window, now: datetime) -> datetime:
    return floor(now, window.length / ROLLING_PARTS if window.rolling else window.length)


def _counted(charge: Charge, rows: Rows, now: datetime) -> list[tuple[datetime, Decimal]]:
    """The rows that count now, oldest first."""
    since = charge.since(now)
    return sorted((start, value) for start, value in rows.get(charge.key, {}).items() if start >= since)


def _used(charge: Charge, rows: Rows, now: datetime) -> Decimal:
    return _sum(_counted(charge, rows, now))


def _sum(counted: Iterable[tuple[datetime, Decimal]]) -> Decimal:
    return reduce(EXACT.add, (value for _, value in counted), Decimal(0))


def _standing(use: LimitUse, charge: Charge, rows: Rows, now: datetime) -> Standing:
    limit = use.limit
    counted = _counted(charge, rows, now)
    resets_at = (
        _room_at(limit, charge.amount, counted, now)
        if limit.window.rolling
        else floor(now, limit.window.length) + limit.window.length
    )
    return Standing(
        rule=limit.pointer,
        counter=limit.counter,
        used=_sum(counted),
        max=limit.max,
        resets_at=resets_at,
    )


def _room_at(limit: Limit, amount: Decimal, counted: Sequence[tuple[datetime, Decimal]], now: datetime) -> datetime:
    """When enough of a rolling window is over: its oldest parts go first."""
    part = limit.window.length / ROLLING_PARTS
    left = _sum(counted)
    for start, value in counted:
        left = EXACT.subtract(left, value)
        if value and EXACT.add(left, amount) <= limit.max:
            return start + limit.window.length + part
    return _newest(limit.window, now) + limit.window.length + part
