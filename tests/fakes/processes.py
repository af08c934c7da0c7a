"""Real processes that start together: each says that it is ready, and all go at one shot."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60
"""How many seconds a process may take to start or to end."""


class Racers:
    """Processes that stand at the line."""

    def __init__(self, processes: list[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    async def go(self) -> list[str]:
        """Fire the shot; what each printed after it, once all have ended well."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")
        async with asyncio.timeout(PATIENCE):
            ended = [await process.communicate() for process in self._processes]
        for process, (_, errors) in zip(self._processes, ended, strict=True):
            assert process.returncode == 0, errors.decode()
        return [output.decode().strip() for output, _ in ended]


@asynccontextmanager
async def at_the_line(races: Sequence[tuple[str, ...]]) -> AsyncIterator[Racers]:
    """Start one `tests.fakes.racer` for each list of arguments, and wait until all are ready."""
    processes: list[asyncio.subprocess.Process] = []
    try:
        for race in races:
            arguments = (sys.executable, "-W", "error", "-m", "tests.fakes.racer", *race)
            pipe = asyncio.subprocess.PIPE
            processes.append(
                await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe)
            )
        for process in processes:
            await _ready(process)
        yield Racers(processes)
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def _ready(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        line = await process.stdout.readline()
        assert line == b"ready\n", (await process.stderr.read()).decode()
