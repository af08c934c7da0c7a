"""What a desk of this gateway is made with: new ids, the name of this process, and where requests are announced.

The service and the commands make their desks with the same.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping

from approvals.directory import Directory
from approvals.domain import quorum
from approvals.domain.escalating import EVERYWHERE
from approvals.domain.model import Person, PersonId, Role
from approvals.domain.terms import Factor, Terms
from approvals.room import Routes, Telling
from approvals.stops import Surroundings
from approvals.storage.tx import Tx
from gateway.settings import Settings

ID_BYTES = 16


def new_id(kind: str) -> str:
    """`kind_` and 26 characters of 128 random bits."""
    return f"{kind}_{base64.b32encode(secrets.token_bytes(ID_BYTES)).decode().rstrip('=').lower()}"


def holder() -> str:
    """The name of this process among those that share the database."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


def surroundings_of(settings: Callable[[], Settings]) -> Surroundings:
    """What stopping needs of the configuration in force: its servers, and the channels that are told."""

    def targets() -> list[tuple[str, str]]:
        slack, hooks = settings().slack, settings().webhooks
        told = [("slack", slack.channel)] if slack is not None else []
        alerted = [(f"notify:{one.key}", "") for one in settings().notify]
        return [*told, *((f"webhook:{hook.name}", "") for hook in hooks), *alerted]

    url = f"{settings().public_url}/stops"
    return Surroundings(servers=lambda: settings().servers, targets=targets, url=url)


def routes_of(settings: Settings, directory: Directory) -> Routes:
    """Where a request with given terms is announced: the rule's channels, else every configured one."""
    slack = settings.slack.channel if settings.slack is not None else None
    hooks = [hook.name for hook in settings.webhooks]

    def places(tx: Tx, terms: Terms, word: str, target: str) -> list[tuple[str, str]]:
        match word:
            case "slack" if slack is not None:
                told = in_person(terms, directory.people(tx))
                return [("slack", target or slack), *(("slack", f"@{person}") for person in told)]
            case "email" if settings.email is not None:
                return [("email", address) for address in reviewers(terms, directory.people(tx))]
            case "webhook":
                # Each receiver is a channel of its own, so that none waits for another.
                return [(f"webhook:{name}", "") for name in hooks if target in ("", name)]
            case "notify":
                return [(f"notify:{one.key}", "") for one in settings.notify]
            case "push" if settings.push is not None:
                ready = tx.browsers.people()
                return [("push", one) for one in reviewers(terms, directory.people(tx)) if one in ready]
            case _:
                return []

    def routes(tx: Tx, terms: Terms) -> list[tuple[str, str]]:
        asked = [word.partition(":") for word in terms.channels or EVERYWHERE]
        return [place for word, _, target in asked for place in places(tx, terms, word, target)]

    return routes


def in_person(terms: Terms, people: Mapping[PersonId, Person]) -> list[PersonId]:
    """Whom a card in a channel does not reach: those a step has called, and delegates, as far as they are in Slack."""
    called = [Factor(members=terms.called)] if terms.called else []
    asked = [people[one] for one in reviewers(terms, people) if people[one].slack]
    return [one.id for one in asked if _decides_for_others(terms, one) or _is_one_of(called, one)]


def telling_of(settings: Settings, directory: Directory) -> Telling:
    """How one person is told what became of a call: in Slack where they are linked, else by mail."""

    def places(tx: Tx, told: PersonId) -> list[tuple[str, str]]:
        person = directory.person(tx, told) if settings.approvals.tell_owner else None
        if person is None or person.disabled:
            return []
        if settings.slack is not None and person.slack:
            return [("slack", f"@{person.id}")]
        return [("email", person.id)] if settings.email is not None else []

    return Telling(
        people=places,
        page=lambda request_id: f"{settings.public_url}/requests/{request_id}",
        inbox=f"{settings.public_url}/",
    )


def reviewers(terms: Terms, people: Mapping[PersonId, Person]) -> list[PersonId]:
    """Everybody whom the terms ask and who may answer, by address; for who is away their delegate, if they have one."""
    return sorted(
        person.id
        for person in people.values()
        if Role.REVIEWER in person.roles
        and not person.disabled
        and (
            (_is_one_of(terms.factors, person) and not _is_replaced(terms, person, people))
            or _decides_for_others(terms, person)
        )
    )


def _is_one_of(factors: Iterable[Factor], person: Person) -> bool:
    return any(quorum.speaks_for(person, factor) for factor in factors)


def _is_replaced(terms: Terms, person: Person, people: Mapping[PersonId, Person]) -> bool:
    delegate = people.get(person.delegate) if person.delegate is not None else None
    return terms.delegation and delegate is not None and Role.REVIEWER in delegate.roles and not delegate.disabled


def _decides_for_others(terms: Terms, person: Person) -> bool:
    return terms.delegation and any(_is_one_of(terms.factors, absent) for absent in person.stands_for)
