"""What both eras over HTTP share: the address, the configured headers, ids, and courtesies.

A courtesy is a message nobody waits for (a cancellation, the end of a session). It is put in a bounded
queue and sent by `run`, because the task that wants to send it is being cancelled itself.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from multidict import CIMultiDict

from gateway.upstreams import Hello, InputRequired, NoAnswer, Result, RpcError, Timeouts, Unsent, nothing
from gateway.upstreams.asks import Ask
from gateway.upstreams.authorizer import Authorizer
from gateway.upstreams.exchange import Dialer, Reply
from gateway.upstreams.listening import Listening
from gateway.upstreams.nursery import Nursery

log = logging.getLogger(__name__)

_MAX_COURTESIES = 1000
_COURTESY_SECONDS = 5.0
_OURS = frozenset({"accept", "content-type", "content-length", "transfer-encoding", "host", "connection", "cookie"})
_OURS_TOO = frozenset({"te", "upgrade", "origin", "expect", "accept-encoding", "content-encoding", "last-event-id"})


class WrongEra(NoAnswer):
    """The server no longer speaks as the probe found. `error` is what it answered to the request, if it did."""

    def __init__(self, why: str, *, error: RpcError | None = None) -> None:
        super().__init__(why)
        self.error = error


class Dialect(Protocol):
    """One era over HTTP."""

    @property
    def filters_tools(self) -> bool:
        """Whether tools with wrong `x-mcp-header` marks have to be left out."""
        ...

    async def ask(self, ask: Ask) -> Result | RpcError | InputRequired:
        """Send and wait.

        Raises:
            WrongEra, Unsent, NoAnswer: in plain words.
        """
        ...

    async def hello(self, key: tuple[str, str]) -> Hello:
        """What the server says of itself, in the session of `key` where there are sessions."""
        ...

    async def follow(self, listening: Listening) -> bool:
        """Keep a subscription up until it ends. False: the server offers none, so ask again late."""
        ...

    async def forget(self, session: str) -> None:
        """End what was begun for a session key."""
        ...

    def sweep(self) -> None:
        """End what was begun and not used for long."""
        ...

    async def close(self) -> None:
        """End what was begun."""
        ...

    def abandon(self) -> None:
        """Let go of it without a word: the server is no longer the one that was met."""
        ...


@dataclass(frozen=True, slots=True)
class Courtesy:
    """A message nobody waits for."""

    method: str
    headers: Mapping[str, str]
    body: bytes | None


class Wire:
    """Sends requests of one upstream to its one address."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        authorizer: Authorizer | None = None,
    ) -> None:
        for header in headers:
            if header.lower() in _OURS | _OURS_TOO or header.lower().startswith("mcp-"):
                raise ValueError(f"servers.{name}.headers: {header} is set by Placet itself")
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError(f"servers.{name}.url: only http:// and https:// addresses can be used")
        self.name = name
        self.timeouts = timeouts
        self.nursery = Nursery()
        self._url = url
        self._headers = dict(headers)
        self._authorizer = authorizer
        self._dialer = Dialer(name=name, connect=timeouts.connect, idle=timeouts.idle)
        self._ids = itertools.count(1)
        self._courtesies: asyncio.Queue[Courtesy] = asyncio.Queue(_MAX_COURTESIES)

    def next_id(self) -> int:
        """A JSON-RPC id that this process has not used with this upstream."""
        return next(self._ids)

    def post(
        self,
        body: bytes,
        headers: Mapping[str, str],
        *,
        before: Callable[[], None] = nothing,
        forever: bool = False,
        once: bool = False,
    ) -> AbstractAsyncContextManager[Reply]:
        """POST one message. `once`: not a second time either where credentials were refused that can be renewed."""
        every = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **headers}
        return self._send("POST", every, body=body, before=before, forever=forever, once=once)

    def get(self, headers: Mapping[str, str], *, forever: bool = False) -> AbstractAsyncContextManager[Reply]:
        """GET an event stream."""
        return self._send("GET", {"Accept": "text/event-stream", **headers}, forever=forever)

    def later(self, method: str, headers: Mapping[str, str], body: bytes | None = None) -> None:
        """Queue a courtesy; over the bound it is dropped."""
        try:
            self._courtesies.put_nowait(Courtesy(method, headers, body))
        except asyncio.QueueFull:
            log.warning("courtesy message to upstream dropped, too many wait", extra={"server": self.name})

    async def send_courtesies(self) -> None:
        """Send what is queued, one after the other, until cancelled."""
        while True:
            await self.send_courtesy(await self._courtesies.get())

    async def send_courtesy(self, courtesy: Courtesy) -> None:
        """Send one; that it fails is only logged."""
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        try:
            async with (
                asyncio.timeout(_COURTESY_SECONDS),
                self._send(courtesy.method, headers | dict(courtesy.headers), body=courtesy.body),
            ):
                pass
        except (Unsent, NoAnswer, TimeoutError) as err:
            log.debug("courtesy message to upstream failed: %s", err, extra={"server": self.name})

    async def close(self) -> None:
        """Send what is still queued, once, then close the connections."""
        try:
            async with asyncio.timeout(_COURTESY_SECONDS):
                while not self._courtesies.empty():
                    await self.send_courtesy(self._courtesies.get_nowait())
        except TimeoutError:
            log.debug("upstream did not take its last messages in time", extra={"server": self.name})
        finally:
            await self._dialer.close()

    def _send(
        self,
        method: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        before: Callable[[], None] = nothing,
        forever: bool = False,
        once: bool = False,
    ) -> AbstractAsyncContextManager[Reply]:
        merged: CIMultiDict[str] = CIMultiDict(self._headers)
        merged.update(headers)

        def exchange() -> AbstractAsyncContextManager[Reply]:
            return self._dialer.exchange(
                method, self._url, headers=merged, body=body, before_first_byte=before, forever=forever
            )

        return exchange() if self._authorizer is None else _authorized(self._authorizer, merged, exchange, once=once)


@asynccontextmanager
async def _authorized(
    authorizer: Authorizer,
    headers: CIMultiDict[str],
    exchange: Callable[[], AbstractAsyncContextManager[Reply]],
    *,
    once: bool,
) -> AsyncIterator[Reply]:
    """Send with credentials; a second time with better ones where they were refused, unless it may go only `once`."""
    sent = await authorizer.headers()
    headers.update(sent)
    async with exchange() as reply:
        challenge = reply.headers.get("WWW-Authenticate")
        again = reply.status in {401, 403} and await authorizer.refused(sent, status=reply.status, challenge=challenge)
        if once or not again:
            yield reply
            return
    headers.update(await authorizer.headers())
    async with exchange() as reply:
        yield reply
