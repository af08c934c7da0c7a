"""Quiet hours, digests and reminders over real databases: what can wait waits, and nobody is told twice at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.alerts import Alerts
from approvals.channels import Alert, Held, MessageRef
from approvals.domain.card import Card
from approvals.domain.model import State
from approvals.domain.quiet import quiet
from approvals.domain.rota import Groups
from approvals.outbox import Outbox
from approvals.room import Telling
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.recording import RecordingChannel
from approvals.testing.samples import ADA
from tests.fakes.desk import House, house

# The house begins at 14:02 UTC.
SIESTA = quiet("14:00-16:00")
RESTING = replace(ADA, quiet=SIESTA)
DAY = samples.terms(timeout=timedelta(days=1))
REMINDING = samples.terms(timeout=timedelta(days=1), remind=timedelta(minutes=5))


class Sleepy(RecordingChannel):
    """A channel that knows when its people sleep."""

    asleep: datetime | None = None

    async def post(self, card: Card, to: str) -> MessageRef:
        if self.asleep is not None:
            raise Held(self.asleep)
        return await super().post(card, to)

    async def say(self, alert: Alert, to: str) -> None:
        if self.asleep is not None and not alert.urgent:
            raise Held(self.asleep)
        await super().say(alert, to)


@dataclass(slots=True)
class Post:
    at: House
    mail: Sleepy
    slack: RecordingChannel
    outbox: Outbox
    alerts: Alerts

    async def deliver(self) -> None:
        while await self.outbox.deliver_due() + await self.alerts.deliver_due():
            pass

    async def remind(self) -> None:
        await Sweeper(self.at.desk).remind()
        await self.deliver()


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    async with house(database_url, people={**samples.PEOPLE, ADA.id: RESTING}) as at:
        places = [("slack", "#money"), ("email", ADA.id)]
        telling = Telling(inbox="https://placet.example.com/")
        at.desk.reconfigure(caps=at.desk._caps, routes=lambda *_: places, telling=telling)
        mail, slack = Sleepy(), RecordingChannel()
        channels: dict[str, Any] = {"email": mail, "slack": slack}
        yield Post(at, mail, slack, Outbox(desk=at.desk, channels=channels, page=str), Alerts(at.desk, channels))


async def test_what_can_wait_is_told_in_one_digest_when_the_quiet_hours_end(post: Post) -> None:
    asked = [await post.at.file({"n": n}, terms=DAY, severity="medium") for n in range(3)]
    await post.deliver()
    assert post.mail.at(ADA.id) == []
    assert len(post.slack.at("#money")) == 3, "a channel wakes nobody"
    await post.at.approve(asked[0])
    post.at.clock.move(hours=2)
    await post.deliver()
    assert post.mail.at(ADA.id) == []
    ((to, text),) = post.mail.said
    assert to == ADA.id
    assert text.startswith("2 requests wait for you.")
    await post.at.deny(asked[1])
    await post.deliver()
    assert post.mail.messages == {}, "nothing is left to revise"


async def test_one_that_waited_alone_is_a_card_and_one_that_ended_meanwhile_is_told_as_ever(post: Post) -> None:
    await post.at.file({"n": 1}, terms=DAY, severity="low")
    await post.deliver()
    post.at.clock.move(hours=2)
    await post.deliver()
    assert [card.answers != () for card in post.mail.at(ADA.id)] == [True]
    assert post.mail.said == []


async def test_what_is_urgent_and_whoever_is_awake_is_told_at_once(post: Post) -> None:
    await post.at.file({"n": 1}, terms=DAY, severity="critical")
    await post.deliver()
    assert len(post.mail.at(ADA.id)) == 1
    post.at.people(ADA)
    await post.at.file({"n": 2}, terms=DAY, severity="low")
    await post.deliver()
    assert len(post.mail.at(ADA.id)) == 2


async def test_a_groups_hours_hold_for_who_has_none_of_their_own(post: Post) -> None:
    post.at.people(ADA)
    post.at.directory.groups = Groups(hours={"finance": SIESTA})
    await post.at.file({"n": 1}, terms=DAY, severity="low")
    await post.deliver()
    assert post.mail.at(ADA.id) == []


async def test_a_channel_that_knows_of_do_not_disturb_is_asked_again_then(post: Post) -> None:
    post.at.people(ADA)
    post.mail.asleep = post.at.clock.now + timedelta(hours=1)
    await post.at.file({"n": 1}, terms=DAY, severity="low")
    await post.deliver()
    post.mail.asleep = None
    await post.deliver()
    assert post.mail.at(ADA.id) == []
    post.at.clock.move(hours=1)
    await post.deliver()
    assert len(post.mail.at(ADA.id)) == 1


@pytest.mark.must_have(14)
async def test_reminders_are_one_message_for_all_and_rarer_and_never_of_what_is_decided(post: Post) -> None:
    post.at.people(ADA)
    first = await post.at.file({"n": 1}, terms=REMINDING)
    await post.at.file({"n": 2}, terms=REMINDING)
    said = []
    for _ in range(80):
        post.at.clock.move(minutes=1)
        before = len(post.mail.said)
        await post.remind()
        if len(post.mail.said) > before:
            said.append((post.at.clock.now - samples.NOW) // timedelta(minutes=1))
            if len(said) == 1:
                assert "2 requests wait for you." in str(post.mail.said[-1])
                await post.at.approve(first)
            else:
                assert "1 request waits for you." in str(post.mail.said[-1])
    assert said == [5, 15, 35, 75]
    assert len(post.slack.said) == 4, "the channel too"


async def test_nobody_is_reminded_who_sleeps_voted_or_put_it_aside(post: Post) -> None:
    asked = await post.at.file({"n": 1}, terms=REMINDING, severity="low")
    post.at.clock.move(minutes=5)
    await post.remind()
    assert post.mail.said == [], "she rests"
    post.at.people(ADA)
    await post.at.desk.snooze(asked.id, by=ADA.id, lasts=timedelta(hours=1))
    post.at.clock.move(minutes=10)
    await post.remind()
    assert post.mail.said == [], "she put it aside"
    assert (await post.at.now(asked)).state is State.PENDING
    assert len(post.slack.said) == 2


async def test_two_processes_remind_once(post: Post) -> None:
    post.at.people(ADA)
    await post.at.file({"n": 1}, terms=REMINDING)
    post.at.clock.move(minutes=5)
    other = post.at.another("two")
    other.reconfigure(caps=other._caps, routes=lambda *_: [("email", ADA.id)])
    await Sweeper(other).remind()
    await post.remind()
    assert len(post.mail.said) == 1


@pytest.mark.parametrize(("severity", "told"), [("medium", 0), ("high", 1)])
async def test_a_reminder_that_can_wait_waits_for_do_not_disturb_to_end(post: Post, severity: str, told: int) -> None:
    post.at.people(ADA)
    await post.at.file(terms=REMINDING, severity=severity)
    await post.deliver()
    assert len(post.mail.at(ADA.id)) == 1
    post.mail.asleep = post.at.clock.now + timedelta(minutes=30)
    post.at.clock.move(minutes=5)
    await post.remind()
    assert len(post.mail.said) == told
    post.mail.asleep = None
    await post.deliver()
    assert len(post.mail.said) == told
    post.at.clock.move(minutes=25)
    await post.deliver()
    assert [text.splitlines()[0] for _, text in post.mail.said] == ["1 request waits for you."]
    assert post.alerts.problem is None


async def test_nobody_is_reminded_of_what_they_are_yet_to_be_told_of_nor_told_twice_at_once(post: Post) -> None:
    post.at.people(ADA)
    await post.at.file({"n": 0}, terms=REMINDING, severity="low")
    await post.deliver()
    post.mail.asleep = post.at.clock.now + timedelta(minutes=5)
    for n in (1, 2):
        await post.at.file({"n": n}, terms=REMINDING, severity="low")
    await post.deliver()
    post.mail.asleep = None
    post.at.clock.move(minutes=5)
    await Sweeper(post.at.desk).remind()
    await post.deliver()
    assert [text.splitlines()[0] for _, text in post.mail.said] == ["1 request waits for you."]
    post.at.clock.move(minutes=2)
    await post.deliver()
    assert [text.splitlines()[0] for _, text in post.mail.said][1:] == ["2 requests wait for you."]
