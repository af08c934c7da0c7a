"""A small world on the look-alike of Slack, and apps in it that use the real slack-sdk."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from approvals.testing.slack import Channel, HandClock, LookalikeSlack, Message, User

CARD: list[dict[str, Any]] = [
    {"type": "header", "text": {"type": "plain_text", "text": "financial · pay", "emoji": False}},
    {"type": "section", "block_id": "facts", "text": {"type": "mrkdwn", "text": "*Agent* claude"}},
    {
        "type": "actions",
        "block_id": "answers",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "style": "primary",
                "value": "req_1 abc",
                "text": {"type": "plain_text", "text": "Approve"},
            },
            {
                "type": "overflow",
                "action_id": "more",
                "options": [{"text": {"type": "plain_text", "text": "Snooze"}, "value": "snooze"}],
            },
        ],
    },
]
DENY_MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "deny",
    "private_metadata": "req_1",
    "title": {"type": "plain_text", "text": "Deny"},
    "submit": {"type": "plain_text", "text": "Deny"},
    "close": {"type": "plain_text", "text": "Back"},
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, "max_length": 500},
        }
    ],
}


@dataclass
class World:
    """A look-alike with two people and a channel."""

    slack: LookalikeSlack
    clock: HandClock
    ada: User
    eve: User
    channel: Channel
    client: AsyncWebClient

    async def post_card(self) -> Message:
        """Post the card as the app does."""
        answer = await self.client.chat_postMessage(channel=self.channel.id, text="pay", blocks=CARD)
        return self.slack.workspace.messages[self.channel.id, answer["ts"]]


@asynccontextmanager
async def open_world() -> AsyncIterator[World]:
    """A started look-alike with two people, one of them a guest, and the channel #approvals."""
    clock = HandClock()
    async with LookalikeSlack(clock=clock, ack_seconds=0.5) as slack:
        ada = slack.add_user("U01ADA", "Ada", "ada@example.com")
        eve = slack.add_user("U02EVE", "Eve", "eve@example.com", is_restricted=True)
        channel = slack.add_channel("approvals", members=[ada, eve])
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        yield World(slack, clock, ada, eve, channel, client)


@dataclass
class HttpApp:
    """An app on Request URLs that checks signatures as slack-sdk does and answers what a test says."""

    verifier: SignatureVerifier
    answer: dict[str, Any] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    status: int = 200
    echoes_challenge: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        """One post of Slack's."""
        body = await request.read()
        try:
            valid = self.verifier.is_valid_request(body, dict(request.headers))
        except (TypeError, ValueError):
            valid = False
        if not valid:
            self.refused += 1
            return web.Response(status=401)
        self.seen.append(await self._payload(request, body))
        if self.echoes_challenge:
            return web.Response(text=self.seen[-1]["challenge"])
        if self.answer is not None:
            return web.json_response(self.answer)
        return web.Response(status=self.status)

    async def _payload(self, request: web.Request, body: bytes) -> dict[str, Any]:
        if request.content_type == "application/json":
            return dict(json.loads(body))
        fields = await request.post()
        return dict(json.loads(str(fields["payload"]))) if "payload" in fields else dict(fields)


@asynccontextmanager
async def http_app(world: World) -> AsyncIterator[HttpApp]:
    app = HttpApp(SignatureVerifier(world.slack.signing_secret, clock=_SdkClock(world.clock)))
    site = web.Application()
    site.router.add_post("/slack/{kind}", app.handle)
    runner = web.AppRunner(site, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.slack.deliver_over("http", url=f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield app
    finally:
        await runner.cleanup()


class _SdkClock(Clock):
    def __init__(self, clock: HandClock) -> None:
        self.clock = clock

    def now(self) -> float:
        return self.clock()


@dataclass
class SocketApp:
    """An app on Socket Mode that acknowledges (or not) with what a test says."""

    client: SocketModeClient
    answer: dict[str, Any] | None = None
    silent: bool = False
    seen: list[SocketModeRequest] = field(default_factory=list)

    async def handle(self, _: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.seen.append(request)
        if not self.silent:
            await self.client.send_socket_mode_response(SocketModeResponse(request.envelope_id, self.answer))


@asynccontextmanager
async def socket_app(world: World) -> AsyncIterator[SocketApp]:
    client = SocketModeClient(app_token=world.slack.app_token, web_client=world.client, ping_interval=0.1)
    app = SocketApp(client)
    client.socket_mode_request_listeners.append(app.handle)
    await client.connect()  # type: ignore[no-untyped-call]  # slack-sdk does not annotate it
    await world.slack.wait_for_connection()
    try:
        yield app
    finally:
        await client.close()  # type: ignore[no-untyped-call]  # slack-sdk does not annotate it


async def refused(call: Any) -> Any:
    """The answer of a call that Slack refuses."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response
