"""Ends what time has ended: requests nobody decided, approvals nobody collected, leases of processes that died.

It keeps nothing in memory, so a restart or a second replica changes nothing: each round asks the database, and
the desk judges again inside the transaction whether the thing is due. It is also the heartbeat of its process,
by which others know whose held connections are still there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from approvals import absences, granting, holding
from approvals.desk import Desk
from approvals.domain import schedule
from approvals.domain.happening import Happened
from approvals.errors import Refusal, Unavailable
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.25
BATCH = 200
HEARTBEAT_SECONDS = 4.0
TIDY_SECONDS = 300.0
REMIND_SECONDS = 2.0
FORGET_REPLICAS = timedelta(days=1)
FORGET_ALERTS = timedelta(days=30)
FORGET_SESSIONS = timedelta(days=7)


class Sweeper:
    """The one loop that lets time pass. `keep` is how long recorded arguments are kept; None: for ever."""

    def __init__(self, desk: Desk, keep: timedelta | None = None) -> None:
        self.keep = keep
        self._desk, self._db, self._holder = desk, desk.db, desk.holder

    async def run(self) -> None:
        """Sweep for ever. `begin` comes first, before the service takes a call."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(HEARTBEAT_SECONDS, self.beat), name="heartbeat")
            group.create_task(self._every(REMIND_SECONDS, self.remind), name="remind")
            group.create_task(self._every(TIDY_SECONDS, self.tidy), name="tidy")
            group.create_task(self._sweep_always(), name="sweep")

    async def begin(self) -> None:
        """Show this process as alive and holding nothing; on SQLite, where it is alone, nobody else either."""
        await self._db.write(self._begin)

    async def sweep(self) -> int:
        """End one batch of what is due; says how many requests were."""
        due = await self._db.read(_due)
        await self._let_go()
        async with asyncio.TaskGroup() as group:
            for request_id, happened in due:
                group.create_task(self._end(request_id, happened), name=f"end {request_id}")
        return len(due)

    async def _let_go(self) -> None:
        """Hand what waits to the delegates of people who have gone since."""
        if await self._db.read(lambda tx: tx.absences.to_move()):
            await self._db.write(lambda tx: absences.move(self._desk.room(tx)))

    async def remind(self) -> None:
        """Remind people of what still waits."""
        await self._db.write(lambda tx: holding.remind(self._desk.room(tx)))

    async def beat(self) -> None:
        """Say that this process is alive, and look for what those that are not have left behind."""
        await self._db.write(lambda tx: tx.replicas.heartbeat(self._holder, tx.now))
        if await self._db.read(lambda tx: tx.agent_sessions.left_behind()):
            await self._db.write(self._end_sessions)

    async def tidy(self) -> None:
        """Delete what can never matter again: old sessions, links, counters, processes and recordings."""
        await self._db.write(_tidy)
        keep = self.keep
        while keep is not None and await self._db.write(lambda tx: tx.recordings.forget(tx.now - keep)):
            pass

    async def leave(self) -> None:
        """Say, at a clean end, that this process holds nothing any more."""

        def left(tx: Tx) -> None:
            tx.requests.clear_waiting(self._holder)
            tx.replicas.leave(self._holder)
            self._end_sessions(tx)

        await self._db.write(left)

    async def _sweep_always(self) -> None:
        while True:
            full = False
            try:
                full = await self.sweep() == BATCH
            except Unavailable:
                log.warning("sweep could not read", extra={"retry_seconds": EVERY_SECONDS})
            await asyncio.sleep(0 if full else EVERY_SECONDS)

    async def _end(self, request_id: str, happened: Happened) -> None:
        try:
            ended = await self._desk.apply(request_id, happened)
        except Refusal:
            # It stays due: the next round finds it again.
            log.warning("could not end a request", extra={"request": request_id, "event_name": happened.event.value})
            return
        if ended is not None:
            log.info("request ended by time", extra={"request": request_id, "state": ended.state.value})

    async def _every(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await act()
            except Unavailable:
                log.warning("heartbeat or tidying failed", extra={"retry_seconds": seconds})
            await asyncio.sleep(seconds)

    def _begin(self, tx: Tx) -> None:
        if self._db.dialect == "sqlite":
            for holder in tx.replicas.live(tx.now):
                tx.requests.clear_waiting(holder)
                tx.replicas.leave(holder)
            # Nobody else can be running anything: what a dead process had claimed is not waited for any longer,
            # and the cards it was sending when it died reach their people now.
            tx.requests.end_leases(tx.now)
            tx.counters.end_leases()
            tx.messages.end_leases()
        tx.requests.clear_waiting(self._holder)
        tx.replicas.heartbeat(self._holder, tx.now)
        self._end_sessions(tx)

    def _end_sessions(self, tx: Tx) -> None:
        """The sessions of agents live in memory: those of processes that are gone are over."""
        for key in tx.agent_sessions.left_behind():
            granting.session_over(self._desk.room(tx), key)


def _due(tx: Tx) -> list[tuple[str, Happened]]:
    now = tx.now
    found = ((request.id, schedule.due(request, now)) for request in tx.requests.due(now, BATCH))
    return [(request_id, happened) for request_id, happened in found if happened is not None]


def _tidy(tx: Tx) -> None:
    tx.people.sweep(tx.now)
    tx.counters.sweep(tx.now)
    tx.replicas.sweep(tx.now - FORGET_REPLICAS)
    tx.absences.sweep()
    tx.reminders.sweep(tx.now - FORGET_REPLICAS)
    tx.alerts.sweep(tx.now - FORGET_ALERTS)
    tx.agent_sessions.sweep(tx.now - FORGET_SESSIONS)
