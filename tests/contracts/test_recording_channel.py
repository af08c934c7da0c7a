"""The fake channel passes the suite of the real ones, so that it cannot drift from them."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from approvals.channels import MessageRef, Undeliverable
from approvals.domain.card import Card
from approvals.testing.channel_contract import ChannelContract
from approvals.testing.recording import RecordingChannel


class Picky(RecordingChannel):
    """One that knows a place it cannot reach."""

    async def post(self, card: Card, to: str) -> MessageRef:
        if to == "nowhere":
            raise Undeliverable("no such place")
        return await super().post(card, to)


class Memory:
    """The recording channel read as a person would read a screen."""

    target, nowhere = "here", "nowhere"
    live_markup: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.channel = Picky()

    def messages(self) -> int:
        return len(self.channel.messages)

    def text(self) -> str:
        card = self.channel.at(self.target)[-1]
        return "\n".join(str(value) for value in asdict(card).values())

    def raw(self) -> str:
        return "\n".join(str(asdict(card)) for shown in self.channel.messages.values() for card in shown.cards)

    def offers_answers(self) -> bool:
        return bool(self.channel.at(self.target)[-1].answers)

    def remove_message(self) -> None:
        self.channel.messages.clear()


class TestRecordingChannel(ChannelContract):
    @pytest.fixture
    def surface(self) -> Memory:
        return Memory()
