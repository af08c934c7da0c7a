"""A client may leave at any moment of being attached to its request: it is never shown as waiting afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from approvals.filing import Filed
from approvals.storage.requests import Query
from gateway.waiting import attached
from gateway.work import Work
from tests.fakes.desk import House, filing, house


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url) as made:
        yield made


def held(filed: Filed) -> str:
    return filed.request.id


async def shown_as_waiting(at: House) -> list[str]:
    await at.db.write(lambda tx: tx.replicas.heartbeat(at.desk.holder, tx.now))
    return [request.id for request in await at.desk.search(Query()) if request.waiting]


async def test_a_client_that_stays_is_attached(at: House) -> None:
    async with asyncio.TaskGroup() as group:
        filed = await attached(Work(group), at.desk, at.desk.file(filing({"n": 1}, waiting=True)), held)
    assert await shown_as_waiting(at) == [filed.request.id]


@pytest.mark.parametrize("joins", [False, True], ids=["files", "joins"])
@pytest.mark.parametrize("steps", [1, 2, 5, 20, 60, None], ids=lambda steps: f"after {steps} steps")
async def test_a_client_that_leaves_meanwhile_is_detached(at: House, steps: int | None, joins: bool) -> None:
    if joins:
        await at.file({"n": 1})
    async with asyncio.TaskGroup() as group:
        work = Work(group)
        job = at.desk.file(filing({"n": 1}, waiting=True))
        client = group.create_task(attached(work, at.desk, job, held))
        if steps is None:
            while not await shown_as_waiting(at):
                pass
        for _ in range(steps or 0):
            await asyncio.sleep(0)
        if client.done():
            await at.desk.attached.detach(client.result().request.id)
        client.cancel()
        await asyncio.wait({client})
        await work.drained(5)
    assert len(await at.desk.search(Query())) == 1
    assert await shown_as_waiting(at) == []
