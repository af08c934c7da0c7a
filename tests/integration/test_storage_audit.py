"""The audit chain in a real database: linked with each change, never rewritten, whole under concurrency."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from approvals.domain.audit import Act, Checkpoint, Entry, flaws
from approvals.domain.stops import LONGEST
from approvals.notary import Notary
from approvals.signing import Signer
from approvals.storage.engine import Database
from approvals.storage.tables_audit import audit, checkpoints
from approvals.storage.tx import Tx
from tests.fakes.keys import VAULT

SIGNER = Signer(seed=b"s" * 32, salt_key=b"k" * 32)
COLUMNS = {table.name: table.c.keys() for table in (audit, checkpoints)}


async def whole(db: Database) -> list[Entry]:
    """The chain from its beginning, which has no flaw."""
    entries = await db.read(lambda tx: list(tx.audit.entries()))
    assert list(flaws(entries)) == []
    return entries


async def test_an_act_is_in_the_chain_with_what_it_changed(database: Database) -> None:
    await database.write(lambda tx: tx.switches.freeze("all", reason="drill", by="ada@example.com", at=tx.now))
    (entry,) = await whole(database)
    act = entry.act
    assert (act.action, act.actor, act.subject) == ("freeze.on", "ada@example.com", "freeze:all")
    ends = (act.at + LONGEST).isoformat()
    assert act.detail == {"reason": "drill", "until": ends}


async def test_what_was_rolled_back_is_not_in_the_chain(database: Database) -> None:
    def broken(tx: Tx) -> None:
        tx.switches.freeze("all", reason="never", by="cli", at=tx.now)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(broken)
    assert await whole(database) == []


async def test_two_hundred_at_once_make_one_chain_without_a_gap(database: Database) -> None:
    async def one(number: int) -> None:
        def work(tx: Tx) -> None:
            tx.did("test.act", "cli:test", subject=f"thing:{number}", number=number)
            if number % 10 == 9:
                raise ValueError

        try:
            await database.write(work)
        except ValueError:
            assert number % 10 == 9

    await asyncio.gather(*(one(number) for number in range(200)))
    entries = await whole(database)
    kept = [number for number in range(200) if number % 10 != 9]
    assert sorted(entry.act.detail["number"] for entry in entries) == kept
    assert [entry.seq for entry in entries] == list(range(1, len(kept) + 1))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET actor = 'me'",
        "UPDATE audit SET hash = 'x'",
        "UPDATE audit SET detail = '[]'",
        "DELETE FROM audit",
    ],
)
async def test_the_chain_refuses_to_be_rewritten(database: Database, change: str) -> None:
    await database.write(lambda tx: tx.did("test.act", "cli:test"))
    with pytest.raises(DBAPIError, match=r"append-only|destroyed"):
        await database.write(lambda tx: tx.conn.execute(text(change)))
    assert len(await whole(database)) == 1


async def test_details_can_be_destroyed_and_the_chain_still_verifies(database: Database) -> None:
    for request in ("req_a", "req_b", "req_a"):
        await database.write(lambda tx, r=request: tx.record(_about(tx, r)))  # type: ignore[misc]
    assert await database.write(lambda tx: tx.audit.forget("req_a")) == 2
    told = {entry.act.request: entry.act.detail for entry in await whole(database)}
    assert told == {"req_a": {}, "req_b": {"reason": "of req_b"}}


def _about(tx: Tx, request: str) -> Act:
    return Act(action="request.vetoed", actor="ada", at=tx.now, request=request, detail={"reason": f"of {request}"})


@pytest.mark.parametrize("change", ["UPDATE checkpoints SET signature = 'x'", "DELETE FROM checkpoints"])
async def test_signed_heads_refuse_to_be_rewritten(database: Database, change: str) -> None:
    signed = await _signed(database)
    with pytest.raises(DBAPIError, match="append-only"):
        await database.write(lambda tx: tx.conn.execute(text(change)))
    assert await database.read(lambda tx: tx.audit.last_checkpoint()) == signed


@pytest.mark.postgres
async def test_postgresql_refuses_to_empty_the_signed_heads_too(postgres_url: str) -> None:
    async with Database.opened(postgres_url, VAULT) as db:
        await _signed(db)
        with pytest.raises(DBAPIError, match="append-only"):
            await db.write(lambda tx: tx.conn.execute(text("TRUNCATE checkpoints")))


async def test_whoever_comes_second_to_the_same_head_signs_nothing(database: Database) -> None:
    signed = await _signed(database)
    assert await database.write(lambda tx: tx.audit.sign(replace(signed, key="another"))) is False
    assert await database.read(lambda tx: tx.audit.last_checkpoint()) == signed


@pytest.mark.parametrize("table", ["audit", "checkpoints"])
async def test_sqlite_replaces_no_row_by_an_insert(sqlite_url: str, table: str) -> None:
    async with Database.opened(sqlite_url, VAULT) as db:
        signed = await _signed(db)
        names = COLUMNS[table]
        values = ("'eve'" if name in {"actor", "key"} else name for name in names)
        change = f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table}"
        with suppress(IntegrityError):
            await db.write(lambda tx: tx.conn.execute(text(change)))
        assert len(await whole(db)) == 1
        assert await db.read(lambda tx: tx.audit.last_checkpoint()) == signed


async def _signed(db: Database) -> Checkpoint:
    await db.write(lambda tx: tx.did("test.act", "cli:test"))
    signed = await Notary(db, SIGNER).sign()
    assert signed is not None
    return signed
