"""How many held connections of this process wait for each request, and the mark on its row that somebody does.

Kept in memory and may be lost: the service that starts again clears its marks, and clients that still wait come back.
"""

from __future__ import annotations

from collections import Counter

from approvals.storage.engine import Database


class Attached:
    """The connections of one process, by the id of the request they wait for."""

    def __init__(self, db: Database, holder: str) -> None:
        self._db, self._holder = db, holder
        self._count: Counter[str] = Counter()
        self._showing: set[str] = set()

    def waiters(self, request_id: str) -> int:
        """How many connections wait for the request."""
        return self._count[request_id]

    def filed(self, request_id: str) -> None:
        """A connection waits for a request that was saved with its mark."""
        self._count[request_id] += 1

    async def attach(self, request_id: str) -> None:
        """A connection now waits for the request."""
        self._count[request_id] += 1
        await self._show_waiting(request_id)

    async def detach(self, request_id: str) -> None:
        """One of them no longer does."""
        if self._count[request_id] <= 1:
            del self._count[request_id]
        else:
            self._count[request_id] -= 1
        await self._show_waiting(request_id)

    async def _show_waiting(self, request_id: str) -> None:
        # One writer per id, which looks again when it is done: quick attach and detach cannot cross.
        if request_id in self._showing:
            return
        self._showing.add(request_id)
        try:
            shown: bool | None = None
            while shown is not (waits := request_id in self._count):
                holder = self._holder if waits else None
                await self._db.write(lambda tx, h=holder: tx.requests.set_waiting(request_id, h))  # type: ignore[misc]
                shown = waits
        finally:
            self._showing.discard(request_id)
