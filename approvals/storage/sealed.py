"""What was sealed and is to be sealed no longer: which requests are too old, and the end of their keys.

Deleting a key is what counts. The cells are emptied too where rows may be changed, so that the database shrinks; in the
ledger, whose rows never change, they stay as bytes that nobody can open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Column, LargeBinary, Table, Text, delete, exists, select, update

from approvals.domain.destroyed import DestroyedBy
from approvals.domain.lifecycle import Note, Record
from approvals.domain.model import State
from approvals.domain.schedule import CLOCK
from approvals.storage import data_keys
from approvals.storage.audit import Audit
from approvals.storage.data_keys import data_keys as keys
from approvals.storage.frame import Group
from approvals.storage.metadata import METADATA
from approvals.storage.tables import IS_KEPT, events, requests
from approvals.storage.tables_audit import audit
from approvals.storage.tables_grants import grants
from approvals.storage.types import Ciphertext, Utc
from approvals.storage.vault import sealed_columns

receipts = Table(
    "receipts",
    METADATA,
    Column("request_id", Text, primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("at", Utc, nullable=False),
)
"""Receipts of requests that nobody could make one of any more."""
NOTHING = Ciphertext(b"")
APPEND_ONLY = (events, audit)


def _emptied(table: Table) -> dict[str, Ciphertext | None]:
    return {name: None if column.nullable else NOTHING for name, column in sealed_columns(table).items()}


class SealedRows(Group):
    """Statements about the end of what was sealed."""

    def old(self, before: datetime, limit: int) -> Sequence[str]:
        """The requests that ended before, the oldest first; not those that a grant in force came of."""
        granting = exists().where(
            grants.c.request_id == requests.c.id, grants.c.ended_at.is_(None), grants.c.until > self._tx.now
        )
        ended = select(requests.c.id).where(IS_KEPT, requests.c.changed_at < before, ~granting)
        return list(self._run(ended.order_by(requests.c.changed_at).limit(limit)).scalars())

    def destroy(self, id: str, by: DestroyedBy) -> None:
        """Delete the key of a request, and empty what it opened."""
        data_keys.destroy(self._tx.conn, [id])
        self._tx.forget_cells(id)
        gone = update(requests).where(requests.c.id == id)
        self._run(gone.values(**_emptied(requests), destroyed_at=self._tx.now, destroyed_by=by.value))
        for table in METADATA.sorted_tables:
            if table not in APPEND_ONLY and "request_id" in table.c and sealed_columns(table):
                self._run(update(table).where(table.c.request_id == id).values(_emptied(table)))
        Audit(self._tx).forget(id)

    def destroy_late(self, before: datetime) -> int:
        """Delete the keys of what was written after a request was destroyed; of how many requests."""
        found = delete(keys).where(keys.c.late_at < before).returning(keys.c.subject)
        ids = list(self._run(found).scalars())
        for id in ids:
            self._tx.forget_cells(id)
            Audit(self._tx).forget(id)
        return len(ids)

    def under(self, master: str, limit: int) -> Sequence[tuple[Record, str]]:
        """The ledger rows that say of requests sealed by a lost master that they are destroyed, and their bindings."""
        columns = (requests.c.id, requests.c.revision, requests.c.state, requests.c.binding)
        lost = select(*columns).join(keys, keys.c.subject == requests.c.id).where(keys.c.master == master)
        return [
            (self._gone(row.id, row.revision, State(row.state)), row.binding)
            for row in self._run(lost.order_by(requests.c.id).limit(limit))
        ]

    def _gone(self, id: str, revision: int, state: State) -> Record:
        return Record(
            request=id,
            seq=revision,
            event=Note.DESTROYED,
            before=state,
            after=state,
            actor=CLOCK,
            at=self._tx.now,
            detail={"by": DestroyedBy.LOST_KEY.value},
        )

    def give_up(self, master: str) -> None:
        """Delete every key that a lost master wraps, those of the journal too."""
        data_keys.destroy_under(self._tx.conn, master)

    def masters(self) -> Mapping[str, int]:
        """How many keys each master wraps."""
        return data_keys.count(self._tx.conn)

    def rewrap(self, limit: int) -> int:
        """Put keys under the newest master, as far as their own is at hand; how many."""
        vault = self._tx.vault
        newest = vault.newest()
        older = [master for master in self.masters() if master != newest and vault.knows(master)]
        return data_keys.rewrap(self._tx.conn, vault, older, limit)

    def keep_receipt(self, id: str, envelope: bytes) -> None:
        """Keep the receipt of a request that is about to be destroyed."""
        fresh = self._tx.insert(receipts).values(request_id=id, envelope=envelope, at=self._tx.now)
        self._run(fresh.on_conflict_do_nothing(index_elements=["request_id"]))

    def receipt(self, id: str) -> bytes | None:
        """The receipt that was kept."""
        found: bytes | None = self._run(select(receipts.c.envelope).where(receipts.c.request_id == id)).scalar()
        return found
