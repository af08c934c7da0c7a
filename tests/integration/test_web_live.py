"""The live feed: ids only, replay, what is too far behind, who may hear of what, and how a stream ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientResponse

from approvals.domain.model import Person, PersonId, Role
from approvals.storage.engine import Database
from approvals.web import live
from tests.fakes.keys import VAULT
from tests.fakes.web import ADA, EVE, VERA, Clock, Console, Session, serving


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def beating(sqlite_url: str, clock: Clock) -> AsyncIterator[Console]:
    """A console whose heart beats all the time."""
    async with Database.opened(sqlite_url, VAULT, clock=clock) as db, serving(db, heartbeat_seconds=0.01) as running:
        yield running


@dataclass
class Feed:
    """An open stream and what came of it."""

    response: ClientResponse
    fields: list[dict[str, str]] = field(default_factory=list)

    async def next(self, kind: str = "request") -> dict[str, Any]:
        """The next event of a kind, as its fields and data."""
        async with asyncio.timeout(5):
            while True:
                block = await self._block()
                if f'"kind":"{kind}"' in block.get("data", ""):
                    return block

    async def ends(self) -> bool:
        """Does the server close the stream?"""
        async with asyncio.timeout(5):
            with contextlib.suppress(Exception):
                while await self._block():
                    pass
        return True

    async def _block(self) -> dict[str, str]:
        found: dict[str, str] = {}
        async for line in self.response.content:
            text = line.decode().rstrip("\n")
            if not text and found:
                return found
            name, _, value = text.partition(": ")
            found[name] = value
        return found


@contextlib.asynccontextmanager
async def listening(console: Console, who: Session, **headers: str) -> AsyncIterator[Feed]:
    sent = {"Cookie": who.cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with console.http.get(f"{console.url}/api/v1/events", headers=sent) as response:
        assert response.status == 200, await response.text()
        yield Feed(response)


async def test_a_change_is_named_by_id_and_nothing_else(console: Console) -> None:
    async with listening(console, await console.sign_in(ADA)) as feed:
        assert feed.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert feed.response.headers["Cache-Control"] == "no-store"
        await feed.next("heartbeat")
        request = await console.file({"secret": "x"})
        got = await feed.next()
        assert got["data"] == f'{{"kind":"request","id":"{request.id}"}}'
        assert got["id"].isdigit()


async def test_what_was_missed_is_replayed_after_the_last_event_seen(console: Console) -> None:
    ada = await console.sign_in(ADA)
    async with listening(console, ada) as feed:
        await feed.next("heartbeat")
        first = await console.file()
        seen = (await feed.next())["id"]
    second, third = await console.file(), await console.file()
    async with listening(console, ada, Last_Event_ID=seen) as feed:
        got = [(await feed.next())["data"] for _ in range(2)]
        assert [second.id in got[0], third.id in got[1]] == [True, True]
        assert not any(first.id in one for one in got)


@pytest.mark.parametrize("last", ["999999999", "1"], ids=["a server that was reset", "too far behind"])
async def test_a_place_we_cannot_go_on_from_means_refetch(
    console: Console, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    monkeypatch.setattr(live, "BEHIND_MAX", 2)
    for _ in range(5):
        await console.file()
    async with listening(console, await console.sign_in(ADA), Last_Event_ID=last) as feed:
        got = await feed.next("refetch")
        assert int(got["id"]) == await console.db.read(lambda tx: tx.requests.last_event_id())
        request = await console.file()
        assert request.id in (await feed.next())["data"]


@pytest.mark.parametrize("last", ["x", "-1", "1" * 30, "\u0661"])
async def test_a_last_event_id_that_is_none_starts_now(console: Console, last: str) -> None:
    await console.file()
    async with listening(console, await console.sign_in(ADA), Last_Event_ID=last) as feed:
        await feed.next("heartbeat")
        request = await console.file()
        assert request.id in (await feed.next())["data"]


async def test_nobody_hears_of_what_they_may_not_see(console: Console) -> None:
    async with listening(console, await console.sign_in(EVE)) as feed:
        await feed.next("heartbeat")
        hidden = await console.file()
        own = await console.file(owner=EVE)
        got = (await feed.next())["data"]
        assert own.id in got
        assert hidden.id not in got


async def test_a_row_committed_behind_a_later_one_is_still_told() -> None:
    place = live.Place(last=10, known={9, 10})
    assert place.take([(9, "req_a", "filed"), (10, "req_a", "voted"), (12, "req_b", "filed")]) == [
        (12, "req_b", "filed")
    ]
    assert place.take([(11, "req_c", "filed"), (12, "req_b", "filed")]) == [(11, "req_c", "filed")]
    assert place.take([(11, "req_c", "filed"), (12, "req_b", "filed")]) == []
    assert place.last == 12


async def test_a_burst_longer_than_one_look_is_told_whole(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BATCH", 25)
    monkeypatch.setattr(live, "LOOK_BACK", 20)  # more than write at once, so that none is committed too late to be seen
    ada = await console.sign_in(ADA)
    async with listening(console, ada) as feed:
        await feed.next("heartbeat")
        filed = await asyncio.gather(*(console.file() for _ in range(40)))
        told = [(await feed.next())["data"] for _ in range(40)]
        assert {one.id for one in filed} == {one.split('"')[-2] for one in told}


async def test_a_sixth_stream_of_one_person_is_refused_and_a_closed_one_makes_room(console: Console) -> None:
    ada = await console.sign_in(ADA)
    async with contextlib.AsyncExitStack() as stack:
        feeds = [await stack.enter_async_context(listening(console, ada)) for _ in range(5)]
        refused = await console.get("/api/v1/events", ada)
        assert (refused.status, refused.json()["code"]) == (429, "too_many_streams")
        async with listening(console, await console.sign_in(VERA)) as other:
            await other.next("heartbeat")
        feeds[0].response.close()
        async with asyncio.timeout(5):
            while (await console.get("/api/v1/me", ada)).status == 200:
                async with console.http.get(f"{console.url}/api/v1/events", headers={"Cookie": ada.cookie}) as again:
                    if again.status == 200:
                        break


async def test_the_heart_beats_with_the_servers_time(beating: Console) -> None:
    async with listening(beating, await beating.sign_in(ADA)) as feed:
        for _ in range(3):
            got = await feed.next("heartbeat")
            assert got["event"] == "heartbeat"
            assert got["data"] == '{"kind":"heartbeat","server_time":"2026-11-24T10:00:00.000Z"}'
            assert "id" not in got


async def test_a_stream_ends_with_its_session(beating: Console, clock: Clock) -> None:
    ada = await beating.sign_in(ADA)
    async with listening(beating, ada) as feed:
        await feed.next("heartbeat")
        clock.forward(hours=25)
        assert await feed.ends()


async def test_a_stream_ends_when_its_person_is_removed_before_anything_more_is_told(console: Console) -> None:
    mallory = Person(id=PersonId("mallory@example.com"), roles=frozenset({Role.VIEWER}))
    await console.add(mallory)
    async with listening(console, await console.sign_in(mallory.id)) as feed:
        await feed.next("heartbeat")
        await console.db.write(lambda tx: tx.people.remove(mallory.id))
        request = await console.file()
        rest = await feed.response.content.read()
        assert request.id.encode() not in rest


async def test_streams_end_when_the_service_stops(beating: Console) -> None:
    async with listening(beating, await beating.sign_in(ADA)) as feed, asyncio.timeout(10):
        await feed.next("heartbeat")
        await beating.stop()
        assert await feed.ends()
