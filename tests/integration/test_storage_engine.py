"""Transactions: what is committed together, what is rolled back alone, and who hears of it."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from approvals.domain import lifecycle
from approvals.errors import Invalid, NotAllowed, Refusal, Unavailable
from approvals.storage import migrate, sqlite
from approvals.storage.engine import Database, Part, Tx
from approvals.storage.requests import Query
from tests.fakes.keys import VAULT
from tests.fakes.processes import at_the_line
from tests.fakes.requests import NOON, approved, make_request


def freeze(scope: str) -> Callable[[Tx], object]:
    return lambda tx: tx.switches.freeze(scope, reason="test", by="cli", at=tx.now).scope


def fail_after_writing(error: Exception) -> Callable[[Tx], None]:
    def work(tx: Tx) -> None:
        tx.switches.freeze("agent:broken", reason="half done", by="cli", at=tx.now)
        raise error

    return work


async def scopes(db: Database) -> set[str]:
    return {freeze.scope for freeze in await db.read(lambda tx: tx.switches.in_force(tx.now))}


async def test_what_a_work_returns_is_handed_back(database: Database) -> None:
    assert await database.write(lambda tx: 1) == 1
    assert await database.read(lambda tx: 2) == 2


async def test_a_failing_work_is_rolled_back_alone_in_the_midst_of_others(database: Database) -> None:
    works = [database.write(freeze(f"agent:{number}")) for number in range(10)]
    works.insert(5, database.write(fail_after_writing(NotAllowed(why="it is a test"))))
    results = await asyncio.gather(*works, return_exceptions=True)
    assert isinstance(results.pop(5), NotAllowed)
    assert results == [f"agent:{number}" for number in range(10)]
    assert await scopes(database) == {f"agent:{number}" for number in range(10)}


async def test_a_broken_constraint_fails_its_own_work_and_no_other(database: Database) -> None:
    def twice(tx: Tx) -> None:
        request = make_request()
        tx.requests.insert(request, lifecycle.filed(request))
        tx.conn.execute(text("INSERT INTO votes (request_id) VALUES ('req_none')"))

    results = await asyncio.gather(
        database.write(freeze("agent:a")),
        database.write(twice),
        database.write(freeze("agent:b")),
        return_exceptions=True,
    )
    assert isinstance(results[1], IntegrityError)
    assert await scopes(database) == {"agent:a", "agent:b"}
    assert await database.read(lambda tx: tx.requests.search(Query())) == []


async def test_works_that_queued_are_committed_as_one_group(sqlite_url: str) -> None:
    async with Database.opened(sqlite_url, VAULT) as db:
        heard: list[frozenset[str]] = []
        db.on_commit = heard.append
        await asyncio.gather(*(db.write(lambda tx, n=number: tx.touch(str(n))) for number in range(40)))  # type: ignore[misc] # mypy cannot infer a lambda with a default
    assert heard[0] | heard[-1] == frozenset(str(number) for number in range(40))
    assert len(heard) <= 2, "the first may go alone, the rest queued behind it"


async def test_a_failing_commit_fails_every_work_of_its_group(sqlite_url: str) -> None:
    def fail_at_commit(tx: Tx) -> None:
        # A deferred constraint is looked at by COMMIT, after every work of the group has succeeded.
        tx.conn.execute(text("PRAGMA defer_foreign_keys=ON"))
        tx.conn.execute(text("INSERT INTO people_slack (slack_id, person) VALUES ('U1', 'nobody')"))

    async with Database.opened(sqlite_url, VAULT) as db:
        works = [
            db.write(freeze("agent:a")),
            db.write(fail_at_commit),
            db.write(fail_after_writing(NotAllowed(why="-"))),
        ]
        results = await asyncio.gather(*works, return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable] * 3
        assert await scopes(db) == set()
        await db.write(freeze("agent:later"))
        assert await scopes(db) == {"agent:later"}


async def test_a_database_that_is_full_saves_nothing_of_the_group_and_recovers(sqlite_url: str) -> None:
    def fill(tx: Tx) -> None:
        pages = tx.conn.execute(text("PRAGMA page_count")).scalar_one()
        tx.conn.execute(text(f"PRAGMA max_page_count={pages}"))
        for number in range(200):
            tx.switches.freeze(f"agent:{number}", reason="x" * 4000, by="cli", at=tx.now)

    async with Database.opened(sqlite_url, VAULT) as db:
        results = await asyncio.gather(db.write(fill), db.write(freeze("agent:b")), return_exceptions=True)
        assert isinstance(results[0], Unavailable)
        assert await scopes(db) <= {"agent:b"}


async def test_a_caller_who_gave_up_before_its_turn_takes_the_work_back(sqlite_url: str) -> None:
    db = await Database.open(sqlite_url, VAULT)
    async with asyncio.TaskGroup() as group:
        given_up = group.create_task(db.write(freeze("agent:gone")))
        kept = group.create_task(db.write(freeze("agent:kept")))
        await asyncio.sleep(0)
        given_up.cancel()
        group.create_task(db.run())
        await kept
        assert await scopes(db) == {"agent:kept"}
        await db.close()


async def test_what_queued_before_run_is_committed_by_it(sqlite_url: str) -> None:
    db = await Database.open(sqlite_url, VAULT)
    async with asyncio.TaskGroup() as group:
        early = group.create_task(db.write(lambda tx: "early"))
        await asyncio.sleep(0)
        group.create_task(db.run())
        assert await early == "early"
        await db.close()


async def test_closing_commits_what_has_queued_and_refuses_what_comes_later(database_url: str) -> None:
    async with Database.opened(database_url, VAULT) as db:
        async with asyncio.TaskGroup() as group:
            works = [group.create_task(db.write(freeze(f"agent:{number}"))) for number in range(5)]
            await asyncio.sleep(0)
            closing = group.create_task(db.close())
        await closing
        assert all(work.exception() is None for work in works)
        with pytest.raises(Unavailable):
            await db.write(freeze("agent:late"))
    async with Database.opened(database_url, VAULT) as db:
        assert len(await scopes(db)) == 5


async def test_a_writer_that_is_cancelled_leaves_nobody_waiting(sqlite_url: str) -> None:
    db = await Database.open(sqlite_url, VAULT)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(db.run())
        await db.write(lambda tx: None)
        waiting = [group.create_task(_refusal(db.write(freeze(f"agent:{number}")))) for number in range(3)]
        await asyncio.sleep(0)
        running.cancel()
    assert [await one for one in waiting] == ["unavailable"] * 3
    await db.close()


async def _refusal(work: Any) -> str | None:
    try:
        await work
    except Refusal as refused:
        return refused.code
    return None


async def test_touched_subjects_are_heard_after_the_commit_and_only_then(database: Database) -> None:
    heard: list[frozenset[str]] = []
    database.on_commit = heard.append
    request = make_request()

    def work(tx: Tx) -> None:
        tx.requests.insert(request, lifecycle.filed(request))
        assert heard == []

    await database.write(work)
    assert heard == [frozenset({request.id})]
    with pytest.raises(NotAllowed):
        await database.write(fail_after_writing(NotAllowed(why="it is a test")))
    assert heard == [frozenset({request.id})], "what was rolled back is not announced"


async def test_reading_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError):
        await database.read(freeze("all"))
    assert await scopes(database) == set()


async def test_a_read_sees_one_snapshot_while_others_write(database: Database) -> None:
    """Two questions of one work agree with each other, whatever is committed between them."""
    request = make_request()
    loop_thread = threading.get_ident()
    counts: list[int] = []

    def look(tx: Tx) -> int:
        assert threading.get_ident() == loop_thread, "a work runs in the loop's own thread"
        counts.append(len(tx.requests.search(Query())))
        return counts[-1]

    await database.write(lambda tx: tx.requests.insert(request, lifecycle.filed(request)))
    await asyncio.gather(*(database.read(look) for _ in range(20)))
    assert counts == [1] * 20


async def test_time_is_the_clock_that_was_handed_in(database_url: str) -> None:
    async with Database.opened(database_url, VAULT, clock=lambda: NOON) as db:
        assert await db.read(lambda tx: tx.now) == NOON
        assert await db.write(lambda tx: tx.now) == NOON


async def test_time_is_aware_utc_and_stands_still_within_a_transaction(database: Database) -> None:
    first, second = await database.write(lambda tx: (tx.now, tx.now))
    assert first == second
    assert first.tzinfo is UTC
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=1)


async def test_an_error_does_not_carry_the_values(database: Database) -> None:
    with pytest.raises(IntegrityError) as broken:
        await database.write(lambda tx: tx.conn.execute(text("INSERT INTO people (id) VALUES (:id)"), {"id": "s3cret"}))
    assert "s3cret" not in str(broken.value).split("DETAIL")[0].replace("Failing row", "")


async def test_the_database_file_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    url = f"sqlite:///{path}"
    await migrate.upgrade(url)
    async with Database.opened(url, VAULT, part=Part.SERVICE) as db:
        await db.write(freeze("all"))
        modes = _modes(tmp_path)
    assert modes == {"new.db": 0o600, "new.db-wal": 0o600, "new.db-shm": 0o600}


def _modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.glob("new.db*")}


async def test_the_pragmas_hold_on_the_writer_and_the_readers(sqlite_url: str) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "query_only")

    def pragmas(tx: Tx) -> list[Any]:
        return [tx.conn.execute(text(f"PRAGMA {name}")).scalar_one() for name in names]

    async with Database.opened(sqlite_url, VAULT, part=Part.SERVICE) as db:
        assert await db.write(pragmas) == ["wal", 2, 1, 0]
        assert await db.read(pragmas) == ["wal", 2, 1, 1]


@pytest.mark.parametrize(("part", "pages"), [(Part.SERVICE, 1000), (Part.GUEST, 0)])
async def test_only_the_service_checkpoints(sqlite_url: str, part: Part, pages: int) -> None:
    async with Database.opened(sqlite_url, VAULT, part=part) as db:
        assert await db.write(lambda tx: tx.conn.execute(text("PRAGMA wal_autocheckpoint")).scalar_one()) == pages


async def test_four_processes_share_the_claims_and_none_is_won_twice(database_url: str) -> None:
    async with Database.opened(database_url, VAULT) as db:
        steps = [approved(make_request()) for _ in range(60)]

        def fill(tx: Tx) -> None:
            for step in steps:
                tx.requests.insert(step.before, lifecycle.filed(step.before))
                tx.requests.commit(step)

        await db.write(fill)
        async with at_the_line([("claim", database_url, f"process-{number}") for number in range(4)]) as racers:
            won = [line.split() for line in await racers.go()]
        ids = [id for line in won for id in line]
        assert sorted(ids) == sorted(step.after.id for step in steps)


async def test_an_exception_inside_opened_comes_out_as_it_is(database_url: str) -> None:
    with pytest.raises(NotAllowed):
        async with Database.opened(database_url, VAULT):
            raise NotAllowed(why="it is a test")


BAD_ADDRESSES = [
    ("a file name alone", "placet.db", "not a database address"),
    ("a database we do not support", "mysql://root:s3cret@host/db", "not supported"),
    ("a driver of one's own choice", "postgresql+psycopg://host/db", "not supported"),
    ("memory", "sqlite:///:memory:", "needs a file"),
    ("memory by omission", "sqlite://", "needs a file"),
    ("two slashes instead of three", "sqlite://placet.db", "needs a file"),
    ("no database", "postgresql://user:s3cret@host", "name of the database"),
    ("an unknown option", "postgresql://user:s3cret@host/db?pool=9", "pool is not supported"),
    ("a wrong sslmode", "postgresql://user:s3cret@host/db?sslmode=maybe", "sslmode must be"),
    ("a folder that is not there", "sqlite:////nowhere/at/all.db", "cannot be opened"),
]


@pytest.mark.parametrize(("url", "why"), [row[1:] for row in BAD_ADDRESSES], ids=[row[0] for row in BAD_ADDRESSES])
async def test_a_wrong_address_is_refused_without_repeating_the_password(url: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        await Database.open(url, VAULT)
    assert "s3cret" not in str(refused.value)


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        await Database.open(f"postgresql://user@localhost/db?host={tmp_path}")


VERSIONS = [
    ("common on servers", (3, 40, 1), True),
    ("the last broken one", (3, 51, 2), True),
    ("fixed", (3, 51, 3), False),
    ("newer", (3, 53, 0), False),
    ("a repaired branch", (3, 50, 7), False),
    ("the same branch before", (3, 50, 6), True),
    ("the older repaired branch", (3, 44, 6), False),
]


@pytest.mark.parametrize(("version", "warns"), [row[1:] for row in VERSIONS], ids=[row[0] for row in VERSIONS])
def test_a_sqlite_that_can_lose_commits_is_warned_of(version: tuple[int, int, int], warns: bool) -> None:
    assert sqlite.warn_of_known_bugs(version) is warns
