"""One Chromium for the session, and the console's fake API on a loop of its own for each test.

A page fixture fails its test when anything was written to the browser's error console that the test did
not expect: a blocked style, a refused source, a broken script. Nothing here sleeps; waits are Playwright's.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.fakes import console_api
from tests.fakes.console_api import ConsoleFake

ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS = 5_000


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


class Screen:
    """A browser page with what its error console said."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url, self.complaints = page, url, list[str]()
        self.expected: tuple[str, ...] = ()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def open(self, path: str) -> Page:
        """Go to a path of the console and wait until it has drawn something."""
        self.page.goto(self.url + path)
        self.page.wait_for_selector("main > *")
        return self.page

    def unexpected(self) -> list[str]:
        """What was complained about, less what the test said it would provoke."""
        return [text for text in self.complaints if not any(part in text for part in self.expected)]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def scenario() -> str:
    return "rich"


@pytest.fixture
def console(scenario: str) -> Iterator[RunningConsole]:
    running = RunningConsole(ConsoleFake.of(scenario, datetime.now(UTC)))
    yield running
    running.stop()


@pytest.fixture
def screens(chromium: Browser, console: RunningConsole) -> Iterator[Callable[..., Screen]]:
    """Make screens; `screens(width=390, color_scheme="dark", …)` takes the options of a browser context."""
    contexts: list[BrowserContext] = []
    made: list[Screen] = []

    def make(*, width: int = 1440, height: int = 900, **options: Any) -> Screen:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        made.append(Screen(context.new_page(), console.url))
        return made[-1]

    yield make
    complaints = [text for screen in made for text in screen.unexpected()]
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def screen(screens: Callable[..., Screen]) -> Screen:
    return screens()
