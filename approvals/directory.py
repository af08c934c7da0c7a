"""Who people are, whatever surface they come from: the configuration's people and the database's.

A person named in the configuration is exactly what the configuration says, also where a row exists.
The desk asks inside its own transaction, so a removal counts from the moment it is committed.
Tokens and Slack ids only ever lead to a person here; what that person may do is `quorum`'s matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from approvals.domain.model import Person, PersonId
from approvals.storage.people import PersonRow
from approvals.storage.tx import Tx


@dataclass(frozen=True, slots=True)
class _Configured:
    """One configuration's people, swapped whole on reload so that nobody sees half of it."""

    people: Mapping[PersonId, Person]
    tokens: Mapping[str, PersonId]
    slack: Mapping[str, PersonId]


class Directory:
    """The identities of people; the configuration wins over the database."""

    def __init__(self, people: Mapping[PersonId, Person], tokens: Mapping[str, PersonId]) -> None:
        self._configured = _configured(people, tokens)

    def replace(self, people: Mapping[PersonId, Person], tokens: Mapping[str, PersonId]) -> None:
        """Take over a reloaded configuration.

        Raises:
            ValueError: one Slack id is given to two people; the old configuration stays.
        """
        self._configured = _configured(people, tokens)

    def people(self, tx: Tx) -> Mapping[PersonId, Person]:
        """Everybody."""
        return {row.person.id: row.person for row in tx.people.list()} | dict(self._configured.people)

    def person(self, tx: Tx, person_id: str) -> Person | None:
        """The person of that address, in any spelling of its case."""
        key = PersonId(person_id.lower())
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
            return self._configured.people[configured]
        return self._unless_configured(tx.people.by_slack(user_id))

    def by_token(self, tx: Tx, sha256_hex: str) -> Person | None:
        """The person whose token has this hash; a disabled person has no token."""
        configured = self._configured.tokens.get(sha256_hex)
        if configured is not None:
            found = self._configured.people.get(configured)
        else:
            found = self._unless_configured(tx.people.by_token(sha256_hex))
        return None if found is None or found.disabled else found

    def _unless_configured(self, row: PersonRow | None) -> Person | None:
        # A row's Slack id or token must not speak for somebody the configuration describes in full.
        return None if row is None or row.person.id in self._configured.people else row.person


def _configured(people: Mapping[PersonId, Person], tokens: Mapping[str, PersonId]) -> _Configured:
    slack: dict[str, PersonId] = {}
    for person in people.values():
        for user_id in person.slack:
            if slack.setdefault(user_id, person.id) != person.id:
                raise ValueError(f"the Slack user {user_id} is given to {slack[user_id]} and to {person.id}")
    by_id = {PersonId(key.lower()): person for key, person in people.items()}
    return _Configured(people=by_id, tokens={h: PersonId(p.lower()) for h, p in tokens.items()}, slack=slack)
