"""An upstream over Streamable HTTP, in whichever of the two eras it speaks.

The era is probed once and kept until the server contradicts it (protocol.md 3). The client's own
credentials cannot get here: only the headers of the configuration go out. `modern` and `legacy`
have the two ways to send; this file decides between them, keeps the clock, and says what is wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from gateway.upstreams import (
    Hear,
    Hello,
    InputRequired,
    NoAnswer,
    Peer,
    Relay,
    Result,
    RpcError,
    Timeouts,
    Unsent,
    Wants,
    nothing,
)
from gateway.upstreams.asks import GATEWAY_ITSELF, Ask, Mark, canonical
from gateway.upstreams.authorizer import Authorizer
from gateway.upstreams.breaker import Breaker
from gateway.upstreams.clock import Clock, timed
from gateway.upstreams.era import HEADER_MISMATCH
from gateway.upstreams.headers import fault
from gateway.upstreams.listening import SETTLES_SECONDS, Listening
from gateway.upstreams.listing import every_page
from gateway.upstreams.modern import ModernDialect
from gateway.upstreams.nursery import keep_up
from gateway.upstreams.probing import probe, session_era
from gateway.upstreams.standing import NOTHING_DECLARED
from gateway.upstreams.wire import Dialect, Wire, WrongEra

log = logging.getLogger(__name__)
T = TypeVar("T")

_LISTEN_AGAIN_SECONDS = (1.0, 60.0)
_SWEEP_SECONDS = 60.0


class HttpUpstream:
    """One MCP server at one address."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        authorizer: Authorizer | None = None,
    ) -> None:
        self.name = name
        self.on_tools_changed: Callable[[], None] = nothing
        self._timeouts = timeouts or Timeouts()
        self._breaker = Breaker(name)
        self._wire = Wire(name=name, url=url, headers=headers or {}, timeouts=self._timeouts, authorizer=authorizer)
        self._dialect: Dialect | None = None
        self._sessions: Dialect | None = None
        self._probing = asyncio.Lock()
        self._known = asyncio.Event()
        self._closed = asyncio.Event()
        self._up: bool | None = None
        self._definitions: dict[str, dict[str, Any]] = {}
        self._warned: set[tuple[str, str]] = set()

    @property
    def up(self) -> bool | None:
        """Whether the last contact worked; None before the first."""
        return self._up

    @property
    def trouble(self) -> str | None:
        """Why it is left alone for now."""
        return self._breaker.trouble

    async def list_tools(self, *, session: str = GATEWAY_ITSELF, capabilities: bytes = b"{}") -> list[dict[str, Any]]:
        """All tools; modern ones whose header marks are wrong are left out, with a warning."""
        with self._breaker.attempt():
            tools = self._tools((session, canonical(capabilities)))
            return await self._within_list_time("list its tools", tools)

    async def hello(self, *, session: str = GATEWAY_ITSELF, capabilities: bytes = b"{}") -> Hello:
        """What it says of itself."""
        with self._breaker.attempt():
            return await self._within_list_time("say what it is", self._hello((session, canonical(capabilities))))

    async def request(self, relay: Relay, *, peer: Peer, sent: Callable[[], None]) -> Result | RpcError | InputRequired:
        """Send one request."""
        if not relay.repeatable:
            await self._tried()
        clock = Clock(relay)
        ask = Ask(relay=relay, peer=timed(peer, clock), mark=Mark(sent))
        with self._breaker.attempt():
            try:
                async with clock:
                    answer = await self._asked(ask)
            except TimeoutError as err:
                self._up = False
                if not ask.mark.written:
                    raise Unsent(f"{self.name} was not ready within {relay.timeout:g} s") from err
                raise NoAnswer(f"{self.name} did not answer within {relay.timeout:g} s") from err
            except (Unsent, NoAnswer) as err:
                self._up = False
                if isinstance(err, NoAnswer) and not ask.mark.written:
                    raise Unsent(str(err)) from err
                raise
        self._up = True
        if isinstance(answer, RpcError) and answer.code == HEADER_MISMATCH and relay.method == "tools/call":
            await self._outdated()
        return answer

    async def _tried(self) -> None:
        """No call is made to find out whether a server that failed is well again."""
        if self._breaker.due:
            try:
                await self.list_tools()
            except NoAnswer as err:
                raise Unsent(str(err)) from err

    @asynccontextmanager
    async def listen(self, wants: Wants, *, session: str, capabilities: bytes, hear: Hear) -> AsyncIterator[Wants]:
        """Hear of changes."""
        listening = Listening(wants, place=(session, canonical(capabilities)), hear=hear)
        loop = await self._wire.nursery.spawn_soon(partial(self._follow, listening))
        if loop is None:
            raise Unsent(f"{self.name} is not in use")
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(self._timeouts.list, SETTLES_SECONDS)):
                    await listening.settled.wait()
            yield wants if listening.accepted is None else listening.accepted
        finally:
            loop.cancel()

    async def forget(self, session: str) -> None:
        """End the upstream sessions of that key."""
        for dialect in filter(None, (self._dialect, self._sessions)):
            await dialect.forget(session)

    async def run(self) -> None:
        """Send courtesies, keep the standing streams and end idle sessions, until closed or cancelled."""
        async with asyncio.TaskGroup() as group:
            holding = group.create_task(self._wire.nursery.hold(self._closed))
            loops = [group.create_task(loop()) for loop in (self._wire.send_courtesies, self._listen, self._sweep)]
            await self._closed.wait()
            for loop in (*loops, holding):
                loop.cancel()

    async def close(self) -> None:
        """End the sessions and the connections."""
        self._closed.set()
        for dialect in filter(None, {self._dialect, self._sessions}):
            await dialect.close()
        await self._wire.close()

    async def _within_list_time(self, what: str, doing: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self._timeouts.list):
                done = await doing
        except TimeoutError as err:
            self._up = False
            raise NoAnswer(f"{self.name} did not {what} in {self._timeouts.list:g} s") from err
        except (Unsent, NoAnswer):
            self._up = False
            raise
        self._up = True
        return done

    async def _tools(self, place: tuple[str, str] = (GATEWAY_ITSELF, NOTHING_DECLARED)) -> list[dict[str, Any]]:
        tools = await every_page(self.name, self._ask, place)
        if self._dialect is not None and self._dialect.filters_tools:
            tools = [tool for tool in tools if self._callable(tool)]
        self._definitions |= {str(tool.get("name")): tool for tool in tools}
        return tools

    async def _hello(self, key: tuple[str, str]) -> Hello:
        return await (await self._spoken()).hello(key)

    async def _asked(self, ask: Ask) -> Result | RpcError | InputRequired:
        relay = ask.relay
        if relay.method != "tools/call":
            return await self._ask(ask)
        if relay.definition is None:
            relay = replace(relay, definition=self._definitions.get(relay.name or ""))
        return await self._ask(replace(ask, relay=relay))

    async def _outdated(self) -> None:
        """The server wanted other headers of a call: what we know of its tools is old. The call is not sent again."""
        with contextlib.suppress(Unsent, NoAnswer, TimeoutError):
            async with asyncio.timeout(self._timeouts.list):
                await self._tools()
        self.on_tools_changed()

    async def _ask(self, ask: Ask) -> Result | RpcError | InputRequired:
        dialect = await self._spoken_to(ask)
        try:
            return await dialect.ask(ask)
        except WrongEra as err:
            self._forget(dialect)
            if not ask.harmless:
                self.on_tools_changed()
                return _answer_of(err)
            log.info("upstream contradicts its era, probed again", extra={"server": self.name})
        dialect = await self._spoken()
        try:
            return await dialect.ask(ask)
        except WrongEra as err:
            self._forget(dialect)
            return _answer_of(err)

    async def _spoken_to(self, ask: Ask) -> Dialect:
        """The session era for a client that can be asked, if the server has it; else what the server was found in."""
        dialect = await self._spoken()
        if not ask.relay.live or not isinstance(dialect, ModernDialect):
            return dialect
        async with self._probing:
            if self._sessions is None:
                self._sessions = await session_era(self._wire, self._tools_changed) or dialect
            return self._sessions

    async def _spoken(self) -> Dialect:
        async with self._probing:
            if self._dialect is None:
                try:
                    async with asyncio.timeout(self._timeouts.list):
                        self._dialect = await probe(self._wire, self._tools_changed)
                except TimeoutError as err:
                    raise NoAnswer(f"{self.name} did not say what it speaks in {self._timeouts.list:g} s") from err
                self._known.set()
            return self._dialect

    def _forget(self, dialect: Dialect) -> None:
        if dialect in {self._dialect, self._sessions}:
            self._dialect = self._sessions = None
            self._known.clear()
            dialect.abandon()

    def _tools_changed(self) -> None:
        self.on_tools_changed()

    def _callable(self, tool: dict[str, Any]) -> bool:
        why = fault(tool.get("inputSchema"))
        if why is None:
            return True
        key = (str(tool.get("name"))[:128], why[:300])
        if key not in self._warned and len(self._warned) < 1000:
            self._warned.add(key)
            log.warning("upstream tool left out: %s", key[1], extra={"server": self.name, "tool": key[0]})
        return False

    async def _listen(self) -> None:
        """The gateway's own subscription, to changed tools; it begins once the server was met."""
        await self._known.wait()
        await self._follow(Listening(Wants(tools=True), place=(GATEWAY_ITSELF, NOTHING_DECLARED), hear=self._own_news))

    async def _follow(self, listening: Listening) -> None:
        async def once(listening: Listening) -> bool:
            return await (await self._spoken()).follow(listening)

        await keep_up(listening, once, name=self.name, waits=_LISTEN_AGAIN_SECONDS)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            for dialect in filter(None, {self._dialect, self._sessions}):
                dialect.sweep()

    def _own_news(self, _method: str, _params: bytes) -> None:
        self._tools_changed()


def _answer_of(err: WrongEra) -> RpcError:
    if err.error is None:
        raise err
    return err.error
