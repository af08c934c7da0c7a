"""The fake channel passes the suite of the real ones, so that it cannot drift from them."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from approvals.channels import Alert, MessageRef, Undeliverable
from approvals.domain.card import Card
from approvals.testing.channel_contract import ChannelContract
from approvals.testing.recording import RecordingChannel


class Picky(RecordingChannel):
    """One that knows a place it cannot reach."""

    async def post(self, card: Card, to: str) -> MessageRef:
        if to == "nowhere":
            raise Undeliverable("no such place")
        return await super().post(card, to)

    async def say(self, alert: Alert, to: str) -> None:
        if to == "nowhere":
            raise Undeliverable("no such place")
        await super().say(alert, to)


class Memory:
    """The recording channel read as a person would read a screen."""

    target, nowhere = "here", "nowhere"
    live_markup: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.channel = Picky()

    def messages(self) -> int:
        return len(self.channel.messages) + len(self.channel.said)

    def text(self) -> str:
        if self.channel.said:
            return self.channel.said[-1][1]
        card = self.channel.at(self.target)[-1]
        return "\n".join(str(value) for value in asdict(card).values())

    def raw(self) -> str:
        cards = [str(asdict(card)) for shown in self.channel.messages.values() for card in shown.cards]
        return "\n".join([*cards, *(text for _, text in self.channel.said)])

    def offers_answers(self) -> bool:
        return any(card.answers for card in self.channel.at(self.target)[-1:])

    def remove_message(self) -> None:
        self.channel.messages.clear()


class TestRecordingChannel(ChannelContract):
    @pytest.fixture
    def surface(self) -> Memory:
        return Memory()
