"""Policies saved on the page: numbered, never overwritten, never changed; and what each process says it enforces."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from approvals.storage.engine import Database, Tx
from approvals.storage.policies import Draft, PolicyVersion, digest
from tests.fakes.requests import NOON

TEXT = 'version: "1"\ndefault: deny\n'


async def save(
    db: Database, base: int, words: str = TEXT, server: str = "shop", **more: object
) -> PolicyVersion | None:
    draft = Draft(server=server, text=words, base=base, by="ada@example.com", **more)  # type: ignore[arg-type]
    return await db.write(lambda tx: tx.policies.save(draft))


async def test_the_first_version_is_number_one_and_comes_back_as_it_was_written(database: Database) -> None:
    words = TEXT + "# Grüße, \N{FIRE}\r\n"
    saved = await save(database, 0, words, note="to begin with")
    assert saved is not None
    assert (saved.number, saved.text, saved.sha256, saved.note) == (1, words, digest(words), "to begin with")
    assert await database.read(lambda tx: tx.policies.get("shop", 1)) == saved
    assert await database.read(lambda tx: tx.policies.current()) == {"shop": saved}


async def test_a_draft_of_an_older_version_is_not_saved_and_nothing_is_lost(database: Database) -> None:
    await save(database, 0)
    assert await save(database, 0, "another") is None
    assert await save(database, 2, "from the future") is None
    assert await database.read(lambda tx: tx.policies.number("shop")) == 1


async def test_of_many_who_save_at_once_one_is_first_and_the_others_are_told(database: Database) -> None:
    saved = await asyncio.gather(*(save(database, 0, f"text {n}") for n in range(8)))
    assert [version.number for version in saved if version is not None] == [1]


async def test_each_server_has_a_history_of_its_own_newest_first(database: Database) -> None:
    for base in range(3):
        await save(database, base, f"shop {base + 1}")
    await save(database, 0, server="bank")
    await save(database, 3, "shop 1", restores=1)
    whole = await database.read(lambda tx: tx.policies.list("shop"))
    assert [(one.number, one.restores) for one in whole] == [(4, 1), (3, None), (2, None), (1, None)]
    assert [one.number for one in await database.read(lambda tx: tx.policies.list("shop", before=3, limit=1))] == [2]
    assert await database.read(lambda tx: tx.policies.numbers()) == {"bank": 1, "shop": 4}
    assert await database.read(lambda tx: tx.policies.get("shop", 9)) is None


@pytest.mark.parametrize("statement", ["UPDATE policy_versions SET text = 'x'", "DELETE FROM policy_versions"])
async def test_what_was_saved_is_never_changed(database: Database, statement: str) -> None:
    await save(database, 0)

    def change(tx: Tx) -> None:
        tx.conn.execute(text(statement))

    with pytest.raises(DBAPIError, match="append-only"):
        await database.write(change)


async def test_who_watches_policies_is_told_of_a_save(database: Database) -> None:
    told: list[frozenset[str]] = []
    database.on_commit = told.append
    await save(database, 0)
    assert told == [frozenset({"policies"})]
    assert await save(database, 0) is None
    assert len(told) == 1


async def test_a_process_says_what_it_enforces_until_it_is_gone(database: Database) -> None:
    said = {"servers": {"shop": [{"layer": "shop.yaml", "sha256": "a" * 64}]}}
    await database.write(lambda tx: tx.replicas.heartbeat("one", NOON))
    await database.write(lambda tx: tx.replicas.tell("two", NOON, said))
    await database.write(lambda tx: tx.replicas.heartbeat("two", NOON + timedelta(seconds=1)))
    rows = await database.read(lambda tx: tx.replicas.in_force(NOON))
    assert [(row.holder, row.in_force) for row in rows] == [("one", None), ("two", said)]
    assert await database.read(lambda tx: tx.replicas.in_force(NOON + timedelta(hours=1))) == []
