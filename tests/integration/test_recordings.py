"""Arguments that are kept: sealed before they are queued, saved with their call, read in order, forgotten in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from approvals.domain.fingerprint import sha256_hex
from approvals.storage.calls import CallRow
from approvals.storage.engine import Database
from approvals.storage.recordings import FORGET_AT_ONCE, RecordedCall, RecordedQuery, Recording
from approvals.sweeper import Sweeper
from gateway.journal import Journal
from gateway.keys import Keys
from gateway.recording import LARGEST_BYTES, Recorder
from tests.fakes.desk import house
from tests.fakes.requests import NOON

DAY = timedelta(days=1)
RECORDER = Recorder.of(Keys(b"k" * 32))
SECRET = b'{"iban":"DE89 3704","token":"hunter2-hunter2"}'


def row(number: int, arguments: bytes = SECRET, **more: object) -> CallRow:
    call = CallRow(
        id=f"call_{number:03}",
        at=NOON + timedelta(seconds=number),
        agent="claude-ada",
        server="bank",
        tool="pay",
        arguments_sha256=sha256_hex(arguments),
        verdict="allow",
    )
    return replace(call, **more)  # type: ignore[arg-type]  # the fields of a row by their names


def ask(since: datetime = NOON, server: str | None = "bank") -> RecordedQuery:
    return RecordedQuery(server=server, since=since, until=NOON + DAY)


async def read(db: Database, query: RecordedQuery) -> list[RecordedCall]:
    return await db.read(lambda tx: tx.recordings.page(query))


async def test_recorded_arguments_are_saved_sealed_and_open_with_the_keys_that_sealed_them(database: Database) -> None:
    journal = Journal(database, RECORDER)
    journal.write(row(1, risk="financial", ran_at=NOON, limits=({"counter": "c", "amount": "5"},)), SECRET)
    await journal.flush()
    [call] = await read(database, ask())
    assert call.sealed is not None
    assert b"hunter2" not in call.sealed
    assert RECORDER.open(call) == SECRET
    assert (call.risk, call.ran_at, call.limits, call.held) == (
        "financial",
        NOON,
        ({"counter": "c", "amount": "5"},),
        None,
    )


async def test_nothing_but_a_hash_is_kept_where_nobody_asked_for_more(database: Database) -> None:
    journal = Journal(database)
    journal.write(row(1), SECRET)
    await journal.flush()
    [call] = await read(database, ask())
    assert call.sealed is None
    assert RECORDER.open(call) is None


@pytest.mark.parametrize(
    ("sealed_by", "opened_as"),
    [
        pytest.param(Recorder.of(Keys(b"x" * 32)), "call_001", id="another installation's keys"),
        pytest.param(RECORDER, "call_002", id="moved to another call"),
    ],
)
async def test_what_was_sealed_elsewhere_does_not_open(database: Database, sealed_by: Recorder, opened_as: str) -> None:
    kept = sealed_by.record(row(1), SECRET)
    assert kept is not None
    moved = replace(kept, call_id=opened_as)

    await database.write(lambda tx: tx.calls.insert_many([replace(row(1), id=opened_as)]))
    await database.write(lambda tx: tx.recordings.insert_many([moved]))
    [call] = await read(database, ask())
    assert RECORDER.open(call) is None


def test_large_arguments_and_those_that_a_request_keeps_are_not_recorded() -> None:
    large = b'"' + b"x" * LARGEST_BYTES + b'"'
    assert RECORDER.record(row(1, large), large) is None
    assert RECORDER.record(row(1, request_id="req_1"), SECRET) is None


async def test_calls_are_read_in_the_order_in_which_they_were_judged_page_by_page(database: Database) -> None:
    rows = [row(number, at=NOON + timedelta(seconds=number // 2)) for number in range(7)]
    other = row(99, server="files")
    await database.write(lambda tx: tx.calls.insert_many([*rows[::-1], other]))
    query = replace(ask(), limit=3)
    seen: list[str] = []
    while page := await read(database, query):
        seen += [call.id for call in page]
        query = replace(query, after=(page[-1].at, page[-1].id))
    assert seen == [call.id for call in rows]
    assert await database.read(lambda tx: tx.recordings.count(ask())) == 7
    assert await database.read(lambda tx: tx.recordings.count(ask(server=None))) == 8


async def test_a_held_call_brings_the_arguments_of_its_request(database_url: str) -> None:
    async with house(database_url) as at:
        request = await at.file({"amount": 5})
        call = row(1, request.call.arguments, request_id=request.id, verdict="require_approval")
        await at.desk.db.write(lambda tx: tx.calls.insert_many([call]))
        [found] = await read(at.desk.db, ask())
        assert found.held is not None
        assert (found.held.id, found.held.state) == (request.id, "pending")
        assert RECORDER.open(found) == request.call.arguments


async def test_recordings_are_forgotten_when_their_time_is_over_however_many_there_are(database_url: str) -> None:
    async with house(database_url) as at:
        many = [Recording(call_id=f"old_{n}", at=NOON - 2 * DAY, sealed=b"s") for n in range(FORGET_AT_ONCE + 1)]
        fresh = RECORDER.record(row(1), SECRET)
        assert fresh is not None
        await at.desk.db.write(lambda tx: tx.recordings.insert_many([*many, fresh]))
        await at.desk.db.write(lambda tx: tx.calls.insert_many([row(1)]))
        sweeper = Sweeper(at.desk, keep=DAY)
        await sweeper.tidy()
        assert not await at.desk.db.write(lambda tx: tx.recordings.forget(NOON))
        [call] = await read(at.desk.db, ask())
        assert RECORDER.open(call) == SECRET
