"""An upstream over stdio: a child process that is kept alive, and further ones for sessions that need their own.

`run` owns the processes: it starts the shared one, asks which era it speaks (protocol.md 3), and starts it
again with back-off when it ends. A modern server needs no other; one of the session era gets a process a
session where the client declared something, follows resources, or sets a log level.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

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
from gateway.upstreams.asks import GATEWAY_ITSELF, SET_LEVEL, Ask, Mark, canonical, level_of, plain
from gateway.upstreams.breaker import Breaker
from gateway.upstreams.clock import Clock, timed
from gateway.upstreams.following import follow
from gateway.upstreams.listening import SETTLES_SECONDS, Listening
from gateway.upstreams.listing import every_page
from gateway.upstreams.nursery import Nursery, keep_up
from gateway.upstreams.pool import Pool
from gateway.upstreams.process import Process, Spec

log = logging.getLogger(__name__)

START_SECONDS = 60.0
PROBE_SECONDS = 5.0
_AGAIN_SECONDS = (0.5, 60.0)
_LISTEN_AGAIN_SECONDS = (1.0, 60.0)
_SWEEP_SECONDS = 5.0
_NOTHING_DECLARED = "{}"


class StdioUpstream:
    """One MCP server that is a child process of ours."""

    def __init__(
        self,
        *,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeouts: Timeouts | None = None,
        start_seconds: float = START_SECONDS,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        if not command:
            raise ValueError(f"servers.{name}.command: it is empty")
        self.name = name
        self.on_tools_changed: Callable[[], None] = nothing
        self._spec = Spec(
            name=name,
            command=tuple(command),
            env=dict(env or {}),
            cwd=cwd,
            start_seconds=start_seconds,
            probe_seconds=probe_seconds,
        )
        self._timeouts = timeouts or Timeouts()
        self._ids = itertools.count(1)
        self._breaker = Breaker(name)
        self._nursery = Nursery()
        self._group: asyncio.TaskGroup | None = None
        self._pool = Pool(name, self._hatch)
        self._ears: set[Listening] = set()
        self._levels: dict[str, str] = {}
        self._shared: Process | None = None
        self._why = "was not started"
        self._settled = asyncio.Event()  # it is ready, or it is known not to run
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._initialize_first = False
        self._both_eras = True
        self._up: bool | None = None

    @property
    def up(self) -> bool | None:
        """Whether the process is ready; None before it first was or was not."""
        return self._up

    @property
    def trouble(self) -> str | None:
        """Why it is left alone for now."""
        return self._breaker.trouble

    async def list_tools(self, *, session: str = GATEWAY_ITSELF, capabilities: bytes = b"{}") -> list[dict[str, Any]]:
        """All tools, as the process of that session lists them."""
        place = (session, canonical(capabilities))
        async with self._quickly("list its tools"):
            return await every_page(self.name, (await self._process(place)).ask, place)

    async def hello(self, *, session: str = GATEWAY_ITSELF, capabilities: bytes = b"{}") -> Hello:
        """What it says of itself."""
        async with self._quickly("say what it is"):
            return await (await self._process((session, canonical(capabilities)))).ready()

    async def request(self, relay: Relay, *, peer: Peer, sent: Callable[[], None]) -> Result | RpcError | InputRequired:
        """Send one request."""
        if not relay.repeatable:
            await self._tried()
        clock = Clock(relay)
        ask = Ask(relay=relay, peer=timed(peer, clock), mark=Mark(sent))
        with self._breaker.attempt():
            try:
                async with clock:
                    alone = relay.method == SET_LEVEL or relay.session in self._levels
                    process = await self._process(ask.place, alone=alone, live=relay.live)
                    if relay.method == SET_LEVEL:
                        return await self._set_level(process, ask)
                    await self._levelled(process, relay.session)
                    return await process.ask(ask)
            except TimeoutError as err:
                if not ask.mark.written:
                    raise Unsent(f"{self.name} was not ready within {relay.timeout:g} s") from err
                raise NoAnswer(f"{self.name} did not answer within {relay.timeout:g} s") from err

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
        loop = await self._nursery.spawn_soon(partial(self._follow, listening))
        if loop is None:
            raise Unsent(f"{self.name} {self._why}")
        self._ears.add(listening)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(self._timeouts.list, SETTLES_SECONDS)):
                    await listening.settled.wait()
            yield wants if listening.accepted is None else listening.accepted
        finally:
            self._ears.discard(listening)
            loop.cancel()

    async def forget(self, session: str) -> None:
        """End the processes that only this session used."""
        self._levels.pop(session, None)
        self._pool.forget(session)

    async def run(self) -> None:
        """Keep the processes alive until closed or cancelled."""
        self._ended.clear()
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                # The process reports changed tools itself; the subscription is what makes it do so.
                own = Listening(Wants(tools=True), place=(GATEWAY_ITSELF, _NOTHING_DECLARED), hear=lambda *_: None)
                loops = [
                    group.create_task(self._nursery.hold(self._closing)),
                    group.create_task(self._follow(own)),
                    group.create_task(self._sweep()),
                ]
                await self._supervise()
                self._pool.stop()
                for loop in loops:
                    loop.cancel()
        finally:
            self._group = None
            self._down("was stopped")
            self._ended.set()

    async def close(self) -> None:
        """Ask the processes to end, and wait until they have."""
        self._closing.set()
        self._pool.stop()
        if self._shared is not None:
            self._shared.stop()
        await self._ended.wait()

    @asynccontextmanager
    async def _quickly(self, what: str) -> AsyncIterator[None]:
        with self._breaker.attempt():
            try:
                async with asyncio.timeout(self._timeouts.list):
                    yield
            except TimeoutError as err:
                raise NoAnswer(f"{self.name} did not {what} in {self._timeouts.list:g} s") from err

    async def _supervise(self) -> None:
        now = asyncio.get_running_loop().time
        least, most = _AGAIN_SECONDS
        pause = least
        while not self._closing.is_set():
            self._settled.clear()
            began = now()
            self._down(await self._lived())
            pause = least if now() - began > most else min(pause * 2, most)
            if not self._closing.is_set():
                log.warning("upstream is down: %s", self._why, extra={"server": self.name, "again_in": pause})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._closing.wait()

    async def _lived(self) -> str:
        """One life of the shared process; why it is over."""
        process = self._shared = self._new(_NOTHING_DECLARED, initialize_first=self._initialize_first, shared=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(process.live())
            await process.settled.wait()
            if process.hello is not None:
                log.info("upstream is up", extra={"server": self.name, "protocol": process.hello.version})
                self._up = self._both_eras = True
                self._breaker.reset()
                self._settled.set()
                self.on_tools_changed()
            else:
                self._initialize_first = not self._initialize_first and process.ended_at_discover
        return process.why

    def _new(self, capabilities: str, *, initialize_first: bool, shared: bool) -> Process:
        return Process(
            self._spec,
            ids=self._ids,
            tools_changed=self._tools_changed,
            ears=self._ears_of,
            capabilities=capabilities,
            initialize_first=initialize_first,
            shared=shared,
        )

    def _hatch(self, capabilities: str) -> Process:
        if self._group is None or self._closing.is_set():
            raise Unsent(f"{self.name} is ending")
        process = self._new(capabilities, initialize_first=True, shared=False)
        self._group.create_task(process.live())
        return process

    async def _ready(self) -> Process:
        await self._settled.wait()
        if self._shared is None or self._shared.hello is None:
            raise Unsent(f"{self.name} {self._why if self._shared is None else self._shared.why}")
        return self._shared

    async def _process(self, key: tuple[str, str], *, alone: bool = False, live: bool = False) -> Process:
        """Who serves this session. Its era is known from the shared process."""
        shared = await self._ready()
        session, capabilities = key
        if session == GATEWAY_ITSELF:
            return shared
        if shared.modern:
            return await self._asking(key, shared) if live and capabilities != _NOTHING_DECLARED else shared
        if capabilities == _NOTHING_DECLARED:
            own = self._pool.of(session)
            if own:  # there is what this session has set; what was not declared is not asked of its client
                return own[-1]
            if not alone:
                return shared
        return self._pool.get(key)

    async def _asking(self, key: tuple[str, str], shared: Process) -> Process:
        """A process in the session era, which alone lets a server ask, of a server that was found to be modern."""
        if not self._both_eras:
            return shared
        process = self._pool.get(key)
        try:
            await process.ready()
        except Unsent as err:
            log.info("upstream has no session era: %s", err, extra={"server": self.name})
            self._both_eras = False
            return shared
        return process

    async def _set_level(self, process: Process, ask: Ask) -> Result | RpcError | InputRequired:
        """A client sets the level its session logs at, in this process and in those that come after it."""
        answer = await process.ask(ask)
        if isinstance(answer, Result):
            process.level = self._levels[ask.relay.session] = level_of(ask)
        return answer

    async def _levelled(self, process: Process, session: str) -> None:
        """Have a process that was started for a session log at the level its client has set."""
        level = self._levels.get(session)
        if level is None or process.level == level or process.modern or process is self._shared:
            return
        process.level = level
        try:
            await process.ask(plain(SET_LEVEL, {"level": level}))
        except NoAnswer as err:
            log.warning("log level not set again: %s", err, extra={"server": self.name})

    async def _follow(self, listening: Listening) -> None:
        async def once(listening: Listening) -> bool:
            await follow(await self._process(listening.place, alone=bool(listening.wants.uris)), listening)
            return True

        await keep_up(listening, once, name=self.name, waits=_LISTEN_AGAIN_SECONDS)

    def _ears_of(self, process: Process) -> Collection[Listening]:
        """Who listens to a process: the session it belongs to, or everybody who has none of their own."""
        shared = process is self._shared
        owners = {ear: self._pool.of(ear.place[0]) for ear in self._ears}
        return [ear for ear, own in owners.items() if (process in own if own else shared)]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._pool.sweep()

    def _tools_changed(self) -> None:
        self.on_tools_changed()

    def _down(self, why: str) -> None:
        self._shared, self._up, self._why = None, False, why
        self._settled.set()
