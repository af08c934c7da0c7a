"""What may happen once, anywhere: a sealed state that was used does not open again, on whatever replica.

A use is a row beside the limits' counters, under a name that no limit can have, and goes when the state has run out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from approvals.storage.engine import Database, Tx

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


class Once:
    """Remembers uses in the store."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def first(self, what: str, until: datetime) -> bool:
        """Is this the first use of it? Remembered up to `until`.

        Raises:
            Unavailable: the store cannot say.
        """
        key = ("once", what)

        def work(tx: Tx) -> bool:
            tx.counters.lock({(key, _ALWAYS): until})
            if tx.counters.rows([(key, _ALWAYS)])[key][_ALWAYS]:
                return False
            tx.counters.save({(key, _ALWAYS): (Decimal(1), until)})
            return True

        return await self._db.write(work)
