"""The indexes of `requests` whose ends are what was decided before of a tool, and what ended without a decision."""

from __future__ import annotations

from sqlalchemy import Index, text

from approvals.storage.tables import requests

IS_PEOPLES = text("decided_at IS NOT NULL AND ground IS NULL AND decoy IS NULL")
"""People decided it."""
IS_UNDECIDED = text("decoy IS NULL AND state <> 'pending' AND (decided_at IS NULL OR ground IS NOT NULL)")
"""It is over, or runs, without a decision of people."""

for _name, _column, _where in (
    ("ix_requests_peoples", requests.c.decided_at, IS_PEOPLES),
    ("ix_requests_undecided", requests.c.created_at, IS_UNDECIDED),
):
    Index(_name, requests.c.server, requests.c.tool, _column, sqlite_where=_where, postgresql_where=_where)
