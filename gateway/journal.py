"""The audit of tool calls, written in batches behind the calls (performance.md 4).

A call waits for nothing here; a batch is committed every 20 ms. The queue is bounded: when the
database has not taken rows for a while, `room` says no and the pipeline refuses further calls,
because a call that leaves no trace must not run (security.md 4).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from approvals.errors import Unavailable
from approvals.storage.calls import CallRow
from approvals.storage.engine import Database

log = logging.getLogger(__name__)

QUEUE_MAX = 20_000
BATCH_MAX = 2_000
BATCH_SECONDS = 0.02
AGAIN_SECONDS = 1.0


class Journal:
    """Takes rows at once and commits them soon."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._rows: deque[CallRow] = deque()
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._failing = False

    @property
    def room(self) -> bool:
        """Whether another call may be made."""
        return not self._failing and len(self._rows) < QUEUE_MAX

    @property
    def waiting(self) -> int:
        """How many rows are not committed yet."""
        return len(self._rows)

    def write(self, row: CallRow) -> None:
        """Queue one row."""
        self._rows.append(row)
        self._wake.set()

    async def run(self) -> None:
        """Commit what is queued, for ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(BATCH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Commit everything that is queued now."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        self._wake.clear()
        while self._rows:
            batch = [self._rows[i] for i in range(min(len(self._rows), BATCH_MAX))]
            try:
                await self._db.write(lambda tx, rows=batch: tx.calls.insert_many(rows))  # type: ignore[misc]
            except Unavailable:
                self._failing = True
                self._wake.set()
                log.warning("calls not recorded yet", extra={"waiting": len(self._rows)})
                await asyncio.sleep(AGAIN_SECONDS)
                return
            self._failing = False
            for _ in batch:
                self._rows.popleft()
