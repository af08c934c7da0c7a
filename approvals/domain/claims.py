"""What an identity provider said of a person, and what an installation makes of it. Pure.

The groups are kept as the provider names them; what they are called here and which roles they give is read from the
configuration in force each time. They hold for a while after the sign-in that brought them, and then for nothing: a
person whose groups have run out has none of them, and is told to sign in again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from approvals.domain.model import Person, PersonId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody as a provider knows them, the person they are here, and the groups it named at `said_at`."""

    issuer: str
    subject: str
    person: PersonId
    groups: frozenset[str]
    said_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    """What is made of the groups of one issuer.

    `prefix` begins the name that each has here, `roles` are given by groups as the provider names them, and
    `configured` are the people of the configuration who take groups from it. The others of the file take nothing.
    """

    issuer: str
    prefix: str
    valid_for: timedelta
    roles: Mapping[Role, frozenset[str]] = field(default_factory=dict)
    configured: frozenset[PersonId] = frozenset()

    def groups_of(self, named: frozenset[str]) -> frozenset[str]:
        """What these groups are called here."""
        return frozenset(self.prefix + one for one in named)

    def roles_of(self, named: frozenset[str]) -> frozenset[Role]:
        """The roles that these groups give."""
        return frozenset(role for role, groups in self.roles.items() if groups & named)


def until(identity: Identity, rules: ClaimRules) -> datetime:
    """When what was said runs out."""
    return identity.said_at + rules.valid_for


def with_claims(person: Person, identity: Identity, rules: ClaimRules, now: datetime) -> Person:
    """A person of the database, with the roles and groups that the provider gives."""
    if now >= until(identity, rules):
        return replace(person, lapsed=bool(identity.groups))
    named = identity.groups
    return replace(person, groups=person.groups | rules.groups_of(named), roles=person.roles | rules.roles_of(named))


def with_groups(person: Person, identity: Identity, rules: ClaimRules, now: datetime) -> Person:
    """A person of the configuration who takes groups from the provider: their roles are the file's alone."""
    return replace(with_claims(person, identity, rules, now), roles=person.roles)
