"""What each person has put out of their sight for a while."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select

from approvals.domain.snoozing import Snooze
from approvals.storage.frame import Group
from approvals.storage.tables_talk import snoozes

KEPT_MAX = 500
"""More than the queue of one person is long."""


class Snoozes(Group):
    """Statements about snoozes."""

    def put(self, one: Snooze) -> None:
        """Hide a request from a person, in place of what they had set before."""
        values = {"until": one.until, "revision": one.revision}
        fresh = self._tx.insert(snoozes).values(request_id=one.request, person=one.person, **values)
        self._run(fresh.on_conflict_do_update(index_elements=["request_id", "person"], set_=values))
        # What is over is of no use to anybody.
        self._run(delete(snoozes).where(snoozes.c.person == one.person, snoozes.c.until <= self._tx.now))

    def end(self, request: str, person: str) -> None:
        """Show it to the person again."""
        self._run(delete(snoozes).where(snoozes.c.request_id == request, snoozes.c.person == person))

    def wake(self, request: str, *, but: str) -> None:
        """Show it again to everybody but one, because that one did something to it."""
        self._run(delete(snoozes).where(snoozes.c.request_id == request, snoozes.c.person != but))

    def of(self, person: str) -> Mapping[str, Snooze]:
        """What a person has hidden, by the request; it may have changed since."""
        held = select(snoozes).where(snoozes.c.person == person, snoozes.c.until > self._tx.now)
        rows = self._run(held.order_by(snoozes.c.until.desc()).limit(KEPT_MAX)).mappings()
        return {
            row["request_id"]: Snooze(
                request=row["request_id"], person=row["person"], until=row["until"], revision=row["revision"]
            )
            for row in rows
        }
