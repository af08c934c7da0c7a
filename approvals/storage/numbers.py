"""Questions to the ledger, for metrics: what has changed since a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from approvals.storage.frame import Group
from approvals.storage.tables import IS_CHANGE, events, requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One arrow of the lifecycle as the ledger has it; `row` goes on from here."""

    row: int
    after: str
    cause: str | None
    at: datetime
    created_at: datetime


class Numbers(Group):
    """Statements that count."""

    def changes_after(self, row: int, limit: int) -> Sequence[Change]:
        """What moved after a row of the ledger, oldest first."""
        moved = (
            select(events.c.id, events.c.after, events.c.detail, events.c.at, requests.c.created_at)
            .join(requests, requests.c.id == events.c.request_id)
            .where(events.c.id > row, IS_CHANGE, events.c.before != events.c.after)
            .order_by(events.c.id)
            .limit(limit)
        )
        return [
            Change(
                row=found.id,
                after=found.after,
                cause=found.detail.get("cause"),
                at=found.at,
                created_at=found.created_at,
            )
            for found in self._run(moved)
        ]
