"""The state of one workspace and the few ways to change it.

Ids, unique timestamps, messages and views live here; what a method refuses is decided in the
`methods_*` modules, which call this. Every change bumps `changes`, which tests and the page wait on.
"""

from __future__ import annotations

import secrets
from typing import Any

from approvals.testing.slack import limits
from approvals.testing.slack.blocks import completed
from approvals.testing.slack.clock import Changes, Clock
from approvals.testing.slack.state import (
    ApiError,
    Channel,
    Ephemeral,
    File,
    Json,
    Message,
    Notice,
    ResponseUrl,
    Trigger,
    User,
    UserGroup,
    View,
)

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def short_id(prefix: str = "", length: int = 10) -> str:
    """A new id in the look of Slack's."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length - len(prefix)))


def block_id() -> str:
    """An id for a block or an element that came without one."""
    return short_id(length=5)


class Workspace:
    """Everything the look-alike knows."""

    def __init__(self, *, clock: Clock, team_id: str, team_name: str, app_name: str) -> None:
        self.clock = clock
        self.changes = Changes()
        self.team_id, self.team_name = team_id, team_name
        self.app_id, self.bot_id = short_id("A", 11), short_id("B", 11)
        self.bot = User(id=short_id("U", 11), name=app_name.lower(), real_name=app_name, team_id=team_id, is_bot=True)
        self.users: dict[str, User] = {self.bot.id: self.bot}
        self.groups: dict[str, UserGroup] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self.ephemerals: list[Ephemeral] = []
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.files: dict[str, File] = {}
        self.notices: list[Notice] = []
        self._last_ts = 0

    def next_ts(self) -> str:
        """A timestamp nobody has: message ids are times, and no two are equal."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_hash(self) -> str:
        """The hash of a view as it stands now: another one after every change."""
        return f"{int(self.clock())}.{secrets.token_hex(4)}"

    def channel_named(self, word: str) -> Channel | None:
        """A channel by id, name or #name."""
        if word in self.channels:
            return self.channels[word]
        name = word.removeprefix("#")
        return next((c for c in self.channels.values() if c.name == name and not c.is_im), None)

    def direct_message(self, user: str) -> Channel:
        """The direct message channel between the app and a person."""
        for channel in self.channels.values():
            if channel.is_im and user in channel.members:
                return channel
        channel = Channel(id=short_id("D", 11), name=user, members={user, self.bot.id}, is_im=True, is_private=True)
        self.channels[channel.id] = channel
        return channel

    def add_message(self, message: Message) -> Message:
        """Put a message into its channel."""
        message.blocks = completed(message.blocks, block_id)
        self.messages[message.channel, message.ts] = message
        self.changes.bump()
        return message

    def revise_message(self, message: Message, *, text: str | None, blocks: list[Json] | None) -> None:
        """Replace what a message says, keeping what it said before."""
        message.history.append({"text": message.text, "blocks": message.blocks})
        if text is not None:
            message.text = text
        if blocks is not None:
            message.blocks = completed(blocks, block_id)
            message.state = {}
        message.edited_ts = self.next_ts()
        self.changes.bump()

    def remove_message(self, message: Message) -> None:
        """Delete a message."""
        del self.messages[message.channel, message.ts]
        self.changes.bump()

    def add_ephemeral(self, note: Ephemeral) -> Ephemeral:
        """Show something to one person."""
        note.blocks = completed(note.blocks, block_id)
        self.ephemerals.append(note)
        self.changes.bump()
        return note

    def warn(self, user: str, text: str) -> None:
        """Show a person the little warning Slack shows when an app does not answer."""
        self.notices.append(Notice(user=user, text=text, at=self.clock()))
        self.changes.bump()

    def new_trigger(self, user: str, *, view_id: str | None = None) -> str:
        """A trigger id: one use within three seconds."""
        numbers = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}"
        trigger = Trigger(id=f"{numbers}.{secrets.token_hex(16)}", user=user, issued_at=self.clock(), view_id=view_id)
        self.triggers[trigger.id] = trigger
        return trigger.id

    def exchange(self, trigger_id: Any) -> Trigger:
        """Use up a trigger id."""
        trigger = self.triggers.get(trigger_id) if isinstance(trigger_id, str) else None
        if trigger is None:
            raise ApiError("invalid_trigger_id")
        if trigger.exchanged:
            raise ApiError("exchanged_trigger_id")
        if self.clock() - trigger.issued_at > limits.TRIGGER_SECONDS:
            raise ApiError("expired_trigger_id")
        trigger.exchanged = True
        return trigger

    def new_response_url(self, entry: ResponseUrl) -> str:
        """Remember where one interaction may be answered; returns its path."""
        self.response_urls[entry.key] = entry
        return f"/actions/{self.team_id}/{entry.key}"
