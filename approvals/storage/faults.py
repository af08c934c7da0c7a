"""Which failures of a database are nobody's bug: it was busy, full, restarting, or out of reach.

Those become `Unavailable`, after which nothing of the work was saved, or (when the reply to a COMMIT was lost)
nobody can say: read again. Everything else (a broken constraint, a wrong statement) is a bug and stays one.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from approvals.errors import Damaged, Unavailable

log = logging.getLogger(__name__)

PASSING = ("08", "25P03", "40", "53", "55P03", "57")
"""SQLSTATE classes that pass: connection, idle, serialization and deadlock, resources, lock, operator."""
SQLITE_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


DAMAGED = ("XX001", "XX002")
"""SQLSTATEs of PostgreSQL: data corrupted, index corrupted."""
SQLITE_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def is_damage(error: BaseException) -> bool:
    """Is the file of the database broken, or none of a database?"""
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return getattr(error.orig, "sqlstate", None) in DAMAGED or (code is not None and code & 0xFF in SQLITE_DAMAGED)


def is_passing(error: BaseException) -> bool:
    """Would the same work stand a chance a moment later?"""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if state:
            return str(state).startswith(PASSING)
        code = getattr(error.orig, "sqlite_errorcode", None)
        if code is not None:
            return code & 0xFF in SQLITE_PASSING  # the low byte is the kind, the rest its detail
        return error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError))
    return isinstance(error, (PoolTimeout, OSError, TimeoutError))


@contextmanager
def unavailable_if_passing(doing: str) -> Iterator[None]:
    """Turn a passing failure inside into Unavailable, and a broken file into Damaged.

    Raises:
        Unavailable: the database could not do it now.
        Damaged: it is broken, or no database.
    """
    try:
        yield
    except Exception as error:
        if is_damage(error):
            raise Damaged(why=first_line(error)) from error
        if not is_passing(error):
            raise
        log.warning("database unavailable", extra={"doing": doing, "error": first_line(error)})
        raise Unavailable from error


def first_line(error: BaseException) -> str:
    """An error for the log: the driver's own words, without statement and values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return f"{type(cause).__name__}: {str(cause).splitlines()[0] if str(cause) else ''}"
