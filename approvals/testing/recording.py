"""A channel that remembers what it was shown: what tests use where a real one would be, and an example of one.

It keeps every card it was handed, and can be told to fail as real channels do. It passes the contract suite,
so a test that passes with it says something about Slack too.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from approvals.channels import Alert, MessageRef, Undeliverable
from approvals.domain.card import Card


@dataclass(slots=True)
class Shown:
    """One message at one target: what it showed, from the first card to the newest."""

    target: str
    cards: list[Card] = field(default_factory=list)

    @property
    def card(self) -> Card:
        """What it shows now."""
        return self.cards[-1]


class RecordingChannel:
    """A Channel in memory. `fail_with` are raised, one a call, before anything is shown."""

    name = "recording"

    def __init__(self) -> None:
        self.messages: dict[str, Shown] = {}
        self.fail_with: list[Exception] = []
        self.fail_after_showing: list[Exception] = []
        self.calls: list[str] = []
        self.said: list[tuple[str, str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self._ids = itertools.count(1)
        self._called = asyncio.Event()

    async def post(self, card: Card, to: str) -> MessageRef:
        """Show the card at `to`."""
        await self._begin("post")
        key = f"m{next(self._ids)}"
        self.messages[key] = Shown(target=to, cards=[card])
        self._called.set()
        self._raise_from(self.fail_after_showing)
        return MessageRef(channel=self.name, data={"key": key})

    async def revise(self, ref: MessageRef, card: Card) -> None:
        """Show the card in place of the one there."""
        await self._begin("revise")
        shown = self.messages.get(str(ref.data.get("key")))
        if shown is None:
            raise Undeliverable("the message is gone")
        shown.cards.append(card)
        self._raise_from(self.fail_after_showing)

    async def say(self, alert: Alert, to: str) -> None:
        """Remember what was said."""
        await self._begin("say")
        self.said.append((to, alert.text))
        self._called.set()

    def at(self, target: str) -> list[Card]:
        """What every message at a target shows now."""
        return [shown.card for shown in self.messages.values() if shown.target == target]

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until something is so; looked at after each call."""
        while not done():
            self._called.clear()
            await self._called.wait()

    async def _begin(self, what: str) -> None:
        self.calls.append(what)
        self._called.set()
        await self.open.wait()
        self._raise_from(self.fail_with)

    def _raise_from(self, failures: list[Exception]) -> None:
        if failures:
            raise failures.pop(0)
