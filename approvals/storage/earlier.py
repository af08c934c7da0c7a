"""Earlier requests of a tool: the newest that people decided, and the newest that ended without.

Each of the two is the end of an index, so it does not matter how many there are. Of a request only what comparing it
takes is read and opened: who was asked, who voted, its arguments where they are short, and never what came of it.
Tests of attention are in neither index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, case, func, null, select

from approvals.domain.similar import COMPARED, LOOKED_AT, Past
from approvals.storage.data_keys import data_keys
from approvals.storage.frame import Group
from approvals.storage.rows import request_from, vote_from
from approvals.storage.tables import requests, votes
from approvals.storage.tables_earlier import IS_PEOPLES, IS_UNDECIDED
from approvals.storage.vault import WrappedKey

_UNREAD = ("justification", "trace", "over", "edited_from", "outcome_result", "outcome_error")
_SEALING = 29
"""What sealing adds to what it seals (bytes): a version, a nonce and a tag."""


class EarlierRows(Group):
    """Statements about what was decided before."""

    def of_tool(
        self, server: str, tool: str, *, but: str, before: datetime | None, limit: int = LOOKED_AT
    ) -> list[Past]:
        """At most `limit` that people decided and as many other ends, before a moment (None: until now)."""
        at = func.coalesce(requests.c.decided_at, requests.c.changed_at, type_=requests.c.changed_at.type)
        lanes = ((IS_PEOPLES, requests.c.decided_at), (IS_UNDECIDED, requests.c.created_at))
        found: list[Past] = []
        for lane, column in lanes:
            mine = newest(server, tool, lane, column, limit).where(requests.c.id != but)
            if before is not None:
                mine = mine.where(column < before, at < before)
            found += self._past(mine)
        return found

    def _past(self, statement: Select[Any]) -> list[Past]:
        rows = self._run(statement).all()
        cells = self._tx.opening(
            {row.id: WrappedKey(row.master, row.wrapped) for row in rows if row.master is not None}
        )
        voted = self._votes_of([row.id for row in rows])
        found = []
        for row in rows:
            request = request_from(row, tuple(voted.get(row.id, ())), (), cells.get(row.id))
            if row.arguments is None:
                request = replace(request, call=replace(request.call, arguments=b""))
            found.append(Past(request=request, at=row.decided_at or row.changed_at))
        return found

    def _votes_of(self, ids: Sequence[str]) -> dict[str, list[Any]]:
        cast: dict[str, list[Any]] = {}
        for row in self._run(select(votes).where(votes.c.request_id.in_(ids)).order_by(votes.c.ordinal)):
            # Without cells their reasons stay closed.
            cast.setdefault(row.request_id, []).append(vote_from(row, None))
        return cast


def newest(server: str, tool: str, lane: TextClause, column: ColumnElement[datetime], limit: int) -> Select[Any]:
    """The newest of one lane."""
    short = func.length(requests.c.arguments) <= COMPARED + _SEALING
    arguments = case((short, requests.c.arguments), else_=null())
    plain = [one for one in requests.c if one.name not in {*_UNREAD, "arguments"}]
    left_out = [null().label(name) for name in (*_UNREAD, "waiting")]
    columns = (*plain, arguments.label("arguments"), *left_out, data_keys.c.master, data_keys.c.wrapped)
    kept = requests.outerjoin(data_keys, data_keys.c.subject == requests.c.id)
    of_tool = select(*columns).select_from(kept).where(requests.c.server == server, requests.c.tool == tool, lane)
    return of_tool.order_by(column.desc()).limit(limit)
