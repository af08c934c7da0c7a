"""The sessions of one bridge: the client's own, and the one that carries a modern client's tool calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.bridge.door import Door
from gateway.bridge.messages import Answer, Asked
from gateway.bridge.session import Opened, Session, opening_of
from gateway.bridge.standing import Standing


class Sessions:
    """Which session a message belongs to."""

    def __init__(self, door: Door, write: Callable[[bytes], Awaitable[None]], group: asyncio.TaskGroup) -> None:
        self._door = door
        self._write = write
        self._group = group
        self._past: Session | None = None
        self._calls: Session | None = None
        self._standing: asyncio.Task[None] | None = None
        self.client: Session | None = None

    @property
    def opened(self) -> Opened | None:
        """What the client's own session has agreed on."""
        return self.client.opened if self.client is not None else None

    def announce(self, asked: Asked) -> None:
        """The client has said `initialize`: from now on whatever follows waits for its answer."""
        self._past, self.client = self.client, Session(self._door, asked.params)

    async def begin(self, asked: Asked) -> Answer:
        """Pass the client's `initialize` on, in place of the session it had before.

        Raises:
            Unsent, NoAnswer, Refused: there was no answer.
        """
        past, self._past = self._past, None
        if past is not None:
            await past.end()
        session = self.client or Session(self._door, asked.params)
        answer = await session.begin(asked.id)
        if answer.result is not None:
            self._stop_standing()
            self._standing = self._group.create_task(Standing(self._door, session, self._write).follow())
        return answer

    def carrying(self, asked: Asked) -> Session | None:
        """The session a tool call goes through; None for one that goes as the modern request it is."""
        if asked.version is None:
            return self.client
        if asked.modern_only:
            return None
        if self._calls is None:
            self._calls = Session(self._door, opening_of(asked.client))
        return self._calls

    async def end(self) -> None:
        """The client has gone."""
        self._stop_standing()
        for session in (self.client, self._calls):
            if session is not None:
                await session.end()

    def _stop_standing(self) -> None:
        if self._standing is not None:
            self._standing.cancel()
