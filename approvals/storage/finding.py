"""Finding requests by what stands in them: names in the database, what agents said by opening it here.

A justification is sealed, so the database cannot look into it. Those that a search reaches first, up to `OPENED`, are
opened and looked into as every reader may see them; behind those only names are found. What is sealed is not indexed
for it, because an index of words would tell them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.sql.expression import ColumnElement

from approvals.domain.hushing import hush_from
from approvals.domain.redact import redact_text
from approvals.storage.frame import Frame
from approvals.storage.tables import requests
from approvals.storage.terms import terms_from_json
from approvals.storage.vault import Cells

OPENED = 2_000
"""How many justifications one search opens."""
NAMES = ("id", "server", "tool", "agent", "owner")


def named(q: str) -> ColumnElement[bool]:
    """Does the text stand in one of the request's names?"""
    return or_(*(requests.c[name].icontains(q, autoescape=True) for name in NAMES))


def ids_saying(tx: Frame, q: str, within: Select[Any], limit: int) -> tuple[list[str], bool]:
    """The first of these requests that have the text in a name or a justification, and whether all were looked at.

    `within` selects columns of `requests` in the order in which they are listed.
    """
    columns = (requests.c.id, requests.c.justification, requests.c.destroyed_at, named(q).label("named"))
    said = requests.c.justification.is_not(None)
    rows = tx.conn.execute(within.with_only_columns(*columns).where(or_(named(q), said)).limit(OPENED)).all()
    found: list[str] = []
    for start in range(0, len(rows), 100):
        page = rows[start : start + 100]
        cells = tx.cells_of(row.id for row in page if not row.named)
        found += [row.id for row in page if row.named or _says(tx, row, q, cells)]
        if len(found) >= limit:
            return found[:limit], True
    return found, len(rows) < OPENED


def _says(tx: Frame, row: Any, q: str, cells: Mapping[str, Cells]) -> bool:
    if row.destroyed_at is not None or row.id not in cells:
        return False
    text, wanted = cells[row.id].open(requests.c.justification, row.justification), q.casefold()
    # A secret that is hidden from whoever reads must not be found out by searching for it, letter by letter.
    return wanted in text.casefold() and wanted in _as_shown(tx, row.id, text, cells[row.id]).casefold()


def _as_shown(tx: Frame, id: str, text: str, cells: Cells) -> str:
    columns = (requests.c.arguments, requests.c.edited_from)
    row = tx.conn.execute(select(*columns, requests.c.terms).where(requests.c.id == id)).one()
    stored = [cells.open(column, getattr(row, column.name)) for column in columns]
    return redact_text(hush_from(stored, terms_from_json(row.terms).redact).text(text))


def in_order(found: Sequence[Any], ids: Sequence[str]) -> list[Any]:
    """Requests in the order of their ids."""
    by_id = {request.id: request for request in found}
    return [by_id[id] for id in ids if id in by_id]
