"""The one task that writes to SQLite: what has queued is committed as one group (performance.md 3a).

Each work has a SAVEPOINT, so one that raises is rolled back alone. A result is handed out only after COMMIT,
and so is a work's own exception, because what it read may have been another work of the same group: when the
COMMIT fails, every work of the group failed, with Unavailable. A caller who gave up before its work began
takes it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.errors import Unavailable
from approvals.storage.faults import first_line, is_passing
from approvals.storage.frame import Recorded
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

GROUP = 256
"""Most works in one commit."""
QUEUE = 20_000
"""Most works waiting; past that, a write is refused at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A work that waits for its turn, and where its result goes."""

    work: Callable[[Tx], Any]
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Ended:
    """What became of one job, to be told after COMMIT."""

    job: Job
    result: Any = None
    error: Exception | None = None


class _GroupLost(Exception):
    """The database rolled the whole transaction back by itself (disk full, I/O error)."""


class GroupWriter:
    """Queues works and commits them in groups."""

    def __init__(
        self, engine: AsyncEngine, make_tx: Callable[[Connection], Tx], committed: Callable[[frozenset[str]], None]
    ) -> None:
        self._engine, self._tx, self._committed = engine, make_tx, committed
        self._queue: asyncio.Queue[Job | None] = asyncio.Queue()
        self._closed = False

    async def write(self, work: Callable[[Tx], Any]) -> Any:
        """Queue a work and wait until it is committed."""
        if self._closed or self._queue.qsize() >= QUEUE:
            raise Unavailable
        job = Job(work, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(job)
        return await job.future

    async def run(self) -> None:
        """Commit what queues, until `stop`."""
        running = True
        try:
            while running:
                jobs = [await self._queue.get()]
                while len(jobs) < GROUP and not self._queue.empty():
                    jobs.append(self._queue.get_nowait())
                running = None not in jobs
                await self._commit([job for job in jobs if job is not None and not job.future.done()])
        finally:
            self._refuse_the_rest()

    def stop(self) -> None:
        """Take nothing more; `run` ends when what has queued is committed."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)

    def _refuse_the_rest(self) -> None:
        while not self._queue.empty():
            job = self._queue.get_nowait()
            if job is not None:
                _fail([job])

    async def _commit(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        touched: set[str] = set()
        try:
            async with self._engine.connect() as connection, connection.begin() as transaction:
                if len(jobs) == 1:
                    # Alone, the transaction is savepoint enough: two statements fewer where nobody else waits.
                    ended = [await connection.run_sync(self._run_alone, jobs[0], touched)]
                    if ended[0].error is not None:
                        await transaction.rollback()
                else:
                    ended = await connection.run_sync(self._run_all, jobs, touched)
        except Exception as error:  # noqa: BLE001 - an edge: logged, and told to every caller
            _fail(jobs)
            _log_loss(len(jobs), error)
            return
        except BaseException:
            _fail(jobs)
            raise
        for one in ended:
            _tell(one)
        if touched:
            self._committed(frozenset(touched))

    def _run_all(self, connection: Connection, jobs: list[Job], touched: set[str]) -> list[_Ended]:
        acts: list[Recorded] = []
        ended = [self._run_one(connection, job, touched, acts) for job in jobs]
        # One look at the head and one statement for the whole group.
        self._tx(connection).audit.chain(acts)
        return ended

    def _run_alone(self, connection: Connection, job: Job, touched: set[str]) -> _Ended:
        tx = self._tx(connection)
        try:
            result = job.work(tx)
            tx.audit.chain(tx.acts)
        except Exception as error:  # noqa: BLE001 - handed to whoever awaits this work
            return _Ended(job, error=_as_told(error))
        touched |= tx.touched
        return _Ended(job, result=result)

    def _run_one(self, connection: Connection, job: Job, touched: set[str], acts: list[Recorded]) -> _Ended:
        tx = self._tx(connection)
        try:
            with connection.begin_nested():
                result = job.work(tx)
        except Exception as error:  # handed to whoever awaits this work
            if not _still_in_transaction(connection):
                raise _GroupLost(first_line(error)) from error
            return _Ended(job, error=_as_told(error))
        touched |= tx.touched
        acts += tx.acts
        return _Ended(job, result=result)


def _log_loss(works: int, error: Exception) -> None:
    fields = {"works": works, "error": first_line(error)}
    if isinstance(error, _GroupLost) or is_passing(error):
        log.warning("database unavailable", extra=fields)
    else:
        # A bug, told here once; the writer goes on, because everything waits for it.
        log.error("group of writes lost", extra=fields, exc_info=error)


def _still_in_transaction(connection: Connection) -> bool:
    # SQLAlchemy thinks so until told otherwise: only the driver knows that SQLite rolled back by itself.
    return bool(getattr(connection.connection.driver_connection, "in_transaction", False))


def _as_told(error: Exception) -> Exception:
    if not is_passing(error):
        return error
    log.warning("database unavailable", extra={"works": 1, "error": first_line(error)})
    told = Unavailable()
    told.__cause__ = error
    return told


def _tell(ended: _Ended) -> None:
    if ended.job.future.done():
        return
    if ended.error is not None:
        ended.job.future.set_exception(ended.error)
    else:
        ended.job.future.set_result(ended.result)


def _fail(jobs: list[Job]) -> None:
    for job in jobs:
        if not job.future.done():
            job.future.set_exception(Unavailable())
