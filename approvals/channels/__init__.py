"""The ways out to people: three methods, one entry point (house.md 2.7).

A channel posts a card and later revises it, and says a line that needs no answer; it never decides by
itself. One that can take answers offers `routes(decide)` and hands every answer to the one `decide` it was given.
Each channel is one file and passes `approvals.testing.channel_contract`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from approvals.domain.card import Card

First = Callable[[str, datetime], Awaitable[bool]]
"""Is this the first use of a word, on whatever replica? Remembered up to a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRef:
    """Where a posted card lives, in the channel's own words (for Slack: `{"channel", "ts"}`)."""

    channel: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something to be said: `text` is plain and visible, over several lines. Every try of it has the same `id`.

    `urgent` is whether a person who is not to be disturbed is told all the same.
    """

    id: str
    text: str
    at: datetime
    urgent: bool = True


class Undeliverable(Exception):
    """This target can never be reached (not in the channel, no such address): final, never retried."""


class RetryLater(Exception):
    """The channel asks for a pause of `seconds` before the next try."""

    def __init__(self, seconds: float, why: str) -> None:
        self.seconds = seconds
        super().__init__(why)


class Held(Exception):
    """Whoever the card, or what is said, is for is not to be disturbed until then: tried again at that moment."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(f"not to be disturbed until {until:%Y-%m-%d %H:%M} UTC")


class Channel(Protocol):
    """A way out to people. Anything raised but Undeliverable is retried by the outbox."""

    async def post(self, card: Card, to: str) -> MessageRef:
        """Show the card at `to` (the word after `slack:` in the policy; empty = the channel's default)."""
        ...

    async def revise(self, ref: MessageRef, card: Card) -> None:
        """Repaint a card posted before."""
        ...

    async def say(self, alert: Alert, to: str) -> None:
        """Say something that needs no answer. What notifications show is its first line."""
        ...
