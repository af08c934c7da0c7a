"""Who watches a request is woken when it changes, whichever process changed it.

A wake-up is a hint: the watcher reads the row, which is the truth, so one too many costs a question and one too
few is made good by a poll. A watch is one small object and, while somebody waits, one future: no task, no timer
unless a timeout is given, so ten thousand at once are normal. Commits of this process are published by
`Database.on_commit`; LocalBus and PostgresBus differ in how they hear of the others'.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from types import TracebackType

from approvals.errors import Unavailable
from approvals.storage.engine import Database
from approvals.storage.notices import LISTEN_FAILURES, listen
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

LOCAL_POLL_SECONDS = 0.5
POSTGRES_POLL_SECONDS = 2.0
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.1, 5.0
CHECK_SECONDS = 10.0
"""How often a silent listening connection is asked whether it is still there."""
LOOK_BACK_POLLS = 5
"""How many polls back a row may still appear behind one that was seen, because its transaction took longer."""
BATCH = 5_000
"""Most ledger rows read at once."""
REQUEST_PREFIX = "req_"


class Watch:
    """Remembers that its subject has changed since it was last asked. Use it as `async with`."""

    __slots__ = ("_bus", "_changed", "_future", "subject")

    def __init__(self, bus: Bus, subject: str | None) -> None:
        self.subject = subject
        self._bus = bus
        self._changed = False
        self._future: asyncio.Future[bool] | None = None

    async def __aenter__(self) -> Watch:
        self._bus._add(self)  # noqa: SLF001 - the two are one thing
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bus._remove(self)  # noqa: SLF001

    async def changed(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - one timer handle, not a scope
        """Wait for a change since the last call, or since the watch began. False: `timeout` seconds went by."""
        if self._changed:
            self._changed = False
            return True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._future = future
        timer = loop.call_later(timeout, _give_up, future) if timeout is not None else None
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._changed = True  # it came in the same moment: not to be lost with the wait
            raise
        finally:
            self._future = None
            if timer is not None:
                timer.cancel()

    def take(self) -> bool:
        """Has it changed since the last call? Without waiting."""
        changed, self._changed = self._changed, False
        return changed

    def wake(self) -> None:
        """Note a change, and wake whoever waits."""
        if self._future is not None and not self._future.done():
            self._future.set_result(True)
        else:
            self._changed = True


def _give_up(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_result(False)


class Bus:
    """Publish and subscribe by subject: a request's id, or `agents`, `people`, `switches`, `policies`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._by_subject: dict[str, list[Watch]] = {}
        self._of_all: dict[Watch, None] = {}
        db.on_commit = self.publish

    def watch(self, subject: str) -> Watch:
        """A watch of one subject, from the moment it is entered."""
        return Watch(self, subject)

    def watch_all(self) -> Watch:
        """A watch of every change whatever."""
        return Watch(self, None)

    def publish(self, subjects: Iterable[str]) -> None:
        """Wake the watchers of some subjects."""
        any_at_all = False
        for subject in subjects:
            any_at_all = True
            for watch in self._by_subject.get(subject, ()):
                watch.wake()
        if any_at_all:
            for watch in self._of_all:
                watch.wake()

    def publish_everything(self) -> None:
        """Wake everybody: much, or nobody knows what, may have changed."""
        for watch in self._of_all:
            watch.wake()
        for watches in self._by_subject.values():
            for watch in watches:
                watch.wake()

    async def run(self) -> None:
        """Hear what other processes commit, until cancelled."""
        raise NotImplementedError

    def _publish_elsewhere(self, requests: Iterable[str]) -> None:
        """Another process has committed: we know which requests it moved, and of the rest only that it may have."""
        self.publish(requests)
        for watch in self._of_all:
            watch.wake()
        for subject, watches in self._by_subject.items():
            if not subject.startswith(REQUEST_PREFIX):
                for watch in watches:
                    watch.wake()

    def _add(self, watch: Watch) -> None:
        if watch.subject is None:
            self._of_all[watch] = None
        else:
            self._by_subject.setdefault(watch.subject, []).append(watch)

    def _remove(self, watch: Watch) -> None:
        if watch.subject is None:
            del self._of_all[watch]
            return
        watches = self._by_subject[watch.subject]
        watches.remove(watch)
        if not watches:
            del self._by_subject[watch.subject]


class LocalBus(Bus):
    """The bus over SQLite: one service process, beside which commands come and go.

    The poll goes through the writer's own connection: only there does `data_version` stand still for our own
    commits, so that a busy service is not woken twice a second by itself.
    """

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._version: int | None = None
        self._last_row = 0

    async def run(self) -> None:
        """Ask twice a second whether somebody else has committed."""
        while True:
            try:
                await self.poll()
            except Unavailable:
                log.warning("bus poll failed")
            await asyncio.sleep(LOCAL_POLL_SECONDS)

    async def poll(self) -> None:
        """Ask once, and wake those whom another process's commit concerns."""
        version, last_row, moved = await self._db.write(self._look)
        before, self._version, self._last_row = self._version, version, last_row
        if before is None:
            self.publish_everything()
        elif version != before:
            self._publish_elsewhere(moved)

    def _look(self, tx: Tx) -> tuple[int, int, frozenset[str]]:
        version, last_row = tx.notices.data_version(), tx.requests.last_event_id()
        if self._version is None or version == self._version:
            return version, last_row, frozenset()
        moved: set[str] = set()
        row = self._last_row
        while row < last_row:
            rows = tx.requests.events_after(row, BATCH)
            moved.update(request for _, request, _ in rows)
            row = rows[-1][0]
        return version, last_row, frozenset(moved)


class PostgresBus(Bus):
    """The bus over PostgreSQL: any number of replicas, which hear each other's commits by LISTEN.

    A poll of the ledger backs it. Rows are numbered before they are committed, so one can appear behind another;
    the poll looks a few polls back and remembers which rows it has seen.
    """

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._marks: deque[int] = deque(maxlen=LOOK_BACK_POLLS)
        self._seen: set[int] = set()
        self._lost = asyncio.Event()
        self.listening = asyncio.Event()
        """Set while notices are heard."""

    async def run(self) -> None:
        """Listen, and poll."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen_always(), name="bus listener")
            group.create_task(self._poll_always(), name="bus poll")

    async def _listen_always(self) -> None:
        pause = FIRST_RETRY_SECONDS
        while True:
            self._lost.clear()
            try:
                async with listen(self._db.address, self._hear, self._lost.set) as check:
                    self.listening.set()
                    pause = FIRST_RETRY_SECONDS
                    # What was said while nobody listened: the poll knows the requests, nobody the rest.
                    self._publish_elsewhere(())
                    while not await self._lost_within(CHECK_SECONDS):
                        await check()
            except LISTEN_FAILURES as error:
                log.warning("bus cannot listen", extra={"error": type(error).__name__, "retry_seconds": pause})
            finally:
                self.listening.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_RETRY_SECONDS)

    async def _lost_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._lost.wait()
        except TimeoutError:
            return False

    def _hear(self, origin: str, subject: str) -> None:
        if origin != self._db.origin:
            self.publish((subject,))

    async def _poll_always(self) -> None:
        while True:
            try:
                await self.poll()
            except Unavailable:
                log.warning("bus poll failed")
            await asyncio.sleep(POSTGRES_POLL_SECONDS)

    async def poll(self) -> None:
        """Ask once for ledger rows not seen before, and wake the watchers of their requests."""
        if not self._marks:
            self._marks.append(await self._db.read(lambda tx: tx.requests.last_event_id()))
        floor = self._marks[0]
        rows = await self._db.read(lambda tx: tx.requests.events_after(floor, BATCH))
        fresh = {request for row, request, _ in rows if row not in self._seen}
        # A full batch means a flood: go on from its end at the next poll rather than read it again.
        newest = rows[-1][0] if rows else floor
        if len(rows) == BATCH:
            self._marks.clear()
        self._marks.append(newest)
        self._seen = {row for row, _, _ in rows if row > self._marks[0]}
        self.publish(fresh)


def bus_for(db: Database) -> LocalBus | PostgresBus:
    """The bus that fits a database."""
    return PostgresBus(db) if db.dialect == "postgresql" else LocalBus(db)
