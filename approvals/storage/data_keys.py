"""The wrapped keys of requests, one row each: what is deleted to destroy what it sealed.

A table of its own, because a row of `requests` is written anew by every step, and each writing could leave a copy of
the key behind in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Column, Connection, LargeBinary, Table, Text, delete, func, select, update

from approvals.storage.metadata import METADATA
from approvals.storage.vault import Vault, WrappedKey

data_keys = Table(
    "data_keys",
    METADATA,
    Column("subject", Text, primary_key=True),
    Column("master", Text, nullable=False, index=True),
    Column("wrapped", LargeBinary, nullable=False),
)
"""`subject` is a request's id. `master` names the key that wraps."""


def find(conn: Connection, subjects: Iterable[str]) -> Mapping[str, WrappedKey]:
    """The keys of some requests; those that were destroyed are missing."""
    wanted = select(data_keys).where(data_keys.c.subject.in_(sorted(set(subjects))))
    return {row.subject: WrappedKey(row.master, row.wrapped) for row in conn.execute(wanted)}


def save(conn: Connection, subject: str, key: WrappedKey) -> None:
    """Keep the key of a new request."""
    conn.execute(data_keys.insert().values(subject=subject, master=key.master, wrapped=key.wrapped))


def destroy(conn: Connection, subjects: Sequence[str]) -> None:
    """Delete keys for good."""
    conn.execute(delete(data_keys).where(data_keys.c.subject.in_(subjects)))


def count(conn: Connection) -> Mapping[str, int]:
    """How many keys each master wraps."""
    counted = select(data_keys.c.master, func.count().label("keys")).group_by(data_keys.c.master)
    return {row.master: row.keys for row in conn.execute(counted)}


def rewrap(conn: Connection, vault: Vault, newest: str, limit: int) -> int:
    """Put some keys under the newest master; how many."""
    older = select(data_keys).where(data_keys.c.master != newest).order_by(data_keys.c.subject).limit(limit)
    rows = conn.execute(older.with_for_update(skip_locked=True)).all()
    for row in rows:
        key = vault.rewrap(row.subject, WrappedKey(row.master, row.wrapped))
        same = update(data_keys).where(data_keys.c.subject == row.subject, data_keys.c.master == row.master)
        conn.execute(same.values(master=key.master, wrapped=key.wrapped))
    return len(rows)
