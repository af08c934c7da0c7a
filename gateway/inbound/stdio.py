"""`placet stdio` as a process: the client's pipe in, the client's pipe out, logs on stderr.

Nothing but JSON-RPC ever reaches stdout: the descriptor is taken away first, and whatever prints afterwards prints
to stderr. The end of stdin, a closed stdout, SIGTERM and SIGINT all end the bridge in good order: open requests are
hung up on, which leaves a held call open for its agent to come back to, and the sessions are ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import BinaryIO

from gateway.bridge.door import Door
from gateway.bridge.lines import Lines
from gateway.bridge.relay import Relay
from gateway.bridge.settings import Settings

log = logging.getLogger(__name__)

_CHUNK_BYTES = 64 * 1024
# What is asked last may still be answered, so that `… | placet stdio` works; a client that waits keeps stdin open.
_LAST_WORDS_SECONDS = 1.0
_GOODBYE_SECONDS = 2.0


async def run(settings: Settings) -> None:
    """Bridge stdin and stdout to the gateway until the client or a signal ends it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    source, sink = _take_over()
    client = await Client.connect(source, sink, stop)
    door = Door(settings.url, settings.token)
    try:
        await _bridge(settings, client, door, stop)
    finally:
        await door.close()
        client.close()


async def _bridge(settings: Settings, client: Client, door: Door, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        relay = Relay(settings, door, client.write, group)
        reading = group.create_task(_read(client, relay))
        stopped = group.create_task(stop.wait())
        await asyncio.wait({reading, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set() and relay.busy:
            await asyncio.wait({*relay.busy, stopped}, timeout=_LAST_WORDS_SECONDS)
        reading.cancel()
        stopped.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await relay.end()
    log.info("bridge ended")


async def _read(client: Client, relay: Relay) -> None:
    lines = Lines()
    async for chunk in client.chunks():
        for line in lines.feed(chunk):
            await relay.take(line)
    for line in lines.close():
        await relay.take(line)


@dataclass(slots=True, kw_only=True)
class Client:
    """The two ends of the client's pipes. A pipe is waited for; a plain file is read and written at once."""

    source: BinaryIO
    sink: BinaryIO
    gone: asyncio.Event
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    async def connect(cls, source: BinaryIO, sink: BinaryIO, gone: asyncio.Event) -> Client:
        """Begin to use both ends; `gone` is set when the client no longer reads."""
        loop, client = asyncio.get_running_loop(), cls(source=source, sink=sink, gone=gone)
        if not _is_file(source):
            client.reader = asyncio.StreamReader(limit=_CHUNK_BYTES)
            protocol = asyncio.StreamReaderProtocol(client.reader)
            await loop.connect_read_pipe(lambda: protocol, source)
        if not _is_file(sink):
            transport, flow = await loop.connect_write_pipe(lambda: _Flow(gone), sink)
            transport.set_write_buffer_limits(0)  # drained means handed over: nothing is lost at the end
            client.writer = asyncio.StreamWriter(transport, flow, None, loop)
        return client

    async def chunks(self) -> AsyncIterator[bytes]:
        """What the client sends, until it closes its end."""
        while True:
            if self.reader is not None:
                chunk = await self.reader.read(_CHUNK_BYTES)
            else:
                chunk = self.source.read(_CHUNK_BYTES)
                await asyncio.sleep(0)
            if not chunk:
                return
            yield chunk

    async def write(self, line: bytes) -> None:
        """One line to the client. Once the client is gone this does nothing."""
        if self.gone.is_set():
            return
        try:
            if self.writer is None:
                self.sink.write(line + b"\n")
                self.sink.flush()
                return
            async with self._lock:
                self.writer.write(line + b"\n")
                await self.writer.drain()
        except OSError as err:
            log.info("the client no longer reads: %s", err)
            self.gone.set()

    def close(self) -> None:
        """Let go of both ends."""
        if self.writer is not None:
            self.writer.close()


class _Flow(asyncio.streams.FlowControlMixin):
    """Waits for a full pipe, and tells when the other end has gone."""

    def __init__(self, gone: asyncio.Event) -> None:
        super().__init__()
        self._gone = gone

    def connection_lost(self, exc: Exception | None) -> None:
        """The client closed its end, or we ours."""
        super().connection_lost(exc)
        self._gone.set()


def _take_over() -> tuple[BinaryIO, BinaryIO]:
    """The client's two ends; from now on a print goes to stderr and an input() finds nothing."""
    source = os.fdopen(os.dup(0), "rb", buffering=0)
    sink = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout = sys.stderr
    return source, sink


def _is_file(end: BinaryIO) -> bool:
    kind = os.fstat(end.fileno()).st_mode
    return not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or os.isatty(end.fileno()))
