"""People added at run time, their sessions and their one-time login links.

People of the configuration are not rows: the directory joins the two. Secrets are kept as the SHA-256 of
what was handed out, and found by it. A login link is consumed by one conditional UPDATE, so it works once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from approvals.domain.model import Person, PersonId, Role
from approvals.domain.quiet import quiet
from approvals.domain.sign_in import SignIn
from approvals.errors import Invalid
from approvals.storage.frame import Group
from approvals.storage.tables import login_links, people, people_slack, sessions
from approvals.storage.tables_identities import former_credentials

FORMER_KEPT = timedelta(days=90)
"""For so long it is known whose a credential was."""
MAX_PEOPLE = 10_000
"""More people than this are not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """A person as saved. `source` is `config` or `added`; `token_hash` is the SHA-256 of their API token."""

    person: Person
    source: str
    token_hash: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A signed-in browser. `hash` is the SHA-256 of the cookie, `csrf` what a change of state must carry."""

    hash: str
    person: PersonId
    csrf: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    sign_in: SignIn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A one-time login link, made `by` somebody (`cli`, or a person's id)."""

    hash: str
    person: PersonId
    by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class People(Group):
    """Statements about people, sessions and login links."""

    def upsert(self, person: Person, *, source: str = "added") -> None:
        """Save a person as given; their token stays as it is.

        Raises:
            Invalid: a Slack id is already somebody else's.
        """
        now = self._tx.now
        values: dict[str, Any] = {
            "name": person.name,
            "roles": sorted(role.value for role in person.roles),
            "groups": sorted(person.groups),
            "tz": person.quiet.zone if person.quiet is not None else None,
            "quiet": person.quiet.span if person.quiet is not None else None,
            "disabled": person.disabled,
            "source": source,
            "updated_at": now,
        }
        fresh = self._tx.insert(people).values(id=person.id, created_at=now, **values)
        self._run(fresh.on_conflict_do_update(index_elements=["id"], set_=values))
        self._run(delete(people_slack).where(people_slack.c.person == person.id))
        if person.slack:
            self._map_slack(person)
        self._tx.touch("people")

    def set_token(self, id: str, token_hash: str | None) -> bool:
        """Give a person another API token, or none. False: there is no such person."""
        statement = update(people).where(people.c.id == id).values(token_hash=token_hash, updated_at=self._tx.now)
        self._tx.touch("people")
        return self._run(statement.returning(people.c.id)).first() is not None

    def remove(self, id: str) -> bool:
        """Delete a person, and end their sessions and links. False: there is no such person."""
        self._remember_credentials(id)
        self.end_sessions_of(id)
        self._run(delete(login_links).where(login_links.c.person == id, login_links.c.used_at.is_(None)))
        self._run(delete(people_slack).where(people_slack.c.person == id))
        self._tx.touch("people")
        return self._run(delete(people).where(people.c.id == id).returning(people.c.id)).first() is not None

    def former(self, hash: str) -> PersonId | None:
        """Whose token or session this was before they were removed."""
        found = self._run(select(former_credentials.c.person).where(former_credentials.c.hash == hash)).scalar()
        return None if found is None else PersonId(found)

    def list(self) -> list[PersonRow]:
        """Everybody, by address."""
        rows = self._run(select(people).order_by(people.c.id).limit(MAX_PEOPLE)).mappings().all()
        slack: dict[str, set[str]] = {}
        for row in self._run(select(people_slack)):
            slack.setdefault(row.person, set()).add(row.slack_id)
        return [_person(row, frozenset(slack.get(row["id"], ()))) for row in rows]

    def get(self, id: str) -> PersonRow | None:
        """One person, by address."""
        return self._one(select(people).where(people.c.id == id))

    def by_slack(self, slack_id: str) -> PersonRow | None:
        """The person a Slack user id is mapped to."""
        mapped = select(people).join(people_slack, people_slack.c.person == people.c.id)
        return self._one(mapped.where(people_slack.c.slack_id == slack_id))

    def by_token(self, token_hash: str) -> PersonRow | None:
        """The person an API token belongs to, by its SHA-256."""
        return self._one(select(people).where(people.c.token_hash == token_hash))

    def add_session(self, session: SessionRow) -> None:
        """Save a new session."""
        self._run(
            sessions.insert().values(
                hash=session.hash,
                person=session.person,
                csrf=session.csrf,
                created_at=session.created_at,
                seen_at=session.seen_at,
                expires_at=session.expires_at,
                sign_in=None if session.sign_in is None else session.sign_in.saved(),
            )
        )

    def session(self, hash: str) -> SessionRow | None:
        """One session, expired or not: the caller knows the idle limit."""
        row = self._run(select(sessions).where(sessions.c.hash == hash)).mappings().first()
        return None if row is None else _session(row)

    def sessions_of(self, person: str) -> Sequence[SessionRow]:
        """A person's sessions, newest first."""
        statement = select(sessions).where(sessions.c.person == person)
        rows = self._run(statement.order_by(sessions.c.created_at.desc()).limit(200))
        return [_session(row) for row in rows.mappings()]

    def see_session(self, hash: str, at: datetime) -> None:
        """Note that a session was used."""
        self._run(update(sessions).where(sessions.c.hash == hash).values(seen_at=at))

    def end_session(self, hash: str) -> None:
        """Sign one browser out."""
        self._run(delete(sessions).where(sessions.c.hash == hash))

    def end_sessions_of(self, person: str) -> int:
        """Sign a person out everywhere; says how many sessions ended."""
        ended = delete(sessions).where(sessions.c.person == person).returning(sessions.c.hash)
        return len(self._run(ended).all())

    def add_link(self, link: LinkRow) -> None:
        """Save a new login link."""
        self._run(
            login_links.insert().values(
                hash=link.hash,
                person=link.person,
                by=link.by,
                created_at=link.created_at,
                expires_at=link.expires_at,
                used_at=link.used_at,
            )
        )

    def link(self, hash: str) -> LinkRow | None:
        """One login link, used or not, to show who it signs in before it is consumed."""
        row = self._run(select(login_links).where(login_links.c.hash == hash)).mappings().first()
        return None if row is None else LinkRow(**row)

    def consume_link(self, hash: str, now: datetime) -> PersonId | None:
        """Use a login link up. None: it is unknown, too old, or was used."""
        good = (login_links.c.hash == hash, login_links.c.used_at.is_(None), login_links.c.expires_at > now)
        used = update(login_links).where(*good).values(used_at=now).returning(login_links.c.person)
        person = self._run(used).scalar_one_or_none()
        return None if person is None else PersonId(person)

    def sweep(self, now: datetime) -> None:
        """Delete sessions and links that can never be used again, and what removed people had some time ago."""
        self._run(delete(former_credentials).where(former_credentials.c.ended_at <= now - FORMER_KEPT))
        self._run(delete(sessions).where(sessions.c.expires_at <= now))
        self._run(delete(login_links).where(or_(login_links.c.expires_at <= now, login_links.c.used_at <= now)))

    def _remember_credentials(self, id: str) -> None:
        own = select(sessions.c.hash).where(sessions.c.person == id)
        token = select(people.c.token_hash).where(people.c.id == id, people.c.token_hash.is_not(None))
        for hash in self._run(own.union(token)).scalars().all():
            row = {"hash": hash, "person": id, "ended_at": self._tx.now}
            self._run(self._tx.insert(former_credentials).values(row).on_conflict_do_nothing(index_elements=["hash"]))

    def _map_slack(self, person: Person) -> None:
        mapped = [{"slack_id": slack, "person": person.id} for slack in sorted(person.slack)]
        try:
            self._run(people_slack.insert(), mapped)
        except IntegrityError as error:
            raise Invalid(field="slack", why="one of these Slack users is somebody else already") from error

    def _one(self, statement: Any) -> PersonRow | None:
        row = self._run(statement).mappings().first()
        if row is None:
            return None
        mapped = self._run(select(people_slack.c.slack_id).where(people_slack.c.person == row["id"]))
        return _person(row, frozenset(mapped.scalars()))


def _session(row: RowMapping) -> SessionRow:
    return SessionRow(**{**row, "sign_in": SignIn.read(row["sign_in"])})


def _person(row: RowMapping, slack: frozenset[str]) -> PersonRow:
    person = Person(
        id=PersonId(row["id"]),
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"]),
        groups=frozenset(row["groups"]),
        slack=slack,
        disabled=row["disabled"],
        quiet=quiet(row["quiet"], row["tz"] or "UTC") if row["quiet"] is not None else None,
    )
    return PersonRow(
        person=person,
        source=row["source"],
        token_hash=row["token_hash"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
