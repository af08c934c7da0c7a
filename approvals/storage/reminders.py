"""When people are reminded of what still waits, how often they were, and when each place was reminded last."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, exists, select, update

from approvals.storage.frame import Group
from approvals.storage.tables import IS_PENDING, requests
from approvals.storage.tables_when import reminded, reminders


class Reminders(Group):
    """Statements about reminders."""

    def plan(self, request_id: str, at: datetime) -> None:
        """The first reminder of a request."""
        self._run(reminders.insert().values(request_id=request_id, sent=0, next_at=at))

    def take_due(self, limit: int) -> list[tuple[str, int]]:
        """Pending requests whose reminder is due and how many there were; no other process takes them meanwhile."""
        waits = exists().where(requests.c.id == reminders.c.request_id, IS_PENDING)
        due = select(reminders.c.request_id, reminders.c.sent).where(reminders.c.next_at <= self._tx.now, waits)
        rows = self._run(due.order_by(reminders.c.next_at).limit(limit).with_for_update(skip_locked=True))
        return [(row.request_id, row.sent) for row in rows]

    def sent(self, request_id: str, count: int, next_at: datetime | None) -> None:
        """Note that people were reminded, and when they are next."""
        later = update(reminders).where(reminders.c.request_id == request_id)
        self._run(later.values(sent=count, next_at=next_at))

    def may(self, channel: str, target: str, apart: timedelta) -> bool:
        """May a place be reminded again? If so that is now."""
        now = self._tx.now
        fresh = self._tx.insert(reminded).values(channel=channel, target=target, at=now)
        again = fresh.on_conflict_do_update(
            index_elements=["channel", "target"], set_={"at": now}, where=reminded.c.at <= now - apart
        )
        return self._run(again.returning(reminded.c.at)).first() is not None

    def sweep(self, before: datetime) -> None:
        """Forget what waits no more, and when places were reminded long ago."""
        waits = exists().where(requests.c.id == reminders.c.request_id, IS_PENDING)
        self._run(delete(reminders).where(~waits))
        self._run(delete(reminded).where(reminded.c.at < before))
