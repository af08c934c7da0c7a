"""Chromium as the tests and the screenshots start it, and the console's fake API on a loop of its own."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from aiohttp import web
from playwright.sync_api import Browser, Playwright

from tests.fakes import console_api
from tests.fakes.console_api import ConsoleFake

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS = 15_000


def path_of_chromium() -> str | None:
    """The browser of this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def launch(playwright: Playwright) -> Browser:
    """Start it."""
    path = path_of_chromium()
    if path is None:
        raise SystemExit("No Chromium on this machine. Debian: apt-get install chromium")
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


class RunningConsole:
    """The fake API, served from a thread; `call` runs something on its loop and waits for it."""

    def __init__(self, fake: ConsoleFake) -> None:
        self.fake = fake
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, name="console-fake")
        self.thread.start()
        self.runner = web.AppRunner(console_api.build(fake), handler_cancellation=True, shutdown_timeout=0.1)
        self.url = self._wait(asyncio.run_coroutine_threadsafe(self._start(), self.loop))

    async def _start(self) -> str:
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    @staticmethod
    def _wait(future: Future[Any]) -> Any:
        return future.result(timeout=PATIENCE_MS / 1000)

    def call(self, change: Callable[[], object]) -> Any:
        """Run `change` on the server's loop."""

        async def run() -> object:
            return change()

        return self._wait(asyncio.run_coroutine_threadsafe(run(), self.loop))

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._wait(asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=PATIENCE_MS / 1000)
        self.loop.close()
