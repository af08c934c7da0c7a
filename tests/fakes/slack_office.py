"""A whole office: the desk over SQLite, the outbox, the Slack channel, and the look-alike it all happens in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from approvals.channels.slack import SlackChannel, SlackConfig
from approvals.desk import Desk
from approvals.domain.model import ApprovalRequest, Person
from approvals.outbox import Outbox
from approvals.testing import samples
from approvals.testing.slack import LookalikeSlack, Message, User
from gateway.once import Once
from tests.fakes.desk import House, house

ADA = replace(samples.ADA, slack=frozenset({"U01ADA"}))
BOB = replace(samples.BOB, slack=frozenset({"U02BOB"}))
EVE = replace(samples.EVE, slack=frozenset({"U03EVE"}))
PAGE = "https://placet.example.com/requests/"


@dataclass(slots=True)
class Office:
    """Everything, and shorthands for what tests do again and again."""

    at: House
    slack: LookalikeSlack
    channel: SlackChannel
    outbox: Outbox
    people: dict[str, User]

    async def deliver(self) -> None:
        """Bring every card up to date."""
        while await self.outbox.deliver_due():
            pass

    async def asked(self, arguments: Any = None, **changes: Any) -> tuple[ApprovalRequest, Message]:
        """A filed request and its card."""
        request = await self.at.file(arguments, **changes)
        await self.deliver()
        return request, self.card()

    def card(self) -> Message:
        """The newest card."""
        return self.slack.messages("#money")[-1]

    def whispers(self, user: str) -> list[str]:
        """What one person was told privately."""
        return [note.text for note in self.slack.ephemerals if note.user == self.people[user].id]


def labels(message: Message) -> list[str]:
    """The buttons of a message."""
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["text"]["text"] for row in rows for element in row if "text" in element]


def on_route(desk: Desk, *targets: str) -> None:
    """Announce in Slack alone."""
    desk.reconfigure(caps=desk._caps, routes=lambda *_: [("slack", target) for target in targets])


def people_of(slack: LookalikeSlack) -> dict[str, User]:
    """Three who are mapped, and those who are not or may not be."""
    add = slack.add_user
    return {
        "ada": add("U01ADA", "Ada", "ada@example.com"),
        "bob": add("U02BOB", "Bob", "bob@example.com"),
        "eve": add("U03EVE", "Eve", "eve@example.com"),
        "zoe": add("U04ZOE", "Zoe", "zoe@example.com"),
        "guest": add("U05GUEST", "Guest", is_restricted=True),
        "robot": add("U06ROBOT", "Robot", is_bot=True),
        "gone": add("U07GONE", "Gone", deleted=True),
        "stranger": add("U08STRANGER", "Stranger", team_id="T0OTHER", is_stranger=True),
    }


@asynccontextmanager
async def office(
    url: str, *, way: str = "socket", people: tuple[Person, ...] = (ADA, BOB, EVE), **settings: Any
) -> AsyncIterator[Office]:
    """An office whose app listens over Socket Mode or on signed Request URLs."""
    known = {**samples.PEOPLE, **{person.id: person for person in people}}
    async with LookalikeSlack(posts_per_second=None, **settings) as slack, house(url, people=known) as at:
        inside = people_of(slack)
        slack.add_channel("money", members=inside.values())
        config = SlackConfig(
            bot_token=slack.bot_token,
            channel="#money",
            app_token=slack.app_token if way == "socket" else None,
            signing_secret=slack.signing_secret if way == "http" else None,
            api_url=slack.api_url,
            ping_seconds=0.2,
            home_seconds=0.0,
        )
        on_route(at.desk, "")
        channel = SlackChannel(config, desk=at.desk, page=lambda id: f"{PAGE}{id}", first=Once(at.db).first)
        outbox = Outbox(desk=at.desk, channels={"slack": channel}, page=lambda id: f"{PAGE}{id}", chance=lambda: 1.0)
        async with listening(channel, slack, way):
            yield Office(at=at, slack=slack, channel=channel, outbox=outbox, people=inside)


@asynccontextmanager
async def listening(channel: SlackChannel, slack: LookalikeSlack, way: str) -> AsyncIterator[None]:
    """The channel's loop, and its routes on a server of their own."""
    app = web.Application()
    app.add_routes(channel.routes())
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with asyncio.TaskGroup() as group:
        loop = group.create_task(channel.run())
        try:
            if way == "http":
                slack.deliver_over("http", url=f"http://127.0.0.1:{runner.addresses[0][1]}")
            else:
                await slack.wait_for_connection()
            yield
        finally:
            loop.cancel()
            await runner.cleanup()
