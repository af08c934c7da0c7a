"""Who did to a request what no vote says: took the call back, or opened break-glass and confirmed it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from approvals.domain.happening import Event
from approvals.storage.frame import Group
from approvals.storage.tables import events

_THEIRS = (Event.CANCELLED.value, Event.BYPASSED.value)


class Doers(Group):
    """Questions to the ledger about many requests at once."""

    def of(self, ids: Iterable[str]) -> dict[str, list[str]]:
        """The actors by request: people, `agent:NAME` or `placet`. Nothing where votes say it, or nothing has ended."""
        wanted = select(events.c.request_id, events.c.actor, events.c.detail).where(
            events.c.request_id.in_(tuple(ids)), events.c.event.in_(_THEIRS)
        )
        found: dict[str, list[str]] = {}
        for row in self._run(wanted.order_by(events.c.id)):
            confirmed = row.detail.get("confirmed_by")
            # A call that ran by break-glass can be taken back before it does: who ended it counts.
            found[row.request_id] = [row.actor, *([str(confirmed)] if confirmed else [])]
        return found
