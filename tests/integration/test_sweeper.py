"""The sweeper over real databases: what time has ended, ends; after a restart and beside another replica too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from approvals.desk import Desk
from approvals.domain.happening import Event
from approvals.domain.model import Cause, State
from approvals.domain.terms import OnTimeout
from approvals.filing import Caps
from approvals.storage.requests import Query
from approvals.sweeper import BATCH, Sweeper
from approvals.testing import samples
from tests.fakes.desk import House, filing, house


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url, caps=Caps(per_agent=1000, per_tool=1000)) as made:
        yield made


async def test_it_ends_each_kind_of_thing_when_its_time_has_come_and_nothing_else(at: House) -> None:
    silent = await at.file({"n": 1})
    allowed = await at.file({"n": 2}, terms=samples.terms(on_timeout=OnTimeout.ALLOW, collect_within=timedelta(days=1)))
    uncollected = await at.approved({"n": 3})
    running = await at.running({"n": 4})
    longer = await at.file({"n": 5}, terms=samples.terms(timeout=timedelta(hours=1)))
    sweeper = Sweeper(at.desk)
    assert await sweeper.sweep() == 0
    at.clock.move(minutes=15)
    assert await sweeper.sweep() == 4
    states = {r.id: (r.state, r.cause) for r in await at.desk.search(Query())}
    assert states == {
        silent.id: (State.EXPIRED, Cause.TIMED_OUT),
        allowed.id: (State.APPROVED, Cause.SILENCE_ALLOWS),
        uncollected.id: (State.EXPIRED, Cause.NOT_COLLECTED),
        running.id: (State.UNKNOWN, Cause.LEASE_LOST),
        longer.id: (State.PENDING, None),
    }
    assert await sweeper.sweep() == 0


async def test_a_lost_lease_is_told_as_unknown_with_its_reason(at: House) -> None:
    running = await at.running()
    at.clock.move(minutes=5)
    await Sweeper(at.another("two")).sweep()
    lost = await at.now(running)
    assert lost.outcome is not None
    assert (lost.outcome.kind, lost.outcome.finished_at) == ("unknown", at.clock.now)
    assert (await at.ledger(running))[-1].event is Event.LOST


async def test_many_due_at_once_all_end_once_though_two_replicas_sweep(at: House) -> None:
    count = BATCH + 20
    await asyncio.gather(*(at.desk.file(filing({"n": n})) for n in range(count)))
    at.clock.move(minutes=15)
    sweepers = [Sweeper(at.desk), Sweeper(at.another("two"))]
    while sum(await asyncio.gather(*(sweeper.sweep() for sweeper in sweepers))):
        pass
    pages = [await at.desk.search(Query(limit=200))]
    pages.append(await at.desk.search(Query(limit=200, after=(pages[0][-1].created_at, pages[0][-1].id))))
    ended = [request for page in pages for request in page]
    assert len(ended) == count
    assert {(request.state, request.revision) for request in ended} == {(State.EXPIRED, 2)}


async def test_the_loop_ends_what_is_due_and_beats(at: House) -> None:
    asked = await at.file()
    at.clock.move(minutes=15)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group, at.desk.bus.watch(asked.id) as watch:
        running = group.create_task(Sweeper(at.desk).run())
        while (await at.now(asked)).state is State.PENDING:
            await watch.changed(timeout=1.0)
        running.cancel()
    assert await at.db.read(lambda tx: tx.replicas.live(tx.now)) == {"one"}


async def waits(at: House, desk: Desk, holder: str) -> str:
    await at.db.write(lambda tx: tx.replicas.heartbeat(holder, tx.now))
    filed = await desk.file(filing({"by": holder}, waiting=True))
    found = await at.desk.get(filed.request.id)
    assert found is not None
    assert found.waiting
    return filed.request.id


async def waiting(at: House, request_id: str) -> bool:
    found = await at.desk.get(request_id)
    assert found is not None
    return found.waiting


async def test_a_new_process_forgets_what_it_held_before(at: House) -> None:
    mine = await waits(at, at.desk, "one")
    await Sweeper(at.desk).begin()
    assert not await waiting(at, mine)


async def test_a_process_that_starts_alone_forgets_what_any_process_held(at: House) -> None:
    other = await waits(at, at.another("before the crash"), "before the crash")
    await Sweeper(at.desk).begin()
    assert await waiting(at, other) is (at.db.dialect == "postgresql")


async def test_a_process_that_starts_alone_ends_what_a_dead_one_was_running(at: House) -> None:
    running = await at.running()
    sweeper = Sweeper(at.another("after the crash"))
    await sweeper.begin()
    await sweeper.sweep()
    alone = at.db.dialect == "sqlite"
    assert (await at.now(running)).state is (State.UNKNOWN if alone else State.EXECUTING)


async def test_a_process_that_starts_alone_sends_the_cards_a_dead_one_was_sending(at: House) -> None:
    asked = await at.file()
    lease = timedelta(seconds=90)
    await at.db.write(lambda tx: tx.messages.announce(asked.id, [("slack", "#money")], asked.revision, tx.now))
    await at.db.write(lambda tx: tx.messages.take_due("before the crash", tx.now, lease, 10))
    await Sweeper(at.another("after the crash")).begin()
    taken = await at.db.write(lambda tx: tx.messages.take_due("after the crash", tx.now, lease, 10))
    # On PostgreSQL another replica may still be sending them: they wait for the lease.
    assert bool(taken) is (at.db.dialect == "sqlite")


async def test_what_a_dead_replica_held_is_not_shown_as_waiting(at: House) -> None:
    other = await waits(at, at.another("two"), "two")
    at.clock.move(seconds=14)
    assert await waiting(at, other)
    at.clock.move(seconds=2)
    assert not await waiting(at, other)


async def test_a_process_that_leaves_in_order_holds_nothing(at: House) -> None:
    mine = await waits(at, at.desk, "one")
    await Sweeper(at.desk).leave()
    assert not await waiting(at, mine)
    assert await at.db.read(lambda tx: tx.replicas.live(tx.now)) == frozenset()


async def test_tidying_forgets_replicas_of_yesterday(at: House) -> None:
    sweeper = Sweeper(at.desk)
    await sweeper.beat()
    at.clock.move(days=2)
    await sweeper.tidy()
    at.clock.move(days=-2)
    assert await at.db.read(lambda tx: tx.replicas.live(tx.now)) == frozenset()
