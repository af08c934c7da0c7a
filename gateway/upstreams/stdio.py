"""An upstream over stdio: a child process, one JSON message a line, calls side by side by id.

`run` owns the process: it starts it, asks which era it speaks (protocol.md 3), reads what it says,
and starts it again with back-off when it ends. What was asked of a process that ended is lost:
`NoAnswer`. Lines on standard output that are no messages (banners) are logged and skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.protocol.raw import one_line
from gateway.upstreams import (
    MAX_ANSWER_BYTES,
    NoAnswer,
    Outgoing,
    Overlarge,
    Progress,
    Result,
    RpcError,
    Timeouts,
    Unsent,
    nothing,
)
from gateway.upstreams.asks import Ask, Mark, calling
from gateway.upstreams.child import Child, Noise, measured_lines, start
from gateway.upstreams.era import Agreed
from gateway.upstreams.greeting import discover_first, initialize_only
from gateway.upstreams.listing import every_page
from gateway.upstreams.rpc import Answer, Asked, Garbage, Told, cancelled, notification, read, reply

log = logging.getLogger(__name__)

START_SECONDS = 60.0
PROBE_SECONDS = 5.0
_AGAIN_SECONDS = (0.5, 60.0)
_MAX_UNREAD_BYTES = 32 * 1024 * 1024
_MAX_WAITING_PROGRESS = 1000
_THREAD_FROM_BYTES = 256 * 1024
_ID = re.compile(rb'"id"\s*:\s*(\d{1,18})\s*[,}]')

_Heard = Result | RpcError | NoAnswer | dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Talk:
    """A child that is ready. `version` is the modern one, None in the legacy era."""

    child: Child
    version: str | None


@dataclass(slots=True)
class _Pending:
    heard: asyncio.Queue[_Heard] = field(default_factory=asyncio.Queue)


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
        self._command = tuple(command)
        self._env = dict(env or {})
        self._cwd = cwd
        self._timeouts = timeouts or Timeouts()
        self._start_seconds = start_seconds
        self._probe_seconds = probe_seconds
        self._ids = itertools.count(1)
        self._pending: dict[int, _Pending] = {}
        self._noise = Noise(name, "stdout")
        self._talk: _Talk | None = None
        self._why = "was not started"
        self._settled = asyncio.Event()  # it is ready, or it is known not to run
        self._closing = asyncio.Event()
        self._ended = asyncio.Event()
        self._ended.set()
        self._initialize_first = False
        self._up: bool | None = None

    @property
    def up(self) -> bool | None:
        """Whether the process is ready; None before it first was or was not."""
        return self._up

    async def list_tools(self) -> list[dict[str, Any]]:
        """All tools."""
        try:
            async with asyncio.timeout(self._timeouts.list):
                talk = await self._ready()
                return await every_page(self.name, lambda ask: self._ask(ask, talk))
        except TimeoutError as err:
            raise NoAnswer(f"{self.name} did not list its tools in {self._timeouts.list:g} s") from err

    async def call_tool(
        self, call: Outgoing, *, progress: Progress | None, sent: Callable[[], None]
    ) -> Result | RpcError:
        """Send one `tools/call`."""
        mark = Mark(sent)
        try:
            async with asyncio.timeout(call.timeout):
                return await self._ask(calling(call, progress, mark), await self._ready())
        except TimeoutError as err:
            if not mark.written:
                raise Unsent(f"{self.name} was not ready within {call.timeout:g} s") from err
            raise NoAnswer(f"{self.name} did not answer within {call.timeout:g} s") from err

    async def run(self) -> None:
        """Keep the process alive until closed or cancelled."""
        self._ended.clear()
        now = asyncio.get_running_loop().time
        least, most = _AGAIN_SECONDS
        pause = least
        try:
            while not self._closing.is_set():
                self._settled.clear()
                began = now()
                self._down(await self._live())
                pause = least if now() - began > most else min(pause * 2, most)
                if not self._closing.is_set():
                    log.warning("upstream is down: %s", self._why, extra={"server": self.name, "again_in": pause})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._closing.wait()
        finally:
            self._down("was stopped")
            self._ended.set()

    async def close(self) -> None:
        """Ask the process to end, and wait until it has."""
        self._closing.set()
        await self._ended.wait()

    async def _live(self) -> str:
        """One life of the process, from start to end; why it is over."""
        try:
            child = await start(name=self.name, command=self._command, env=self._env, cwd=self._cwd)
        except Unsent as err:
            return self._bare(err)
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(child))
                readers = {reading, group.create_task(child.follow_stderr())}
                closing = group.create_task(self._closing.wait())
                beginning = group.create_task(self._begun(child))
                # A process that is silent at its start is waited for no longer than we live.
                await asyncio.wait({beginning, closing}, return_when=asyncio.FIRST_COMPLETED)
                why = beginning.result() if beginning.done() else "was stopped"
                beginning.cancel()
                if why is None:
                    await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
                self._leave()
                await child.stop()
                await asyncio.wait(readers, timeout=1.0)
                for task in (*readers, closing):
                    task.cancel()
        finally:
            self._leave()
            await child.reap()
        return why or self._how_ended(child)

    async def _begun(self, child: Child) -> str | None:
        """Come to terms with a new process; why it failed, or None."""
        try:
            async with asyncio.timeout(self._start_seconds):
                talk = await self._handshake(child)
        except TimeoutError:
            return f"did not answer within {self._start_seconds:g} s of its start"
        except (Unsent, NoAnswer) as err:
            self._initialize_first = not self._initialize_first and child.stdout.at_eof()
            return self._bare(err)
        log.info("upstream is up", extra={"server": self.name, "era": talk.version or "legacy"})
        self._talk, self._up = talk, True
        self._settled.set()
        self.on_tools_changed()
        return None

    async def _handshake(self, child: Child) -> _Talk:
        async def ask(what: Ask, version: str | None) -> Result | RpcError:
            return await self._ask(what, _Talk(child, version))

        greet = initialize_only if self._initialize_first else discover_first
        spoken = await greet(self.name, ask, self._probe_seconds)
        if isinstance(spoken, Agreed):
            self._write(child, notification("notifications/initialized"))
            return _Talk(child, None)
        if spoken.list_changed:
            listen = Ask(method="subscriptions/listen", params={"notifications": {"toolsListChanged": True}})
            self._write(child, listen.text(next(self._ids), version=spoken.version))
        return _Talk(child, spoken.version)

    async def _ready(self) -> _Talk:
        await self._settled.wait()
        if self._talk is None:
            raise Unsent(f"{self.name} {self._why}")
        return self._talk

    async def _ask(self, ask: Ask, talk: _Talk) -> Result | RpcError:
        request_id, pending = next(self._ids), _Pending()
        self._pending[request_id] = pending
        try:
            self._write(talk.child, ask.text(request_id, version=talk.version), ask.mark)
            while True:
                match await pending.heard.get():
                    case NoAnswer() as err:
                        raise err
                    case Result() | RpcError() as answer:
                        return answer
                    case dict() as params:
                        if ask.progress:
                            await ask.progress(params)
        except asyncio.CancelledError:
            if ask.mark.written and ask.method != "initialize":
                with contextlib.suppress(Unsent):
                    self._write(talk.child, cancelled(request_id, "The caller no longer waits"))
            raise
        finally:
            del self._pending[request_id]

    def _write(self, child: Child, message: bytes, mark: Callable[[], None] = nothing) -> None:
        # Writing to a pipe never waits here: what the child does not read piles up in our memory, up to a bound.
        if child.stdin.is_closing() or child.exit_code is not None:
            raise Unsent(f"{self.name} {self._how_ended(child)}")
        if child.stdin.transport.get_write_buffer_size() > _MAX_UNREAD_BYTES:
            raise Unsent(f"{self.name} does not read what it is sent")
        mark()
        child.stdin.write(one_line(message) + b"\n")

    async def _read(self, child: Child) -> None:
        async for line, whole in measured_lines(child.stdout, limit=MAX_ANSWER_BYTES):
            if not whole:
                self._too_long(line)
            elif line.lstrip().startswith(b"{"):
                await self._take(child, line)
            elif line.strip():
                self._noise.line(line)
        self._leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await child.wait()
        for pending in self._pending.values():
            pending.heard.put_nowait(NoAnswer(f"{self.name} {self._how_ended(child)} before it answered"))

    async def _take(self, child: Child, line: bytes) -> None:
        message = read(line) if len(line) < _THREAD_FROM_BYTES else await asyncio.to_thread(read, line)
        match message:
            case Answer():
                self._answered(message)
            case Asked():
                with contextlib.suppress(Unsent):
                    self._write(child, reply(message))
            case Told(method="notifications/tools/list_changed"):
                self.on_tools_changed()
            case Told(method="notifications/progress", params=params):
                pending = self._waiting_for(params.get("progressToken"))
                if pending is not None and pending.heard.qsize() < _MAX_WAITING_PROGRESS:
                    pending.heard.put_nowait(params)
            case Told():
                log.debug("notification of upstream not used", extra={"server": self.name})
            case Garbage():
                self._noise.line(line)

    def _answered(self, answer: Answer) -> None:
        pending = self._waiting_for(answer.id)
        if answer.id is None and len(self._pending) == 1:
            (pending,) = self._pending.values()  # it could not read the id, but nothing else was asked
        if pending is None:
            log.debug("upstream answered nothing that is waited for", extra={"server": self.name})
            return
        pending.heard.put_nowait(answer.outcome)

    def _waiting_for(self, value: Any) -> _Pending | None:
        return self._pending.get(value) if isinstance(value, int) and not isinstance(value, bool) else None

    def _too_long(self, ends: bytes) -> None:
        log.warning("upstream sent a line over the bound, dropped", extra={"server": self.name})
        for found in _ID.findall(ends):
            pending = self._pending.get(int(found))
            if pending is not None:
                pending.heard.put_nowait(Overlarge(f"{self.name} answered with more than {MAX_ANSWER_BYTES} bytes"))
                return

    def _leave(self) -> None:
        if self._talk is not None:
            self._talk, self._up, self._why = None, False, "is ending"

    def _down(self, why: str) -> None:
        self._talk, self._up, self._why = None, False, why
        self._settled.set()

    def _bare(self, err: Exception) -> str:
        return str(err).removeprefix(f"{self.name} ")

    def _how_ended(self, child: Child) -> str:
        code = child.exit_code
        if code is None:
            return "stopped talking"
        if code >= 0:
            return f"ended with exit code {code}"
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"
