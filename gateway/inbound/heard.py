"""What a standing subscription has heard and not sent yet.

Upstreams speak at their own pace, clients read at theirs: the same news twice is told once, and of too much the oldest
is dropped, because news only says that something has to be read again.
"""

from __future__ import annotations

import asyncio
import logging

from gateway.protocol.subscriptions import CHANGES, MAX_NOTE_BYTES, TASK_CHANGED

log = logging.getLogger(__name__)

MOST_PENDING = 1_000

News = tuple[str, bytes]
"""A notification: its method and the text of its params."""


class Heard:
    """News in the order of their last coming. `over` ends whoever waits for more."""

    def __init__(self) -> None:
        self.over = False
        self._pending: dict[News, None] = {}
        self._wake = asyncio.Event()

    def hear(self, method: str, params: bytes) -> None:
        """Take a change an upstream tells of."""
        if method in CHANGES and len(params) <= MAX_NOTE_BYTES:
            self._add((method, params))

    def hear_task(self, task: bytes) -> None:
        """Take the new state of a task."""
        self._add((TASK_CHANGED, task))

    def wake(self) -> None:
        """Make who waits look around."""
        self._wake.set()

    def end(self) -> None:
        """There will be no more."""
        self.over = True
        self._wake.set()

    async def next(self) -> list[News]:
        """What has come since; empty when somebody woke us for another reason."""
        await self._wake.wait()
        self._wake.clear()
        news, self._pending = list(self._pending), {}
        return news

    def _add(self, news: News) -> None:
        self._pending.pop(news, None)
        self._pending[news] = None
        if len(self._pending) > MOST_PENDING:
            del self._pending[next(iter(self._pending))]
            log.warning("a client reads news too slowly, the oldest is dropped", extra={"pending": MOST_PENDING})
        self._wake.set()
