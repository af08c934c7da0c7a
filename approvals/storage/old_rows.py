"""Seals rows that were written before anything was sealed: a step of the upgrade, in batches, each committed alone.

A request whose key is not there yet has its rows in the clear. Its batch makes the key, writes everything of it anew,
and commits; a step that is interrupted goes on where it stopped, and nothing is ever half sealed. The ledger and the
chain refuse changes, so their triggers are away while a batch is written, and back when it is committed.

Arguments in the clear are a JSON object, and begin like one. What begins otherwise was sealed, and its key is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table, exists, func, select, text, type_coerce
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.errors import RequestKeysLost, Unreadable
from approvals.storage import data_keys
from approvals.storage.calls import day
from approvals.storage.data_keys import data_keys as keys
from approvals.storage.frame import Frame
from approvals.storage.tables import IS_PLAIN, calls, events, requests, votes
from approvals.storage.tables_audit import audit
from approvals.storage.types import Ciphertext, Sealed
from approvals.storage.vault import Cells, Vault, sealed_columns
from approvals.storage.words import apart

log = logging.getLogger(__name__)

BATCH = 200
APPEND_ONLY = ("events", "audit")
NAMED = 3
"""So many of the requests that lost their key are named; the others are counted."""


def _journal(conn: Connection, vault: Vault) -> int:
    tx = Frame(conn, None, vault)
    columns = sealed_columns(calls)
    old = select(calls.c.id, calls.c.at, *columns.values()).where(IS_PLAIN).limit(BATCH)
    rows = conn.execute(old).all()
    for row in rows:
        cells = tx.day_cells(day(row.at))
        sealed = {name: _sealed(cells, one, getattr(row, name), row.id) for name, one in columns.items()}
        conn.execute(calls.update().where(calls.c.id == row.id).values(**sealed, plain=None))
    return len(rows)


async def seal(engine: AsyncEngine, vault: Vault) -> int:
    """Seal what is not sealed yet; of how many requests.

    Raises:
        Unreadable: the installation's keys are not at hand, or a row is neither in the clear nor has a key.
    """
    done = 0
    for batch in (_batch, _journal):
        while sealed := await _committed(engine, batch, vault):
            done += sealed
            log.info("old rows sealed", extra={"count": done})
    return done


async def _committed(engine: AsyncEngine, batch: Callable[[Connection, Vault], int], vault: Vault) -> int:
    async with engine.connect() as connection, connection.begin():
        return await connection.run_sync(batch, vault)


def _batch(conn: Connection, vault: Vault) -> int:
    has_key = exists().where(keys.c.subject == requests.c.id)
    keyless = select(requests.c.id).where(~has_key, requests.c.destroyed_at.is_(None)).order_by(requests.c.id)
    ids = list(conn.execute(keyless.limit(BATCH)).scalars())
    if ids:
        first = func.substr(type_coerce(requests.c.arguments, LargeBinary), 1, 1, type_=LargeBinary)
        lost = list(conn.execute(keyless.where(first != b"{")).scalars())
        if lost:
            more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
            raise RequestKeysLost(count=len(lost), which=", ".join(lost[:NAMED]) + more)
        with _writable(conn, APPEND_ONLY):
            for id in ids:
                _seal(conn, vault, id)
    return len(ids)


def _seal(conn: Connection, vault: Vault, id: str) -> None:
    key, cells = vault.fresh(id)
    _columns(conn, cells, requests, requests.c.id == id, (requests.c.id,))
    _columns(conn, cells, votes, votes.c.request_id == id, (votes.c.request_id, votes.c.ordinal))
    for row in conn.execute(select(events.c.id, events.c.detail).where(events.c.request_id == id)).all():
        plain, words = apart(row.detail)
        if words:
            changed = events.update().where(events.c.id == row.id)
            conn.execute(changed.values(detail=plain, words=cells.seal(events.c.words, words)))
    whole = (audit.c.request_id == id, audit.c.salt.is_not(None))
    for entry in conn.execute(select(audit.c.seq, audit.c.detail, audit.c.salt).where(*whole)).all():
        plain, words = apart(entry.detail or {})
        if words:
            sealed = cells.seal(audit.c.words, {"salt": entry.salt, "words": words})
            changed = audit.update().where(audit.c.seq == entry.seq)
            conn.execute(changed.values(detail=plain, salt=None, words=sealed))
    data_keys.save(conn, id, key)


def _columns(conn: Connection, cells: Cells, table: Table, where: Any, key: Sequence[Column[Any]]) -> None:
    columns = sealed_columns(table)
    for row in conn.execute(select(*key, *columns.values()).where(where)).all():
        values = {name: _sealed(cells, column, getattr(row, name)) for name, column in columns.items()}
        same = [column == getattr(row, column.name) for column in key]
        conn.execute(table.update().where(*same).values(values))


def _sealed(cells: Cells, column: Column[Any], plain: bytes | None, row: str = "") -> Ciphertext | None:
    if plain is None or not isinstance(column.type, Sealed):
        return None
    try:
        value = column.type.decode(bytes(plain))
    except ValueError:
        raise Unreadable(what=f"{column.table.name}.{column.name}, which is neither sealed nor in the clear,") from None
    return cells.seal(column, value, row=row)


@contextmanager
def _writable(conn: Connection, tables: Sequence[str]) -> Iterator[None]:
    """Let append-only tables be changed inside the block, in this transaction alone."""
    if conn.dialect.name == "postgresql":
        for table in tables:
            conn.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield
        for table in tables:
            conn.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
        return
    found = conn.execute(text("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
    triggers = [row for row in found if row.tbl_name in tables]
    for row in triggers:
        conn.exec_driver_sql(f'DROP TRIGGER "{row.name}"')
    yield
    for row in triggers:
        conn.exec_driver_sql(row.sql)
