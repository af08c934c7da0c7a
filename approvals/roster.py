"""People added at run time: who they are, their tokens and sign-in links. The command line and the API act here.

Who stands in the configuration file is changed there: no act of a running service may make them somebody else.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta

from approvals import tokens
from approvals.acting import ADMINS, Actor, permit
from approvals.desk import Desk
from approvals.domain.model import Person, PersonId
from approvals.errors import Invalid, NotThere
from approvals.storage.people import LinkRow
from approvals.storage.tx import Tx

LINK_GOOD_FOR = timedelta(minutes=15)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_SLACK_ID = re.compile(r"[UW][A-Z0-9]{2,}")


class Roster:
    """The acts of admins, and of the account of a command."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._db, self._directory = desk, desk.db, desk.directory

    async def save(self, person: Person, *, actor: Actor) -> None:
        """Add a person, or give one that was added another name, roles, groups and Slack ids.

        Raises:
            NotPermitted: the person who acts is no admin.
            Invalid: no address, no Slack id, or somebody of the configuration.
        """
        if not _EMAIL.fullmatch(person.id):
            raise Invalid(field="id", why=f"{person.id!r} is not an e-mail address")
        if wrong := [one for one in sorted(person.slack) if not _SLACK_ID.fullmatch(one)]:
            why = (
                f"{wrong[0]!r} is not a Slack user id; it looks like U0123ABCD, and a person's profile in Slack has it"
            )
            raise Invalid(field="slack", why=why)

        rules = self._directory.claims
        if rules is not None and rules.prefix and (theirs := [g for g in person.groups if g.startswith(rules.prefix)]):
            why = f"{sorted(theirs)[0]!r} is given by the identity provider alone: its groups begin with {rules.prefix}"
            raise Invalid(field="groups", why=why)

        def work(tx: Tx) -> None:
            self._permit(tx, actor, "change people", person.id)
            tx.people.upsert(person)
            said = {"name": person.name, "roles": sorted(person.roles), "groups": sorted(person.groups)}
            _note(tx, "person.added", person.id, actor, slack=sorted(person.slack), **said)

        await self._db.write(work)

    async def remove(self, email: str, *, actor: Actor) -> None:
        """Remove a person and end their sessions; their votes on calls not yet run count no more.

        Raises:
            NotPermitted, NotFound.
            Invalid: it is the person who acts, or somebody of the configuration.
        """
        key = PersonId(email.lower())
        if key == actor.id:
            raise Invalid(field="id", why="you cannot remove yourself; ask another admin")

        def work(tx: Tx) -> None:
            self._permit(tx, actor, "remove people", key)
            if not tx.people.remove(key):
                raise NotThere(what="person", name=email)
            tx.browsers.forget_all(key)
            _note(tx, "person.removed", key, actor)

        await self._db.write(work)

    async def token(self, email: str, *, actor: Actor) -> str:
        """A new API token of a person, shown once; the one before it ends.

        Raises:
            NotPermitted, NotFound.
            Invalid: somebody of the configuration, who has theirs there.
        """
        key = PersonId(email.lower())

        def work(tx: Tx) -> str:
            self._permit(tx, actor, "make tokens of people", key)
            return make_person_token(tx, key, secrets.token_bytes(tokens.RANDOM_BYTES), by=actor)

        return await self._db.write(work)

    async def unlink(self, email: str, *, actor: Actor) -> None:
        """Forget by which account of an identity provider a person is known, and end their sessions.

        Whoever signs in next with their verified address is them.

        Raises:
            NotPermitted.
            NotFound: nobody is known like that, or not by a provider.
        """
        key = PersonId(email.lower())

        def work(tx: Tx) -> None:
            permit(self._desk.room(tx), actor, "free accounts of the identity provider", roles=ADMINS)
            if not tx.identities.unlink(key):
                raise NotThere(what="account of the identity provider", name=email)
            tx.people.end_sessions_of(key)
            _note(tx, "person.unlinked", key, actor)

        await self._db.write(work)

    async def login_link(self, email: str, *, actor: Actor) -> str:
        """What stands after the public URL of a link that signs a person in once, within 15 minutes.

        Raises:
            NotPermitted, NotFound.
        """

        def work(tx: Tx) -> str:
            permit(self._desk.room(tx), actor, "make sign-in links", roles=ADMINS)
            person = self._directory.person(tx, email)
            if person is None or person.disabled:
                raise NotThere(what="person", name=email)
            return make_login_link(tx, person.id, secrets.token_bytes(tokens.RANDOM_BYTES), by=actor)

        return await self._db.write(work)

    def _permit(self, tx: Tx, actor: Actor, what: str, person: PersonId) -> None:
        permit(self._desk.room(tx), actor, what, roles=ADMINS)
        if self._directory.is_configured(person):
            raise Invalid(field="id", why=f"{person} is described in the configuration file; change that file")


def make_login_link(tx: Tx, person: PersonId, token_bytes: bytes, *, by: Actor) -> str:
    """Save a one-time link for a person; returns what stands after the public URL (`/login#…`).

    `token_bytes` are `tokens.RANDOM_BYTES` random bytes.
    """
    token, now = tokens.make(tokens.Kind.LOGIN, token_bytes), tx.now
    ends = now + LINK_GOOD_FOR
    tx.people.add_link(LinkRow(hash=token.sha256, person=person, by=by.id, created_at=now, expires_at=ends))
    _note(tx, "person.link_made", person, by)
    return f"/login#{token.text}"


def make_person_token(tx: Tx, person: PersonId, token_bytes: bytes, *, by: Actor) -> str:
    """Give a person a new token (the one before it stops working) and return it, for the only time.

    Raises:
        NotFound: there is no row for the person. A person of the configuration gets a token there, by its hash.
    """
    token = tokens.make(tokens.Kind.PERSON, token_bytes)
    if not tx.people.set_token(person, token.sha256):
        raise NotThere(what="person", name=person)
    _note(tx, "person.token_made", person, by)
    return token.text


def _note(tx: Tx, action: str, person: str, actor: Actor, **detail: object) -> None:
    tx.did(action, actor.id, subject=f"person:{person}", via=actor.via, **detail)
