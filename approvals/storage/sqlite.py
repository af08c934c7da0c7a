"""SQLite's side of the engine: the file, the pragmas, and which BEGIN opens a transaction.

A transaction that will write opens with BEGIN IMMEDIATE: one that reads first and writes later fails at once
when somebody else wrote in between, whatever the timeout. Reads keep plain BEGIN and a connection that cannot
write; under WAL neither side blocks the other. Only the service checkpoints the WAL by itself (GUEST does not).
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from approvals.errors import Invalid
from approvals.storage.url import Address

log = logging.getLogger(__name__)

BUSY_MILLISECONDS = 5_000
"""How long a transaction waits for another process's write lock."""
READERS = 4
FIXED_IN = (3, 51, 3)
FIXED_BRANCHES = {(3, 44): 6, (3, 50): 7}


class Part(StrEnum):
    """Who opens the database: the running service, or a command that comes and goes beside it."""

    SERVICE = "service"
    GUEST = "guest"


def create_file(path: Path) -> None:
    """Make the database file readable by its owner alone, before SQLite would make it by the umask.

    Raises:
        Invalid: the folder is not there or may not be written.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise Invalid(field="database", why=f"{path} cannot be opened: {error.strerror}") from error


@contextmanager
def sole_service(address: Address) -> Iterator[None]:
    """Be the only service on a SQLite file while the block lasts; the system frees the lock of a process that dies.

    Raises:
        Invalid: another service runs on it.
    """
    if address.path is None:
        yield
        return
    handle = os.open(f"{address.path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            why = f"another `placet serve` runs on {address.path}. SQLite serves one process; several need PostgreSQL"
            raise Invalid(field="database", why=why) from None
        yield
    finally:
        os.close(handle)


def writer(address: Address, part: Part) -> AsyncEngine:
    """The engine of the one connection that writes."""
    return _engine(address, size=1, begin="BEGIN IMMEDIATE", pragmas=_pragmas(part))


def reader(address: Address) -> AsyncEngine:
    """The engine of the connections that only read."""
    return _engine(address, size=READERS, begin="BEGIN", pragmas=(*_pragmas(Part.GUEST), "PRAGMA query_only=ON"))


def compact(path: Path) -> None:
    """Write the file anew without what was deleted or overwritten in it, and empty the WAL."""
    with closing(sqlite3.connect(path, timeout=BUSY_MILLISECONDS / 1000, isolation_level=None)) as connection:
        connection.execute("VACUUM")
    empty_log(path)


def empty_log(path: Path) -> bool:
    """Write the WAL into the file and cut it to nothing. False: somebody reads from it; it is for the next time."""
    with closing(sqlite3.connect(path, timeout=BUSY_MILLISECONDS / 1000, isolation_level=None)) as connection:
        busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return busy == 0


def _pragmas(part: Part) -> tuple[str, ...]:
    # Without secure_delete the key of a request that was destroyed could be left in a free page.
    own = (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "PRAGMA foreign_keys=ON",
        "PRAGMA secure_delete=ON",
    )
    return own if part is Part.SERVICE else (*own, "PRAGMA wal_autocheckpoint=0")


def _engine(address: Address, *, size: int, begin: str, pragmas: tuple[str, ...]) -> AsyncEngine:
    engine = create_async_engine(
        address.url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        hide_parameters=True,  # an error that is logged must not carry arguments
        connect_args={"timeout": BUSY_MILLISECONDS / 1000},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def open_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def warn_of_known_bugs(version: tuple[int, int, int] = sqlite3.sqlite_version_info) -> bool:
    """Warn when this SQLite may lose committed writes while two connections reset the WAL; says whether it did."""
    fixed_patch = FIXED_BRANCHES.get(version[:2])
    if version >= FIXED_IN or (fixed_patch is not None and version[2] >= fixed_patch):
        return False
    log.warning(
        "this SQLite can lose commits in a rare race between two processes (fixed in 3.51.3, 3.50.7 and 3.44.6); "
        "avoid long commands beside a running service, or use a newer SQLite or PostgreSQL",
        extra={"sqlite": ".".join(map(str, version))},
    )
    return True
