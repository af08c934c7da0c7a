"""Slack as a channel: cards out through the Web API, answers in through Socket Mode or signed posts, or both.

The card is a view of the request and never the record: it is posted and repainted by the outbox, and what people press
is handed to the desk. An interaction gets its acknowledgement when its work is committed; where that takes longer than
Slack waits, it is acknowledged first and the work goes on (slack.md 2). slack-sdk is imported in `slack*.py` alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from approvals.channels import Alert, First, Held, MessageRef, Undeliverable
from approvals.channels.slack_blocks import Drawing, draw_alert, draw_minimal
from approvals.channels.slack_clicks import Clicks
from approvals.channels.slack_client import SlackClient, SlackRefused
from approvals.channels.slack_home import APART_SECONDS, Homes
from approvals.channels.slack_hours import SlackHours
from approvals.channels.slack_http import SignedPosts
from approvals.channels.slack_payloads import Malformed, NotHandled
from approvals.channels.slack_people import SlackPeople
from approvals.channels.slack_reading import Reading
from approvals.channels.slack_refusals import TOO_MUCH, never
from approvals.channels.slack_signing import Signatures
from approvals.channels.slack_socket import PING_SECONDS, Socket
from approvals.channels.slack_submissions import Ack, Then
from approvals.channels.slack_telling import Telling, drawing_of
from approvals.desk import Desk
from approvals.domain.card import Card
from approvals.domain.model import Person
from approvals.domain.quiet import URGENT

log = logging.getLogger(__name__)

NAME = "slack"
ANSWER_SECONDS = 2.0
"""Slack gives up after three seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackConfig:
    """The installed app. `app_token` opens Socket Mode, `signing_secret` the Request URLs; `channel` is the default."""

    bot_token: str = field(repr=False)
    channel: str
    app_token: str | None = field(default=None, repr=False)
    signing_secret: str | None = field(default=None, repr=False)
    api_url: str = "https://slack.com/api/"
    ping_seconds: float = PING_SECONDS
    home_seconds: float = APART_SECONDS

    def __post_init__(self) -> None:
        if not self.bot_token.strip():
            raise ValueError("slack.bot_token is empty")
        if self.app_token is not None and not self.app_token.strip():
            raise ValueError("slack.app_token is empty: give one, or leave the key out")
        if self.signing_secret is not None and not self.signing_secret.strip():
            raise ValueError(
                "slack.signing_secret is empty: anybody could sign with it. Give one, or leave the key out"
            )


class SlackChannel:
    """Cards in Slack."""

    name = NAME

    def __init__(
        self,
        config: SlackConfig,
        *,
        desk: Desk,
        page: Callable[[str], str],
        first: First,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._config, self._desk, self._answer_seconds = config, desk, answer_seconds
        self._client = SlackClient(bot_token=config.bot_token, api_url=config.api_url)
        self._hours = SlackHours(self._client)
        reading = Reading(desk, page=page, channel=self.name)
        telling, people = Telling(self._client, reading), SlackPeople(self._client)
        self._homes = Homes(desk, people=people, reading=reading, publish=telling.publish, apart=config.home_seconds)
        self._clicks = Clicks(desk, people=people, reading=reading, telling=telling, homes=self._homes)
        self._group: asyncio.TaskGroup | None = None
        self._socket: Socket | None = None
        if config.app_token is not None:
            self._socket = Socket(
                self._client, app_token=config.app_token, take=self.take, ping_seconds=config.ping_seconds
            )
        secret = config.signing_secret
        self._posts = SignedPosts(Signatures(secret, first=first), self.take) if secret is not None else None

    @property
    def problem(self) -> str | None:
        """Why nothing can be received over Socket Mode now; None when it works or is not used."""
        return self._socket.problem if self._socket is not None else None

    async def run(self) -> None:
        """Receive for ever, and finish what was acknowledged early. Runs whichever way in is used."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                if self._socket is not None:
                    group.create_task(self._socket.run(), name="slack socket")
                group.create_task(self._homes.run(), name="slack homes")
                await asyncio.Event().wait()
            finally:
                self._group = None

    def routes(self) -> list[web.RouteDef]:
        """The Request URLs; none without a signing secret."""
        return self._posts.routes() if self._posts is not None else []

    async def post(self, card: Card, to: str) -> MessageRef:
        """Post the card to a channel, or to a person's direct messages (`@ada`)."""
        place = await self._place(to or self._config.channel)
        if to.startswith("@") and not card.decided and card.severity not in URGENT:
            await self._let_sleep(place)
        said = await self._send("chat.postMessage", card, place, {"channel": place, **_QUIET})
        return MessageRef(channel=self.name, data={"channel": str(said["channel"]), "ts": str(said["ts"])})

    async def revise(self, ref: MessageRef, card: Card) -> None:
        """Repaint a card in place."""
        where = {"channel": str(ref.data.get("channel")), "ts": str(ref.data.get("ts"))}
        await self._send("chat.update", card, where["channel"], where)

    async def say(self, alert: Alert, to: str) -> None:
        """Post a plain message to a channel, or under a card (`CHANNEL/TS`)."""
        word, _, thread = to.partition("/")
        drawing, place = draw_alert(alert.text), await self._place(word or self._config.channel)
        if word.startswith("@") and not alert.urgent:
            await self._let_sleep(place)
        where = {"channel": place, **_QUIET} | ({"thread_ts": thread} if thread else {})
        try:
            await self._try("chat.postMessage", place, drawing, where)
        except SlackRefused as refused:
            raise Undeliverable(never(refused, place)) from None

    async def take(self, kind: str, payload: Any) -> dict[str, Any] | None:
        """Handle one interaction of Slack's, whichever way it came; what comes back acknowledges it.

        Raises:
            Malformed: it is not what Slack sends.
            NotHandled: a bug; the log has it.
        """
        act = {"interactive": self._clicks.interactive, "slash_commands": self._clicks.command}.get(
            kind, self._clicks.event
        )
        acked: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        work = self._work(act(payload), acked, partial(self._clicks.broke, payload))
        if self._group is None:
            await work
            return await acked
        self._group.create_task(work, name=f"slack {kind}")
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await acked
        except TimeoutError:
            log.warning("slack acknowledged before the work was done", extra={"kind": kind})
            return None

    async def _work(self, act: Awaitable[Ack], acked: asyncio.Future[dict[str, Any] | None], broke: Then) -> None:
        try:
            ack = await act
        except Malformed as err:
            _settle(acked, err)
            return
        except Exception:  # the edge: a bug met by one press must not end the others
            log.exception("slack interaction broke")
            ack = Ack(late=broke)
            _settle(acked, NotHandled())
        then = [ack.then]
        if acked.cancelled():
            then.insert(0, ack.late)
        elif not acked.done():
            acked.set_result(ack.body)
        for follow_up in filter(None, then):
            try:
                await follow_up()
            except Exception:  # the edge: the decision stands, only the talk about it failed
                log.exception("slack follow-up broke")

    async def _send(self, method: str, card: Card, place: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._try(method, place, drawing_of(card), arguments)
        except SlackRefused as refused:
            log.warning("slack refused the card", extra={"request": card.request_id, "error": refused.error})
        try:
            return await self._try(method, place, draw_minimal(card), arguments)
        except SlackRefused as refused:
            raise Undeliverable(f"Slack refuses even a line of text ({refused.error}).") from None

    async def _try(self, method: str, place: str, drawing: Drawing, arguments: dict[str, Any]) -> dict[str, Any]:
        """One call.

        Raises:
            SlackRefused: this drawing is too much for Slack; a smaller one may not be.
            Undeliverable, RetryLater, SlackDown.
        """
        try:
            return await self._client.call(method, **arguments, text=drawing.text, blocks=drawing.blocks)
        except SlackRefused as refused:
            if refused.error in TOO_MUCH:
                raise
            raise Undeliverable(never(refused, place)) from None

    async def _let_sleep(self, place: str) -> None:
        until = await self._hours.quiet_until(place)
        if until is not None:
            raise Held(until)

    async def _place(self, word: str) -> str:
        """What Slack knows a target by."""
        if not word.startswith("@"):
            return word
        name = word[1:].lower()
        people = await self._desk.db.read(self._desk.directory.people)
        found = [person for person in people.values() if person.slack and not person.disabled and _is(person, name)]
        if len(found) != 1:
            many = f"{len(found)} people are called {word}" if found else f"nobody is called {word}"
            raise Undeliverable(
                f"{many} among those linked to Slack. Write the whole address (slack:@ada@example.com), and link it: "
                "placet people add EMAIL --slack U…"
            )
        return min(found[0].slack)


_QUIET = {"unfurl_links": False, "unfurl_media": False}


def _is(person: Person, name: str) -> bool:
    return name in (person.id, person.id.split("@", 1)[0], person.name.lower())


def _settle(acked: asyncio.Future[dict[str, Any] | None], err: Exception) -> None:
    if not acked.done():
        acked.set_exception(err)
