"""A database that cannot just now: nothing is saved, the caller is told so, and it goes on afterwards."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from approvals.errors import NotAllowed, Unavailable
from approvals.storage import sqlite, writer
from approvals.storage.engine import Database, Tx
from tests.fakes.keys import VAULT
from tests.fakes.requests import NOON


def freeze(tx: Tx) -> None:
    tx.switches.freeze("all", reason="test", by="cli", at=NOON)


async def frozen(db: Database) -> bool:
    return bool(await db.read(lambda tx: tx.switches.in_force(NOON)))


async def test_a_work_that_fails_alone_is_rolled_back_and_the_next_is_not(database: Database) -> None:
    def write_and_fail(tx: Tx) -> None:
        freeze(tx)
        raise NotAllowed(why="it is a test")

    with pytest.raises(NotAllowed):
        await database.write(write_and_fail)
    assert not await frozen(database)
    await database.write(freeze)
    assert await frozen(database)


async def test_another_process_s_long_write_makes_ours_unavailable_and_only_for_now(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", 20)
    async with Database.opened(sqlite_url, VAULT) as db:
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(*(db.write(freeze) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable] * 3
        assert not await frozen(db), "reads go on beside the other's write"
        other.execute("ROLLBACK")
        other.close()
        await db.write(freeze)
        assert await frozen(db)


async def test_a_queue_that_is_full_refuses_at_once(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUE", 2)
    db = await Database.open(sqlite_url, VAULT)
    async with asyncio.TaskGroup() as group:
        queued = [group.create_task(db.write(lambda tx: None)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await db.write(freeze)
        group.create_task(db.run())
        await asyncio.gather(*queued)
        await db.close()


async def test_a_wrong_statement_is_a_bug_and_not_called_unavailable(database: Database) -> None:
    for run in (database.read, database.write):
        with pytest.raises(DBAPIError, match="nowhere"):
            await run(lambda tx: tx.conn.execute(text("SELECT nothing FROM nowhere")))


@pytest.mark.postgres
async def test_a_connection_that_is_cut_in_a_transaction_loses_it_and_the_next_has_another(postgres_url: str) -> None:
    def cut(tx: Tx) -> None:
        freeze(tx)
        tx.conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async with Database.opened(postgres_url, VAULT) as db:
        with pytest.raises(Unavailable):
            await db.write(cut)
        assert not await frozen(db)
        await db.write(freeze)
        assert await frozen(db)


@pytest.mark.postgres
async def test_a_lock_that_is_not_given_in_time_is_unavailable(postgres_url: str) -> None:
    """Two works that lock each other out: the server ends one, and its caller may simply try again."""
    async with Database.opened(postgres_url, VAULT) as one, Database.opened(postgres_url, VAULT) as two:
        await one.write(freeze)

        def wait_for_it(tx: Tx) -> None:
            tx.conn.execute(text("SET LOCAL lock_timeout = '20ms'"))
            tx.switches.thaw("all", by="cli", at=NOON)

        holding, release = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with one._writers.connect() as connection, connection.begin():
                await connection.execute(text("SELECT * FROM switches FOR UPDATE"))
                holding.set()
                await release.wait()

        async with asyncio.TaskGroup() as group:
            group.create_task(hold())
            await holding.wait()
            with pytest.raises(Unavailable):
                await two.write(wait_for_it)
            release.set()
        assert await two.write(lambda tx: tx.switches.thaw("all", by="cli", at=NOON))
