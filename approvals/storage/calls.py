"""The audit row of every `tools/call`: who, what, which ruling by which rule, and what came of it.

Rows come in batches (one commit for many calls) and are never changed. What a ruling says of arguments (reason, trace,
limits, shadow) is sealed, under a key for each day. Arguments are not kept here, only
their hash; a call that was held names its request. What is kept of them, where that is wanted, is in `recordings`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import RowMapping, delete, literal, select, tuple_

from approvals.storage import data_keys
from approvals.storage.frame import DAY, Frame, Group
from approvals.storage.tables import calls
from approvals.storage.vault import Cells

_LISTS = ("trace", "limits", "shadow")
FORGET_AT_ONCE = 2_000
"""How many rows one statement deletes."""
MAX_LIST = 500
"""No list is longer, whatever was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """One tool call as it was judged. `ms` is how long it took, upstream included.

    `counted_at`: when its limits were looked at, by the store's clock. `ran_at`: when it was sent without being asked
    about, having taken what its `limits` cost; None where it was not, or gave that back. `risk` and `severity` are
    those of the tool's definition, whatever a policy says of them; `session` keys the client's. `shadow` is what rules
    in shadow would have done.
    """

    id: str
    at: datetime
    agent: str
    server: str
    tool: str
    arguments_sha256: str
    verdict: str
    owner: str | None = None
    rule: str | None = None
    reason: str | None = None
    trace: tuple[Mapping[str, Any], ...] = ()
    policy_version: str | None = None
    request_id: str | None = None
    outcome: str | None = None
    ms: int | None = None
    risk: str | None = None
    severity: str | None = None
    session: str | None = None
    counted_at: datetime | None = None
    ran_at: datetime | None = None
    limits: tuple[Mapping[str, Any], ...] = ()
    shadow: tuple[Mapping[str, Any], ...] = ()


_PLAIN = tuple(one.name for one in fields(CallRow) if one.name not in ("reason", *_LISTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuery:
    """Which calls to list, newest first; `after` is the (at, id) of the last one shown."""

    agent: str | None = None
    server: str | None = None
    tool: str | None = None
    verdict: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    limit: int = 50
    after: tuple[datetime, str] | None = None


class Calls(Group):
    """Statements about the audit of calls."""

    def insert_many(self, rows: Sequence[CallRow]) -> None:
        """Save a batch. A row that is there already (a batch tried again) is left alone."""
        if rows:
            sealed = [self._tx.day_cells(day(row.at)).row(calls, _values(row), row=row.id) for row in rows]
            self._run(self._tx.insert(calls).on_conflict_do_nothing(index_elements=["id"]), sealed)

    def search(self, query: CallQuery) -> list[CallRow]:
        """The calls that fit, newest first."""
        names = ("agent", "server", "tool", "verdict", "request_id")
        asked = {name: getattr(query, name) for name in names}
        found = select(calls).where(*(calls.c[name] == value for name, value in asked.items() if value is not None))
        if query.since is not None:
            found = found.where(calls.c.at >= query.since)
        if query.after is not None:
            cursor = tuple_(literal(query.after[0], calls.c.at.type), literal(query.after[1]))
            found = found.where(tuple_(calls.c.at, calls.c.id) < cursor)
        order = (calls.c.at.desc(), calls.c.id.desc())
        rows = self._run(found.order_by(*order).limit(max(1, min(query.limit, MAX_LIST))))
        found_rows = rows.mappings().all()
        cells = day_keys(self._tx, (row["at"] for row in found_rows))
        return [_call(row, cells.get(row["at"].date())) for row in found_rows]

    def forget(self, before: datetime) -> tuple[int, bool]:
        """Delete a batch of rows that are older; how many, and whether there may be more."""
        old = select(calls.c.id).where(calls.c.at < before).order_by(calls.c.at).limit(FORGET_AT_ONCE)
        count = self._run(delete(calls).where(calls.c.id.in_(old))).rowcount
        data_keys.destroy_days(self._tx.conn, DAY, day(before))
        return count, count == FORGET_AT_ONCE


def _values(row: CallRow) -> dict[str, Any]:
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    return values | {name: [dict(one) for one in values[name]] or None for name in _LISTS}


def _call(row: RowMapping, cells: Cells | None) -> CallRow:
    texts = opened(row, cells, ("reason", *_LISTS))
    lists = {name: tuple(texts[name] or ()) for name in _LISTS}
    values: dict[str, Any] = {name: row[name] for name in _PLAIN} | lists | {"reason": texts["reason"]}
    return CallRow(**values)


def day(at: datetime) -> str:
    """The day, in UTC, whose key seals what was journalled then."""
    return at.astimezone(UTC).date().isoformat()


def day_keys(tx: Frame, moments: Iterable[datetime]) -> Mapping[date, Cells]:
    """What opens the journal of the days of some moments."""
    subjects = {f"{DAY}{day(at)}": at.date() for at in moments}
    return {subjects[subject]: cells for subject, cells in tx.cells_of(subjects).items()}


def opened(row: RowMapping, cells: Cells | None, names: Sequence[str]) -> dict[str, Any]:
    """Sealed columns of a row of the journal, None where their key is gone."""
    return {name: None if cells is None else cells.open(calls.c[name], row[name], row=row["id"]) for name in names}
