"""Who may come in: one transaction from what the provider says to a person, or to the reason why not.

An identity is bound to a person once, by a verified address, and to no other afterwards: an address that the provider
gives to somebody else does not open the first one's account. Whoever is not known comes in only by a group or a domain
that the configuration names, and is asked for it again at every sign-in.
"""

from __future__ import annotations

from approvals.directory import Directory
from approvals.domain.model import Person, PersonId
from approvals.domain.sign_in import OIDC
from approvals.storage.tx import Tx
from gateway.oidc.id_token import Said
from gateway.settings import OidcSettings

CREATED = "oidc"
"""The source of people who came in by themselves."""


class NotAdmitted(Exception):
    """The provider knows them, and they may not come in. `str()` is for them to read, `code` for the audit."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def admit(tx: Tx, directory: Directory, settings: OidcSettings, said: Said) -> Person:
    """The person who has signed in, with what was said of their groups kept.

    Raises:
        NotAdmitted: they may not come in.
    """
    found = tx.identities.get(said.issuer, said.subject)
    id_ = found.person if found is not None else PersonId(said.email)
    person = directory.person(tx, id_)
    if found is not None and person is None:
        raise NotAdmitted("removed", f"{id_} was removed here. Ask an admin to add you again.")
    row = tx.people.get(id_)
    own_coming = person is None or (row is not None and row.source == CREATED and not directory.is_configured(id_))
    if own_coming and not may_come(said, settings):
        raise NotAdmitted("not_known", f"{id_} is not known here. Ask an admin to add you, then sign in again.")
    if person is not None and person.disabled:
        raise NotAdmitted("disabled", f"The account of {id_} is disabled. Ask an admin.")
    if found is None:
        _link(tx, id_, said)
    if person is None:
        tx.people.upsert(Person(id=id_, name=said.name), source=CREATED)
        tx.did("person.added", id_, subject=f"person:{id_}", via="web", by=OIDC, name=said.name)
    tx.identities.say(said.issuer, said.subject, said.groups)
    return directory.person(tx, id_) or Person(id=id_, disabled=True)


def may_come(said: Said, settings: OidcSettings) -> bool:
    """May somebody who is not known come in?"""
    return bool(said.groups & settings.admit_groups) or said.email.partition("@")[2] in settings.admit_domains


def _link(tx: Tx, person: PersonId, said: Said) -> None:
    if not tx.identities.link(said.issuer, said.subject, person):
        why = (
            f"{person} belongs to another account of the identity provider. If it is yours by right, an admin can "
            f"free it: placet people unlink {person}"
        )
        raise NotAdmitted("taken", why)
    tx.did(
        "person.identity_linked", person, subject=f"person:{person}", via="web", issuer=said.issuer, sub=said.subject
    )
