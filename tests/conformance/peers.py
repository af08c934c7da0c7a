"""What the suite is pointed at: the fixture server, and `placet serve` in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.acceptance.harness import PATIENCE_SECONDS, Placet, serving
from tests.conformance.suite import ROOT

SERVER = "everything"
ALLOW_ALL = {"version": "1", "default": "allow"}


@contextlib.asynccontextmanager
async def fixture(folder: Path) -> AsyncIterator[str]:
    """The address of a running fixture server; what it says is written to a file in `folder`."""
    with (folder / "everything.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.fakes.everything", cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=log
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                port = (await process.stdout.readline()).decode().strip()
            assert port.isdecimal(), (folder / "everything.log").read_text()
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


@contextlib.asynccontextmanager
async def gateway(folder: Path, upstream: str) -> AsyncIterator[str]:
    """The address of that server through a gateway that allows everything to anybody on this machine."""
    placet = Placet(
        folder,
        servers={SERVER: {"url": upstream}},
        policies={SERVER: ALLOW_ALL},
        agents={"suite": {"anonymous": True, "owner": "ada@example.com", "servers": [SERVER]}},
    )
    async with serving(placet):
        yield placet.mcp(SERVER)
