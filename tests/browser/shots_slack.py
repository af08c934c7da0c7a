"""The card of a held call as the look-alike of Slack shows it: one picture, with fixed data and clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect
from slack_sdk.web.async_client import AsyncWebClient

from approvals.channels.slack_blocks import draw
from approvals.testing import samples
from approvals.testing.slack import HandClock, LookalikeSlack

JUSTIFICATION = "The user asked me to buy the dip before 15:00."


async def _serve(posted: threading.Event, stop: asyncio.Event, address: list[str]) -> None:
    request = samples.request(owner="ada@example.com", justification=JUSTIFICATION)
    async with LookalikeSlack(clock=HandClock(request.created_at.timestamp()), posts_per_second=None) as slack:
        ada = slack.add_user("U01ADA", "Ada Lovelace", "ada@example.com")
        channel = slack.add_channel("approvals", members=[ada])
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        drawn = draw(samples.card(request))
        await client.chat_postMessage(channel=channel.id, text="A call is held", blocks=drawn.blocks)
        address.append(f"{slack.page_url}&as=U01ADA")
        posted.set()
        await stop.wait()


@contextmanager
def _running() -> Iterator[str]:
    loop, posted, stop, address = asyncio.new_event_loop(), threading.Event(), asyncio.Event(), list[str]()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(posted, stop, address),))
    thread.start()
    try:
        if not posted.wait(timeout=10):
            raise SystemExit("The look-alike of Slack did not start.")
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def take_card(browser: Browser, folder: Path) -> None:
    """Take the card, light and dark."""
    with _running() as address:
        for theme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": 1280, "height": 800},
                color_scheme=theme,
                reduced_motion="reduce",
                locale="en-GB",
                timezone_id="UTC",
            )
            page = context.new_page()
            page.clock.set_fixed_time(samples.NOW)
            page.goto(address)
            expect(page.locator(".message").first).to_be_visible()
            page.evaluate("document.fonts.ready")
            page.screenshot(path=folder / f"slack-card-{theme}.png", animations="disabled", caret="hide")
            context.close()
