"""A guess, kept in memory, of which tools have requests that the same call, made again, would find.

It spares a look into the database for each call that nobody was ever asked about. It has no misses for what this
process filed, and is two seconds behind for what other replicas did; who misses files, and filing looks properly.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from approvals.storage.engine import Database

REFRESH_SECONDS = 2.0
REPEATS_WITHIN = timedelta(days=1)
"""An outcome or a denial older than this is no answer to the same call."""


class Repeats:
    """The tools, as (server, tool), of which calls were filed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._asked: frozenset[tuple[str, str]] | None = None
        self._asked_since: set[tuple[str, str]] = set()
        self._asked_before: set[tuple[str, str]] = set()
        """What was filed before the read that is under way, until that read is here."""

    def may_find(self, server: str, tool: str) -> bool:
        """Could a call of this tool find anything? No misses for our own, two seconds for other replicas'."""
        if self._asked is None:
            return True
        return any((server, tool) in tools for tools in (self._asked, self._asked_since, self._asked_before))

    def filed(self, server: str, tool: str) -> None:
        """A call of this tool was filed here."""
        self._asked_since.add((server, tool))

    async def run(self) -> None:
        """Keep the guess fresh, for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Read once which tools have requests that a repeat can find."""
        # What is filed while the read is under way may be missing from it, so it is kept for a round.
        self._asked_before |= self._asked_since
        self._asked_since = set()
        self._asked = await self._db.read(lambda tx: tx.requests.repeatable(REPEATS_WITHIN))
        self._asked_before = set()
