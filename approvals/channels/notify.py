"""Alerts through Apprise: Teams, Discord and a hundred others get a headline, who calls, the risk, and a link.

Nothing else, because what each service does with text is its own: no arguments, no words of the agent's, and every
character that some service takes for markup, a mention or an emoji is replaced. An alert is sent once and never
repainted; the page behind the link tells how things stand, and decides. Apprise is of the optional extra `notify`.
"""

from __future__ import annotations

import asyncio
import re

import apprise

from approvals.channels import Alert, MessageRef
from approvals.domain.card import Card

NAME = "notify"
CALL_SECONDS = 20.0
_LIVE = re.compile(r"[^\w\s.,;:!?'\"()/+=%–…-]|:(?=\S)", re.ASCII)


class NotifyFailed(Exception):
    """The service did not take the alert; it is tried again."""


class NotifyChannel:
    """Alerts at one service. `url` is Apprise's, `source` our public URL: what starts with it is a link of ours."""

    def __init__(self, url: str, *, name: str, source: str) -> None:
        self._name, self._source = name, source.rstrip("/")
        self._apprise = apprise.Apprise(asset=_asset())
        if not self._apprise.add(url):
            raise ValueError("Apprise does not know this address")

    async def post(self, card: Card, to: str) -> MessageRef:  # noqa: ARG002 (a service is one place)
        """Alert to a request."""
        facts = [f"Agent: {_inert(card.agent)}", f"Risk: {_inert(card.risk)}, {_inert(card.severity)}", card.url]
        await self._send(_inert(card.headline), "\n".join(facts))
        return MessageRef(channel=self._name)

    async def revise(self, ref: MessageRef, card: Card) -> None:
        """Nothing: the page behind the link tells what has become of it."""

    async def say(self, alert: Alert, to: str) -> None:  # noqa: ARG002 (a service is one place)
        """Say something that needs no answer."""
        title, _, rest = self._plain(alert.text).partition("\n")
        await self._send(title, rest or title)

    async def _send(self, title: str, body: str) -> None:
        if not await asyncio.to_thread(self._notify, title, body):
            raise NotifyFailed("the service did not take the alert; the log of Apprise says why")

    def _notify(self, title: str, body: str) -> bool:
        return bool(
            self._apprise.notify(body=body, title=title, body_format=apprise.NotifyFormat.TEXT, timeout=CALL_SECONDS)
        )

    def _plain(self, text: str) -> str:
        words = re.split(r"(\s+)", text)
        return "".join(word if word.startswith(f"{self._source}/") else _inert(word) for word in words)


def is_known(url: str) -> bool:
    """Does Apprise know a service for this address?"""
    return apprise.Apprise.instantiate(url, asset=_asset()) is not None


def _asset() -> apprise.AppriseAsset:
    # In memory, so that nothing is written beside us; one service a channel, so nothing is sent in parallel.
    return apprise.AppriseAsset(storage_mode="memory", async_mode=False, http_redirects=False, secure_logging=True)


def _inert(text: str) -> str:
    """Text in which no service finds markup, a mention, an emoji or the scheme of an address."""
    return _LIVE.sub("·", text)
