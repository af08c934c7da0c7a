"""What channels are owed beside cards: a line that a stop began or ended. A row that was delivered is gone.

Written in the transaction of what it tells, so that it is owed exactly when that happened; leased to one process at a
time, so that it is told once, and again only where nobody knows whether it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, or_, select, update

from approvals.storage.frame import Group
from approvals.storage.tables_stops import IS_OWED, alerts

SUBJECT = "alerts"
"""What watchers of alerts watch."""
MAX_DEAD = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """One line for one target; empty where it was of a request whose words were destroyed since.

    `about` are requests that somebody is reminded of: told as they are by then, and not at all once none waits.
    """

    id: int
    channel: str
    target: str
    text: str
    at: datetime
    attempts: int
    error: str | None
    about: tuple[str, ...] = ()


class Alerts(Group):
    """Statements about alerts."""

    def owe(self, targets: Iterable[tuple[str, str]], text: str, *, request: str | None = None) -> None:
        """Let every (channel, target) be told; what is about a request is sealed as the request is."""
        now = self._tx.now
        said: dict[str, Any] = {"text": text}
        if request is not None:
            sealed = self._tx.cells(request).seal(alerts.c.words, text)
            said = {"text": "", "request_id": request, "words": sealed}
        rows = [
            {"channel": channel, "target": target, **said, "at": now, "next_at": now}
            for channel, target in dict.fromkeys(targets)
        ]
        if rows:
            self._run(alerts.insert(), [{**row, "attempts": 0, "state": "queued"} for row in rows])
            self._tx.touch(SUBJECT)

    def remind(self, channel: str, target: str, about: Iterable[str]) -> None:
        """Let a place be told of all that waits for it."""
        now = self._tx.now
        values = {"channel": channel, "target": target, "text": "", "about": list(about), "at": now, "next_at": now}
        self._run(alerts.insert().values(**values, attempts=0, state="queued"))
        self._tx.touch(SUBJECT)

    def take_due(self, holder: str, lease: timedelta, limit: int) -> list[AlertRow]:
        """Lease what is due, the oldest first."""
        now = self._tx.now
        free = or_(alerts.c.leased_until.is_(None), alerts.c.leased_until <= now)
        due = select(alerts.c.id).where(IS_OWED, alerts.c.next_at <= now, free).order_by(alerts.c.id).limit(limit)
        ids = self._run(due.with_for_update(skip_locked=True)).scalars().all()
        if not ids:
            return []
        leased = update(alerts).where(alerts.c.id.in_(ids)).values(holder=holder, leased_until=now + lease)
        return sorted(map(self._row, self._run(leased.returning(*_SHOWN)).mappings()), key=lambda r: r.id)

    def done(self, id: int) -> None:
        """It was told."""
        self._run(delete(alerts).where(alerts.c.id == id))

    def retry(self, id: int, next_at: datetime, error: str) -> None:
        """Try again at `next_at`."""
        again = {"attempts": alerts.c.attempts + 1, "next_at": next_at, "error": error}
        self._run(update(alerts).where(alerts.c.id == id).values(holder=None, leased_until=None, **again))

    def hold(self, id: int, until: datetime) -> None:
        """Whoever it is for is not to be disturbed until then."""
        self._run(update(alerts).where(alerts.c.id == id).values(holder=None, leased_until=None, next_at=until))

    def dead(self, id: int, error: str) -> None:
        """It can never be told there."""
        self._run(update(alerts).where(alerts.c.id == id).values(state="dead", error=error, holder=None))

    def untold(self, since: datetime) -> list[AlertRow]:
        """What could not be told (yet) of what happened since, the newest first."""
        late = select(*_SHOWN).where(alerts.c.at > since, alerts.c.error.is_not(None))
        return [self._row(row) for row in self._run(late.order_by(alerts.c.id.desc()).limit(MAX_DEAD)).mappings()]

    def sweep(self, before: datetime) -> None:
        """Forget what nobody was told long ago."""
        self._run(delete(alerts).where(alerts.c.at < before))

    def _row(self, found: RowMapping) -> AlertRow:
        row = dict(found)
        request, sealed = row.pop("request_id"), row.pop("words")
        if request is not None:
            cells = self._tx.cells_of([request]).get(request)
            row["text"] = "" if cells is None else cells.open(alerts.c.words, sealed)
        row["about"] = tuple(row["about"] or ())
        return AlertRow(**row)


_SHOWN = (
    alerts.c.id,
    alerts.c.channel,
    alerts.c.target,
    alerts.c.text,
    alerts.c.request_id,
    alerts.c.words,
    alerts.c.about,
    alerts.c.at,
    alerts.c.attempts,
    alerts.c.error,
)
