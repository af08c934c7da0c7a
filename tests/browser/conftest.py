"""One Chromium for each module, and the console's fake API on a loop of its own for each test.

A page fixture fails its test when anything was written to the browser's error console that the test did
not expect: a blocked style, a refused source, a broken script. Nothing here sleeps; waits are Playwright's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.chromium import PATIENCE_MS, RunningConsole, launch, path_of_chromium
from tests.fakes.console_api import ConsoleFake

expect.set_options(timeout=PATIENCE_MS)


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
        expect(self.page.locator("main > *").first).to_be_visible()
        return self.page

    def unexpected(self) -> list[str]:
        """What was complained about, less what the test said it would provoke."""
        return [text for text in self.complaints if not any(part in text for part in self.expected)]


def request_id(number: int) -> str:
    return f"req_{number:026d}"


def settled(screen: Screen, path: str) -> Page:
    """Go to a path and wait until its page stands."""
    page = screen.open(path)
    if path.startswith("/login"):
        page.wait_for_load_state("networkidle")
    else:
        expect(page.locator("h1, h2").first).to_be_attached()
    return page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Playwright's synchronous interface keeps this thread's event loop running: it must be gone when the tests of
    # other folders want loops of their own.
    if path_of_chromium() is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = launch(playwright)
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
