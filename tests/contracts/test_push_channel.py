"""The push channel before a push service that opens what it is handed, as a browser does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from approvals.channels import MessageRef, RetryLater, Undeliverable
from approvals.channels.push import DAY, PushChannel, PushFailed, Subscribed
from approvals.channels.web_push import Browser, Sender
from approvals.domain.model import Answer
from approvals.testing import samples
from approvals.testing.channel_contract import CANARY, ChannelContract, ended_requests
from tests.fakes.push_service import PushService, push_service

ADA = "ada@example.com"
SENDER = Sender(bytes(32), "mailto:ops@example.com")


@dataclass(slots=True)
class Kept:
    """Browsers in memory."""

    known: dict[str, list[Subscribed]] = field(default_factory=dict)

    async def of(self, person: str) -> Sequence[Subscribed]:
        return list(self.known.get(person, ()))

    async def gone(self, id: str) -> None:
        for rows in self.known.values():
            rows[:] = [row for row in rows if row.id != id]

    def add(self, service: PushService, id: str = "one") -> None:
        browser = Browser(endpoint=service.url, **service.keys)
        self.known.setdefault(ADA, []).append(Subscribed(id=id, browser=browser))


class Phone:
    """Ada's browser: a newer message with the same topic takes the older one's place."""

    target, nowhere, live_markup = ADA, "bob@example.com", ()

    def __init__(self, service: PushService, kept: Kept) -> None:
        self.service, self.kept = service, kept
        self.channel = PushChannel(SENDER, kept, now=samples.NOW.timestamp)

    def messages(self) -> int:
        return len({head["Topic"] for head in self.service.heads})

    def text(self) -> str:
        return "\n".join(map(str, self.service.sent[-1].values()))

    def raw(self) -> str:
        return "\n".join(
            json.dumps([sent, dict(head)]) for sent, head in zip(self.service.sent, self.service.heads, strict=False)
        ) + (f" /requests/{self.service.sent[-1].get('request')}" if self.service.sent else "")

    def offers_answers(self) -> bool:
        return bool(self.service.sent[-1].get("waits"))

    def remove_message(self) -> None:
        self.service.sent.clear()
        self.service.heads.clear()


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    async with push_service() as service:
        made = Phone(service, Kept())
        made.kept.add(service)
        yield made


class TestPushChannel(ChannelContract):
    told = frozenset()
    facts = ("req_sample",)

    @pytest.fixture
    def surface(self, phone: Phone) -> Phone:
        return phone


async def test_a_browser_is_told_the_id_and_the_risk_and_nothing_else(phone: Phone) -> None:
    request = samples.request({"note": CANARY}, justification="please", rule_reason="because")
    assert await phone.channel.post(samples.card(request), ADA) == MessageRef(channel="push", data={"to": ADA})
    assert phone.service.sent == [{"request": "req_sample", "risk": "financial", "waits": True}]
    (head,) = phone.service.heads
    left = samples.card(request).expires_at - samples.NOW
    assert (head["TTL"], head["Urgency"]) == (str(int(left / timedelta(seconds=1))), "high")
    assert "req_sample" not in str(dict(head))


@pytest.mark.parametrize("state", list(ended_requests()))
async def test_what_has_ended_takes_the_place_of_what_waited(phone: Phone, state: str) -> None:
    ref = await phone.channel.post(samples.card(), ADA)
    await phone.channel.revise(ref, samples.card(ended_requests()[state]))
    assert phone.service.sent[-1] == {"request": "req_sample", "risk": "financial", "waits": False}
    assert len({head["Topic"] for head in phone.service.heads}) == 1
    assert (phone.service.heads[-1]["TTL"], phone.service.heads[-1]["Urgency"]) == (str(DAY), "low")


async def test_votes_that_leave_it_waiting_are_on_the_page(phone: Phone) -> None:
    ref = await phone.channel.post(samples.card(), ADA)
    asked = samples.request()
    voted = replace(asked, votes=(samples.vote(asked, samples.ADA, Answer.APPROVE),), revision=2)
    await phone.channel.revise(ref, samples.card(voted))
    assert len(phone.service.sent) == 1


async def test_every_message_is_as_long_as_any_other(phone: Phone) -> None:
    for risk in ("read", "financial"):
        await phone.channel.post(samples.card(samples.request(risk=risk)), ADA)
    assert len(set(phone.service.sizes)) == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_forgotten(phone: Phone, status: int) -> None:
    phone.service.answer = status
    with pytest.raises(Undeliverable, match="any more"):
        await phone.channel.post(samples.card(), ADA)
    assert phone.kept.known[ADA] == []


async def test_one_that_is_gone_keeps_nobody_from_being_told(phone: Phone) -> None:
    async with push_service() as dead:
        dead.answer = 410
        phone.kept.add(dead, "two")
        await phone.channel.post(samples.card(), ADA)
    assert [one.id for one in phone.kept.known[ADA]] == ["one"]
    assert len(phone.service.sent) == 1


@pytest.mark.parametrize("status", [500, 403, 400, 307])
async def test_what_a_service_does_not_take_is_tried_again(phone: Phone, status: int) -> None:
    phone.service.answer, phone.service.headers = status, {"Location": "/elsewhere"}
    with pytest.raises(PushFailed, match=f"127.0.0.1 answered {status}"):
        await phone.channel.post(samples.card(), ADA)
    assert len(phone.kept.known[ADA]) == 1


async def test_a_pause_that_a_service_asks_for_is_heeded(phone: Phone) -> None:
    phone.service.answer, phone.service.headers = 429, {"Retry-After": "120"}
    with pytest.raises(RetryLater) as caught:
        await phone.channel.post(samples.card(), ADA)
    assert caught.value.seconds == 120


async def test_a_service_that_is_away_is_tried_again_and_its_address_not_told(phone: Phone) -> None:
    async with push_service() as away:
        phone.kept.known[ADA] = []
        phone.kept.add(away)
    with pytest.raises(PushFailed, match="could not be reached") as caught:
        await phone.channel.post(samples.card(), ADA)
    assert "/in" not in str(caught.value)
