"""One life of a server process: from its start over the handshake to its end, and everything said meanwhile.

Requests run side by side by id. Lines on standard output that are no messages (banners) are logged and
skipped, unless they stand where an answer should. The reader never waits for anybody: what a slow client
does not take is queued, up to a bound. What was asked of a process that ended is lost: `NoAnswer`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.protocol.raw import one_line
from gateway.upstreams import (
    MAX_ANSWER_BYTES,
    Hello,
    InputRequired,
    NoAnswer,
    Unsent,
    nothing,
)
from gateway.upstreams.asks import Ask, plain
from gateway.upstreams.bodies import META_SUBSCRIPTION, cancelled, notification, reply
from gateway.upstreams.child import Child, Noise, measured_lines, start
from gateway.upstreams.era import Agreed
from gateway.upstreams.greeting import discover_first, initialize_only
from gateway.upstreams.hub import hand_out
from gateway.upstreams.listening import Listening
from gateway.upstreams.peers import Conversation
from gateway.upstreams.pending import Outcome, Pendings
from gateway.upstreams.rpc import Answer, Asked, Garbage, Told, not_offered, read

log = logging.getLogger(__name__)

MAX_UNREAD_BYTES = 32 * 1024 * 1024
_THREAD_FROM_BYTES = 256 * 1024
_PROSE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """How a server is started and how long it may take."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None
    start_seconds: float
    probe_seconds: float


class Process:
    """A server process. `live` is its whole life; everything else works while that goes on."""

    def __init__(
        self,
        spec: Spec,
        *,
        ids: itertools.count[int],
        tools_changed: Callable[[], None],
        ears: Callable[[Process], Collection[Listening]],
        capabilities: str = "{}",
        initialize_first: bool = False,
        shared: bool = True,
    ) -> None:
        """`ears` says who listens to this process; a `shared` one serves several clients."""
        self._spec, self._ids, self._tools_changed, self._ears = spec, ids, tools_changed, ears
        self._capabilities, self._initialize_first, self._shared = capabilities, initialize_first, shared
        self._noise = Noise(spec.name, "stdout")
        self._pending = Pendings(spec.name)
        self._child: Child | None = None
        self._version: str | None = None
        self._closing = asyncio.Event()
        self.uris: Counter[str] = Counter()
        self.hello: Hello | None = None
        self.why = "is starting"
        self.settled = asyncio.Event()
        """It is ready, or it is over."""
        self.ended = asyncio.Event()
        self.ended_at_discover = False
        self.level: str | None = None
        """At which level it was told to log."""
        self.busy = 0
        self.used_at = asyncio.get_running_loop().time()

    @property
    def modern(self) -> bool:
        """Whether it speaks the modern era."""
        return self._version is not None

    @property
    def over(self) -> bool:
        """Whether it serves no more requests: it has ended, or is about to."""
        return self.settled.is_set() and self.hello is None

    def stop(self) -> None:
        """Ask it to end."""
        self._closing.set()

    async def ready(self) -> Hello:
        """Wait until it can be asked.

        Raises:
            Unsent: it does not run.
        """
        await self.settled.wait()
        if self.hello is None:
            raise Unsent(f"{self._spec.name} {self.why}")
        return self.hello

    async def live(self) -> None:
        """One life; afterwards `why` says how it ended."""
        try:
            self.why = await self._lived()
        finally:
            self.hello = None
            self.ended.set()
            self.settled.set()

    async def ask(self, ask: Ask) -> Outcome:
        """Send a request and wait.

        Raises:
            Unsent, NoAnswer: in plain words.
        """
        await self.ready()
        self.busy += 1
        try:
            answer = await self._ask(ask, self._version)
        finally:
            self.busy -= 1
            self.used_at = asyncio.get_running_loop().time()
        if isinstance(answer, InputRequired) and not self.modern:
            return not_offered("input_required")
        return answer

    def tell(self, method: str, params: dict[str, Any]) -> None:
        """Send a request whose answer is of no interest."""
        with contextlib.suppress(Unsent):
            self._write(plain(method, params).text(next(self._ids), version=self._version))

    async def _lived(self) -> str:
        spec = self._spec
        try:
            child = await start(name=spec.name, command=spec.command, env=spec.env, cwd=spec.cwd)
        except Unsent as err:
            return self._bare(err)
        self._child = child
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(child))
                readers = {reading, group.create_task(child.follow_stderr())}
                closing = group.create_task(self._closing.wait())
                beginning = group.create_task(self._begun(child))
                await asyncio.wait({beginning, closing}, return_when=asyncio.FIRST_COMPLETED)
                beginning.cancel()  # a process that is silent at its start does not hold up our end
                await asyncio.wait({beginning})
                why = "was stopped" if beginning.cancelled() else beginning.result()
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
        return why or how_ended(child)

    async def _begun(self, child: Child) -> str | None:
        """Come to terms with a new process; why it failed, or None."""
        try:
            async with asyncio.timeout(self._spec.start_seconds):
                await self._handshake()
        except TimeoutError:
            return f"did not answer within {self._spec.start_seconds:g} s of its start"
        except (Unsent, NoAnswer) as err:
            self.ended_at_discover = child.stdout.at_eof()
            return self._bare(err)
        self.settled.set()
        return None

    async def _handshake(self) -> None:
        name, probe_seconds = self._spec.name, self._spec.probe_seconds
        if self._initialize_first:
            spoken = await initialize_only(name, self._ask, probe_seconds, self._capabilities)
        else:
            spoken = await discover_first(name, self._ask, probe_seconds)
        if isinstance(spoken, Agreed):
            self._write(notification("notifications/initialized"))
        else:
            self._version = spoken.hello.version
        self.hello = spoken.hello

    async def _ask(self, ask: Ask, version: str | None) -> Outcome:
        request_id = next(self._ids)
        talk = Conversation(
            ask,
            name=self._spec.name,
            token=request_id,
            tools_changed=self._tools_changed,
            respond=None if version else self._respond,
        )
        pending = self._pending.begin(request_id, talk)
        try:
            self._write(ask.text(request_id, version=version), ask.mark)
            return await talk.lasting(pending.answer())
        except asyncio.CancelledError:
            if ask.mark.written and ask.method != "initialize":
                await self._respond(cancelled(request_id, "The caller no longer waits"))
            raise
        finally:
            self._pending.end(request_id)

    async def _respond(self, message: bytes) -> None:
        with contextlib.suppress(Unsent):
            self._write(message)

    def _write(self, message: bytes, mark: Callable[[], None] = nothing) -> None:
        # Writing to a pipe never waits here: what the child does not read piles up in our memory, up to a bound.
        child = self._child
        if child is None or child.stdin.is_closing() or child.exit_code is not None:
            raise Unsent(f"{self._spec.name} {how_ended(child) if child else self.why}")
        if child.stdin.transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            raise Unsent(f"{self._spec.name} does not read what it is sent")
        mark()
        child.stdin.write(one_line(message) + b"\n")

    async def _read(self, child: Child) -> None:
        async for line, whole in measured_lines(child.stdout, limit=MAX_ANSWER_BYTES):
            if not whole:
                self._pending.too_long(line)
            elif line.lstrip().startswith(b"{"):
                await self._take(line)
            elif line.strip():
                self._noise.line(line)
                garbage = read(line[:_PROSE_BYTES])
                if isinstance(garbage, Garbage):
                    self._pending.garbled(garbage, prose=True)
        self._leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await child.wait()
        self._pending.lost(how_ended(child))

    async def _take(self, line: bytes) -> None:
        message = read(line) if len(line) < _THREAD_FROM_BYTES else await asyncio.to_thread(read, line)
        match message:
            case Answer():
                self._pending.answered(message)
            case Asked() if self.modern:  # this era has none; a ping is answered all the same
                await self._respond(reply(message))
            case Told() | Asked():
                await self._heard(message)
            case Garbage():
                self._noise.line(line)
                self._pending.garbled(message, prose=False)

    async def _heard(self, message: Told | Asked) -> None:
        meta = message.params.get("_meta") if isinstance(message, Told) else None
        subscription = self._pending.get(meta.get(META_SUBSCRIPTION)) if isinstance(meta, dict) else None
        if subscription is not None:
            await subscription.put(message)
            return
        is_log = message.method == "notifications/message"
        talks = list(self._pending)
        if is_log and self.modern:
            talks = [talk for talk in talks if talk.ask.relay.log_level is not None]
        # Nobody can say whose log line it is where several clients share a process.
        ears = () if self.modern or (is_log and self._shared) else self._ears(self)
        await hand_out(message, talks=talks, ears=ears, respond=self._respond, tools_changed=self._tools_changed)

    def _leave(self) -> None:
        if self.hello is not None:
            self.hello, self.why = None, "is ending"

    def _bare(self, err: Exception) -> str:
        return str(err).removeprefix(f"{self._spec.name} ")


def how_ended(child: Child) -> str:
    """How a process ended, to go on after its name."""
    code = child.exit_code
    if code is None:
        return "stopped talking"
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"
