"""After how long clients of a kind hung up while their call was held: what a later hold is kept below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select

from approvals.storage.frame import Group
from approvals.storage.tables import patience

KEPT = 20
"""Observations kept for one kind of client, the newest."""
KINDS_MAX = 5_000


class Kind(NamedTuple):
    """A client by its own name and version, and whether it asked for progress."""

    name: str
    version: str
    progress: bool


class Patience(Group):
    """Statements about clients that gave up."""

    def all(self) -> Mapping[Kind, Sequence[float]]:
        """Seconds after which each kind gave up, oldest first."""
        rows = self._run(select(patience).order_by(patience.c.seen_at.desc()).limit(KINDS_MAX))
        return {Kind(row.client_name, row.client_version, row.progress): tuple(row.gave_up_after) for row in rows}

    def add(self, kind: Kind, seconds: float) -> None:
        """Note one client that hung up."""
        where = (
            patience.c.client_name == kind.name,
            patience.c.client_version == kind.version,
            patience.c.progress == kind.progress,
        )
        known = self._run(select(patience.c.gave_up_after).where(*where)).scalar_one_or_none()
        seen = [*(known or ()), round(seconds, 1)][-KEPT:]
        fresh = self._tx.insert(patience).values(
            client_name=kind.name, client_version=kind.version, progress=kind.progress,
            gave_up_after=seen, seen_at=self._tx.now,
        )  # fmt: skip
        keys = ["client_name", "client_version", "progress"]
        values = {"gave_up_after": seen, "seen_at": self._tx.now}
        self._run(fresh.on_conflict_do_update(index_elements=keys, set_=values))
        self._tx.touch("patience")
