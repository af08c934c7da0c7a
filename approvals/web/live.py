"""Live updates: Server-Sent Events that name changed requests, out of the event table.

The table is the queue: a stream remembers the last row it has looked at, so replay after a lost
connection (`Last-Event-ID`) and live delivery are one loop, and a slow reader costs no memory. Only ids
go out, and that something was stopped or goes on; the page asks again for what it shows. Somebody who
is too far behind is told to refetch all.
A stream ends when its session does, when the service stops, and when the reader does not read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain import quorum
from approvals.domain.model import Person
from approvals.storage.switches import SUBJECT
from approvals.storage.tx import Tx
from approvals.web.parts import LIVE, PARTS
from approvals.web.problems import Problem
from approvals.web.sessions import VISITOR, Visitor, still_there
from approvals.web.shape import dumps, moment

BATCH = 200
BEHIND_MAX = 500
"""So many rows are replayed one by one; over that the page reads its list again."""
LOOK_BACK = 100
"""On PostgreSQL a row may be committed after one with a higher id: so far back is looked again."""
WRITE_SECONDS = 10
RETRY_MS = 2_000


class Live:
    """The open streams: their number per person, and how to end them all."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()

    @contextlib.contextmanager
    def counted(self, person: str, most: int) -> Iterator[None]:
        """Count one stream while it runs.

        Raises:
            Problem: the person has `most` open already.
        """
        if self._open[person] >= most:
            detail = f"You have {most} live pages open, which is the most. Close one; this page polls meanwhile."
            raise Problem(429, "too_many_streams", detail, headers={"Retry-After": "30"})
        task = asyncio.current_task()
        self._open[person] += 1
        if task is not None:
            self._tasks.add(task)
        try:
            yield
        finally:
            self._open[person] -= 1
            if not self._open[person]:
                del self._open[person]
            if task is not None:
                self._tasks.discard(task)

    def count(self) -> int:
        """How many streams are open."""
        return self._open.total()

    async def end(self, _app: web.Application) -> None:
        """End every stream: the service is stopping, and pages reconnect by themselves."""
        for task in tuple(self._tasks):
            task.cancel()


@dataclass(slots=True)
class Place:
    """How far a stream has looked: the last row, and the rows before it that it knows."""

    last: int
    known: set[int] = field(default_factory=set)

    def take(self, rows: list[tuple[int, str, str]]) -> list[tuple[int, str, str]]:
        """The rows not looked at before; remembers them."""
        new = [row for row in rows if row[0] not in self.known]
        self.known.update(row[0] for row in new)
        self.last = max([self.last, *(row[0] for row in new)])
        self.known = {row for row in self.known if row > self.last - LOOK_BACK}
        return new


@access(Access.PERSON)
async def events(request: web.Request) -> web.StreamResponse:
    """The stream of one page."""
    parts, visitor = request.app[PARTS], request[VISITOR]
    with request.app[LIVE].counted(visitor.person.id, parts.settings.streams_per_person):
        response = web.StreamResponse()
        response.content_type, response.charset = "text/event-stream", "utf-8"
        response.headers["X-Accel-Buffering"] = "no"
        stream = _Stream(request, response, visitor)
        with contextlib.suppress(ConnectionError, TimeoutError):
            await stream.run()
        return response


class _Stream:
    def __init__(self, request: web.Request, response: web.StreamResponse, visitor: Visitor) -> None:
        self._request, self._response, self._visitor = request, response, visitor
        self._parts = request.app[PARTS]
        self._clock = asyncio.get_running_loop().time
        self._written = self._clock()
        self._place = Place(last=0)

    async def run(self) -> None:
        """Send until the reader, the session or the service is gone."""
        every = self._parts.settings.heartbeat_seconds
        bus = self._parts.desk.bus
        async with bus.watch_all() as watch, bus.watch(SUBJECT) as stops:
            behind = await self._find_place()
            # The place is known before the stream opens, so a reader that looks once it is open misses nothing.
            await self._response.prepare(self._request)
            await self._greet(refetch=behind)
            while await self._send_new():
                if stops.take():
                    await self._event("message", {"kind": "stops"})
                quiet = self._clock() - self._written
                if quiet >= every:
                    await self._heartbeat()
                    quiet = 0.0
                    if not await self._still_allowed():
                        return
                await watch.changed(every - quiet)

    async def _find_place(self) -> bool:
        """Where to begin; whether the reader is too far behind for a replay."""
        after = _last_event_id(self._request)

        def look(tx: Tx) -> tuple[int, list[tuple[int, str, str]]]:
            newest = tx.requests.last_event_id()
            start = newest if after is None or newest - after > BEHIND_MAX or after > newest else after
            return newest, tx.requests.events_after(max(0, start - LOOK_BACK), LOOK_BACK)

        newest, before = await self._parts.db.read(look)
        behind = after is not None and (newest - after > BEHIND_MAX or after > newest)
        start = newest if after is None or behind else after
        self._place = Place(last=start, known={row[0] for row in before if row[0] <= start})
        return behind

    async def _greet(self, *, refetch: bool) -> None:
        await self._write(f"retry: {RETRY_MS}\n\n")
        if refetch:
            await self._event("message", {"kind": "refetch"}, row=self._place.last)
        await self._heartbeat()

    async def _send_new(self) -> bool:
        """Send what has happened; False when the person may not read any more."""
        while True:
            since = max(0, self._place.last - LOOK_BACK)
            rows = await self._parts.db.read(lambda tx, s=since: tx.requests.events_after(s, BATCH))  # type: ignore[misc]
            new = self._place.take(rows)
            if not new:
                return True
            if not await self._still_allowed():
                return False
            await self._tell(new)

    async def _tell(self, rows: list[tuple[int, str, str]]) -> None:
        newest = {request: row for row, request, _ in rows}
        seen = await self._parts.db.read(lambda tx: _visible(tx, self._visitor.person, list(newest)))
        for request, row in sorted(newest.items(), key=lambda item: item[1]):
            if request in seen:
                await self._event("message", {"kind": "request", "id": request}, row=row)

    async def _still_allowed(self) -> bool:
        person = await still_there(self._request, self._visitor)
        if person is None:
            return False
        self._visitor = replace(self._visitor, person=person)
        return True

    async def _heartbeat(self) -> None:
        now = await self._parts.db.read(lambda tx: tx.now)
        await self._event("heartbeat", {"kind": "heartbeat", "server_time": moment(now)})

    async def _event(self, kind: str, data: dict[str, Any], *, row: int | None = None) -> None:
        mark = "" if row is None else f"id: {row}\n"
        name = "" if kind == "message" else f"event: {kind}\n"
        await self._write(f"{mark}{name}data: {dumps(data).decode()}\n\n")

    async def _write(self, text: str) -> None:
        async with asyncio.timeout(WRITE_SECONDS):
            await self._response.write(text.encode())
        self._written = self._clock()


def _visible(tx: Tx, person: Person, ids: list[str]) -> set[str]:
    found = (tx.requests.get(one) for one in ids)
    return {one.id for one in found if one is not None and quorum.may_see(person, one)}


def _last_event_id(request: web.Request) -> int | None:
    sent = request.headers.get("Last-Event-ID", "")
    return int(sent) if sent.isascii() and sent.isdigit() and len(sent) <= 18 else None
