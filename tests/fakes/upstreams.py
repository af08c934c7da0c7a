"""Running upstreams for the tests: a real SDK server as a process, and the loops of ours around a test."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.upstreams import InputRequired, Relay, Result, RpcError, Upstream, nothing
from gateway.upstreams.peers import NOBODY, Nobody

ROOT = Path(__file__).parents[2]
SDK_SERVER = Path(__file__).with_name("mcp_sdk_server.py")
RELAY_SERVER = [sys.executable, "-m", "tests.fakes.relay_server"]

Progress = Callable[[dict[str, Any]], Awaitable[None]]
"""Receives the params of each `notifications/progress` of one call."""


@contextmanager
def sdk_http_server(mode: str) -> Iterator[str]:
    """The SDK's server in a process of its own; yields its url. It listens before its port is known."""
    with http_server([sys.executable, str(SDK_SERVER), mode]) as url:
        yield url


@contextmanager
def http_server(command: list[str]) -> Iterator[str]:
    """A server that prints its port first."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
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


class Watching(Nobody):
    """A peer that hears progress only."""

    def __init__(self, heard: Progress) -> None:
        self._heard = heard

    async def progress(self, params: dict[str, Any]) -> None:
        await self._heard(params)


async def send_call(
    upstream: Upstream, call: Relay, *, progress: Progress | None = None, sent: Callable[[], None] = nothing
) -> Result | RpcError | InputRequired:
    """Send a call that no client stands behind; `progress` asks the server to report, and hears it."""
    if progress is None:
        return await upstream.request(call, peer=NOBODY, sent=sent)
    return await upstream.request(replace(call, progress=True), peer=Watching(progress), sent=sent)


class Client:
    """A peer that keeps what it is told, and answers questions by method."""

    def __init__(self, **answers: bytes | RpcError) -> None:
        """`answers` by the last word of the method: `create`, `createMessage`, `list`."""
        self.answers = answers
        self.steps: list[dict[str, Any]] = []
        self.lines: list[bytes] = []
        self.asked: list[tuple[str, bytes]] = []
        self.heard: list[tuple[str, bytes]] = []
        self.asking = asyncio.Event()
        self.ended = asyncio.Event()

    async def progress(self, params: dict[str, Any]) -> None:
        self.steps.append(params)

    async def message(self, params: bytes) -> None:
        self.lines.append(params)

    async def paused(self) -> None:
        """Nothing to end."""

    async def told(self, method: str, params: bytes) -> None:
        self.heard.append((method, params))

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        self.asked.append((method, params))
        self.asking.set()
        answer = self.answers.get(method.rpartition("/")[2])
        if answer is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.set()
        return answer if isinstance(answer, RpcError) else Result(raw=answer or b"{}")


def relay(method: str, params: bytes = b"{}", *, session: str = "ada", timeout: float = 10.0, **more: Any) -> Relay:
    """A request to send."""
    return Relay(method=method, params=params, session=session, timeout=timeout, **more)


def tool_call(tool: str, arguments: bytes = b"{}", *, rest: bytes = b"", **more: Any) -> Relay:
    """A `tools/call` to send; `rest` are further members of its params."""
    params = b'{"name":"%s","arguments":%s%s}' % (tool.encode(), arguments, rest)
    return relay("tools/call", params, name=tool, **more)
