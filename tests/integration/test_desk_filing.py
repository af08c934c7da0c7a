"""Filing over real databases: one open request a call, outcomes told once, caps exact under a race."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.model import Cause, State
from approvals.errors import Invalid, QueueFull
from approvals.filing import Caps, Filed, FiledAs
from approvals.storage.requests import Query
from approvals.testing import samples
from tests.fakes.desk import ROUTES, House, filing, house, returned


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url, caps=Caps(per_agent=3, per_tool=5, total=8)) as made:
        yield made


async def again(at: House, **changes: object) -> Filed:
    return await at.desk.file(filing(**changes))  # type: ignore[arg-type]


async def test_a_new_call_is_saved_with_the_messages_it_owes(at: House) -> None:
    filed = await again(at, justification="the month ends")
    assert filed.kind is FiledAs.SAVED
    assert await at.now(filed.request) == filed.request
    rows = await at.db.read(lambda tx: tx.messages.for_request(filed.request.id))
    assert [(row.channel, row.target, row.wanted_revision, row.state) for row in rows] == [
        (channel, target, 1, "queued") for channel, target in sorted(ROUTES)
    ]


async def test_the_same_call_joins_while_it_is_open_and_other_arguments_do_not(at: House) -> None:
    first = await again(at)
    assert await again(at) == Filed(kind=FiledAs.JOINED, request=first.request)
    await at.approve(first.request)
    assert (await again(at)).kind is FiledAs.JOINED
    await at.claim(first.request)
    assert (await again(at)).kind is FiledAs.JOINED
    assert (await at.desk.file(filing({"quantity": 2}))).kind is FiledAs.SAVED
    assert (await again(at, agent="other")).kind is FiledAs.SAVED


async def test_of_fifty_same_calls_at_once_one_is_saved(at: House) -> None:
    filed = await asyncio.gather(*(again(at) for _ in range(50)))
    assert sorted(f.kind for f in filed).count(FiledAs.SAVED) == 1
    assert len({f.request.id for f in filed}) == 1
    assert len(await at.desk.search(Query())) == 1


async def test_an_outcome_nobody_was_told_is_told_to_the_first_repeat(at: House) -> None:
    done = await at.succeeded()
    at.clock.move(minutes=14)
    assert await again(at) == Filed(kind=FiledAs.COLLECT, request=done)
    await at.desk.told(done.id)
    assert (await again(at)).kind is FiledAs.SAVED


async def test_an_outcome_is_kept_for_its_agent_only_so_long(at: House) -> None:
    await at.succeeded()
    at.clock.move(minutes=15)
    assert (await again(at)).kind is FiledAs.SAVED


@pytest.mark.parametrize("minutes", [0, 4])
async def test_a_persons_no_is_told_again_during_the_cooldown(at: House, minutes: int) -> None:
    refused = await at.deny(await at.file())
    assert (await again(at)).kind is FiledAs.COLLECT
    await at.desk.told(refused.id)
    at.clock.move(minutes=minutes)
    filed = await again(at)
    assert (filed.kind, filed.request.id) == (FiledAs.COOLDOWN, refused.id)


async def test_after_the_cooldown_people_are_asked_again(at: House) -> None:
    refused = await at.deny(await at.file())
    await at.desk.told(refused.id)
    at.clock.move(minutes=5)
    assert (await again(at)).kind is FiledAs.SAVED
    await at.deny((await again(at)).request)
    assert (await again(at, deny_cooldown=timedelta(0))).kind is FiledAs.COLLECT


async def test_a_timeout_has_no_cooldown(at: House) -> None:
    asked = await at.file()
    at.clock.move(minutes=15)
    ended = await again(at)
    assert (ended.kind, ended.request.id, ended.request.state) == (FiledAs.COLLECT, asked.id, State.EXPIRED)
    await at.desk.told(asked.id)
    assert (await again(at)).kind is FiledAs.SAVED


async def test_what_the_agent_took_back_itself_is_not_told_to_it(at: House) -> None:
    asked = await at.file()
    await at.desk.cancel(asked.id, actor="agent:claude-ada", cause=Cause.CLIENT_CANCELLED)
    assert (await again(at)).kind is FiledAs.SAVED


@pytest.mark.parametrize(
    ("fill", "one_more", "says"),
    [
        pytest.param([("a", "t")] * 3, ("a", "t"), "this agent allows 3", id="per-agent"),
        pytest.param([("a", "t")] * 3 + [("b", "t")] * 2, ("b", "t"), "this tool allows 5", id="per-tool"),
        pytest.param(
            [(a, t) for a, t in ("at", "bu", "cv") for _ in range(3)][:8],
            ("d", "w"),
            "the gateway allows 8",
            id="total",
        ),
    ],
)
async def test_a_full_queue_refuses_and_saves_nothing(
    at: House, fill: list[tuple[str, str]], one_more: tuple[str, str], says: str
) -> None:
    for number, (agent, tool) in enumerate(fill):
        await at.desk.file(filing(call=samples.call({"n": number}, tool=tool), agent=agent))
    agent, tool = one_more
    with pytest.raises(QueueFull, match=says):
        await at.desk.file(filing(call=samples.call({"n": "new"}, tool=tool), agent=agent))
    assert len(await at.desk.search(Query())) == len(fill)
    joined = await at.desk.file(filing(call=samples.call({"n": 0}, tool=fill[0][1]), agent=fill[0][0]))
    assert joined.kind is FiledAs.JOINED


async def test_a_decision_makes_room(at: House) -> None:
    asked = [await at.file({"n": n}) for n in range(3)]
    await at.approve(asked[0])
    assert (await at.desk.file(filing({"n": 3}))).kind is FiledAs.SAVED


async def test_a_cap_is_exact_under_a_race(at: House) -> None:
    calls = (at.desk.file(filing({"n": n})) for n in range(30))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(result, QueueFull) for result in results) == 27
    assert len(await at.desk.search(Query())) == 3


async def test_a_call_filed_as_waiting_is_shown_as_waiting_until_the_last_connection_goes(at: House) -> None:
    await at.db.write(lambda tx: tx.replicas.heartbeat("one", tx.now))
    filed = await again(at, waiting=True)
    joined = await again(at, waiting=True)
    assert (joined.kind, joined.request.waiting) == (FiledAs.JOINED, True)
    await at.desk.attached.detach(filed.request.id)
    assert (await at.now(filed.request)).waiting
    await at.desk.attached.detach(filed.request.id)
    assert not (await at.now(filed.request)).waiting
    await at.desk.attached.attach(filed.request.id)
    assert (await at.now(filed.request)).waiting


async def test_many_connections_coming_and_going_leave_the_truth(at: House) -> None:
    await at.db.write(lambda tx: tx.replicas.heartbeat("one", tx.now))
    asked = await at.file()
    for _ in range(5):
        await asyncio.gather(
            at.desk.attached.attach(asked.id), at.desk.attached.detach(asked.id), at.desk.attached.attach(asked.id)
        )
        assert (await at.now(asked)).waiting
        await at.desk.attached.detach(asked.id)
        assert not (await at.now(asked)).waiting


async def test_the_guess_of_what_a_repeat_may_find_never_misses_our_own(at: House) -> None:
    async def guess() -> bool:
        await at.desk.repeats.refresh()
        return at.desk.repeats.may_find("binance", "new_order")

    assert at.desk.repeats.may_find("binance", "new_order")
    assert not await guess()
    asked = await at.file()
    assert at.desk.repeats.may_find("binance", "new_order")
    assert await guess()
    assert not at.desk.repeats.may_find("binance", "other")
    await at.approve(asked)
    await at.claim(asked)
    done = await at.desk.settle(asked.id, returned())
    assert await guess()
    await at.desk.told(done.id)
    assert not await guess()
    denied = await at.deny(await at.file())
    await at.desk.told(denied.id)
    assert await guess()
    at.clock.move(hours=25)
    assert not await guess()


async def test_the_guess_has_no_gap_while_it_is_read_anew(at: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap of a few milliseconds every two seconds had a running call answered as if nobody had ever made it."""
    repeats, read, seen = at.desk.repeats, at.db.read, []

    async def looked_at(work: Any) -> Any:
        seen.append(repeats.may_find("binance", "new_order"))
        return await read(work)

    await repeats.refresh()
    await at.file()
    monkeypatch.setattr(at.db, "read", looked_at)
    await repeats.refresh()
    assert seen == [True]
    assert repeats.may_find("binance", "new_order")


async def test_a_look_finds_what_a_filing_would_and_saves_nothing(at: House) -> None:
    five = timedelta(minutes=5)
    asked = await at.file()
    assert await at.desk.repeat(asked.call_key, five) == Filed(kind=FiledAs.JOINED, request=asked)
    assert await at.desk.repeat("another", five) is None
    denied = await at.deny(asked)
    assert await at.desk.repeat(asked.call_key, five) == Filed(kind=FiledAs.COLLECT, request=denied)
    await at.desk.told(denied.id)
    found = await at.desk.repeat(asked.call_key, five)
    assert found is not None
    assert (found.kind, found.request.id) == (FiledAs.COOLDOWN, denied.id)
    at.clock.move(minutes=5)
    assert await at.desk.repeat(asked.call_key, five) is None


async def test_a_look_ends_what_is_overdue(at: House) -> None:
    asked = await at.file()
    at.clock.move(hours=200)
    found = await at.desk.repeat(asked.call_key, timedelta(minutes=5))
    assert found is not None
    assert (found.kind, found.request.state) == (FiledAs.COLLECT, State.EXPIRED)


async def test_a_justification_is_bounded(at: House) -> None:
    with pytest.raises(Invalid, match="at most 2000 characters"):
        await again(at, justification="x" * 2001)
