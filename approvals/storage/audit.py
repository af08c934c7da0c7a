"""The audit chain in the database: acts are linked at the end of the transaction that they happened in.

At the end, because the head of the chain is one thing that all writers share: whoever took it early would make the
others wait, and could meet another who waits for a row. Rows are only inserted, and a trigger sees to it; a detail
may be destroyed with its salt, nothing else may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, func, select, update

from approvals.domain.audit import SALT_BYTES, START, Act, Checkpoint, Entry, link
from approvals.errors import Unreadable
from approvals.storage import data_keys
from approvals.storage.frame import Group, Recorded
from approvals.storage.tables_audit import audit, checkpoints
from approvals.storage.vault import Cells

MAX_LIST = 1_000
"""No list is longer, whatever was asked for."""
NO_SALT = "00" * SALT_BYTES
"""Stands for that of a detail that was altered: nothing fits it, so the chain is found to be changed here."""
CHAIN = 0x6175_6469_7400
"""The advisory lock of the chain's head: "audit" in ASCII."""


class Audit(Group):
    """Statements about the chain and its signed heads."""

    def chain(self, acts: Sequence[Recorded]) -> None:
        """Link acts to the chain, in their order."""
        if not acts:
            return
        if self._tx.conn.dialect.name == "postgresql":
            self._run(select(func.pg_advisory_xact_lock(CHAIN)))
        seq, head = self.head()
        rows = []
        for one in acts:
            entry = link(one.act, seq=seq + 1, prev=head, salt=one.salt)
            rows.append(_row(entry, one))
            seq, head = entry.seq, entry.hash
        self._run(audit.insert(), rows)

    def head(self) -> tuple[int, str]:
        """The number and the hash of the newest entry."""
        newest = select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
        row = self._run(newest).first()
        return (0, START) if row is None else (row.seq, row.hash)

    def entries(self, *, after: int = 0, until: int | None = None, limit: int = MAX_LIST) -> Sequence[Entry]:
        """The entries that follow one, oldest first."""
        found = select(audit).where(audit.c.seq > after)
        if until is not None:
            found = found.where(audit.c.seq <= until)
        return self._many(found.order_by(audit.c.seq).limit(_bounded(limit)))

    def newest(
        self,
        *,
        before: int | None = None,
        request: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        limit: int = 50,
    ) -> Sequence[Entry]:
        """A page of entries, newest first; `before` leaves out that one and what is newer."""
        wanted = {"request_id": request, "actor": actor, "action": action}
        found = select(audit).where(*(audit.c[name] == value for name, value in wanted.items() if value is not None))
        if before is not None:
            found = found.where(audit.c.seq < before)
        return self._many(found.order_by(audit.c.seq.desc()).limit(_bounded(limit)))

    def forget(self, request: str) -> int:
        """Destroy what was written in a request's entries, and what could tell it again; says in how many."""
        kept = update(audit).where(audit.c.request_id == request, audit.c.words.is_not(None))
        return len(self._run(kept.values(words=None).returning(audit.c.seq)).all())

    def sign(self, checkpoint: Checkpoint) -> bool:
        """Keep a signed head. False: there is one of that entry."""
        fresh = self._tx.insert(checkpoints).values(asdict(checkpoint))
        alone = fresh.on_conflict_do_nothing(index_elements=["seq"]).returning(checkpoints.c.seq)
        return self._run(alone).first() is not None

    def checkpoints(self, *, after: int = 0, until: int | None = None, limit: int = MAX_LIST) -> Sequence[Checkpoint]:
        """Signed heads, oldest first."""
        found = select(checkpoints).where(checkpoints.c.seq > after).order_by(checkpoints.c.seq)
        if until is not None:
            found = found.where(checkpoints.c.seq <= until)
        return [Checkpoint(**row) for row in self._run(found.limit(_bounded(limit))).mappings()]

    def last_checkpoint(self) -> Checkpoint | None:
        """The newest signed head."""
        row = self._run(select(checkpoints).order_by(checkpoints.c.seq.desc()).limit(1)).mappings().first()
        return None if row is None else Checkpoint(**row)

    def _many(self, statement: Any) -> list[Entry]:
        rows = self._run(statement).mappings().all()
        keys = self._keys(row["request_id"] for row in rows if row["words"] is not None)
        return [_entry(row, keys.get(row["request_id"])) for row in rows]

    def _keys(self, requests: Iterable[str]) -> Mapping[str, Cells]:
        # Leniently: the chain is to be read, and verified, without what its details were sealed with.
        found: dict[str, Cells] = {}
        for subject, key in data_keys.find(self._tx.conn, requests).items():
            with suppress(Unreadable):
                found[subject] = self._tx.vault.cells(subject, key)
        return found


def _bounded(limit: int) -> int:
    return max(1, min(limit, MAX_LIST))


def _row(entry: Entry, recorded: Recorded) -> dict[str, Any]:
    act = entry.act
    return {
        "seq": entry.seq,
        "at": act.at,
        "action": act.action,
        "actor": act.actor,
        "via": act.via,
        "request_id": act.request,
        "subject": act.subject,
        "binding": act.binding,
        "before": act.before,
        "after": act.after,
        "detail": dict(recorded.plain),
        "salt": None if recorded.words is not None else entry.salt,
        "words": recorded.words,
        "detail_sha256": entry.detail_sha256,
        "prev": entry.prev,
        "hash": entry.hash,
    }


def _entry(row: RowMapping, cells: Cells | None) -> Entry:
    at: datetime = row["at"]
    salt, words = row["salt"], {}
    if row["words"] is not None and (salt is not None or row["request_id"] is None):
        salt = NO_SALT  # words hold their salt, and are of a request
    elif cells is not None and row["words"] is not None:
        try:
            opened = cells.open(audit.c.words, row["words"])
            salt, words = opened["salt"], opened["words"]
        except Unreadable:
            salt = NO_SALT
    return Entry(
        seq=row["seq"],
        act=Act(
            action=row["action"],
            actor=row["actor"],
            at=at,
            via=row["via"],
            request=row["request_id"],
            subject=row["subject"],
            binding=row["binding"],
            before=row["before"],
            after=row["after"],
            detail=(row["detail"] or {}) | words,
        ),
        detail_sha256=row["detail_sha256"],
        prev=row["prev"],
        hash=row["hash"],
        salt=salt,
    )
