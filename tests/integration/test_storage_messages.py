"""The outbox: every card is brought to the newest revision, by one process at a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from approvals.domain import lifecycle
from approvals.storage.engine import Database
from approvals.storage.messages import MessageRow
from tests.fakes.requests import NOON, make_request

LEASE = timedelta(seconds=30)
ROUTES = [("slack", "#money"), ("web", ""), ("slack", "#money")]


async def announced(db: Database) -> str:
    request = make_request()
    await db.write(lambda tx: tx.requests.insert(request, lifecycle.filed(request)))
    await db.write(lambda tx: tx.messages.announce(request.id, ROUTES, 1, NOON))
    return request.id


async def take(db: Database, at: timedelta = timedelta(0), holder: str = "here", limit: int = 10) -> list[MessageRow]:
    return await db.write(lambda tx: tx.messages.take_due(holder, NOON + at, LEASE, limit))


async def cards(db: Database, id: str) -> dict[str, MessageRow]:
    return {row.channel: row for row in await db.read(lambda tx: tx.messages.for_request(id))}


async def test_each_target_gets_one_card(database: Database) -> None:
    id = await announced(database)
    rows = await database.read(lambda tx: tx.messages.for_request(id))
    assert [(row.channel, row.target, row.state) for row in rows] == [
        ("slack", "#money", "queued"),
        ("web", "", "queued"),
    ]
    assert all(row.id.startswith("msg_") and len(row.id) == 30 for row in rows)


async def test_announcing_again_asks_the_same_card_for_the_newer_revision(database: Database) -> None:
    id = await announced(database)
    [card, _] = await take(database)
    await database.write(lambda tx: tx.messages.done(card.id, {"ts": "1"}, 1))
    await database.write(lambda tx: tx.messages.announce(id, [(card.channel, card.target)], 2, NOON))
    again = (await cards(database, id))[card.channel]
    assert (again.id, again.state, again.wanted_revision, again.ref) == (card.id, "queued", 2, {"ts": "1"})


async def test_fifty_takers_at_once_get_each_card_once(database: Database) -> None:
    for _ in range(10):
        await announced(database)
    taken = await asyncio.gather(*(take(database, holder=str(number), limit=3) for number in range(50)))
    ids = [row.id for rows in taken for row in rows]
    assert len(ids) == len(set(ids)) == 20


async def test_a_lease_that_ran_out_is_taken_by_the_next(database: Database) -> None:
    await announced(database)
    first = await take(database)
    assert await take(database, at=LEASE - timedelta(seconds=1), holder="other") == []
    second = await take(database, at=LEASE, holder="other")
    assert [row.id for row in second] == [row.id for row in first]


async def test_a_card_that_was_revised_while_it_was_sent_stays_queued(database: Database) -> None:
    id = await announced(database)
    [card, _] = await take(database)
    await database.write(lambda tx: tx.messages.want(id, 2, NOON))
    await database.write(lambda tx: tx.messages.done(card.id, {"ts": "1"}, 1))
    row = (await cards(database, id))[card.channel]
    assert (row.state, row.shown_revision, row.wanted_revision, row.leased_until) == ("queued", 1, 2, None)
    [again, *_] = [row for row in await take(database) if row.id == card.id]
    await database.write(lambda tx: tx.messages.done(again.id, None, 2))
    row = (await cards(database, id))[card.channel]
    assert (row.state, row.shown_revision, row.ref) == ("delivered", 2, {"ts": "1"})


async def test_a_late_worker_does_not_put_an_older_revision_on_record(database: Database) -> None:
    id = await announced(database)
    [card, _] = await take(database)
    await database.write(lambda tx: tx.messages.want(id, 3, NOON))
    await database.write(lambda tx: tx.messages.done(card.id, {"ts": "1"}, 3))
    await database.write(lambda tx: tx.messages.done(card.id, {"ts": "1"}, 2))
    assert (await cards(database, id))[card.channel].shown_revision == 3


async def test_a_failed_card_waits_for_its_next_time_and_counts_its_tries(database: Database) -> None:
    id = await announced(database)
    [card, other] = await take(database)
    await database.write(lambda tx: tx.messages.retry(card.id, NOON + timedelta(seconds=5), "Slack: ratelimited"))
    await database.write(lambda tx: tx.messages.done(other.id, None, 1))
    assert await take(database, at=timedelta(seconds=4)) == []
    [again] = await take(database, at=timedelta(seconds=5))
    assert (again.id, again.attempts, again.error) == (card.id, 1, "Slack: ratelimited")
    await database.write(lambda tx: tx.messages.done(again.id, {}, 1))
    assert (await cards(database, id))[card.channel].attempts == 0


async def test_a_dead_card_is_neither_taken_nor_revived_by_a_revision(database: Database) -> None:
    id = await announced(database)
    [card, _] = await take(database)
    await database.write(lambda tx: tx.messages.dead(card.id, "no such channel"))
    await database.write(lambda tx: tx.messages.want(id, 2, NOON))
    row = (await cards(database, id))[card.channel]
    assert (row.state, row.error, row.wanted_revision) == ("dead", "no such channel", 1)
    assert card.id not in [row.id for row in await take(database, at=timedelta(hours=1))]


async def test_the_backlog_is_known(database: Database) -> None:
    empty = await database.read(lambda tx: tx.messages.backlog())
    assert (empty.queued, empty.dead, empty.oldest) == (0, 0, None)
    await announced(database)
    [card, _] = await take(database)
    await database.write(lambda tx: tx.messages.dead(card.id, "gone"))
    backlog = await database.read(lambda tx: tx.messages.backlog())
    assert (backlog.queued, backlog.dead, backlog.oldest) == (1, 1, NOON)
