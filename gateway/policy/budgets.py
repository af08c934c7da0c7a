"""The arithmetic of limits: is there room for a call, what does it take, what comes back.

Counters are rows of exact decimals, `{counter: {moment: value}}`. The functions here read them and say what must be
written; who keeps the rows is not their business: `gateway.limits` keeps them in the store, `Budgets` in memory, for
tests and replays, by the very same arithmetic. `now` is always an argument.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from gateway.policy.limit import CounterKey, OnExceed
from gateway.policy.model import LimitUse
from gateway.policy.standings import Exceeded, Over, Room, Standing
from gateway.policy.windows import EXACT, TICK, Change, Counter, InFlight, Rows, Window

WARN_AT = (50, 80)
"""Percent of a budget at which its operator is told."""
INFLIGHT_RETRY = timedelta(seconds=2)
"""When to look again whether a running call has ended."""

AllRows = Mapping[CounterKey, Rows]
"""The rows of every counter."""
Slot = tuple[CounterKey, datetime]
"""One row of one counter."""


class Written(NamedTuple):
    """What a row is to hold. After `expires` it may be deleted."""

    value: Decimal
    expires: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One budget that the call is charged to, once, and every limit that watches it."""

    key: CounterKey
    amount: Decimal
    uses: tuple[LimitUse, ...]

    @property
    def window(self) -> Window:
        """The window of all its limits: it is part of the key."""
        return self.strictest.limit.window

    @property
    def strictest(self) -> LimitUse:
        """The limit that is reached first."""
        return min(self.uses, key=_strictness)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one budget was charged: to which of its rows, and when."""

    charge: Charge
    row: datetime
    at: datetime

    @property
    def slot(self) -> Slot:
        """Where it stands."""
        return self.charge.key, self.row

    @property
    def lock(self) -> Slot:
        """The row to hold while it is given back."""
        return self.charge.key, self.charge.window.lock(self.at)

    @property
    def runs(self) -> bool:
        """Is it taken only while the call runs?"""
        return isinstance(self.charge.window, InFlight)


class Raised(NamedTuple):
    """A budget that people have raised from one amount to another, for now."""

    was: Decimal
    to: Decimal


Raises = Mapping[CounterKey, Sequence[Raised]]
"""What is raised now."""


class Crossed(NamedTuple):
    """A budget that a call has brought to a level, in percent."""

    use: LimitUse
    key: CounterKey
    level: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a running call has taken, when, and which levels that has brought budgets to."""

    taken: tuple[Taken, ...] = ()
    at: datetime | None = None
    crossed: tuple[Crossed, ...] = ()

    @property
    def running(self) -> Reservation:
        """The part that is taken only while the call runs."""
        return Reservation(taken=tuple(one for one in self.taken if one.runs))


def charges(uses: Sequence[LimitUse]) -> tuple[Charge, ...]:
    """One charge per counter: a budget that several limits share is charged once, the most that any of them says."""
    found: dict[CounterKey, Charge] = {}
    for use in uses:
        for key, times in _times(use.keys).items():
            amount = EXACT.multiply(use.amount, times)
            other = found.get(key)
            shared = (*other.uses, use) if other is not None else (use,)
            most = amount if other is None else max(amount, other.amount)
            found[key] = Charge(key=key, amount=most, uses=shared)
    return tuple(found.values())


def raised(wanted: Sequence[Charge], raises: Raises) -> tuple[Charge, ...]:
    """The charges under what people have raised. A limit that refuses is never raised."""
    return tuple(
        replace(charge, uses=tuple(_raised(use, raises.get(charge.key, ())) for use in charge.uses))
        for charge in wanted
    )


def check(wanted: Sequence[Charge], rows: AllRows, now: datetime, waived: Collection[str] = ()) -> Room | Exceeded:
    """Is there room for every charge? A limit that refuses is told before one that asks.

    `waived`: pointers of limits whose overrun a person has approved; they count, but do not stop.
    """
    standings = tuple(_standing(charge.strictest, charge, rows, now) for charge in wanted)
    over = [
        (use, charge)
        for charge in wanted
        for use in charge.uses
        if use.limit.pointer not in waived
        and not charge.window.fits(_counter(charge, rows, now, use.limit.max), charge.amount)
    ]
    if not over:
        return Room(standings=standings, at=now)
    use, charge = min(over, key=lambda pair: pair[0].limit.on_exceed is not OnExceed.DENY)
    standing = _standing(use, charge, rows, now)
    return Exceeded(
        use=use,
        amount=charge.amount,
        standing=standing,
        retry_after=_retry_after(charge, standing, now),
        standings=standings,
        at=now,
        over=_asking(over, rows, now),
    )


def take(
    wanted: Sequence[Charge], rows: AllRows, now: datetime, waived: Collection[str] = ()
) -> tuple[Reservation, dict[Slot, Written]] | Exceeded:
    """What the call takes from every counter and what must be written for it; or which has no room."""
    room = check(wanted, rows, now, waived)
    if isinstance(room, Exceeded):
        return room
    taken, crossed, writes = [], [], dict[Slot, Written]()
    for charge in wanted:
        counter = _counter(charge, rows, now, charge.strictest.limit.max)
        added = charge.window.add(counter, charge.amount)
        # The lock is written too, so that it is kept as long as what it guards.
        lock = charge.window.lock(now)
        change: Change = {lock: counter.rows.get(lock, Decimal(0)), **added.change}
        writes |= {(charge.key, at): Written(value or Decimal(0), added.expires) for at, value in change.items()}
        taken.append(Taken(charge=charge, row=added.at, at=now))
        crossed += _crossed(charge, counter)
    return Reservation(taken=tuple(taken), at=now, crossed=tuple(crossed)), writes


def apart(use: LimitUse) -> LimitUse:
    """The same limit on counters of its own: one in shadow counts as if it counted, and takes from no real budget."""
    keys = tuple((counter, f"shadow {scope}") for counter, scope in use.keys)
    return replace(use, limit=replace(use.limit, counter=f"{use.limit.counter} (shadow)"), keys=keys)


def release(reservation: Reservation, rows: AllRows, now: datetime) -> dict[Slot, Decimal | None]:
    """What the rows hold once the call has given back what it took; None where one goes. What is gone stays gone."""
    changed: dict[Slot, Decimal | None] = {}
    for one in reservation.taken:
        charge = one.charge
        counter = _counter(charge, rows, now, charge.strictest.limit.max)
        change = charge.window.give(counter, one.row, charge.amount, one.at)
        changed |= {(charge.key, at): value for at, value in change.items()}
    return changed


@dataclass(slots=True)
class Budgets:
    """Counters in memory, on a clock that is handed in: what the store's would say, without a store."""

    rows: dict[CounterKey, dict[datetime, Decimal]] = field(default_factory=dict)
    raises: Raises = field(default_factory=dict)

    def check(self, uses: Sequence[LimitUse], now: datetime) -> Room | Exceeded:
        """Is there room for the call? Takes nothing."""
        return check(raised(charges(uses), self.raises), self.rows, now)

    def take(self, uses: Sequence[LimitUse], now: datetime, waived: Collection[str] = ()) -> Reservation | Exceeded:
        """Take every counter of the call, or none and say which has no room."""
        done = take(raised(charges(uses), self.raises), self.rows, now, waived)
        if isinstance(done, Exceeded):
            return done
        reservation, writes = done
        self._write((slot, written.value) for slot, written in writes.items())
        return reservation

    def release(self, reservation: Reservation, now: datetime) -> None:
        """Give back what a call had taken that did not run."""
        self._write(release(reservation, self.rows, now).items())

    def settle(self, reservation: Reservation, now: datetime) -> None:
        """The call is over: give back what it had taken only while it ran."""
        self.release(reservation.running, now)

    def end(self, reservation: Reservation, at: datetime) -> None:
        """A call is known to be over at a moment, maybe to come: until then it keeps what it has only while it runs."""
        for one in reservation.running.taken:
            rows = self.rows.setdefault(one.charge.key, {})
            rows.pop(one.row, None)
            while at in rows:
                at += TICK
            rows[at] = one.charge.amount

    def begin(self, uses: Sequence[LimitUse], given: Mapping[str, Decimal], now: datetime) -> None:
        """Let the counters of a call that `given` names by their plain names stand at these values."""
        for charge in charges(uses):
            limit = charge.strictest.limit
            if limit.counter in given:
                added = limit.window.add(Counter({}, now, limit.max), given[limit.counter])
                self.rows[charge.key] = {at: value for at, value in added.change.items() if value is not None}

    def _write(self, values: Iterable[tuple[Slot, Decimal | None]]) -> None:
        for (key, at), value in values:
            if value is None:
                self.rows.get(key, {}).pop(at, None)
            else:
                self.rows.setdefault(key, {})[at] = value


def _raised(use: LimitUse, raises: Sequence[Raised]) -> LimitUse:
    if use.limit.on_exceed is OnExceed.DENY or not raises:
        return use
    limits = [use.limit.raised(one.was, one.to) for one in raises]
    return replace(use, limit=max([use.limit, *limits], key=lambda limit: limit.max), own=use.limit.max)


def _asking(over: Sequence[tuple[LimitUse, Charge]], rows: AllRows, now: datetime) -> tuple[Over, ...]:
    """The strictest of each budget. None where another limit refuses: nobody is asked then."""
    if any(use.limit.on_exceed is OnExceed.DENY for use, _ in over):
        return ()
    found: dict[CounterKey, Over] = {}
    for use, charge in sorted(over, key=lambda pair: _strictness(pair[0])):
        used = charge.window.used(_counter(charge, rows, now, use.limit.max))
        found.setdefault(charge.key, Over(charge.key, use, charge.amount, used))
    return tuple(found.values())


def _counter(charge: Charge, rows: AllRows, now: datetime, most: Decimal) -> Counter:
    return Counter(rows.get(charge.key, {}), now, most)


def _times(keys: Iterable[CounterKey]) -> dict[CounterKey, int]:
    found: dict[CounterKey, int] = {}
    for key in keys:
        found[key] = found.get(key, 0) + 1
    return found


def _strictness(use: LimitUse) -> tuple[Decimal, bool]:
    return use.limit.max, use.limit.on_exceed is not OnExceed.DENY


def _standing(use: LimitUse, charge: Charge, rows: AllRows, now: datetime) -> Standing:
    limit = use.limit
    counter = _counter(charge, rows, now, limit.max)
    return Standing(
        rule=limit.pointer,
        counter=limit.counter,
        used=limit.window.used(counter),
        max=limit.window.capacity(limit.max),
        resets_at=limit.window.opens(counter, charge.amount),
        unit=use.unit,
    )


def _retry_after(charge: Charge, standing: Standing, now: datetime) -> timedelta | None:
    if charge.amount > standing.max:
        return None
    if standing.resets_at is None:
        return INFLIGHT_RETRY
    return max(timedelta(seconds=1), standing.resets_at - now)


def _crossed(charge: Charge, counter: Counter) -> list[Crossed]:
    """The highest level that the charge has just brought each of its limits to. That much runs is no news."""
    if isinstance(charge.window, InFlight):
        return []
    before = charge.window.used(counter)
    after = EXACT.add(before, charge.amount)
    found = []
    for use in charge.uses:
        full = use.limit.window.capacity(use.limit.max)
        levels = [level for level in WARN_AT if before * 100 < full * level <= after * 100]
        found += [Crossed(use, charge.key, max(levels), counter.now)] if levels else []
    return found
