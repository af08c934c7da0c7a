"""Watchers are woken: by this process, by another connection, by another process, and after a lost connection."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from approvals.bus import BATCH, Bus, LocalBus, PostgresBus, bus_for
from approvals.domain import lifecycle
from approvals.domain.model import ApprovalRequest
from approvals.storage import migrate
from approvals.storage.engine import Database
from tests.fakes.keys import VAULT
from tests.fakes.postgres import Cluster
from tests.fakes.processes import at_the_line
from tests.fakes.requests import approved, denied, make_request

PATIENCE = 5.0
"""Seconds that a wake-up may take at most."""


@pytest.fixture
async def bus(database: Database) -> AsyncIterator[Bus]:
    """A bus that runs, on either database."""
    bus = bus_for(database)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bus.run())
        if isinstance(bus, PostgresBus):
            async with asyncio.timeout(PATIENCE * 2):
                await bus.listening.wait()
        yield bus
        running.cancel()


async def file(db: Database) -> ApprovalRequest:
    request = make_request()
    assert await db.write(lambda tx: tx.requests.insert(request, lifecycle.filed(request)))
    return request


async def test_a_commit_wakes_who_watches_the_request_and_nobody_else(database: Database) -> None:
    bus = bus_for(database)
    request, other = await file(database), await file(database)
    async with bus.watch(request.id) as watch, bus.watch(other.id) as unmoved, bus.watch_all() as everything:
        await database.write(lambda tx: tx.requests.commit(denied(request)))
        assert await watch.changed(PATIENCE)
        assert await everything.changed(PATIENCE)
        assert not await unmoved.changed(0)


async def test_a_change_between_two_waits_is_not_lost(database: Database) -> None:
    bus = bus_for(database)
    async with bus.watch("req_1") as watch:
        bus.publish(["req_1"])
        bus.publish(["req_1"])
        assert await watch.changed(PATIENCE)
        assert not await watch.changed(0), "two changes before a wait are one"


async def test_a_wait_that_is_cancelled_in_the_moment_of_a_change_keeps_it(sqlite_url: str) -> None:
    async with Database.opened(sqlite_url, VAULT) as db:
        bus = bus_for(db)
        async with bus.watch("req_1") as watch, asyncio.TaskGroup() as group:
            waiting = group.create_task(watch.changed())
            await asyncio.sleep(0)
            bus.publish(["req_1"])
            waiting.cancel()
        assert waiting.cancelled()
        assert await watch.changed(0)


async def test_a_watch_that_has_ended_hears_nothing(database: Database) -> None:
    bus = bus_for(database)
    async with bus.watch("req_1") as first, bus.watch("req_1") as second, bus.watch_all() as third:
        pass
    bus.publish(["req_1"])
    bus.publish_everything()
    for watch in (first, second, third):
        assert not await watch.changed(0)


async def test_everybody_is_woken_when_anything_may_have_changed(database: Database) -> None:
    bus = bus_for(database)
    async with bus.watch("req_1") as one, bus.watch("agents") as two, bus.watch_all() as three:
        bus.publish_everything()
        assert [await watch.changed(0) for watch in (one, two, three)] == [True] * 3


async def test_ten_thousand_watches_are_small_need_no_task_and_are_all_woken(sqlite_url: str) -> None:
    count = 10_000
    async with Database.opened(sqlite_url, VAULT) as db:
        bus = bus_for(db)
        before = len(asyncio.all_tasks())
        gc.collect()
        tracemalloc.start()
        watches = [await bus.watch(f"req_{number}").__aenter__() for number in range(count)]
        each = tracemalloc.get_traced_memory()[0] / count
        tracemalloc.stop()
        assert len(asyncio.all_tasks()) == before
        assert each < 1024, f"{each:.0f} bytes a watch"
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(watch.changed()) for watch in watches]
            await asyncio.sleep(0)
            bus.publish(watch.subject or "" for watch in watches)
        assert all(wait.result() for wait in waits)
        for watch in watches:
            await watch.__aexit__(None, None, None)
        assert not bus._by_subject


async def test_a_commit_of_another_process_wakes_who_watches(database: Database, database_url: str, bus: Bus) -> None:
    request = await file(database)
    await database.write(lambda tx: tx.requests.commit(approved(request)))
    async with (
        bus.watch(request.id) as watch,
        at_the_line([("commit", database_url, request.id)]) as racers,
    ):
        await watch.changed(0)
        assert await racers.go() == ["True"]
        assert await watch.changed(PATIENCE)
    found = await database.read(lambda tx: tx.requests.get(request.id))
    assert found is not None
    assert found.state == "executing"


async def test_a_freeze_by_another_process_wakes_who_watches_switches(database_url: str, bus: Bus) -> None:
    async with (
        bus.watch("switches") as watch,
        bus.watch_all() as everything,
        at_the_line([("freeze", database_url, "-")]) as racers,
    ):
        await watch.changed(0)
        await everything.changed(0)
        assert await racers.go() == ["frozen"]
        assert await watch.changed(PATIENCE)
        assert await everything.changed(PATIENCE)


async def test_our_own_commits_are_not_taken_for_another_process_s(sqlite_url: str) -> None:
    async with Database.opened(sqlite_url, VAULT) as db, Database.opened(sqlite_url, VAULT) as other:
        bus = LocalBus(db)
        await bus.poll()
        async with bus.watch("agents") as watch:
            await file(db)
            await bus.poll()
            assert not await watch.changed(0)
            await file(other)
            await bus.poll()
            assert await watch.changed(0)


async def test_another_process_s_commit_wakes_only_the_requests_it_moved(sqlite_url: str) -> None:
    async with Database.opened(sqlite_url, VAULT) as db, Database.opened(sqlite_url, VAULT) as other:
        bus = LocalBus(db)
        request, unmoved = await file(db), await file(db)
        await bus.poll()
        async with bus.watch(request.id) as watch, bus.watch(unmoved.id) as still:
            await other.write(lambda tx: tx.requests.commit(denied(request)))
            await bus.poll()
            assert await watch.changed(0)
            assert not await still.changed(0)


async def test_the_first_poll_wakes_everybody_because_nobody_knows_what_was_before(sqlite_url: str) -> None:
    async with Database.opened(sqlite_url, VAULT) as db:
        bus = LocalBus(db)
        async with bus.watch("req_1") as watch:
            await bus.poll()
            assert await watch.changed(0)


@pytest.mark.postgres
async def test_a_notice_crosses_connections(postgres_url: str) -> None:
    async with Database.opened(postgres_url, VAULT) as here, Database.opened(postgres_url, VAULT) as there:
        bus = PostgresBus(here)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bus._listen_always())
            await bus.listening.wait()
            async with bus.watch("agents") as watch, bus.watch("people") as other:
                await watch.changed(0)
                await other.changed(0)
                await there.write(lambda tx: tx.touch("agents"))
                assert await watch.changed(PATIENCE)
                assert not await other.changed(0)
            running.cancel()


@pytest.mark.postgres
async def test_our_own_notice_does_not_come_back_to_us(postgres_url: str) -> None:
    async with Database.opened(postgres_url, VAULT) as here, Database.opened(postgres_url, VAULT) as there:
        bus = PostgresBus(here)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bus._listen_always())
            await bus.listening.wait()
            async with bus.watch("agents") as watch, bus.watch("people") as marker:
                await watch.changed(0)
                await marker.changed(0)
                await here.write(lambda tx: tx.touch("agents"))
                assert await watch.changed(0), "told at once, without the server"
                await there.write(lambda tx: tx.touch("people"))
                assert await marker.changed(PATIENCE)
                assert not await watch.changed(0), "notices come in order: ours was before"
            running.cancel()


@pytest.mark.postgres
async def test_a_listener_that_was_cut_off_comes_back(postgres_url: str, postgres_cluster: Cluster) -> None:
    async with Database.opened(postgres_url, VAULT) as here, Database.opened(postgres_url, VAULT) as there:
        bus = PostgresBus(here)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bus._listen_always())
            await bus.listening.wait()
            async with bus.watch("agents") as watch:
                await watch.changed(0)
                assert await postgres_cluster.cut_listeners(postgres_url.split("?")[0].rpartition("/")[2]) == 1
                assert await watch.changed(PATIENCE * 2), "who watched is woken, because something may have been missed"
                await bus.listening.wait()
                await there.write(lambda tx: tx.touch("agents"))
                assert await watch.changed(PATIENCE)
            running.cancel()


@pytest.mark.postgres
async def test_the_poll_finds_what_no_notice_told(postgres_url: str) -> None:
    async with Database.opened(postgres_url, VAULT) as here, Database.opened(postgres_url, VAULT) as there:
        bus = PostgresBus(here)
        await bus.poll()
        request = await file(there)
        async with bus.watch(request.id) as watch:
            await bus.poll()
            assert await watch.changed(0)
            await bus.poll()
            assert not await watch.changed(0), "each row is told once"


@pytest.mark.postgres
async def test_the_poll_finds_a_row_that_appears_behind_a_later_one(
    postgres_url: str, postgres_cluster: Cluster
) -> None:
    """Row numbers are given before COMMIT, so a slow transaction's row shows up late, with a lower number."""
    async with Database.opened(postgres_url, VAULT) as db:
        bus = PostgresBus(db)
        slow_one, fast_one = await file(db), await file(db)
        await bus.poll()
        connection = await postgres_cluster.connect(postgres_url.split("?")[0].rpartition("/")[2])
        insert = (
            "INSERT INTO events (request_id, seq, kind, event, after, actor, at, detail) "
            "VALUES ($1, 9, 'note', 'commented', 'pending', 'x', now(), '{}')"
        )
        slow = connection.transaction()
        await slow.start()
        await connection.execute(insert, slow_one.id)
        await db.write(lambda tx: tx.requests.commit(denied(fast_one)))
        async with bus.watch(slow_one.id) as watch:
            await bus.poll()
            assert not await watch.changed(0)
            await slow.commit()
            await bus.poll()
            assert await watch.changed(0)
        await connection.close()


@pytest.mark.postgres
async def test_a_flood_is_read_in_batches_to_its_end(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BATCH > 1000
    monkeypatch.setattr("approvals.bus.BATCH", 3)
    async with Database.opened(postgres_url, VAULT) as db:
        bus = PostgresBus(db)
        await bus.poll()
        requests = [await file(db) for _ in range(8)]
        async with bus.watch(requests[-1].id) as last:
            for _ in range(3):
                await bus.poll()
            assert await last.changed(0)


async def test_a_poll_that_fails_is_tried_again(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approvals.bus.LOCAL_POLL_SECONDS", 0.01)
    await migrate.upgrade(sqlite_url)
    db = await Database.open(sqlite_url, VAULT)
    await db.close()
    async with Database.opened(sqlite_url, VAULT) as working:
        bus = LocalBus(db)
        async with bus.watch("req_1") as watch, asyncio.TaskGroup() as group:
            running = group.create_task(bus.run())
            assert not await watch.changed(0.05)
            bus._db = working
            assert await watch.changed(PATIENCE)
            running.cancel()
