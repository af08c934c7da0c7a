"""Budgets of calls in the store: room is checked before anybody is asked, and taken only when the call runs.

`check` takes nothing. `reserve` takes all counters of a call or none, in one transaction, so it is exact under
concurrency, over restarts and replicas. `release` is for calls that provably did not run; what nobody can answer
for keeps its place (policy.md 3.4). The arithmetic is `gateway.policy.budgets`; the clock is the store's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from approvals.storage.engine import Database, Tx
from gateway.policy.budgets import Budgets, Charge, Exceeded, Reservation, Room, charges, check, release, take
from gateway.policy.model import LimitUse, OnExceed

__all__ = ["Exceeded", "Limits", "Reservation", "Room", "waived_by"]


class Limits:
    """The counters of every limit, in the store."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def check(self, uses: Sequence[LimitUse]) -> Room | Exceeded:
        """Is there room for the call? Takes nothing. A limit that refuses is told before one that asks."""
        if not uses:
            return Room()
        wanted = charges(uses)
        return await self._db.read(lambda tx: _check(tx, wanted))

    async def standing(self, uses: Sequence[LimitUse], now: datetime) -> Budgets:
        """The counters of the call as they stand, or stood at another time, in memory: for asking what would be."""
        wanted = [(charge.key, charge.since(now)) for charge in charges(uses)]
        rows = await self._db.read(lambda tx: tx.counters.rows(wanted))
        return Budgets(rows={key: {at: n for at, n in row.items() if at <= now} for key, row in rows.items()})

    async def reserve(self, uses: Sequence[LimitUse], waived: Collection[str] = ()) -> Reservation | Exceeded:
        """Take every counter of the call, or none and say which has no room.

        `waived`: pointers of limits whose overrun a person has approved; they count, but do not stop.
        """
        if not uses:
            return Reservation()
        wanted = charges(uses)
        return await self._db.write(lambda tx: _reserve(tx, wanted, frozenset(waived)))

    async def release(self, reservation: Reservation) -> None:
        """Give back what a call had taken that provably did not run."""
        if reservation.taken:
            await self._db.write(lambda tx: _release(tx, reservation))


def waived_by(rule: str, uses: Sequence[LimitUse]) -> frozenset[str]:
    """What a person waived who approved a request that was made by `rule`: the limits that ask, if it was one."""
    asking = frozenset(use.limit.pointer for use in uses if use.limit.on_exceed is OnExceed.REQUIRE_APPROVAL)
    return asking if rule in asking else frozenset()


def _check(tx: Tx, wanted: Sequence[Charge]) -> Room | Exceeded:
    return check(wanted, tx.counters.rows((charge.key, charge.since(tx.now)) for charge in wanted), tx.now)


def _reserve(tx: Tx, wanted: Sequence[Charge], waived: frozenset[str]) -> Reservation | Exceeded:
    now = tx.now
    tx.counters.lock({(charge.key, charge.lock(now)): charge.expires(now) for charge in wanted})
    done = take(wanted, tx.counters.rows((charge.key, charge.since(now)) for charge in wanted), now, waived)
    if isinstance(done, Exceeded):
        return done
    reservation, writes = done
    tx.counters.save(writes)
    return reservation


def _release(tx: Tx, reservation: Reservation) -> None:
    taken = reservation.taken
    tx.counters.lock_known((one.key, one.lock) for one in taken)
    tx.counters.update(release(reservation, tx.counters.rows((one.key, one.start) for one in taken)))
