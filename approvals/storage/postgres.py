"""PostgreSQL's side of the engine: two pools, one that writes and one that only reads.

Writes run under READ COMMITTED, where one conditional UPDATE decides a race; reads see one snapshot, so that
several statements of a work agree with each other, as they do on SQLite.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from approvals.storage.url import Address, asyncpg

WRITERS, READERS = 10, 5
POOL_SECONDS = 30
"""How long a work waits for a connection."""


def writer(address: Address) -> AsyncEngine:
    """The engine of the connections that write."""
    return _engine(address, size=WRITERS, isolation_level="READ COMMITTED")


def reader(address: Address) -> AsyncEngine:
    """The engine of the connections that only read."""
    engine = _engine(address, size=READERS, isolation_level="REPEATABLE READ")
    return engine.execution_options(postgresql_readonly=True)


def _engine(address: Address, *, size: int, isolation_level: Any) -> AsyncEngine:
    asyncpg()
    return create_async_engine(
        address.url,
        connect_args=dict(address.connect),
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,  # an error that is logged must not carry arguments
        pool_pre_ping=True,
        isolation_level=isolation_level,
    )
