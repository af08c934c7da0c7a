"""A gateway whose Slack is the look-alike, and the people in it, for the acceptance tests.

The gateway is the real process; the look-alike runs in the test, so that a test can press, refuse and look.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp

from approvals.testing.slack import Answer, LookalikeSlack, Message, User
from tests.acceptance.counting import ASKS, HELD, Shop, shop
from tests.acceptance.harness import PATIENCE_SECONDS

CHANNEL, VAULT = "#money", "#vault"
Way = Literal["socket", "http"]
HASTY = {"action": "require_approval", "approval": {"timeout": "4s"}}
TO_VAULT = {"action": "require_approval", "approval": {"channels": [f"slack:{VAULT}", "web"]}}
TOOLS: dict[str, Any] = {**HELD, "hasty": HASTY, "vault": TO_VAULT, "read": ASKS}
LINKED_BUT_REFUSED = {
    "guest@example.com": {"name": "Guest", "roles": ["reviewer"], "groups": ["finance"], "slack": "U0GUEST"},
    "robot@example.com": {"name": "Robot", "roles": ["reviewer"], "groups": ["finance"], "slack": "U0ROBOT"},
}
"""People of the directory whose Slack account may not decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The shop behind the gateway, and the workspace beside it."""

    shop: Shop
    slack: LookalikeSlack
    people: Mapping[str, User]
    way: Way

    async def card(self, request: Mapping[str, Any], channel: str = CHANNEL) -> Message:
        """The card of a request, once it is there."""
        return await self.slack.wait_for_message(channel, lambda m: request["id"] in str(m.blocks), PATIENCE_SECONDS)

    def cards(self, request: Mapping[str, Any]) -> list[Message]:
        """Every card that was ever posted for a request and is still there."""
        return [one for one in self.slack.messages(CHANNEL) if request["id"] in str(one.blocks)]

    async def asked(self, to: str) -> tuple[dict[str, Any], Message]:
        """The pending request of a payment, and its card."""
        request = await self.shop.ada.pending_of(to=to)
        return request, await self.card(request)

    async def repainted(self, card: Message, *words: str) -> str:
        """Wait until a card has no buttons and says all this; its one line of text."""

        def is_so(message: Message) -> bool:
            return "approve" not in actions(message) and all(word in message.text for word in words)

        return (await self.slack.wait_for_change(card, is_so, PATIENCE_SECONDS)).text

    async def press(self, who: str, card: Message, button: str, **more: Any) -> Answer:
        """Somebody presses a button of a card."""
        return await self.slack.press(self.people[who], card, button, **more)

    async def deny(self, who: str, card: Message, reason: str) -> Answer:
        """Somebody presses Deny… and gives a reason in their own words."""
        await self.press(who, card, "deny")
        modal = await self.slack.wait_for_modal(self.people[who], seconds=PATIENCE_SECONDS)
        return await self.slack.submit(modal, {"words": reason})

    def whispers(self, who: str) -> list[str]:
        """What one person was told privately."""
        return [note.text for note in self.slack.ephemerals if note.user == self.people[who].id]

    async def whispered(self, who: str, part: str) -> str:
        """Wait until one person was privately told something."""

        def look() -> str | None:
            return next((text for text in self.whispers(who) if part in text), None)

        return await self.slack.wait_for(look, f"{part!r} said to {who}", PATIENCE_SECONDS)

    async def start(self) -> None:
        """Start the gateway (again) and wait until Slack can reach it."""
        before = self.slack.sockets.connections[:]
        await self.shop.placet.start()
        self.listen()
        if self.way == "socket":
            await self.slack.wait_for(
                lambda: next((one for one in self.slack.sockets.connections if one not in before), None),
                "a new connection",
                PATIENCE_SECONDS,
            )

    def listen(self) -> None:
        """Let what people do reach the gateway the way it is set up for."""
        if self.way == "http":
            self.slack.deliver_over("http", url=self.shop.placet.url)

    async def check(self, name: str) -> dict[str, Any]:
        """One check of `/readyz`, which stays ready whatever Slack does."""
        async with aiohttp.ClientSession() as http, http.get(self.shop.placet.url + "/readyz") as answer:
            body = await answer.json()
            assert (answer.status, body["ready"]) == (200, True), body
            return next((dict(one) for one in body["checks"] if one["id"] == name), {})

    async def delivered(self) -> int:
        """How many times a card was brought up to date, and that saved, since the gateway started."""
        async with aiohttp.ClientSession() as http, http.get(self.shop.placet.url + "/metrics") as answer:
            text = await answer.text()
        found = re.search(r'^placet_deliveries_total\{channel="slack",result="delivered"\} (\d+)', text, re.MULTILINE)
        return int(found[1]) if found else 0

    async def notices(self) -> str:
        """What stands on top of every page."""
        _, me = await self.shop.ada.ask("GET", "/api/v1/me")
        return "\n".join(notice["text"] for notice in me["notices"])


async def until(ask: Callable[[], Awaitable[bool]]) -> None:
    """Ask again until it is so: for what no feed tells of."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await ask():
            pass


def actions(message: Message) -> list[str]:
    """The action ids of the buttons of a message."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


def payment(to: str) -> dict[str, Any]:
    """The arguments of a call."""
    return {"to": to, "amount": 5}


@asynccontextmanager
async def closed_office(folder: Path, way: Way = "socket", **config: Any) -> AsyncIterator[Office]:
    """Everything set up, and the gateway not started yet; it is stopped in the end."""
    async with LookalikeSlack(posts_per_second=None) as slack:
        people = {
            "ada": slack.add_user("U0ADA", "Ada", "ada@example.com"),
            "bob": slack.add_user("U0BOB", "Bob", "bob@example.com"),
            "zoe": slack.add_user("U0ZOE", "Zoe", "zoe@example.com"),
            "guest": slack.add_user("U0GUEST", "Guest", "guest@example.com", is_restricted=True),
            "robot": slack.add_user("U0ROBOT", "Robot", is_bot=True),
        }
        slack.add_channel(CHANNEL, members=people.values())
        slack.add_channel(VAULT, members=people.values(), bot_is_member=False)
        inward = {"app_token": slack.app_token} if way == "socket" else {"signing_secret": slack.signing_secret}
        wired = {"bot_token": slack.bot_token, "channel": CHANNEL, "api_url": slack.api_url, **inward}
        server = {"env": {"MORE_TOOLS": "hasty,vault"}, **config.pop("server", {})}
        made = shop(folder, tools=config.pop("tools", TOOLS), server=server, slack=wired, **config)
        made.placet.config["people"] |= LINKED_BUT_REFUSED
        made.placet.write_config()
        office = Office(shop=made, slack=slack, people=people, way=way)
        try:
            yield office
        finally:
            await made.placet.stop()


@asynccontextmanager
async def open_office(folder: Path, way: Way = "socket", **config: Any) -> AsyncIterator[Office]:
    """The same, running."""
    async with closed_office(folder, way, **config) as office:
        await office.start()
        yield office
