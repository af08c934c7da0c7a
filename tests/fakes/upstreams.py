"""Running upstreams for the tests: a real SDK server as a process, and the loops of ours around a test."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from gateway.upstreams import Outgoing, Upstream

SDK_SERVER = Path(__file__).with_name("mcp_sdk_server.py")


@contextmanager
def sdk_http_server(mode: str) -> Iterator[str]:
    """The SDK's server in a process of its own; yields its url. It listens before its port is known."""
    with subprocess.Popen([sys.executable, SDK_SERVER, mode], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
        finally:
            process.kill()


@asynccontextmanager
async def running(upstream: Upstream) -> AsyncIterator[Any]:
    """`upstream` with its `run` going on, closed at the end."""
    async with asyncio.TaskGroup() as group:
        group.create_task(upstream.run())
        try:
            yield upstream
        finally:
            await upstream.close()


def call(tool: str, arguments: bytes = b"{}", *, agent: str = "ada", timeout: float = 10.0, **more: Any) -> Outgoing:
    """A call to send."""
    return Outgoing(tool=tool, arguments=arguments, agent=agent, timeout=timeout, **more)
