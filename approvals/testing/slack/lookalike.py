"""`LookalikeSlack`: one workspace on a free loopback port, for tests and the demo.

    async with LookalikeSlack() as slack:
        ada = slack.add_user("U01ADA", "ada", "ada@example.com")
        slack.add_channel("approvals", members=[ada])
        …point the app at slack.api_url with slack.bot_token and slack.app_token…
        card = await slack.wait_for_message("#approvals")
        await slack.press(ada, card, "approve")

Not affiliated with Slack; only what an approval app needs of it is here.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from typing import Any, Literal, Self

from aiohttp import ClientSession, web

from approvals.testing.slack import limits
from approvals.testing.slack.clock import Clock
from approvals.testing.slack.context import Context
from approvals.testing.slack.courier import Courier
from approvals.testing.slack.delivery import Answer, Delivery, HttpRoute, RequestUrls
from approvals.testing.slack.faults import Cut, Fault, Gate, Limiter
from approvals.testing.slack.interactions import Interactions, Place
from approvals.testing.slack.methods import DEFAULT_SCOPES, TokenKind
from approvals.testing.slack.modals import Modals
from approvals.testing.slack.observing import Observed
from approvals.testing.slack.server import create_app
from approvals.testing.slack.signing import Forgery
from approvals.testing.slack.socket_mode import SocketMode
from approvals.testing.slack.state import Channel, Json, Message, User, UserGroup, View
from approvals.testing.slack.web_api import WebApi
from approvals.testing.slack.workspace import Workspace, short_id


class LookalikeSlack(Observed):
    """A workspace with one installed app."""

    def __init__(
        self,
        *,
        clock: Clock = time.time,
        scopes: Iterable[str] = DEFAULT_SCOPES,
        posts_per_second: float | None = limits.POSTS_PER_SECOND,
        ack_seconds: float = limits.ACK_SECONDS,
        host: str = "127.0.0.1",
        port: int = 0,
        team_name: str = "Acme",
        app_name: str = "Placet",
    ) -> None:
        self.bot_token = f"xoxb-{secrets.token_hex(12)}"
        self.app_token = f"xapp-1-{secrets.token_hex(16)}"
        self.signing_secret = secrets.token_hex(16)
        self.page_key = secrets.token_urlsafe(16)
        self.url = ""
        self._host, self._port, self._ack_seconds = host, port, ack_seconds
        self.workspace = Workspace(clock=clock, team_id=short_id("T", 11), team_name=team_name, app_name=app_name)
        self.sockets = SocketMode(
            self.workspace.app_id, self.workspace.changes, lambda: self.url, ack_seconds=ack_seconds
        )
        self.context = Context(
            workspace=self.workspace,
            modals=Modals(self.workspace),
            scopes=frozenset(scopes),
            new_socket_url=self.sockets.new_url,
        )
        self._api = WebApi(
            self.context,
            Limiter(clock, posts_per_second=posts_per_second),
            {self.bot_token: TokenKind.BOT, self.app_token: TokenKind.APP},
        )
        self._courier = Courier(sockets=self.sockets, changes=self.workspace.changes)
        self._hands = Interactions(workspace=self.workspace, modals=self.context.modals, courier=self._courier)
        self._open = AsyncExitStack()
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = await self._open.enter_async_context(ClientSession())
        app = create_app(self.workspace, self._api, self.sockets, self._hands, page_key=self.page_key)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0, access_log=None)
        await runner.setup()
        self._open.push_async_callback(runner.cleanup)
        self._open.push_async_callback(self.sockets.close)
        await web.TCPSite(runner, self._host, self._port).start()
        self.url = f"http://{self._host}:{runner.addresses[0][1]}"
        self.context.url = self._hands.url = self.url
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    @property
    def api_url(self) -> str:
        """What `slack.api_url` in the app's configuration must be."""
        return f"{self.url}/api/"

    @property
    def page_url(self) -> str:
        """Where a person opens the workspace; the key after `#` never reaches a log."""
        return f"{self.url}/#key={self.page_key}"

    # who and where

    def add_user(self, user_id: str, name: str, email: str | None = None, **facts: Any) -> User:
        """Add a person; `facts` are the other fields of `User`, such as is_restricted or team_id."""
        facts.setdefault("real_name", name)
        facts.setdefault("team_id", self.workspace.team_id)
        user = User(id=user_id, name=name.lower().replace(" ", "."), email=email, **facts)
        self.workspace.users[user_id] = user
        self.workspace.changes.bump()
        return user

    def add_channel(
        self, name: str, *, members: Iterable[User | str] = (), bot_is_member: bool = True, **facts: Any
    ) -> Channel:
        """Add a channel; `facts` are the other fields of `Channel`, such as is_private."""
        inside = {member if isinstance(member, str) else member.id for member in members}
        if bot_is_member:
            inside.add(self.workspace.bot.id)
        channel = Channel(id=short_id("C", 11), name=name.removeprefix("#"), members=inside, **facts)
        self.workspace.channels[channel.id] = channel
        self.workspace.changes.bump()
        return channel

    def add_group(self, handle: str, users: Iterable[User]) -> UserGroup:
        """Add a user group."""
        group = UserGroup(id=short_id("S", 11), handle=handle, users=[user.id for user in users])
        self.workspace.groups[group.id] = group
        return group

    # what people do

    async def press(
        self,
        user: User,
        place: Place,
        action_id: str,
        *,
        block_id: str | None = None,
        choice: Any = None,
        forge: Forgery | None = None,
    ) -> Answer:
        """Press a button (or choose in a menu) of a message, a modal or Home."""
        return await self._hands.press(user, place, action_id, block_id=block_id, choice=choice, forge=forge)

    async def submit(
        self, view: View, values: Mapping[str, Any] | None = None, *, forge: Forgery | None = None
    ) -> Answer:
        """Fill and submit a modal; keys are block ids or action ids."""
        return await self._hands.submit(view, values or {}, forge=forge)

    async def close(self, view: View) -> Answer | None:
        """Close a modal."""
        return await self._hands.close(view)

    async def open_home(self, user: User) -> Answer:
        """Open the app's Home tab."""
        return await self._hands.open_home(user)

    async def command(self, user: User, channel: str, word: str, text: str = "") -> Answer:
        """Type a slash command into a channel."""
        return await self._hands.command(user, self.channel(channel), word, text)

    async def shortcut(self, user: User, message: Message, callback_id: str) -> Answer:
        """Use a message shortcut."""
        return await self._hands.shortcut(user, message, callback_id)

    async def event(self, body: Json, *, retry: int = 0, forge: Forgery | None = None) -> Answer:
        """Deliver an event of the Events API."""
        return await self._hands.event(body, retry=retry, forge=forge)

    async def verify_url(self) -> Answer:
        """What Slack posts when a Request URL is entered: the app has to answer with the challenge."""
        return await self._hands.verify_url()

    async def repeat(self, delivery: Delivery) -> Answer:
        """Send a delivery again: a replayed post, or the same envelope twice."""
        return await self._courier.repeat(delivery)

    # how it goes wrong, and which way it goes

    def deliver_over(self, way: Literal["socket", "http"], *, url: str | RequestUrls = "") -> None:
        """Send interactions over Socket Mode, or as signed posts to the app at `url`."""
        if way == "socket":
            self._courier.http = None
            return
        if not url or self._session is None:
            raise ValueError("deliver_over('http') needs the app's url and a started look-alike")
        self._courier.http = HttpRoute(
            urls=url if isinstance(url, RequestUrls) else RequestUrls.below(url),
            secret=self.signing_secret,
            clock=self.workspace.clock,
            session=self._session,
            ack_seconds=self._ack_seconds,
        )

    def fail(self, method: str, **how: Any) -> None:
        """Spoil the next call of a method (`*`: any): error=, status=, retry_after=, cut=, delay=, times=, where=."""
        if not {"error", "status", "retry_after", "cut", "delay"} & set(how):
            raise ValueError("say how it fails: error=, status=, retry_after=, cut= or delay=")
        if "cut" in how:
            how["cut"] = Cut(how["cut"])
        self._api.faults.add(Fault(method=method, **how))

    def hold(self, method: str, **how: Any) -> Gate:
        """Keep the next call of a method waiting until the gate is released."""
        gate = Gate()
        self._api.faults.add(Fault(method=method, gate=gate, **how))
        return gate

    def heal(self, method: str | None = None) -> None:
        """Take back the faults of a method, or all of them."""
        self._api.faults.heal(method)
