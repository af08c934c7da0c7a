"""Whom an identity provider knows, and the sign-ins under way.

An identity is keyed by issuer and subject and never moves to another person; one person has one at each issuer. It
outlives a person who is removed, so that they do not come back as a stranger. A sign-in is found by the hash of its
state together with the hash of what its browser holds, and used up by one conditional update.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, delete, select, update

from approvals.domain.claims import Identity
from approvals.domain.model import PersonId
from approvals.storage.frame import Group
from approvals.storage.tables_identities import identities, sign_ins

MAX_IDENTITIES = 10_000
"""More identities than this are not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRow:
    """A sign-in that was begun; `next` is the path that is shown after it, `refused` why it did not end well."""

    state_sha256: str
    browser_sha256: str
    next: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    refused: str | None = None


class Identities(Group):
    """Statements about identities and sign-ins."""

    def get(self, issuer: str, subject: str) -> Identity | None:
        """One identity."""
        return self._one(issuer, identities.c.subject == subject)

    def of_person(self, issuer: str, person: str) -> Identity | None:
        """The identity of a person at an issuer."""
        return self._one(issuer, identities.c.person == person)

    def list(self, issuer: str) -> list[Identity]:
        """Every identity at an issuer, by person."""
        found = select(identities).where(identities.c.issuer == issuer).order_by(identities.c.person)
        return [_identity(row) for row in self._run(found.limit(MAX_IDENTITIES)).mappings()]

    def link(self, issuer: str, subject: str, person: PersonId) -> bool:
        """Make a person known by an identity. False: one of the two has another already."""
        now = self._tx.now
        fresh = self._tx.insert(identities).values(
            issuer=issuer, subject=subject, person=person, groups=[], linked_at=now, said_at=now
        )
        made = fresh.on_conflict_do_nothing().returning(identities.c.person)
        return self._run(made).first() is not None

    def say(self, issuer: str, subject: str, groups: frozenset[str]) -> None:
        """Keep what the provider says now, in place of whatever it said before."""
        mine = update(identities).where(identities.c.issuer == issuer, identities.c.subject == subject)
        self._run(mine.values(groups=sorted(groups), said_at=self._tx.now))
        self._tx.touch("people")

    def unlink(self, person: str) -> int:
        """Forget every identity of a person; says how many. The next sign-in links anew, by the verified address."""
        gone = delete(identities).where(identities.c.person == person).returning(identities.c.subject)
        self._tx.touch("people")
        return len(self._run(gone).all())

    def begin(self, sign_in: SignInRow) -> None:
        """Save a sign-in that begins, and clear away what has run out."""
        self._run(delete(sign_ins).where(sign_ins.c.expires_at <= sign_in.created_at))
        self._run(
            sign_ins.insert().values(
                state_sha256=sign_in.state_sha256,
                browser_sha256=sign_in.browser_sha256,
                next=sign_in.next,
                created_at=sign_in.created_at,
                expires_at=sign_in.expires_at,
            )
        )

    def use(self, state_sha256: str, browser_sha256: str) -> SignInRow | None:
        """Use a sign-in up. None: this browser has begun none like that, or it was used, or has run out."""
        now = self._tx.now
        good = (
            sign_ins.c.state_sha256 == state_sha256,
            sign_ins.c.browser_sha256 == browser_sha256,
            sign_ins.c.used_at.is_(None),
            sign_ins.c.expires_at > now,
        )
        row = self._run(update(sign_ins).where(*good).values(used_at=now).returning(sign_ins)).mappings().first()
        return None if row is None else SignInRow(**row)

    def refuse(self, state_sha256: str, why: str) -> None:
        """Note why a sign-in did not end well, for the page that its browser is shown."""
        self._run(update(sign_ins).where(sign_ins.c.state_sha256 == state_sha256).values(refused=why))

    def refused(self, browser_sha256: str) -> SignInRow | None:
        """The sign-in of a browser, if it did not end well."""
        mine = select(sign_ins).where(
            sign_ins.c.browser_sha256 == browser_sha256,
            sign_ins.c.refused.is_not(None),
            sign_ins.c.expires_at > self._tx.now,
        )
        row = self._run(mine).mappings().first()
        return None if row is None else SignInRow(**row)

    def _one(self, issuer: str, condition: object) -> Identity | None:
        found = select(identities).where(identities.c.issuer == issuer, condition)  # type: ignore[arg-type]
        row = self._run(found).mappings().first()
        return None if row is None else _identity(row)


def _identity(row: RowMapping) -> Identity:
    return Identity(
        issuer=row["issuer"],
        subject=row["subject"],
        person=PersonId(row["person"]),
        groups=frozenset(row["groups"]),
        said_at=row["said_at"],
    )
