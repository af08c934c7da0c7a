"""What every group of statements needs of its transaction: the connection, the time, and `touch`.

`engine.Tx` is a Frame with the groups on it. Time is read once: the clock handed in, or on PostgreSQL the
database's own, which is one clock for all replicas and is asked for only when somebody needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, CursorResult, Table, func, literal, select, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.expression import ColumnElement

from approvals.domain.audit import Act
from approvals.storage.types import Utc

type_utc = Utc()


class Frame:
    """One open transaction, as a group of statements sees it."""

    __slots__ = ("_acts", "_now", "_touched", "conn")

    def __init__(self, conn: Connection, now: datetime | None) -> None:
        self.conn = conn
        self._now = now
        self._touched: dict[str, None] = {}
        self._acts: list[Act] = []

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
        self._acts.append(act)

    def did(self, action: str, actor: str, *, subject: str | None = None, via: str = "", **detail: Any) -> None:
        """Record an act on something that is no request."""
        self.record(Act(action=action, actor=actor, at=self.now, via=via, subject=subject, detail=detail))

    @property
    def acts(self) -> Sequence[Act]:
        """What this transaction has recorded, in order."""
        return self._acts

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
