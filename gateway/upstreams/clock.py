"""The clock of one request: it stands still while the server waits for an answer of its client's.

`Relay.timeout` bounds how long a server may work. How long a person takes to answer a question of the server's is no
fault of it; that is bounded apart, by `Relay.asking`, in all questions of the request together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from gateway.upstreams import Peer, Relay, Result, RpcError
from gateway.upstreams.peers import NOBODY


class Clock:
    """Ends the block with TimeoutError when its time is over, as `asyncio.timeout` does."""

    def __init__(self, relay: Relay) -> None:
        self._left, self._asking = relay.timeout, relay.asking
        self._timeout = asyncio.timeout(relay.timeout)
        self._open, self._since, self._over = 0, 0.0, False

    async def __aenter__(self) -> Clock:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        await self._timeout.__aexit__(kind, error, trace)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """The server waits for the client while this lasts; several questions at once are waited for once."""
        if not self._open:
            now, due = self._now(), self._timeout.when()
            self._left, self._since = max(0.0, (due or now) - now), now
            self._end_in(self._left + self._asking)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                waited = self._now() - self._since
                free = min(waited, self._asking)
                self._asking -= free
                self._end_in(self._left - (waited - free))

    def _end_in(self, seconds: float) -> None:
        # A question that ends because its time is over, or its request is, changes nothing more.
        if not self._over and not self._timeout.expired():
            self._timeout.reschedule(self._now() + seconds)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


class _Timed:
    """A peer whose time to answer is not the server's."""

    def __init__(self, peer: Peer, clock: Clock) -> None:
        self._peer, self._clock = peer, clock
        self.progress, self.message = peer.progress, peer.message
        self.told, self.paused = peer.told, peer.paused

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Ask, with the clock stopped."""
        with self._clock.stopped():
            return await self._peer.ask(method, params)


def timed(peer: Peer, clock: Clock) -> Peer:
    """The peer on this clock. Nobody stays nobody: by that it is known that no client is there."""
    return peer if peer is NOBODY else _Timed(peer, clock)
