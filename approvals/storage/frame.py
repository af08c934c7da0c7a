"""What every group of statements needs of its transaction: the connection, the time, and `touch`.

`engine.Tx` is a Frame with the groups on it. Time is read once: the clock handed in, or on PostgreSQL the
database's own, which is one clock for all replicas and is asked for only when somebody needs it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, CursorResult, Table, func, literal, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.expression import ColumnElement

from approvals.domain.audit import SALT_BYTES, Act
from approvals.storage import data_keys
from approvals.storage.tables_audit import audit
from approvals.storage.types import Ciphertext, Utc
from approvals.storage.vault import Cells, Vault, WrappedKey
from approvals.storage.words import apart

type_utc = Utc()
DAY = "calls:"
"""What the key of a day is called, before the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An act on its way into the chain. `words`, where there are any, hold its salt too, so it is not kept beside."""

    act: Act
    salt: str
    plain: Mapping[str, Any]
    words: Ciphertext | None = None


class Frame:
    """One open transaction, as a group of statements sees it."""

    __slots__ = ("_acts", "_cells", "_now", "_touched", "conn", "vault")

    def __init__(self, conn: Connection, now: datetime | None, vault: Vault) -> None:
        self.conn, self.vault = conn, vault
        self._now = now
        self._touched: dict[str, None] = {}
        self._acts: list[Recorded] = []
        self._cells: dict[str, Cells] = {}

    @property
    def now(self) -> datetime:
        """The time of this transaction, aware, in UTC."""
        if self._now is None:
            self._now = self.conn.execute(select(func.now(type_=type_utc))).scalar_one().astimezone(UTC)
        return self._now

    def now_sql(self) -> ColumnElement[datetime]:
        """The same time as an expression, which costs no question of its own."""
        return func.now(type_=type_utc) if self._now is None else literal(self._now, type_utc)

    def time_ago(self, age: timedelta) -> ColumnElement[datetime]:
        """The time `age` before now, as an expression."""
        return type_coerce(func.now() - age, type_utc) if self._now is None else literal(self._now - age, type_utc)

    def touch(self, subject: str) -> None:
        """Tell every watcher of `subject`, here and in other processes, once this is committed."""
        self._touched[subject] = None

    @property
    def touched(self) -> frozenset[str]:
        """What this transaction has touched."""
        return frozenset(self._touched)

    def record(self, act: Act) -> None:
        """Put an act into the audit chain, in this transaction: it is linked when the work is done."""
        salt = secrets.token_hex(SALT_BYTES)
        plain, words = (act.detail, {}) if act.request is None else apart(act.detail)
        sealed = None
        if act.request is not None and words:
            sealed = self.cells(act.request).seal(audit.c.words, {"salt": salt, "words": words})
        self._acts.append(Recorded(act=act, salt=salt, plain=plain, words=sealed))

    def did(self, action: str, actor: str, *, subject: str | None = None, via: str = "", **detail: Any) -> None:
        """Record an act on something that is no request."""
        self.record(Act(action=action, actor=actor, at=self.now, via=via, subject=subject, detail=detail))

    @property
    def acts(self) -> Sequence[Recorded]:
        """What this transaction has recorded, in order."""
        return self._acts

    def keep_cells(self, request: str, key: WrappedKey, cells: Cells, *, late_at: datetime | None = None) -> Cells:
        """Save a fresh key of the vault's, and use it from here on."""
        data_keys.save(self.conn, request, key, late_at)
        self._cells[request] = cells
        return cells

    def cells(self, request: str) -> Cells:
        """What seals the words of a request from here on; one whose key was destroyed gets a fresh one.

        Raises:
            Unreadable: its master key is not at hand.
        """
        return self.cells_of([request]).get(request) or self.keep_cells(
            request, *self.vault.fresh(request), late_at=self.now
        )

    def day_cells(self, day: str) -> Cells:
        """What seals the journal of one day (`2026-11-24`), under a key that all processes share."""
        subject = f"{DAY}{day}"
        if subject not in self.cells_of([subject]):
            key, cells = self.vault.fresh(subject)
            if data_keys.save_first(self.conn, self.insert(data_keys.data_keys), subject, key):
                self._cells[subject] = cells
        return self.cells_of([subject])[subject]

    def forget_cells(self, request: str) -> None:
        """Open and seal nothing more under a key that was deleted in this transaction."""
        self._cells.pop(request, None)

    def cells_of(self, requests: Iterable[str]) -> Mapping[str, Cells]:
        """What opens the words of some requests; those whose keys were destroyed are missing.

        Raises:
            Unreadable: a master key is not at hand.
        """
        wanted = set(requests)
        if missing := wanted - self._cells.keys():
            self.opening(data_keys.find(self.conn, missing))
        return {subject: self._cells[subject] for subject in wanted & self._cells.keys()}

    def opening(self, keys: Mapping[str, WrappedKey]) -> Mapping[str, Cells]:
        """What opens the words of requests whose keys were read with them.

        Raises:
            Unreadable: a master key is not at hand.
        """
        self._cells |= {id: self.vault.cells(id, key) for id, key in keys.items() if id not in self._cells}
        return {id: self._cells[id] for id in keys}

    def insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT, in this database's dialect."""
        return postgresql.insert(table) if self.conn.dialect.name == "postgresql" else sqlite.insert(table)


class Group:
    """A group of statements over one transaction."""

    __slots__ = ("_tx",)

    def __init__(self, tx: Frame) -> None:
        self._tx = tx

    def _run(self, statement: Any, rows: Any = None) -> CursorResult[Any]:
        return self._tx.conn.execute(statement, rows)
