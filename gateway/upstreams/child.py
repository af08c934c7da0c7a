"""The process behind a stdio upstream: started without a shell, in a group of its own, always reaped.

It gets a minimal environment and what the configuration adds, never the gateway's own secrets. Its
standard error is text from outside: escaped, cut, and counted before it reaches the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from gateway.upstreams import Unsent

log = logging.getLogger(__name__)

_INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SHELL", "TERM")
_CHUNK_BYTES = 64 * 1024
_MAX_LOG_LINE_BYTES = 2000
_MAX_LOG_LINES_A_MINUTE = 120
_POLITE_SECONDS = 2.0


class Noise:
    """Logs lines of a child that are no messages, bounded in length and in number a minute."""

    def __init__(self, server: str, source: str) -> None:
        self._server = server
        self._source = source
        self._minute = -1
        self._count = 0

    def line(self, raw: bytes) -> None:
        """One line, shown with every unprintable character escaped."""
        minute = int(asyncio.get_running_loop().time() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        extra = {"server": self._server, "source": self._source}
        if self._count <= _MAX_LOG_LINES_A_MINUTE:
            log.info("upstream says: %s", visible(raw), extra=extra)
        elif self._count == _MAX_LOG_LINES_A_MINUTE + 1:
            log.warning("upstream says too much, the rest of this minute is dropped", extra=extra)


class Child:
    """A running server process."""

    def __init__(self, process: asyncio.subprocess.Process, *, name: str) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("a child needs its three pipes")
        self._process = process
        self._name = name
        self.stdin = process.stdin
        self.stdout = process.stdout
        self.stderr = process.stderr

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def follow_stderr(self) -> None:
        """Log standard error until it ends."""
        noise = Noise(self._name, "stderr")
        async for line in lines(self.stderr, limit=_MAX_LOG_LINE_BYTES):
            noise.line(line)

    async def wait(self) -> int:
        """Wait for the end; negative is the signal that ended it."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Close its input, wait, TERM, wait, KILL the group. Its pipes are being read meanwhile."""
        self.stdin.close()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_POLITE_SECONDS):
                    await self._process.wait()
                    break
            self._signal(sign)

    async def reap(self) -> None:
        """End the whole group now and let go of its pipes. Nobody reads them any more."""
        self._signal(signal.SIGKILL)
        self.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_POLITE_SECONDS):
                # A pipe that is not read to its end keeps the process object open.
                await asyncio.gather(_drain(self.stdout), _drain(self.stderr), self._process.wait())

    def _signal(self, sign: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, sign)


async def start(*, name: str, command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None) -> Child:
    """Start the server.

    Raises:
        Unsent: it cannot be started, and what to do.
    """
    environment = {key: os.environ[key] for key in _INHERITED if key in os.environ} | dict(env)
    program = command[0]
    if shutil.which(program, path=environment.get("PATH")) is None:
        raise Unsent(f"{name} cannot be started: {_missing(program)}")
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err)
        raise Unsent(f"{name} cannot be started: {visible(program.encode())}: {reason}") from err
    return Child(process, name=name)


async def lines(stream: asyncio.StreamReader, *, limit: int) -> AsyncIterator[bytes]:
    """Lines without their end. Of a longer one only the first `limit` bytes are given, and a `…` in their place."""
    async for line, whole in measured_lines(stream, limit=limit):
        yield line if whole else line[:limit] + "…".encode()


async def measured_lines(stream: asyncio.StreamReader, *, limit: int) -> AsyncIterator[tuple[bytes, bool]]:
    """Lines, each with whether it is whole. A longer one comes as its first and last kilobytes, not whole."""
    line, cut = bytearray(), False
    while chunk := await stream.read(_CHUNK_BYTES):
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            line += piece
            cut = _shorten(line, limit) or cut
            yield bytes(line).removesuffix(b"\r"), not cut
            line, cut = bytearray(), False
        line += rest
        cut = _shorten(line, limit) or cut
    if line:
        yield bytes(line), not cut


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(_CHUNK_BYTES):
        pass


def visible(raw: bytes) -> str:
    """Text from outside as one printable line."""
    text = raw[:_MAX_LOG_LINE_BYTES].decode("utf-8", "backslashreplace")
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
    return shown if len(raw) <= _MAX_LOG_LINE_BYTES else shown + "…"


def _shorten(line: bytearray, limit: int) -> bool:
    # Head and tail are enough to tell whose answer it was.
    if len(line) <= limit:
        return False
    del line[min(limit, 1024) : -1024]
    return True


def _missing(program: str) -> str:
    shown = visible(program.encode())
    if os.sep in program:
        return f"there is no executable file {shown}"
    hint = " (it comes with Node.js)" if program in ("npx", "npm", "node") else ""
    hint = " (it comes with uv)" if program in ("uvx", "uv") else hint
    return f"{shown} was not found on PATH{hint}. Install it, or give the full path in `command`"
