"""The audit chain in a real database: linked with each change, never rewritten, whole under concurrency."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from approvals.domain.audit import Act, Entry, flaws
from approvals.domain.stops import LONGEST
from approvals.storage.engine import Database
from approvals.storage.tx import Tx


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
