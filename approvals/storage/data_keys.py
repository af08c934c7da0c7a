"""The wrapped keys of requests, one row each: what is deleted to destroy what it sealed.

A table of its own, because a row of `requests` is written anew by every step, and each writing could leave a copy of
the key behind in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    LargeBinary,
    Table,
    Text,
    delete,
    func,
    select,
    text,
    update,
)

from approvals.storage.metadata import METADATA
from approvals.storage.types import Utc
from approvals.storage.vault import Vault, WrappedKey

IS_LATE = text("late_at IS NOT NULL")

data_keys = Table(
    "data_keys",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("master", Text, nullable=False, index=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("late_at", Utc),
    Index("ix_data_keys_late", "late_at", sqlite_where=IS_LATE, postgresql_where=IS_LATE),
)
"""`subject` is a request's id, `master` names the key that wraps. `late_at`: when it was made for what is written in a
request whose key was destroyed."""


def find(conn: Connection, subjects: Iterable[str]) -> Mapping[str, WrappedKey]:
    """The keys of some requests; those that were destroyed are missing."""
    wanted = select(data_keys).where(data_keys.c.subject.in_(sorted(set(subjects))))
    return {row.subject: WrappedKey(row.master, row.wrapped) for row in conn.execute(wanted)}


def save(conn: Connection, subject: str, key: WrappedKey, late_at: datetime | None = None) -> None:
    """Keep a fresh key."""
    row = {"subject": subject, "master": key.master, "wrapped": key.wrapped, "late_at": late_at}
    conn.execute(data_keys.insert().values(row))


def save_first(conn: Connection, insert: Any, subject: str, key: WrappedKey) -> bool:
    """Keep a fresh key unless another process was first. `insert` knows ON CONFLICT in this database's dialect."""
    fresh = insert.values(subject=subject, master=key.master, wrapped=key.wrapped)
    alone = fresh.on_conflict_do_nothing(index_elements=["subject"]).returning(data_keys.c.subject)
    return conn.execute(alone).first() is not None


def destroy_days(conn: Connection, prefix: str, before: str) -> None:
    """Delete the keys of days before a day."""
    old = (data_keys.c.subject >= prefix, data_keys.c.subject < prefix + before)
    conn.execute(delete(data_keys).where(*old))


def destroy_under(conn: Connection, master: str) -> None:
    """Delete every key that a master wraps."""
    conn.execute(delete(data_keys).where(data_keys.c.master == master))


def destroy(conn: Connection, subjects: Sequence[str]) -> None:
    """Delete keys for good."""
    conn.execute(delete(data_keys).where(data_keys.c.subject.in_(subjects)))


def count(conn: Connection) -> Mapping[str, int]:
    """How many keys each master wraps."""
    counted = select(data_keys.c.master, func.count().label("keys")).group_by(data_keys.c.master)
    return {row.master: row.keys for row in conn.execute(counted)}


def rewrap(conn: Connection, vault: Vault, masters: Sequence[str], limit: int) -> int:
    """Put some keys of these masters under the newest one; how many."""
    older = select(data_keys).where(data_keys.c.master.in_(masters)).order_by(data_keys.c.subject).limit(limit)
    rows = conn.execute(older.with_for_update(skip_locked=True)).all()
    for row in rows:
        key = vault.rewrap(row.subject, WrappedKey(row.master, row.wrapped))
        same = update(data_keys).where(data_keys.c.subject == row.subject, data_keys.c.master == row.master)
        conn.execute(same.values(master=key.master, wrapped=key.wrapped))
    return len(rows)
