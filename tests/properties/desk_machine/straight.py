"""A SQLite database without threads and queues between a work and its connection, for machines that make many of them.

The statements, the transactions and the chain of the audit are the real ones; the writer's queue has tests of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, StaticPool, create_engine, event

from approvals.storage import migrate, sqlite, url
from approvals.storage.engine import Database, Part, Tx
from tests.fakes.keys import VAULT

T = TypeVar("T")
MEMORY = Path("/dev/shm")
COMPILED: dict[Any, Any] = {}
"""Statements, written out once for all databases."""


@functools.cache
def template() -> Path:
    """A migrated file to copy, made once."""
    path = folder() / "template.db"
    asyncio.run(migrate.upgrade(f"sqlite:///{path}"))
    return path


@functools.cache
def folder() -> Path:
    """Where this process keeps its databases: in memory, where the system has such a place."""
    made = tempfile.mkdtemp(prefix="placet-machine-", dir=MEMORY if MEMORY.is_dir() else None)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def fresh() -> Path:
    """An empty database, in place of the one before."""
    return Path(shutil.copyfile(template(), folder() / "placet.db"))


class Straight(Database):
    """The door to the database as the desk knows it."""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        address = url.parse(f"sqlite:///{path}")
        super().__init__(address, sqlite.reader(address), sqlite.writer(address, Part.GUEST), clock, VAULT)
        engine = create_engine(address.url.set(drivername="sqlite"), poolclass=StaticPool)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        self._engine, self._one = engine, engine.connect().execution_options(compiled_cache=COMPILED)

    async def read(self, work: Callable[[Tx], T]) -> T:
        with self._one.begin():
            return work(self._tx(self._one))

    async def write(self, work: Callable[[Tx], T]) -> T:
        with self._one.begin():
            tx = self._tx(self._one)
            result = work(tx)
            tx.audit.chain(tx.acts)
        if tx.touched:
            self.on_commit(tx.touched)
        return result

    def leave(self) -> None:
        """Let go of the file, as a process that ends does."""
        self._one.close()
        self._engine.dispose()


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
