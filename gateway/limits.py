"""Budgets of calls in the store: room is checked before anybody is asked, and taken only when the call runs.

`check` takes nothing. `reserve` takes all counters of a call or none, in one transaction, so it is exact under
concurrency, over restarts and replicas. `release` is for calls that provably did not run, `settle` for all others:
what nobody can answer for keeps its place in every budget but that of the calls that run at a time (policy.md 3.4).
The arithmetic is `gateway.policy.budgets`; the clock is the store's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeVar

from approvals.domain.model import Overrun
from approvals.errors import Unavailable
from approvals.storage.engine import Database, Tx
from gateway.metrics import Metrics
from gateway.policy.budgets import (
    WARN_AT,
    Budgets,
    Charge,
    Crossed,
    Raised,
    Reservation,
    Slot,
    Taken,
    Written,
    apart,
    charges,
    check,
    raised,
    release,
    take,
)
from gateway.policy.limit import CounterKey, OnExceed
from gateway.policy.model import LimitUse
from gateway.policy.standings import Exceeded, Over, Room, plain, words
from gateway.policy.windows import EXACT, LEASE, Counter, InFlight

__all__ = ["Exceeded", "Limits", "Reservation", "Room", "overruns", "waived_by"]

log = logging.getLogger(__name__)

T = TypeVar("T")

RENEW_SECONDS = LEASE.total_seconds() / 3
UNWRITTEN = timedelta(days=1)
"""How long a row may stay that was made only to be locked."""
QUIET_MAX = 10_000
"""So many levels are remembered as told; past that, one may be told again."""


class _Running(NamedTuple):
    """A place that is taken while a call runs, and the task that sees to the call: when that has ended, so has it."""

    taken: Taken
    by: asyncio.Task[object] | None


class Limits:
    """The counters of every limit, in the store."""

    def __init__(self, db: Database, metrics: Metrics | None = None) -> None:
        self._db, self._metrics = db, metrics
        self._running: dict[Slot, _Running] = {}
        self._moving = asyncio.Lock()
        self._quiet: dict[tuple[CounterKey, int], datetime] = {}

    async def check(self, uses: Sequence[LimitUse]) -> Room | Exceeded:
        """Is there room for the call? Takes nothing. A limit that refuses is told before one that asks."""
        if not uses:
            return Room()
        wanted = charges(uses)
        return self._heard(await self._db.read(lambda tx: _check(tx, wanted)))

    async def standing(self, uses: Sequence[LimitUse], now: datetime) -> Budgets:
        """The counters of the call as they stand, or stood at another time, in memory: for asking what would be."""
        wanted = {charge.key: charge.window for charge in charges(uses)}

        def look(tx: Tx) -> Budgets:
            rows = tx.counters.rows((key, window.since(now)) for key, window in wanted.items())
            until = {key: now + LEASE if isinstance(window, InFlight) else now for key, window in wanted.items()}
            held = {key: {at: n for at, n in row.items() if at <= until[key]} for key, row in rows.items()}
            return Budgets(rows=held, raises=_raises(tx, [*wanted], now))

        return await self._db.read(look)

    async def reserve(self, uses: Sequence[LimitUse], waived: Collection[str] = ()) -> Reservation | Exceeded:
        """Take every counter of the call, or none and say which has no room.

        `waived`: pointers of limits whose overrun a person has approved; they count, but do not stop.
        """
        if not uses:
            return Reservation()
        taken = self._heard(await self._reserve(charges(uses), frozenset(waived)))
        for crossed in taken.crossed if isinstance(taken, Reservation) else ():
            self._tell(crossed)
        return taken

    async def _reserve(self, wanted: Sequence[Charge], waived: frozenset[str]) -> Reservation | Exceeded:
        taken = await self._db.write(lambda tx: _reserve(tx, wanted, waived))
        if isinstance(taken, Reservation):
            by = asyncio.current_task()
            self._running |= {one.slot: _Running(one, by) for one in taken.running.taken}
        return taken

    async def would(self, uses: Sequence[LimitUse]) -> tuple[Exceeded, ...]:
        """The limits in shadow that would have no room for the call. Takes nothing, and never fails."""
        with _overlooked(uses):
            wanted = [charges([apart(use)]) for use in uses]
            rooms = await self._db.read(lambda tx: [_check(tx, one) for one in wanted]) if wanted else []
            return tuple(room for room in rooms if isinstance(room, Exceeded))
        return ()

    async def pretend(self, uses: Sequence[LimitUse], taken: Reservation) -> tuple[Reservation, tuple[Exceeded, ...]]:
        """What a call has taken, with what limits in shadow take; and those that would have had no room.

        They count on counters of their own, each as if it alone counted, and stop nothing.
        """
        over: list[Exceeded] = []
        with _overlooked(uses):
            for use in uses:
                more = await self._reserve(charges([apart(use)]), frozenset())
                if isinstance(more, Exceeded):
                    over.append(more)
                else:
                    taken = replace(taken, taken=(*taken.taken, *more.taken))
        return taken, tuple(over)

    async def release(self, reservation: Reservation) -> None:
        """Give back what a call had taken that provably did not run."""
        await self._give(reservation)

    async def settle(self, reservation: Reservation) -> None:
        """The call is over, whatever came of it: give back what it had taken only while it ran."""
        await self._give(Reservation(taken=tuple(one for one in reservation.taken if one.slot in self._running)))

    async def run(self) -> None:
        """Keep the places of running calls, for ever."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if self._running:
                await self.renew()

    async def renew(self) -> None:
        """Say once that the calls of this process still run. What nobody runs any more loses its place by its lease."""
        async with self._moving:
            running = {slot: one for slot, one in self._running.items() if one.by is None or not one.by.done()}
            self._running = running.copy()
            moved = await self._db.write(lambda tx: _renew(tx, [one.taken for one in running.values()]))
            for (slot, one), now in zip(running.items(), moved, strict=True):
                self._running[slot] = _Running(now, one.by)

    async def _give(self, reservation: Reservation) -> None:
        if not reservation.taken:
            return
        async with self._moving:
            taken = tuple(self._forgotten(one) for one in reservation.taken)
            try:
                await self._db.write(lambda tx: _release(tx, Reservation(taken=taken)))
            except Unavailable:
                # What became of the call matters more: budgets keep it, a place of a running call ends by its lease.
                log.warning("budget not given back", extra={"counters": [one.charge.key[0] for one in taken]})

    def _forgotten(self, one: Taken) -> Taken:
        """As it is now: its row moves when its lease is renewed."""
        running = self._running.pop(one.slot, None)
        return one if running is None else running.taken

    def _heard(self, said: T) -> T:
        if isinstance(said, Exceeded) and self._metrics is not None:
            self._metrics.budgets.labels(said.standing.counter, "100").inc()
        return said

    def _tell(self, crossed: Crossed) -> None:
        """Log a level once per window, and count it."""
        limit, again = crossed.use.limit, self._quiet.get((crossed.key, crossed.level))
        if again is not None and crossed.at < again:
            return
        if len(self._quiet) >= QUIET_MAX:
            self._quiet.clear()
        self._quiet[crossed.key, crossed.level] = limit.window.over(crossed.at)
        if self._metrics is not None:
            self._metrics.budgets.labels(limit.counter, str(crossed.level)).inc()
        log.log(
            logging.WARNING if crossed.level == max(WARN_AT) else logging.INFO,
            "budget used up to a level",
            extra={
                "counter": limit.counter,
                "percent": crossed.level,
                "max": plain(limit.max),
                "window": limit.window.name,
                "scope": crossed.key[1],
                "rule": limit.pointer,
            },
        )


def waived_by(rule: str, uses: Sequence[LimitUse]) -> frozenset[str]:
    """What a person waived who approved a request that was made by `rule`: the limits that ask, if it was one."""
    asking = frozenset(use.limit.pointer for use in uses if use.limit.on_exceed is OnExceed.REQUIRE_APPROVAL)
    return asking if rule in asking else frozenset()


def overruns(over: Exceeded) -> tuple[Overrun, ...]:
    """What the call goes over as people see it: raised, there is room for it, and for as much again."""
    return tuple(
        Overrun(
            counter=one.key[0],
            scope=one.key[1],
            name=one.use.limit.counter,
            most=plain(_own(one)),
            to=plain(_enough(one)),
            words=words(one.use),
        )
        for one in over.over
    )


def _own(over: Over) -> Decimal:
    return over.use.limit.max if over.use.own is None else over.use.own


def _enough(over: Over) -> Decimal:
    most = _own(over)
    # An amount that is hidden could be reckoned from the sum.
    needed = most if over.use.secret else over.amount
    return EXACT.add(EXACT.add(over.used, needed), most)


def _check(tx: Tx, wanted: Sequence[Charge]) -> Room | Exceeded:
    return check(_under_raises(tx, wanted), _rows(tx, wanted), tx.now)


def _under_raises(tx: Tx, wanted: Sequence[Charge]) -> Sequence[Charge]:
    keys = [charge.key for charge in wanted if any(use.limit.on_exceed is not OnExceed.DENY for use in charge.uses)]
    return raised(wanted, _raises(tx, keys, tx.now)) if keys else wanted


def _raises(tx: Tx, keys: Sequence[CounterKey], now: datetime) -> dict[CounterKey, list[Raised]]:
    found: dict[CounterKey, list[Raised]] = {}
    for one in tx.raises.in_force(keys, now):
        key = (one.over.counter, one.over.scope)
        found.setdefault(key, []).append(Raised(Decimal(one.over.most), Decimal(one.over.to)))
    return found


def _reserve(tx: Tx, wanted: Sequence[Charge], waived: frozenset[str]) -> Reservation | Exceeded:
    now, wanted = tx.now, _under_raises(tx, wanted)
    held = tx.counters.lock({(charge.key, charge.window.lock(now)): now + UNWRITTEN for charge in wanted})
    sums = _rows(tx, [charge for charge in wanted if not charge.window.one_row])
    done = take(wanted, {**held, **sums}, now, waived)
    if isinstance(done, Exceeded):
        return done
    reservation, writes = done
    tx.counters.save(writes)
    return reservation


@contextmanager
def _overlooked(uses: Sequence[LimitUse]) -> Iterator[None]:
    """Nothing that limits in shadow meet may stop a call."""
    try:
        yield
    except Unavailable:
        log.warning("limits in shadow not counted", extra={"rules": [use.limit.pointer for use in uses]})


def _release(tx: Tx, reservation: Reservation) -> None:
    taken = reservation.taken
    tx.counters.lock_known(one.lock for one in taken)
    tx.counters.change(release(reservation, tx.counters.rows(one.slot for one in taken), tx.now))


def _renew(tx: Tx, running: Iterable[Taken]) -> list[Taken]:
    """The same calls, each at the end of a new lease."""
    moved = []
    for one in running:
        charge, now = one.charge, tx.now
        tx.counters.lock({one.lock: now + UNWRITTEN})
        added = charge.window.add(Counter(_rows(tx, [charge]).get(charge.key, {}), now, Decimal(0)), charge.amount)
        tx.counters.change({one.slot: None})
        tx.counters.save({(charge.key, added.at): Written(charge.amount, added.expires)})
        moved.append(replace(one, row=added.at))
    return moved


def _rows(tx: Tx, wanted: Sequence[Charge]) -> dict[CounterKey, dict[datetime, Decimal]]:
    return tx.counters.rows((charge.key, charge.window.since(tx.now)) for charge in wanted)
