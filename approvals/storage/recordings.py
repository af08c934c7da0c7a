"""Recorded calls: the arguments of calls, sealed, kept for a while, and everything a call was judged by.

What is sealed nobody here can open. `page` gives calls in the order in which they were judged, each with what was
kept of it: its own recording, or the saved arguments of the request that it made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, literal, select, tuple_

from approvals.storage.calls import day_keys, opened
from approvals.storage.frame import Group
from approvals.storage.tables import calls, recordings, requests, votes
from approvals.storage.vault import Cells

FORGET_AT_ONCE = 2_000
"""How many recordings one statement deletes."""
MAX_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The sealed arguments of one call; `at` is when it was judged."""

    call_id: str
    at: datetime
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What became of the request that a call made or came back for.

    `arguments` are those the agent sent, None once they were destroyed.

    `ground` is what approved it where people did not.
    """

    id: str
    state: str
    cause: str | None
    ground: str | None
    arguments: bytes | None
    edited: bool
    created_at: datetime
    decided_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """One call as it was judged, and what was kept of it.

    `counted_at`: when its limits were looked at, by the store's clock. `ran_at`: when it was sent, having taken what
    its `limits` cost; None where it was not sent, or gave that back.
    """

    id: str
    at: datetime
    agent: str
    owner: str | None
    server: str
    tool: str
    arguments_sha256: str
    verdict: str
    rule: str | None
    policy_version: str | None
    outcome: str | None
    ms: int | None
    risk: str | None
    severity: str | None
    session: str | None
    counted_at: datetime | None
    ran_at: datetime | None
    limits: tuple[Mapping[str, Any], ...]
    shadow: tuple[Mapping[str, Any], ...]
    sealed: bytes | None
    held: Held | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedQuery:
    """Which calls to read, oldest first; `after` is the (at, id) of the last one read. `until` is left out."""

    server: str | None
    since: datetime
    until: datetime
    after: tuple[datetime, str] | None = None
    limit: int = MAX_PAGE


_CALL = (
    "id",
    "at",
    "agent",
    "owner",
    "server",
    "tool",
    "arguments_sha256",
    "verdict",
    "rule",
    "policy_version",
    "outcome",
    "ms",
    "risk",
    "severity",
    "session",
    "counted_at",
    "ran_at",
    "limits",
    "shadow",
)
_HELD = ("id", "state", "cause", "ground", "created_at", "decided_at", "started_at", "finished_at", "changed_at")


class Recordings(Group):
    """Statements about recorded calls."""

    def insert_many(self, rows: Sequence[Recording]) -> None:
        """Save a batch. One that is there already (a batch tried again) is left alone."""
        if rows:
            statement = self._tx.insert(recordings).on_conflict_do_nothing(index_elements=["call_id"])
            self._run(statement, [{"call_id": row.call_id, "at": row.at, "sealed": row.sealed} for row in rows])

    def forget(self, before: datetime) -> bool:
        """Delete a batch of what was recorded before; says whether there may be more."""
        old = select(recordings.c.call_id).where(recordings.c.at < before).limit(FORGET_AT_ONCE)
        return self._run(delete(recordings).where(recordings.c.call_id.in_(old))).rowcount == FORGET_AT_ONCE

    def count(self, query: RecordedQuery) -> int:
        """How many calls `page` would give in all."""
        asked = _asked(select(func.count()).select_from(calls), query)
        return int(self._run(asked).scalar_one())

    def page(self, query: RecordedQuery) -> list[RecordedCall]:
        """The next calls, in the order in which they were judged."""
        columns = (
            *(calls.c[name] for name in _CALL),
            recordings.c.sealed,
            requests.c.arguments,
            requests.c.edited_from,
            requests.c.destroyed_at,
            *(requests.c[name].label(f"request_{name}") for name in _HELD),
        )
        joined = calls.outerjoin(recordings, recordings.c.call_id == calls.c.id).outerjoin(
            requests, requests.c.id == calls.c.request_id
        )
        found = _asked(select(*columns).select_from(joined), query).order_by(calls.c.at, calls.c.id)
        rows = self._run(found.limit(max(1, min(query.limit, MAX_PAGE)))).mappings().all()
        cells = self._tx.cells_of(row["request_id"] for row in rows if row["request_id"] is not None)
        days = day_keys(self._tx, (row["at"] for row in rows))
        return [_recorded(row, cells.get(row["request_id"]), days.get(row["at"].date())) for row in rows]

    def voters(self, request_ids: Collection[str]) -> dict[str, frozenset[str]]:
        """Who voted on each of these requests."""
        if not request_ids:
            return {}
        found: dict[str, frozenset[str]] = {}
        asked = select(votes.c.request_id, votes.c.reviewer).where(votes.c.request_id.in_(sorted(request_ids)))
        for row in self._run(asked):
            found[row.request_id] = found.get(row.request_id, frozenset()) | {row.reviewer}
        return found


def _asked(statement: Select[Any], query: RecordedQuery) -> Select[Any]:
    wanted = statement.where(calls.c.at >= query.since, calls.c.at < query.until)
    if query.server is not None:
        wanted = wanted.where(calls.c.server == query.server)
    if query.after is not None:
        cursor = tuple_(literal(query.after[0], calls.c.at.type), literal(query.after[1]))
        wanted = wanted.where(tuple_(calls.c.at, calls.c.id) > cursor)
    return wanted


def _recorded(row: RowMapping, cells: Cells | None, day: Cells | None) -> RecordedCall:
    held = None
    if row["request_id"] is not None:
        held = Held(
            arguments=_sent(row, cells),
            edited=row["edited_from"] is not None,
            **{name: row[f"request_{name}"] for name in _HELD},
        )
    plain = {name: row[name] for name in _CALL}
    lists = {name: tuple(value or ()) for name, value in opened(row, day, ("limits", "shadow")).items()}
    return RecordedCall(**(plain | lists), sealed=row["sealed"], held=held)


def _sent(row: RowMapping, cells: Cells | None) -> bytes | None:
    if cells is None or row["destroyed_at"] is not None:
        return None
    column = requests.c.arguments if row["edited_from"] is None else requests.c.edited_from
    sent: bytes = cells.open(column, row[column.name])
    return sent
