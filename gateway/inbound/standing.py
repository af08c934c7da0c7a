"""The one stream of a session outside of its calls (GET, older eras), and what the session subscribed to.

The listening belongs to the service and not to the handler: a client that loses its connection for a moment misses
nothing, and `resources/subscribe` works before there is a stream. It ends with the session, or when its client has
been away for too long. A second GET takes the stream over from the first, so that each message goes on one only.
"""

from __future__ import annotations

import asyncio
import logging

from approvals.domain.model import Caller
from approvals.errors import Refusal
from gateway.inbound.feed import Feed
from gateway.inbound.gate import Gate
from gateway.inbound.heard import Heard
from gateway.inbound.sessions import Session
from gateway.inbound.sse import Tap
from gateway.protocol.subscriptions import notification
from gateway.upstreams import NoAnswer, Unsent, Wants

log = logging.getLogger(__name__)


class Standing:
    """The standing stream of one session. `run` is its work, for as long as somebody may listen."""

    def __init__(self, gate: Gate, caller: Caller, session: Session) -> None:
        self._gate = gate
        self._caller = caller
        self._session = session
        self._heard = Heard()
        self._ended = False
        self._asked: list[asyncio.Future[Wants | None]] = []
        self.feed = Feed(session.number(self), standing=True)
        session.standing = self

    @property
    def caller(self) -> Caller:
        """Who listens."""
        return self._caller

    async def run(self) -> None:
        """Listen, anew whenever the subscriptions have changed, and send what is heard."""
        session = self._session
        try:
            while not self._heard.over:
                asked, self._asked = self._asked, []
                await self._listen(asked)
        except (Unsent, NoAnswer, Refusal) as err:
            log.info("cannot listen for a session", extra={"server": session.server, "why": str(err)})
        finally:
            self._forget()
            await self.feed.finish(None)

    async def take(self, tap: Tap) -> None:
        """Let a new connection read from now on."""
        if self._ended:
            await tap.begin()
            await tap.end()
            return
        if not self.feed.fresh:
            former, self.feed = self.feed, Feed(self._session.number(self), standing=True)
            self._session.feeds.pop(former.number or 0, None)
            await former.finish(None)
        await self.feed.begin(tap)

    async def changed(self) -> Wants | None:
        """Listen to what the session wants now; what was accepted, None where nothing can be listened to."""
        future: asyncio.Future[Wants | None] = asyncio.get_running_loop().create_future()
        self._asked.append(future)
        self._heard.wake()
        return await future

    def lapse(self) -> None:
        """The client did not come back in time."""
        self.end()

    def end(self) -> None:
        """Stop listening, and end the stream."""
        self._heard.end()

    async def _listen(self, asked: list[asyncio.Future[Wants | None]]) -> None:
        session = self._session
        wants = Wants(tools=True, prompts=True, resources=True, uris=frozenset(session.uris))
        accepted: Wants | None = None
        try:
            async with self._gate.listen(
                self._caller,
                session.server,
                wants,
                session=session.key,
                capabilities=session.capabilities,
                hear=self._heard.hear,
            ) as accepted:
                _tell(asked, accepted)
                while not self._heard.over and not self._asked:
                    for method, params in await self._heard.next():
                        await self.feed.push(notification(method, params))
        finally:
            _tell(asked, None)

    def _forget(self) -> None:
        self._ended = True
        if self._session.standing is self:
            self._session.standing = None
        self._session.feeds.pop(self.feed.number or 0, None)
        _tell(self._asked, None)


def _tell(asked: list[asyncio.Future[Wants | None]], accepted: Wants | None) -> None:
    for future in asked:
        if not future.done():
            future.set_result(accepted)
