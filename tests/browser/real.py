"""The real thing for the browser: `placet serve` as a process, an upstream shop, an agent, another reviewer.

Playwright's synchronous side needs the main thread; everything that waits lives on a loop in a thread beside it. The
upstream belongs to the test, so it outlives a killed gateway and knows what really happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from gateway.demo import shop as demo
from tests.acceptance.agents import Agent, Said
from tests.acceptance.harness import BIN, PATIENCE_SECONDS, Placet, Reviewer, policy

T = TypeVar("T")

ANYTHING = {"type": "object", "additionalProperties": True}
EXTRA = [
    {"name": "write_note", "description": "Write a note of any shape.", "inputSchema": ANYTHING},
    {"name": "slow_transfer", "description": "A transfer that never answers.", "inputSchema": ANYTHING},
]
ASKS: dict[str, Any] = {"action": "require_approval"}
RULES = {
    "find_order": {},
    "send_mail": ASKS,
    "refund_payment": ASKS,
    "delete_customer": ASKS,
    "write_note": ASKS,
    "slow_transfer": ASKS,
}


class Shop(demo.Shop):
    """The demo's shop, with a tool that takes anything and one that never answers."""

    async def _post(self, request: web.Request) -> web.Response:
        message = await request.json()
        params = message.get("params") or {}
        match message.get("method"), params.get("name"):
            case "tools/list", _:
                return self._result(message, {"tools": [*demo.TOOLS, *EXTRA]})
            case "tools/call", "write_note":
                self._write("note")
                return self._result(message, {"content": [{"type": "text", "text": "noted"}]})
            case "tools/call", "slow_transfer":
                self._write("transfer")
                await asyncio.Event().wait()
            case _:
                pass
        return await super()._post(request)


class Real:
    """A running Placet with people and an agent; `wait` runs something on its loop."""

    def __init__(self, folder: Path, configure: Callable[[Placet], None] = lambda _: None) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="real placet")
        self.thread.start()
        self.shop = Shop()
        self._runner = web.AppRunner(self.shop.app(), handler_cancellation=True, shutdown_timeout=0.1)
        self.placet = Placet(
            folder,
            servers={"shop": {"url": self.wait(self._open_shop()), "timeouts": {"call": "2s"}}},
            policies={"shop": policy(RULES)},
        )
        configure(self.placet)
        self.wait(self.placet.start())
        self.ada, self.bob = (Reviewer(self.placet, token) for token in (self.placet.ada, self.placet.bob))
        self.url = self.placet.url

    async def _open_shop(self) -> str:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/mcp"

    def soon(self, job: Coroutine[Any, Any, T]) -> Future[T]:
        """Start something that is waited for later."""
        return asyncio.run_coroutine_threadsafe(job, self.loop)

    def wait(self, job: Coroutine[Any, Any, T]) -> T:
        """Run something to its end."""
        return self.soon(job).result(timeout=2 * PATIENCE_SECONDS)

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Future[Said | None]:
        """The agent makes a call and waits; None when its connection was lost."""

        async def made() -> Said | None:
            async with Agent(self.placet, "shop") as agent:
                return await agent.lost_call(tool, arguments)

        return self.soon(made())

    def pending(self, **arguments: Any) -> dict[str, Any]:
        """The pending request with these arguments."""
        return self.wait(self.ada.pending_of(**arguments))

    def said(self, call: Future[Said | None]) -> Said:
        """What the agent was told in the end."""
        said = call.result(timeout=PATIENCE_SECONDS)
        assert said is not None, "the agent's connection was lost"
        return said

    def kill(self) -> None:
        """SIGKILL."""
        self.wait(self.placet.stop(signal.SIGKILL))

    def start(self) -> None:
        """Start the service again over the same folder."""
        self.wait(self.placet.start())

    def login_link(self, email: str) -> str:
        """What `placet people login-link` prints."""

        async def run() -> str:
            process = await asyncio.create_subprocess_exec(
                str(BIN / "placet"), "people", "login-link", email,
                "--config", str(self.placet.folder / "placet.yaml"),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=dict(os.environ),
            )  # fmt: skip
            output, _ = await process.communicate()
            assert process.returncode == 0, output.decode()
            return next(word for word in output.decode().split() if word.startswith("http"))

        return self.wait(run())

    def close(self) -> None:
        """End everything."""
        with contextlib.suppress(AssertionError):
            self.wait(self.placet.stop())
        self.wait(self._runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=PATIENCE_SECONDS)
        self.loop.close()
