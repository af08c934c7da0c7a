"""Browsers that people are notified in. Where they are is sealed: opaque to the store, and a hash names them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select

from approvals.storage.frame import Group
from approvals.storage.tables_push import browsers


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserRow:
    """A browser of a person's."""

    id: str
    person: str
    sealed: bytes = field(repr=False)
    created_at: datetime


class Browsers(Group):
    """Statements about browsers."""

    def put(self, id: str, *, person: str, sealed: bytes, most: int) -> bool:
        """Save a browser as this person's, whoever had it before; their oldest beyond `most` go. False: they had it."""
        before = self.one(id)
        values = {"person": person, "sealed": sealed, "created_at": self._tx.now}
        fresh = self._tx.insert(browsers).values(id=id, **values)
        self._run(fresh.on_conflict_do_update(index_elements=["id"], set_=values))
        for old in self.of(person)[most:]:
            self.forget(old.id)
        return before is None or before.person != person

    def one(self, id: str) -> BrowserRow | None:
        """One browser."""
        row = self._run(select(browsers).where(browsers.c.id == id)).mappings().first()
        return None if row is None else BrowserRow(**row)

    def of(self, person: str) -> list[BrowserRow]:
        """A person's browsers, the newest first."""
        theirs = select(browsers).where(browsers.c.person == person)
        rows = self._run(theirs.order_by(browsers.c.created_at.desc(), browsers.c.id)).mappings()
        return [BrowserRow(**row) for row in rows]

    def people(self) -> frozenset[str]:
        """Everybody who has one."""
        return frozenset(self._run(select(browsers.c.person).distinct()).scalars())

    def forget(self, id: str) -> bool:
        """Forget a browser. False: there is none."""
        return self._run(delete(browsers).where(browsers.c.id == id).returning(browsers.c.id)).first() is not None

    def forget_all(self, person: str) -> None:
        """Forget a person's browsers."""
        self._run(delete(browsers).where(browsers.c.person == person))
