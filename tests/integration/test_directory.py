"""Who a token, a Slack id or an address leads to, when the configuration and the database both know somebody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from approvals.directory import Directory
from approvals.domain.model import Person, PersonId
from approvals.storage.engine import Database
from approvals.storage.tx import Tx
from approvals.testing import samples

CONFIGURED = replace(samples.ADA, slack=frozenset({"U01"}))
ROW_OF_ADA = replace(samples.ADA, name="Somebody else", groups=frozenset({"security"}), slack=frozenset({"U99"}))
ROW_OF_BOB = replace(samples.BOB, slack=frozenset({"U02"}))
DIRECTORY = Directory({CONFIGURED.id: CONFIGURED}, {"hash-ada": CONFIGURED.id, "hash-ghost": PersonId("ghost@x.y")})


def save(tx: Tx) -> None:
    for person in (ROW_OF_ADA, ROW_OF_BOB):
        tx.people.upsert(person)
        tx.people.set_token(person.id, f"row-{person.id}")


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        pytest.param(lambda tx: DIRECTORY.person(tx, "ada@example.com"), CONFIGURED, id="configuration-wins-whole"),
        pytest.param(lambda tx: DIRECTORY.person(tx, "Bob@Example.com"), ROW_OF_BOB, id="a-row-in-any-case"),
        pytest.param(lambda tx: DIRECTORY.person(tx, "zoe@example.com"), None, id="nobody"),
        pytest.param(lambda tx: DIRECTORY.by_slack(tx, "U01"), CONFIGURED, id="slack-of-the-configuration"),
        pytest.param(lambda tx: DIRECTORY.by_slack(tx, "U02"), ROW_OF_BOB, id="slack-of-a-row"),
        pytest.param(
            lambda tx: DIRECTORY.by_slack(tx, "U99"), None, id="a-row-cannot-add-a-slack-id-to-the-configured"
        ),
        pytest.param(lambda tx: DIRECTORY.by_slack(tx, "U77"), None, id="slack-of-nobody"),
        pytest.param(lambda tx: DIRECTORY.by_token(tx, "hash-ada"), CONFIGURED, id="token-of-the-configuration"),
        pytest.param(lambda tx: DIRECTORY.by_token(tx, "row-bob@example.com"), ROW_OF_BOB, id="token-of-a-row"),
        pytest.param(lambda tx: DIRECTORY.by_token(tx, "row-ada@example.com"), None, id="nor-a-token"),
        pytest.param(lambda tx: DIRECTORY.by_token(tx, "hash-ghost"), None, id="token-of-nobody-configured"),
        pytest.param(lambda tx: DIRECTORY.by_token(tx, "unknown"), None, id="unknown-token"),
    ],
)
async def test_who_it_leads_to(database: Database, ask: Callable[[Tx], Person | None], expected: Person | None) -> None:
    await database.write(save)
    assert await database.read(ask) == expected


async def test_everybody_is_listed_once_as_the_configuration_says(database: Database) -> None:
    await database.write(save)
    assert await database.read(DIRECTORY.people) == {CONFIGURED.id: CONFIGURED, ROW_OF_BOB.id: ROW_OF_BOB}


async def test_a_disabled_person_has_no_token_but_is_known(database: Database) -> None:
    gone = replace(ROW_OF_BOB, disabled=True)

    def disable(tx: Tx) -> None:
        save(tx)
        tx.people.upsert(gone)

    await database.write(disable)
    assert await database.read(lambda tx: DIRECTORY.by_token(tx, "row-bob@example.com")) is None
    assert await database.read(lambda tx: DIRECTORY.by_slack(tx, "U02")) == gone


async def test_a_reload_is_taken_whole_or_not_at_all(database: Database) -> None:
    directory = Directory({CONFIGURED.id: CONFIGURED}, {})
    twin = replace(samples.BOB, slack=frozenset({"U01"}))
    with pytest.raises(ValueError, match=r"U01 is given to ada@example.com and to bob@example.com"):
        directory.replace({CONFIGURED.id: CONFIGURED, twin.id: twin}, {})
    assert await database.read(lambda tx: directory.by_slack(tx, "U01")) == CONFIGURED
    directory.replace({twin.id: twin}, {})
    assert await database.read(lambda tx: directory.by_slack(tx, "U01")) == twin
