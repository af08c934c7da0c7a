"""Destroys what is older than the configuration keeps: what was written in ended requests, and rows of the journal.

A request is destroyed by deleting the key of what was sealed in it. First its receipt is written down, because nobody
could make it afterwards; its states, times, people and hashes stay, and so does its place in the audit chain. Both acts
are in the chain themselves.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from approvals.domain.destroyed import DestroyedBy
from approvals.domain.lifecycle import Note, note
from approvals.domain.schedule import CLOCK
from approvals.errors import Unavailable
from approvals.notary import Notary
from approvals.storage.engine import Database
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

EVERY_SECONDS = 300.0
BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long things are kept after they ended; None: for ever."""

    arguments: timedelta | None = None
    calls: timedelta | None = None


class Retention:
    """The loop that destroys. `keep` may be changed while it runs."""

    def __init__(self, db: Database, notary: Notary, keep: Keep | None = None) -> None:
        self.keep = keep or Keep()
        self._db, self._notary = db, notary

    async def run(self) -> None:
        """Look for what is too old, for ever."""
        while True:
            try:
                await self.sweep()
            except Unavailable:
                log.warning("nothing was destroyed: the database cannot be written", extra={"retry": EVERY_SECONDS})
            await asyncio.sleep(EVERY_SECONDS)

    async def sweep(self) -> int:
        """Destroy everything that is too old by now; of how many requests. First, what has a new master key gets it."""
        done, keep = 0, self.keep
        while await self._db.write(lambda tx: tx.sealed.rewrap(BATCH)):
            pass
        while keep.arguments is not None and (ids := await self._destroyed(keep.arguments)):
            done += ids
        while keep.calls is not None and await self._db.write(lambda tx: _forget(tx, keep.calls)):
            pass
        if done:
            log.info("requests destroyed by retention", extra={"count": done})
            await self._db.scrub()
        return done

    async def _destroyed(self, age: timedelta) -> int:
        return await self._db.write(lambda tx: self._batch(tx, age))

    def _batch(self, tx: Tx, age: timedelta) -> int:
        before = tx.now - age
        late = tx.sealed.destroy_late(before)
        ids = tx.sealed.old(before, BATCH)
        for id in ids:
            self.destroy(tx, id)
        return len(ids) + late

    def destroy(self, tx: Tx, id: str) -> None:
        """Make what was written in an ended request unreadable for good."""
        request = tx.requests.get(id, lock=True)
        if request is None or request.destroyed is not None:
            return
        tx.sealed.keep_receipt(id, self._notary.certify(tx, request))
        tx.sealed.destroy(id, DestroyedBy.RETENTION)
        detail = {"by": DestroyedBy.RETENTION.value}
        row = note(request, Note.DESTROYED, actor=CLOCK, at=tx.now, before=request.state, detail=detail)
        tx.requests.append(row, request.binding)


def _forget(tx: Tx, age: timedelta | None) -> bool:
    if age is None:
        return False
    before = tx.now - age
    count, more = tx.calls.forget(before)
    if count:
        tx.did("calls.deleted", CLOCK, subject="calls", before=before.isoformat(), count=count)
    return more
