"""The policies that people edit on the page: every version that was ever saved, by whom, and why.

Rows are only inserted, and a trigger sees to it: what was in force, and who put it there, can be read for ever.
The version in force is the one with the highest number. Saving names the number it was made from, so two people
who edit at the same time never overwrite each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy import func, select

from approvals.storage.frame import Group
from approvals.storage.tables import policy_versions

SUBJECT = "policies"
"""What watchers are told of."""
MAX_LIST = 200
"""No list is longer, whatever was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEntry:
    """One line of the history. `sha256` is of the text in UTF-8; `restores` is the earlier version it brought back."""

    server: str
    number: int
    sha256: str
    by: str
    at: datetime
    note: str | None = None
    restores: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion(VersionEntry):
    """One saved version with its text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What somebody wants to save. `base` is the number of the version that it was made from, 0 for none."""

    server: str
    text: str
    base: int
    by: str
    note: str | None = None
    restores: int | None = None


class Policies(Group):
    """Statements about saved policies."""

    def save(self, draft: Draft) -> PolicyVersion | None:
        """Save the next version. None: a newer one than the draft was made from is there."""
        if self.number(draft.server) != draft.base:
            return None
        version = PolicyVersion(
            server=draft.server,
            number=draft.base + 1,
            text=draft.text,
            sha256=digest(draft.text),
            by=draft.by,
            at=self._tx.now,
            note=draft.note,
            restores=draft.restores,
        )
        fresh = self._tx.insert(policy_versions).values(asdict(version))
        # Two may have read the same number; the key lets one of them in.
        alone = fresh.on_conflict_do_nothing(index_elements=["server", "number"]).returning(policy_versions.c.number)
        if self._run(alone).first() is None:
            return None
        self._tx.touch(SUBJECT)
        self._tx.did(
            "policy.saved",
            draft.by,
            subject=f"policy:{draft.server}",
            number=version.number,
            sha256=version.sha256,
            note=draft.note,
            restores=draft.restores,
        )
        return version

    def number(self, server: str) -> int:
        """The number of the newest version of a server, 0 where nothing was saved yet."""
        newest = select(func.max(policy_versions.c.number)).where(policy_versions.c.server == server)
        return int(self._run(newest).scalar_one() or 0)

    def numbers(self) -> Mapping[str, int]:
        """The number of the newest version of every server that has one."""
        newest = func.max(policy_versions.c.number).label("newest")
        rows = self._run(select(policy_versions.c.server, newest).group_by(policy_versions.c.server))
        return {row["server"]: int(row["newest"]) for row in rows.mappings()}

    def current(self) -> Mapping[str, PolicyVersion]:
        """The newest version of every server that has one."""
        found = (self.get(server, number) for server, number in self.numbers().items())
        return {version.server: version for version in found if version is not None}

    def get(self, server: str, number: int) -> PolicyVersion | None:
        """One version."""
        one = select(policy_versions).where(policy_versions.c.server == server, policy_versions.c.number == number)
        row = self._run(one).mappings().first()
        return None if row is None else PolicyVersion(**row)

    def list(self, server: str, *, before: int | None = None, limit: int = 50) -> Sequence[VersionEntry]:
        """The history of a server, newest first; `before` leaves out that number and what is newer."""
        columns = [policy_versions.c[field.name] for field in fields(VersionEntry)]
        found = select(*columns).where(policy_versions.c.server == server)
        if before is not None:
            found = found.where(policy_versions.c.number < before)
        newest_first = found.order_by(policy_versions.c.number.desc()).limit(max(1, min(limit, MAX_LIST)))
        return [VersionEntry(**row) for row in self._run(newest_first).mappings()]


def digest(text: str) -> str:
    """The SHA-256 of a policy's text, as `sha256sum` gives it of the file."""
    return hashlib.sha256(text.encode()).hexdigest()
