"""Who people are, whatever surface they come from: the configuration's people and the database's.

A person named in the configuration is exactly what the configuration says, also where a row exists. What an identity
provider said of their groups is added to people of the database, and to those of the configuration who ask for it,
for as long as it holds; it is looked at each time anybody is.
The desk asks inside its own transaction, so a removal counts from the moment it is committed.
Tokens and Slack ids only ever lead to a person here; what that person may do is `quorum`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from approvals.domain.absent import Absence
from approvals.domain.claims import ClaimRules, Identity, with_claims, with_groups
from approvals.domain.model import Person, PersonId
from approvals.domain.rota import Groups
from approvals.storage.people import PersonRow
from approvals.storage.tx import Tx


@dataclass(frozen=True, slots=True)
class _Configured:
    """One configuration's people, swapped whole on reload so that nobody sees half of it."""

    people: Mapping[PersonId, Person]
    tokens: Mapping[str, PersonId]
    slack: Mapping[str, PersonId]
    claims: ClaimRules | None


class Directory:
    """The identities of people; the configuration wins over the database."""

    def __init__(
        self, people: Mapping[PersonId, Person], tokens: Mapping[str, PersonId], claims: ClaimRules | None = None
    ) -> None:
        self._configured = _configured(people, tokens, claims)
        self.groups = Groups()
        """What is known of groups beside who is in them; set anew with each configuration."""

    def replace(
        self, people: Mapping[PersonId, Person], tokens: Mapping[str, PersonId], claims: ClaimRules | None = None
    ) -> None:
        """Take over a reloaded configuration. `claims`: what is made of an identity provider's groups, if anything.

        Raises:
            ValueError: one Slack id is given to two people; the old configuration stays.
        """
        self._configured = _configured(people, tokens, claims)

    @property
    def claims(self) -> ClaimRules | None:
        """What is made of the groups of an identity provider."""
        return self._configured.claims

    def people(self, tx: Tx) -> Mapping[PersonId, Person]:
        """Everybody."""
        known = self.identities(tx)
        claimed = (self._with(tx, one, known.get(one.id)) for one in self.own(tx).values())
        told = {one.id: self.groups.of(one, tx.now) for one in claimed}
        absences = tx.absences.now()
        absent = {one.person for one in absences} | {one.to for one in absences}
        return {id: _present(one, absences, told.get) if id in absent else one for id, one in told.items()}

    def own(self, tx: Tx) -> Mapping[PersonId, Person]:
        """Everybody, with the roles and groups that they have here, and none of a provider's."""
        return {row.person.id: row.person for row in tx.people.list()} | dict(self._configured.people)

    def identities(self, tx: Tx) -> Mapping[PersonId, Identity]:
        """Whom the identity provider knows, by person."""
        rules = self._configured.claims
        return {} if rules is None else {one.person: one for one in tx.identities.list(rules.issuer)}

    def person(self, tx: Tx, person_id: str) -> Person | None:
        """The person of that address, in any spelling of its case."""
        return self._told(tx, self._own(tx, PersonId(person_id.lower())))

    def _own(self, tx: Tx, key: PersonId) -> Person | None:
        configured = self._configured.people.get(key)
        if configured is not None:
            return configured
        row = tx.people.get(key)
        return None if row is None else row.person

    def is_configured(self, person_id: str) -> bool:
        """Is the person described by the configuration?"""
        return PersonId(person_id.lower()) in self._configured.people

    def by_slack(self, tx: Tx, user_id: str) -> Person | None:
        """The person a Slack user id is mapped to."""
        configured = self._configured.slack.get(user_id)
        if configured is not None:
            return self._told(tx, self._configured.people[configured])
        return self._told(tx, self._unless_configured(tx.people.by_slack(user_id)))

    def by_token(self, tx: Tx, sha256_hex: str) -> Person | None:
        """The person whose token has this hash; a disabled person has no token."""
        found = self.whose_token(tx, sha256_hex)
        return None if found is None or found.disabled else self._told(tx, found)

    def whose_token(self, tx: Tx, sha256_hex: str) -> Person | None:
        """Whose token this is, also where it is no good because they are disabled."""
        configured = self._configured.tokens.get(sha256_hex)
        if configured is not None:
            return self._configured.people.get(configured)
        return self._unless_configured(tx.people.by_token(sha256_hex))

    def _told(self, tx: Tx, person: Person | None) -> Person | None:
        """The person with what the provider said of them, and with what is so at this moment: who is away."""
        absences = tx.absences.about(person.id) if person is not None else ()
        told = self._claimed(tx, person)
        if told is None or not absences:
            return told
        return _present(told, absences, lambda key: self._claimed(tx, self._own(tx, key)))

    def _claimed(self, tx: Tx, person: Person | None) -> Person | None:
        rules = self._configured.claims
        if person is None:
            return None
        said = tx.identities.of_person(rules.issuer, person.id) if rules is not None else None
        return self.groups.of(self._with(tx, person, said), tx.now)

    def _with(self, tx: Tx, person: Person, identity: Identity | None) -> Person:
        rules = self._configured.claims
        if rules is None or identity is None:
            return person
        if person.id not in self._configured.people:
            return with_claims(person, identity, rules, tx.now)
        return with_groups(person, identity, rules, tx.now) if person.id in rules.configured else person

    def _unless_configured(self, row: PersonRow | None) -> Person | None:
        # A row's Slack id or token must not speak for somebody the configuration describes in full.
        return None if row is None or row.person.id in self._configured.people else row.person


def _present(person: Person, absences: Iterable[Absence], described: Callable[[PersonId], Person | None]) -> Person:
    """The person as these absences have it. Whom they stand for is taken as described: a delegate passes nothing on."""
    own = next((one for one in absences if one.person == person.id), None)
    absent = (described(one.person) for one in absences if one.to == person.id)
    return replace(
        person, delegate=own.to if own is not None else None, stands_for=tuple(one for one in absent if one is not None)
    )


def _configured(
    people: Mapping[PersonId, Person], tokens: Mapping[str, PersonId], claims: ClaimRules | None
) -> _Configured:
    slack: dict[str, PersonId] = {}
    for person in people.values():
        for user_id in person.slack:
            if slack.setdefault(user_id, person.id) != person.id:
                raise ValueError(f"the Slack user {user_id} is given to {slack[user_id]} and to {person.id}")
    by_id = {PersonId(key.lower()): person for key, person in people.items()}
    return _Configured(
        people=by_id, tokens={h: PersonId(p.lower()) for h, p in tokens.items()}, slack=slack, claims=claims
    )
