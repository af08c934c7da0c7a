"""The Slack channel, with the real slack-sdk, before the look-alike: it owes what every channel owes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from approvals.channels.slack import SlackChannel, SlackConfig
from approvals.testing.channel_contract import ChannelContract
from approvals.testing.slack import LookalikeSlack, Message
from gateway.once import Once
from tests.fakes.desk import house


class SlackScreen:
    """The channel #money, read as a person reads it."""

    target, nowhere = "#money", "#nowhere"
    live_markup = ("<!channel>", "<@U123>", "<https://evil.example|", ":white_check_mark:", "`code`")

    def __init__(self, slack: LookalikeSlack, channel: SlackChannel) -> None:
        self.slack, self.channel = slack, channel

    @property
    def newest(self) -> Message:
        return self.slack.messages("#money")[-1]

    def messages(self) -> int:
        return len(self.slack.messages("#money"))

    def text(self) -> str:
        return "\n".join([self.newest.text, *(text for text, _ in texts(self.newest.blocks))])

    def raw(self) -> str:
        """All that was sent; where Slack parses nothing (rich_text), markup is shown spelled apart."""
        sent = [call.args for call in self.slack.calls if call.method.startswith("chat.")]
        parsed = json.dumps([without_rich_text(args) for args in sent], ensure_ascii=False)
        inert = [text for args in sent for text, is_rich in texts(args.get("blocks", [])) if is_rich]
        return parsed + "\n".join(_apart(text) for text in inert)

    def offers_answers(self) -> bool:
        pressed = [
            one["action_id"] for block in self.newest.blocks for one in block.get("elements", ()) if "action_id" in one
        ]
        return bool({"approve", "deny", "raise", "edit", "more"} & set(pressed))

    def remove_message(self) -> None:
        self.slack.workspace.remove_message(self.newest)


def _apart(text: str) -> str:
    return text.replace("<", "< ").replace(":w", ": w").replace("`", "` ")


def texts(value: Any, *, is_rich: bool = False) -> Iterator[tuple[str, bool]]:
    """Every text in some blocks, and whether it stands in rich_text."""
    if isinstance(value, list):
        for inner in value:
            yield from texts(inner, is_rich=is_rich)
    elif isinstance(value, dict):
        is_rich = is_rich or value.get("type") == "rich_text"
        for name, inner in value.items():
            if name in ("text", "url", "fallback") and isinstance(inner, str):
                yield inner, is_rich
            else:
                yield from texts(inner, is_rich=is_rich)


def without_rich_text(args: dict[str, Any]) -> dict[str, Any]:
    blocks = args.get("blocks") or []
    return args | {"blocks": [block for block in blocks if block["type"] != "rich_text"]}


class TestSlackChannel(ChannelContract):
    @pytest.fixture
    async def surface(self, sqlite_url: str) -> AsyncIterator[SlackScreen]:
        async with LookalikeSlack(posts_per_second=None) as slack, house(sqlite_url) as at:
            slack.add_channel("money")
            config = SlackConfig(bot_token=slack.bot_token, channel="#money", api_url=slack.api_url)
            channel = SlackChannel(
                config, desk=at.desk, page=lambda id: f"https://p.example/{id}", first=Once(at.db).first
            )
            yield SlackScreen(slack, channel)
