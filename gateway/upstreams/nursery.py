"""The loops of one upstream (standing streams, child processes): they live as long as its `run` does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from gateway.upstreams import NoAnswer, Unsent
from gateway.upstreams.listening import Listening

log = logging.getLogger(__name__)

_BEGIN_SECONDS = 1.0


class Nursery:
    """Starts loops while it is open. A loop catches what it expects; what it does not ends all of them."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._opened = asyncio.Event()
        self._loops: set[asyncio.Task[None]] = set()

    async def hold(self, until: asyncio.Event) -> None:
        """Be open until then; ends every loop."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._opened.set()
            try:
                await until.wait()
            finally:
                self._group = None
                self._opened.clear()
                for loop in list(self._loops):
                    loop.cancel()

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None] | None:
        """Start a loop; None when it is not open."""
        if self._group is None:
            return None
        loop = self._group.create_task(work())
        self._loops.add(loop)
        loop.add_done_callback(self._loops.discard)
        return loop

    async def spawn_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None] | None:
        """The same for who may come a moment before `run` has begun."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_BEGIN_SECONDS):
                await self._opened.wait()
        return self.spawn(work)


async def keep_up(
    listening: Listening, once: Callable[[Listening], Awaitable[bool]], *, name: str, waits: tuple[float, float]
) -> None:
    """Follow a subscription again and again. `once` says whether it is worth coming back soon."""
    least, most = waits
    pause, now = least, asyncio.get_running_loop().time
    while True:
        began, soon = now(), True
        try:
            soon = await once(listening)
        except (Unsent, NoAnswer) as err:
            listening.settled.set()
            log.debug("subscription at upstream ended: %s", err, extra={"server": name})
        pause = most if not soon else least if now() - began > most else min(pause * 2, most)
        await asyncio.sleep(pause)
