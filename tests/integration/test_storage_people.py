"""People, their sessions and their login links."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.domain.model import Person, PersonId, Role
from approvals.errors import Invalid
from approvals.storage.engine import Database
from approvals.storage.people import LinkRow, SessionRow
from tests.fakes.requests import ADA, NOON

GRACE = PersonId("grace@example.com")
PERSON = Person(
    id=ADA,
    name="Ada",
    roles=frozenset({Role.REVIEWER, Role.ADMIN}),
    groups=frozenset({"finance", "oncall"}),
    slack=frozenset({"T1:U01", "T1:U02"}),
)
SESSION = SessionRow(
    hash="a" * 64, person=ADA, csrf="c", created_at=NOON, seen_at=NOON, expires_at=NOON + timedelta(hours=24)
)
LINK = LinkRow(hash="b" * 64, person=ADA, by="cli", created_at=NOON, expires_at=NOON + timedelta(minutes=15))


async def add(db: Database, person: Person = PERSON) -> None:
    await db.write(lambda tx: tx.people.upsert(person))


async def test_a_person_comes_back_by_address_slack_and_token(database: Database) -> None:
    await add(database)
    assert await database.write(lambda tx: tx.people.set_token(ADA, "d" * 64))
    found = [
        await database.read(lambda tx: tx.people.get(ADA)),
        await database.read(lambda tx: tx.people.by_slack("T1:U02")),
        await database.read(lambda tx: tx.people.by_token("d" * 64)),
    ]
    assert [row.person if row else None for row in found] == [PERSON] * 3
    assert found[0] is not None
    assert (found[0].source, found[0].token_hash) == ("added", "d" * 64)


async def test_nobody_is_found_by_what_is_nobodys(database: Database) -> None:
    await add(database)
    assert await database.read(lambda tx: tx.people.get("bob@example.com")) is None
    assert await database.read(lambda tx: tx.people.by_slack("U99")) is None
    assert await database.read(lambda tx: tx.people.by_token("e" * 64)) is None


async def test_saving_a_person_again_replaces_all_but_the_token(database: Database) -> None:
    await add(database)
    await database.write(lambda tx: tx.people.set_token(ADA, "d" * 64))
    changed = replace(PERSON, name="Ada L.", slack=frozenset({"T1:U03"}), groups=frozenset(), disabled=True)
    await add(database, changed)
    row = await database.read(lambda tx: tx.people.get(ADA))
    assert row is not None
    assert (row.person, row.token_hash) == (changed, "d" * 64)
    assert await database.read(lambda tx: tx.people.by_slack("T1:U01")) is None


async def test_one_slack_id_is_one_person(database: Database) -> None:
    await add(database)
    with pytest.raises(Invalid):
        await add(database, Person(id=GRACE, slack=frozenset({"T1:U01"})))
    assert await database.read(lambda tx: tx.people.get(GRACE)) is None


async def test_people_are_listed_by_address(database: Database) -> None:
    await add(database, Person(id=GRACE))
    await add(database)
    people = await database.read(lambda tx: tx.people.list())
    assert [row.person for row in people] == [PERSON, Person(id=GRACE)]


async def test_a_removed_person_is_signed_out_and_their_links_are_dead(database: Database) -> None:
    await add(database)
    await database.write(lambda tx: tx.people.add_session(SESSION))
    await database.write(lambda tx: tx.people.add_link(LINK))
    assert await database.write(lambda tx: tx.people.remove(ADA))
    assert not await database.write(lambda tx: tx.people.remove(ADA))
    assert await database.read(lambda tx: tx.people.session(SESSION.hash)) is None
    assert await database.write(lambda tx: tx.people.consume_link(LINK.hash, NOON)) is None


async def test_a_token_for_nobody_is_not_saved(database: Database) -> None:
    assert not await database.write(lambda tx: tx.people.set_token("bob@example.com", "d" * 64))


async def test_fifty_uses_of_a_login_link_at_once_sign_in_once(database: Database) -> None:
    await database.write(lambda tx: tx.people.add_link(LINK))
    works = [database.write(lambda tx: tx.people.consume_link(LINK.hash, NOON)) for _ in range(50)]
    used = await asyncio.gather(*works)
    assert (used.count(ADA), used.count(None)) == (1, 49)
    link = await database.read(lambda tx: tx.people.link(LINK.hash))
    assert link == replace(LINK, used_at=NOON)


async def test_a_login_link_ends_at_its_time(database: Database) -> None:
    await database.write(lambda tx: tx.people.add_link(LINK))
    assert await database.write(lambda tx: tx.people.consume_link(LINK.hash, LINK.expires_at)) is None
    just_before = LINK.expires_at - timedelta(microseconds=1)
    assert await database.write(lambda tx: tx.people.consume_link(LINK.hash, just_before)) == ADA


async def test_a_session_is_seen_listed_and_ended(database: Database) -> None:
    other = replace(SESSION, hash="f" * 64, created_at=NOON + timedelta(hours=1))
    await database.write(lambda tx: tx.people.add_session(SESSION))
    await database.write(lambda tx: tx.people.add_session(other))
    later = NOON + timedelta(hours=2)
    await database.write(lambda tx: tx.people.see_session(SESSION.hash, later))
    assert await database.read(lambda tx: tx.people.session(SESSION.hash)) == replace(SESSION, seen_at=later)
    assert [one.hash for one in await database.read(lambda tx: tx.people.sessions_of(ADA))] == [
        other.hash,
        SESSION.hash,
    ]
    await database.write(lambda tx: tx.people.end_session(other.hash))
    assert await database.write(lambda tx: tx.people.end_sessions_of(ADA)) == 1
    assert await database.read(lambda tx: tx.people.session(SESSION.hash)) is None


async def test_sweeping_takes_what_can_never_be_used_again_and_nothing_else(database: Database) -> None:
    await database.write(lambda tx: tx.people.add_session(SESSION))
    await database.write(lambda tx: tx.people.add_link(LINK))
    await database.write(lambda tx: tx.people.sweep(LINK.expires_at))
    assert await database.read(lambda tx: tx.people.link(LINK.hash)) is None
    assert await database.read(lambda tx: tx.people.session(SESSION.hash)) == SESSION
    await database.write(lambda tx: tx.people.sweep(SESSION.expires_at))
    assert await database.read(lambda tx: tx.people.session(SESSION.hash)) is None
