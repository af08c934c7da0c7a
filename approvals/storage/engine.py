"""The door to the database: `Database.read` and `Database.write` run a work in one transaction.

A work is a plain function over a `Tx`: it asks and writes, returns or raises, and awaits nothing, so no
transaction stays open over anything but SQL. On SQLite writes are committed in groups by `run()`; on PostgreSQL
each has its own transaction, and what it touched goes out by NOTIFY with the commit. `on_commit` hears the
same subjects in this process.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Literal, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.errors import Unavailable
from approvals.storage import postgres, sqlite, url
from approvals.storage.faults import unavailable_if_passing
from approvals.storage.sqlite import Part
from approvals.storage.tx import Tx
from approvals.storage.vault import Vault, closed
from approvals.storage.writer import GroupWriter

__all__ = ["Database", "Part", "Tx"]

T = TypeVar("T")


def _nobody(_subjects: frozenset[str]) -> None:
    """Hear nothing: what `on_commit` is until a bus is there."""


class Database:
    """An open database. Make one with `open` or `opened`, never directly."""

    def __init__(
        self,
        address: url.Address,
        readers: AsyncEngine,
        writers: AsyncEngine,
        clock: Callable[[], datetime] | None,
        vault: Vault,
    ) -> None:
        self.address = address
        self.dialect: Literal["sqlite", "postgresql"] = address.dialect
        self.url = address.url.render_as_string(hide_password=True)
        self.origin = secrets.token_hex(4)
        self.on_commit: Callable[[frozenset[str]], None] = _nobody
        self.vault = vault
        self._readers, self._writers, self._clock = readers, writers, clock
        self._group = GroupWriter(writers, self._tx, self._tell) if self.dialect == "sqlite" else None
        self._stopping = asyncio.Event()
        self._stopped = asyncio.Event()
        self._stopped.set()

    @classmethod
    async def open(
        cls,
        url_text: str,
        vault: Vault | None = None,
        *,
        clock: Callable[[], datetime] | None = None,
        part: Part = Part.SERVICE,
    ) -> Database:
        """Open the database of the configuration's `database:` line; `clock` replaces every clock, for tests.

        Without a vault nothing sealed can be read or written: requests are refused as `Unreadable`.

        Raises:
            Invalid: the line is not an address we support, or its file cannot be opened.
            Unavailable: the database does not answer.
        """
        address, vault = url.parse(url_text), vault or Vault(closed)
        if address.path is not None:
            sqlite.create_file(address.path)
            if part is Part.SERVICE:
                sqlite.warn_of_known_bugs()
            db = cls(address, sqlite.reader(address), sqlite.writer(address, part), clock, vault)
        else:
            db = cls(address, postgres.reader(address), postgres.writer(address), clock, vault)
        try:
            await db.read(lambda tx: tx.now)
        except BaseException:
            await db.close()
            raise
        return db

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        url_text: str,
        vault: Vault | None = None,
        *,
        clock: Callable[[], datetime] | None = None,
        part: Part = Part.GUEST,
    ) -> AsyncIterator[Database]:
        """An open database whose `run()` is running, for commands and tests; closed in good order at the end."""
        db = await cls.open(url_text, vault, clock=clock, part=part)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(db.run(), name="database writer")
                try:
                    yield db
                finally:
                    await db.close()
        except BaseExceptionGroup as failed:
            # The body's own exception, as it was raised: a command catches Refusals.
            if len(failed.exceptions) == 1:
                raise failed.exceptions[0] from None
            raise

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run a work that only reads, over one snapshot.

        Raises:
            Unavailable: the database cannot answer now.
        """
        with unavailable_if_passing("read"):
            async with self._readers.connect() as connection, connection.begin():
                return await connection.run_sync(lambda conn: work(self._tx(conn)))

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run a work and commit it; returns only when it is on disk. An exception of the work rolls it back.

        Raises:
            Unavailable: nothing was saved, or (when the connection broke at COMMIT) nobody can say: read again.
        """
        if self._stopping.is_set():
            raise Unavailable
        if self._group is not None:
            result: T = await self._group.write(work)
            return result
        touched: list[frozenset[str]] = []
        with unavailable_if_passing("write"):
            async with self._writers.connect() as connection, connection.begin():
                result = await connection.run_sync(self._work_and_notify, work, touched)
        if touched[0]:
            self._tell(touched[0])
        return result

    async def run(self) -> None:
        """Do what keeps the database going (on SQLite, the writer) until `close`."""
        self._stopped.clear()
        try:
            if self._group is not None:
                await self._group.run()
            else:
                await self._stopping.wait()
        finally:
            self._stopped.set()

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in SQLite's log; PostgreSQL removes old rows by its own vacuum."""
        if self.address.path is not None:
            await asyncio.to_thread(sqlite.empty_log, self.address.path)

    async def close(self) -> None:
        """Commit what has queued if `run()` is there to do it, then let go of every connection."""
        self._stopping.set()
        if self._group is not None:
            self._group.stop()
        await self._stopped.wait()
        await self._readers.dispose()
        await self._writers.dispose()

    def _work_and_notify(self, connection: Connection, work: Callable[[Tx], T], touched: list[frozenset[str]]) -> T:
        tx = self._tx(connection)
        result = work(tx)
        tx.audit.chain(tx.acts)
        if tx.touched:
            tx.notices.notify(self.origin, tx.touched)
        touched.append(tx.touched)
        return result

    def _tx(self, connection: Connection) -> Tx:
        if self._clock is None and self.dialect == "postgresql":
            return Tx(connection, None, self.vault)
        return Tx(connection, (self._clock or _utc_now)(), self.vault)

    def _tell(self, subjects: frozenset[str]) -> None:
        self.on_commit(subjects)


def _utc_now() -> datetime:
    return datetime.now(UTC)
