"""Tells channels that a stop began or ended: one loud line, delivered like a card, at least once.

What is owed is a row, so it survives a restart and is told by whichever process comes first. Where it cannot be told
that is said on every page: an alarm that nobody hears is worse than none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from approvals.channels import Alert, Channel, Held, RetryLater, Undeliverable
from approvals.desk import Desk
from approvals.domain import reminding
from approvals.domain.model import State
from approvals.domain.quiet import URGENT
from approvals.domain.redact import redact_text
from approvals.errors import Unavailable
from approvals.pacing import Pace
from approvals.storage.alerts import SUBJECT, AlertRow
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

SEND_SECONDS = 30.0
LEASE = timedelta(seconds=90)
BATCH = 20
POLL_SECONDS = 2.0
LONGEST_PAUSE = timedelta(minutes=5)
GIVE_UP_AFTER = timedelta(days=1)
ERROR_SHOWN = 300


class Alerts:
    """The loop that tells."""

    def __init__(self, desk: Desk, channels: Mapping[str, Channel]) -> None:
        self._desk, self._db, self._channels = desk, desk.db, channels
        self._pace = Pace()
        self.problem: str | None = None
        """Why something that happened within a day could not be told."""

    async def run(self) -> None:
        """Tell for ever."""
        async with self._desk.bus.watch(SUBJECT) as watch:
            while True:
                try:
                    await self.deliver_due()
                except Unavailable:
                    log.warning("alerts cannot be read", extra={"retry_seconds": POLL_SECONDS})
                await watch.changed(POLL_SECONDS)

    async def deliver_due(self) -> int:
        """Tell what is due now; says how much was tried."""
        rows = await self._db.write(lambda tx: tx.alerts.take_due(self._desk.holder, LEASE, BATCH))
        for row in rows:
            await self._deliver(row)
        untold = await self._db.read(lambda tx: tx.alerts.untold(tx.now - GIVE_UP_AFTER))
        self.problem = f"{untold[0].channel} {untold[0].target}: {untold[0].error}" if untold else None
        return len(rows)

    async def _deliver(self, row: AlertRow) -> None:
        channel, urgent = self._channels.get(row.channel), True
        if row.about:
            text, urgent = await self._db.read(lambda tx: self._still(tx, row))
            row = replace(row, text=text)
            if not row.text:
                await self._db.write(lambda tx: tx.alerts.done(row.id))
                return
        if not row.text:
            await self._bury(row, "what it was about has been destroyed")
            return
        if channel is None:
            await self._bury(row, f"no channel {row.channel!r} is configured")
            return
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await channel.say(Alert(id=f"alert-{row.id}", text=row.text, at=row.at, urgent=urgent), row.target)
        except Held as held:
            until = held.until
            await self._db.write(lambda tx: tx.alerts.hold(row.id, until))
        except Undeliverable as never:
            await self._bury(row, str(never))
        except RetryLater as later:
            await self._again(row, timedelta(seconds=later.seconds), str(later))
        except Exception as failed:  # noqa: BLE001 - the edge: a channel is somebody else's code
            pause = timedelta(seconds=self._pace.back_off(row.attempts))
            await self._again(row, pause, str(failed) or type(failed).__name__)
        else:
            await self._db.write(lambda tx: tx.alerts.done(row.id))

    def _still(self, tx: Tx, row: AlertRow) -> tuple[str, bool]:
        """What is to be said of the requests that somebody is reminded of (nothing where none of them waits), and
        whether any of them is urgent."""
        found = (tx.requests.get(one) for one in row.about)
        waiting = [one for one in found if one is not None and one.state is State.PENDING and tx.now < one.expires_at]
        text = reminding.told(waiting, inbox=self._desk.telling.inbox) if waiting else ""
        return text, any(one.severity in URGENT for one in waiting)

    async def _again(self, row: AlertRow, pause: timedelta, why: str) -> None:
        said = redact_text(why)[:ERROR_SHOWN]
        log.warning("alert not told yet", extra={"channel": row.channel, "target": row.target, "error": said})
        wait = min(pause, LONGEST_PAUSE)
        await self._db.write(lambda tx: tx.alerts.retry(row.id, tx.now + wait, said))

    async def _bury(self, row: AlertRow, why: str) -> None:
        said = redact_text(why)[:ERROR_SHOWN]
        log.warning("alert undeliverable", extra={"channel": row.channel, "target": row.target, "error": said})
        await self._db.write(lambda tx: tx.alerts.dead(row.id, said))
