"""Work that outlives the handler that asked for it.

A handler waits, the service works: an execution is a child of the service's TaskGroup, and the
handler awaits a plain future of its result. A client that disconnects cancels that future, never
the call that was already sent (house.md 2.5). Loops are supervised here too: one that raises is
logged, counted and started again with back-off, instead of ending its siblings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
PATIENCE_SECONDS = 5.0
"""How long one server of several may keep what the others have waiting."""
_BACKOFF_MAX_SECONDS = 30.0


async def enough(jobs: Collection[asyncio.Future[T]], *, patience: float, good: Callable[[T], bool]) -> None:
    """Wait for all jobs, but for no more than `patience` seconds once one of several has a good result."""
    if len(jobs) > 1:
        await asyncio.wait(jobs, timeout=patience)
    while waiting := [job for job in jobs if not job.done()]:
        if any(job.done() and good(job.result()) for job in jobs):
            return
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[T]):
    """A job of the service: `done` is its result, and may be abandoned."""

    done: asyncio.Future[T]
    task: asyncio.Task[None]

    def cancel(self) -> None:
        """End it."""
        self.task.cancel()


class Work:
    """The service's TaskGroup, as the parts of the gateway see it."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: set[asyncio.Task[None]] = set()
        self._loops: set[asyncio.Task[None]] = set()

    def run(self, job: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """Start a job as a child of the service; the future may be abandoned, the job goes on."""
        return self.begin(job).done

    def begin(self, job: Coroutine[Any, Any, T]) -> Job[T]:
        """Start a job that its owner may also end."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = self._group.create_task(_settle(job, future))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return Job(done=future, task=task)

    def start(self, job: Coroutine[Any, Any, object]) -> None:
        """Start a job nobody waits for; a failure is logged."""
        task = self._group.create_task(_alone(job))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def loop(self, name: str, body: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run a standing loop until it is cancelled, starting it again when it raises."""
        task = self._group.create_task(_supervise(name, body), name=name)
        self._loops.add(task)
        task.add_done_callback(self._loops.discard)
        return task

    async def drained(self, seconds: float) -> None:
        """Wait until no job is running, at most this long."""
        until = asyncio.get_running_loop().time() + seconds
        while self._running and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(set(self._running), timeout=left)

    def cancel(self) -> None:
        """End the loops, and what has not ended by itself."""
        for task in (*self._loops, *self._running):
            task.cancel()


async def _settle(job: Coroutine[Any, Any, T], future: asyncio.Future[T]) -> None:
    try:
        value = await job
    except asyncio.CancelledError:
        future.cancel()
        raise
    except Exception as err:
        if future.done():
            log.exception("job failed after its caller had gone")
        else:
            future.set_exception(err)
        return
    if not future.done():
        future.set_result(value)


async def _alone(job: Coroutine[Any, Any, object]) -> None:
    try:
        await job
    except Exception:  # the edge of a job: it must not end the service
        log.exception("job failed")


async def _supervise(name: str, body: Callable[[], Awaitable[None]]) -> None:
    pause = 0.5
    while True:
        try:
            await body()
        except Exception:  # the edge of a loop: it is logged and begins again
            log.exception("loop failed", extra={"loop": name, "again_in_seconds": pause})
            await asyncio.sleep(pause)
            pause = min(pause * 2, _BACKOFF_MAX_SECONDS)
        else:
            return
