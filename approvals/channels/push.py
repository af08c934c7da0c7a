"""Web push: a notification in each browser that a reviewer has asked to be notified in, and it leads to the page.

It tells that a call waits, its id and its risk, and later that it waits no longer; never arguments, tools or names.
What is told of one request replaces what was told before. Nothing in it decides: that would be without reading. A
browser that is gone (404, 410) is forgotten. A person counts as told once one of their browsers was reached.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from approvals.channels import Alert, MessageRef, RetryLater, Undeliverable
from approvals.channels.web_push import SALT_BYTES, Browser, Sender, encoded, encrypt, fresh_key
from approvals.domain.card import Card
from approvals.domain.model import State

NAME = "push"
SEND_SECONDS = 10.0
DAY = 86_400
TEXT_SHOWN = 600
RISK_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A browser of somebody's. `id` names it without telling where it is."""

    id: str
    browser: Browser


class Browsers(Protocol):
    """Where browsers are kept."""

    async def of(self, person: str) -> Sequence[Subscribed]:
        """The browsers of a person."""
        ...

    async def gone(self, id: str) -> None:
        """Forget a browser that takes no more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a browser is sent. Of two with one `tag` the newer replaces the older, also where it was not shown yet."""

    body: dict[str, str | bool]
    tag: str
    seconds: int
    urgent: bool


class PushFailed(Exception):
    """No service took the message; it is tried again."""


class PushChannel:
    """Notifications to one person at a time; the target of a card is their address."""

    def __init__(self, sender: Sender, browsers: Browsers, *, now: Callable[[], float] = time.time) -> None:
        self._sender, self._browsers, self._now = sender, browsers, now

    async def post(self, card: Card, to: str) -> MessageRef:
        """Tell that a call waits."""
        await self._send(to, self._of(card))
        return MessageRef(channel=NAME, data={"to": to})

    async def revise(self, ref: MessageRef, card: Card) -> None:
        """Tell that it waits no longer; what is between is on the page."""
        if card.state is not State.PENDING:
            await self._send(str(ref.data.get("to")), self._of(card))

    async def say(self, alert: Alert, to: str) -> None:
        """Tell something that is about no request: its first line, which names no tool; the rest is on the page."""
        body: dict[str, str | bool] = {"alert": alert.id, "text": alert.text.partition("\n")[0][:TEXT_SHOWN]}
        await self._send(to, Notification(body=body, tag=alert.id, seconds=DAY, urgent=True))

    def _of(self, card: Card) -> Notification:
        waits = card.state is State.PENDING
        body: dict[str, str | bool] = {"request": card.request_id, "risk": card.risk[:RISK_SHOWN], "waits": waits}
        left = int(card.expires_at.timestamp() - self._now())
        return Notification(body=body, tag=card.request_id, seconds=max(60, left) if waits else DAY, urgent=waits)

    async def _send(self, to: str, what: Notification) -> None:
        """Send it to every browser of a person.

        Raises:
            Undeliverable: they have none, or none that is still there.
            RetryLater, PushFailed: no service took it, and one may later.
        """
        timeout = aiohttp.ClientTimeout(total=SEND_SECONDS)
        known = await self._browsers.of(to)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session, asyncio.TaskGroup() as group:
            tries = [group.create_task(self._try(session, one, what)) for one in known]
        failures = [failed for one in tries if (failed := one.result()) is not None]
        if len(failures) < len(tries):
            return
        for failed in failures:
            if not isinstance(failed, Undeliverable):
                raise failed
        raise Undeliverable("no browser of theirs takes notifications any more")

    async def _try(self, session: aiohttp.ClientSession, one: Subscribed, what: Notification) -> Exception | None:
        """Send it to one browser; why it did not work."""
        browser = one.browser
        body = encrypt(
            json.dumps(what.body, ensure_ascii=False).encode(),
            browser,
            private=fresh_key(),
            salt=secrets.token_bytes(SALT_BYTES),
        )
        headers = {
            "Authorization": self._sender.authorization(browser, now=self._now()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(what.seconds),
            "Urgency": "high" if what.urgent else "low",
            "Topic": encoded(hashlib.sha256(what.tag.encode()).digest())[:32],
        }
        try:
            async with session.post(browser.endpoint, data=body, headers=headers, allow_redirects=False) as answer:
                why = _judged(answer.status, answer.headers.get("Retry-After", ""), browser.service)
                answer.close()
        except (aiohttp.ClientError, TimeoutError) as failed:
            # What it says may have the address in it, and that is a secret.
            return PushFailed(f"{browser.service} could not be reached ({type(failed).__name__})")
        if isinstance(why, Undeliverable):
            await self._browsers.gone(one.id)
        return why


def _judged(status: int, retry_after: str, service: str) -> Exception | None:
    if 200 <= status < 300:
        return None
    if status in {404, 410}:
        return Undeliverable(f"{service} does not know this browser any more")
    if status in {429, 502, 503, 504} and retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= 6:
        return RetryLater(float(retry_after), f"{service} answered {status} and asks for a pause")
    return PushFailed(f"{service} answered {status}")
