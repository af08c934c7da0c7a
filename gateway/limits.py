"""Budgets of calls: room is checked before anybody is asked, and taken only when the call runs.

`check` takes nothing. `reserve` takes all counters of a call or none, in one transaction of the store, so
it is exact under concurrency, over restarts and replicas. `release` is for calls that provably did not run;
what nobody can answer for keeps its place (policy.md 3.4). Windows are those of the store's clock.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from approvals.storage.counters import CounterKey, Give, Slot, Take
from approvals.storage.engine import Database, Tx
from gateway.policy.model import Facts, Limit, LimitUse, OnExceed, Scope

ROLLING_PARTS = 60
"""A rolling window is counted in this many parts; one that is only partly over still counts in full."""
NO_MAXIMUM = Decimal(10) ** 38
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        return max(Decimal(0), self.max - self.used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Every limit of the call has room for it."""

    standings: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """A limit has no room: `use.limit.on_exceed` says whether the call is refused or a person asked.

    `retry_after` is None where waiting does not help: the call costs more than the limit ever allows.
    """

    use: LimitUse
    standing: Standing
    retry_after: timedelta | None
    standings: tuple[Standing, ...] = ()

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
        limit, left = self.use.limit, _plain(self.standing.remaining)
        per = f"{_plain(limit.max)} per {limit.window.name} for each {limit.scope}"
        if limit.scope is Scope.ALL:
            per = f"{_plain(limit.max)} per {limit.window.name} for everybody"
        if self.retry_after is None:
            return (
                f"This call costs {_plain(self.use.amount)}; the limit {limit.counter!r} never allows more than {per}."
            )
        return f"The limit {limit.counter!r} is {per}; {left} is left and this call needs {_plain(self.use.amount)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a running call has taken."""

    gives: tuple[Give, ...] = ()


class Limits:
    """The counters of every limit, in the store."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def check(self, uses: Sequence[LimitUse], facts: Facts) -> Room | Exceeded:
        """Is there room for the call? Takes nothing. A limit that refuses is told before one that asks."""
        if not uses:
            return Room()
        wanted = _merged(uses, facts)
        return await self._db.read(lambda tx: _check(tx, wanted))

    async def reserve(
        self, uses: Sequence[LimitUse], facts: Facts, waived: Collection[str] = ()
    ) -> Reservation | Exceeded:
        """Take every counter of the call, or none and say which has no room.

        `waived`: pointers of limits whose overrun a person has approved; they count, but do not stop.
        """
        if not uses:
            return Reservation()
        wanted = _merged(uses, facts)
        return await self._db.write(lambda tx: _reserve(tx, wanted, frozenset(waived)))

    async def release(self, reservation: Reservation) -> None:
        """Give back what a call had taken that provably did not run."""
        if reservation.gives:
            await self._db.write(lambda tx: tx.counters.release(reservation.gives))


def waived_by(rule: str, uses: Sequence[LimitUse]) -> frozenset[str]:
    """What a person waived who approved a request that was made by `rule`: the limits that ask, if it was one."""
    asking = frozenset(use.limit.pointer for use in uses if use.limit.on_exceed is OnExceed.REQUIRE_APPROVAL)
    return asking if rule in asking else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    use: LimitUse
    key: CounterKey


def _merged(uses: Sequence[LimitUse], facts: Facts) -> list[_Wanted]:
    """One entry per counter: a budget that several rules share is charged once, at its strictest."""
    found: dict[CounterKey, LimitUse] = {}
    for use in uses:
        key = counter_key(use.limit, facts)
        other = found.get(key)
        if other is None:
            found[key] = use
            continue
        strict = min(other, use, key=lambda u: (u.limit.max, u.limit.on_exceed is not OnExceed.DENY))
        found[key] = replace(strict, amount=max(other.amount, use.amount))
    return [_Wanted(use=use, key=key) for key, use in found.items()]


def counter_key(limit: Limit, facts: Facts) -> CounterKey:
    """Whose budget it is. A grant is an agent at one server; an agent without owner is its own owner."""
    owner = ["owner", facts.owner] if facts.owner is not None else ["agent", facts.agent]
    whose = {
        Scope.GRANT: ["grant", facts.server, facts.agent],
        Scope.AGENT: ["agent", facts.agent],
        Scope.OWNER: owner,
        Scope.SERVER: ["server", facts.server],
        Scope.TOOL: ["tool", facts.server, facts.tool],
        Scope.ALL: ["all"],
    }
    window = f"{int(limit.window.length.total_seconds() * 1000)}{'~' if limit.window.rolling else ''}"
    return (f"{limit.counter}/{window}", json.dumps(whose[limit.scope], ensure_ascii=False))


def _check(tx: Tx, wanted: Sequence[_Wanted]) -> Room | Exceeded:
    values = tx.counters.values(slot for one in wanted for slot in _slots(one, tx.now))
    standings = tuple(_standing(one, values, tx.now) for one in wanted)
    over = [
        (one, standing)
        for one, standing in zip(wanted, standings, strict=True)
        if standing.used + one.use.amount > standing.max
    ]
    if not over:
        return Room(standings=standings)
    first, standing = min(over, key=lambda pair: pair[0].use.limit.on_exceed is not OnExceed.DENY)
    return _exceeded(first, standing, tx.now, standings)


def _reserve(tx: Tx, wanted: Sequence[_Wanted], waived: frozenset[str]) -> Reservation | Exceeded:
    now = tx.now
    rolling = [one for one in wanted if one.use.limit.window.rolling]
    # A rolling sum spans several rows: whoever holds the guard row is the only one adding to them.
    tx.counters.try_reserve([_guard(one, now) for one in rolling])
    earlier = tx.counters.values(slot for one in rolling for slot in _slots(one, now)[1:])
    takes = [_take(one, earlier, now, waived) for one in wanted]
    if any(take.max < 0 for take in takes):
        refused: int | None = next(i for i, take in enumerate(takes) if take.max < 0)
    else:
        refused = tx.counters.try_reserve(takes)
    if refused is None:
        return Reservation(gives=tuple(Give(take.key, take.window_start, take.amount) for take in takes))
    values = tx.counters.values(slot for one in wanted for slot in _slots(one, now))
    standings = tuple(_standing(one, values, now) for one in wanted)
    return _exceeded(wanted[refused], standings[refused], now, standings)


def _take(one: _Wanted, earlier: dict[Slot, Decimal], now: datetime, waived: frozenset[str]) -> Take:
    limit = one.use.limit
    newest, *older = _slots(one, now)
    used = sum((earlier[slot] for slot in older), Decimal(0))
    most = NO_MAXIMUM if limit.pointer in waived else limit.max - used
    return Take(one.key, newest[1], one.use.amount, most, newest[1] + 2 * limit.window.length)


def _guard(one: _Wanted, now: datetime) -> Take:
    counter, scope = one.key
    return Take((counter, f"{scope} guard"), _EPOCH, Decimal(0), Decimal(0), now + 2 * one.use.limit.window.length)


def _slots(one: _Wanted, now: datetime) -> list[Slot]:
    """The rows that make up the limit now, the one to add to first."""
    window = one.use.limit.window
    if not window.rolling:
        return [(one.key, _floor(now, window.length))]
    part = window.length / ROLLING_PARTS
    newest = _floor(now, part)
    return [(one.key, newest - part * back) for back in range(ROLLING_PARTS + 1)]


def _floor(now: datetime, length: timedelta) -> datetime:
    return now - (now - _EPOCH) % length


def _standing(one: _Wanted, values: dict[Slot, Decimal], now: datetime) -> Standing:
    limit = one.use.limit
    slots = _slots(one, now)
    used = sum((values[slot] for slot in slots), Decimal(0))
    return Standing(
        rule=limit.pointer,
        counter=limit.counter,
        used=used,
        max=limit.max,
        resets_at=_room_at(one, slots, values, limit.max)
        if limit.window.rolling
        else slots[0][1] + limit.window.length,
    )


def _room_at(one: _Wanted, slots: Sequence[Slot], values: dict[Slot, Decimal], most: Decimal) -> datetime:
    """When enough of a rolling window is over: its oldest parts go first."""
    window = one.use.limit.window
    part = window.length / ROLLING_PARTS
    left = sum((values[slot] for slot in slots), Decimal(0))
    for slot in reversed(slots):
        left -= values[slot]
        if values[slot] and left + one.use.amount <= most:
            return slot[1] + window.length + part
    return slots[0][1] + window.length + part


def _exceeded(one: _Wanted, standing: Standing, now: datetime, standings: tuple[Standing, ...]) -> Exceeded:
    hopeless = one.use.amount > one.use.limit.max
    return Exceeded(
        use=one.use,
        standing=standing,
        retry_after=None if hopeless else max(timedelta(seconds=1), standing.resets_at - now),
        standings=standings,
    )


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
