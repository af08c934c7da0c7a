"""The audit of tool calls, written in batches behind the calls (performance.md 4).

A call waits for nothing here; a batch is committed every 20 ms. The queue is bounded: when the
database has not taken rows for a while, `room` says no and the pipeline refuses further calls,
because a call that leaves no trace must not run (security.md 4). Where arguments are recorded, they are sealed
before they are queued, and saved with their row.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from approvals.errors import Unavailable
from approvals.storage.calls import CallRow
from approvals.storage.engine import Database, Tx
from approvals.storage.recordings import Recording
from gateway.recording import Recorder

log = logging.getLogger(__name__)

QUEUE_MAX = 20_000
QUEUE_MAX_BYTES = 64 * 1024 * 1024
"""Recorded arguments that may wait to be saved."""
BATCH_MAX = 2_000
BATCH_SECONDS = 0.02
AGAIN_SECONDS = 1.0


class Journal:
    """Takes rows at once and commits them soon. `recorder` is None where arguments are not kept."""

    def __init__(self, db: Database, recorder: Recorder | None = None) -> None:
        self._db, self.recorder = db, recorder
        self._rows: deque[tuple[CallRow, Recording | None]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._failing = False

    @property
    def room(self) -> bool:
        """Whether another call may be made."""
        return not self._failing and len(self._rows) < QUEUE_MAX and self._bytes < QUEUE_MAX_BYTES

    @property
    def waiting(self) -> int:
        """How many rows are not committed yet."""
        return len(self._rows)

    def write(self, row: CallRow, arguments: bytes) -> None:
        """Queue one row, and the call's arguments if they are kept."""
        recording = self.recorder.record(row, arguments) if self.recorder is not None else None
        self._rows.append((row, recording))
        self._bytes += _size(recording)
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
                await self._db.write(lambda tx, rows=batch: _save(tx, rows))  # type: ignore[misc]
            except Unavailable:
                self._failing = True
                self._wake.set()
                log.warning("calls not recorded yet", extra={"waiting": len(self._rows)})
                await asyncio.sleep(AGAIN_SECONDS)
                return
            self._failing = False
            for _ in batch:
                self._bytes -= _size(self._rows.popleft()[1])


def _save(tx: Tx, batch: Sequence[tuple[CallRow, Recording | None]]) -> None:
    tx.calls.insert_many([row for row, _ in batch])
    tx.recordings.insert_many([recording for _, recording in batch if recording is not None])


def _size(recording: Recording | None) -> int:
    return len(recording.sealed) if recording is not None else 0
