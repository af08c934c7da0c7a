"""Told to nobody is not the same as answered by nobody: where no card could be shown, that is how a request ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.happening import Event
from approvals.domain.model import ApprovalRequest, Cause, State
from approvals.domain.terms import Escalation, Factor, OnTimeout
from approvals.outbox import Outbox
from approvals.pacing import IS_DOWN
from approvals.reached import ENOUGH_TRIES
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.recording import RecordingChannel
from approvals.testing.samples import ADA, PEOPLE
from tests.fakes.desk import House, house

OLGA = samples.person("olga", "oncall")
TO_OLGA = Escalation(undelivered=True, to=("group:oncall",), channels=("email",))
DOWN = ("slack",)


@dataclass(slots=True)
class Post:
    at: House
    outbox: Outbox
    slack: RecordingChannel
    email: RecordingChannel

    async def file(self, **terms: Any) -> ApprovalRequest:
        return await self.at.file(terms=samples.terms(**{"channels": DOWN, **terms}))

    async def tries(self, times: int, *, seconds: float = 20) -> None:
        for _ in range(times):
            while await self.outbox.deliver_due():
                pass
            self.at.clock.move(seconds=seconds)

    async def over(self, request: ApprovalRequest) -> ApprovalRequest:
        self.at.clock.now = max(self.at.clock.now, (await self.at.now(request)).expires_at)
        await Sweeper(self.at.desk).sweep()
        return await self.at.now(request)


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    async with house(database_url, people={**PEOPLE, OLGA.id: OLGA}) as at:
        at.desk.reconfigure(
            caps=at.desk._caps, routes=lambda _, terms: [(name, "there") for name in terms.channels or ("slack",)]
        )
        slack, email = RecordingChannel(), RecordingChannel()
        slack.fail_with = [OSError("503") for _ in range(99)]
        channels = {"slack": slack, "email": email}
        yield Post(at, Outbox(desk=at.desk, channels=channels, page=str, chance=lambda: 1.0), slack, email)


@pytest.mark.parametrize("silence", [OnTimeout.DENY, OnTimeout.ALLOW])
async def test_what_was_told_to_nobody_by_the_deadline_was_not_delivered(post: Post, silence: OnTimeout) -> None:
    asked = await post.file(on_timeout=silence)
    await post.tries(3)
    ended = await post.over(asked)
    assert (ended.state, ended.cause) == (State.EXPIRED, Cause.UNDELIVERED)
    assert (await post.at.ledger(asked))[-1].event is Event.UNDELIVERED
    post.slack.fail_with.clear()
    post.at.clock.move(hours=1)
    await post.tries(1)
    assert "nobody could be reached" in post.slack.at("there")[-1].status_line


@pytest.mark.parametrize("channels", [(), ("slack", "web")])
async def test_where_the_page_tells_of_it_silence_is_silence(post: Post, channels: tuple[str, ...]) -> None:
    asked = await post.file(channels=channels)
    await post.tries(3)
    assert (await post.over(asked)).cause is Cause.TIMED_OUT


async def test_whoever_was_told_once_was_told(post: Post) -> None:
    post.slack.fail_with = [OSError("503")]
    asked = await post.file()
    await post.tries(3)
    post.slack.fail_with = [OSError("503")] * 99
    await post.at.desk.extend(asked.id, reviewer=ADA.id, by=timedelta(minutes=5))
    await post.tries(3)
    assert (await post.over(asked)).cause is Cause.TIMED_OUT


@pytest.mark.parametrize("how", ["voted", "opened"])
async def test_whoever_came_by_themselves_knew(post: Post, how: str) -> None:
    asked = await post.at.file(terms=samples.terms(Factor(members=("group:finance",), count=2), channels=DOWN))
    await post.tries(1)
    await (post.at.approve(asked) if how == "voted" else post.at.desk.saw(asked, ADA))
    assert (await post.over(asked)).cause is Cause.TIMED_OUT


async def test_others_are_asked_when_enough_was_tried(post: Post) -> None:
    asked = await post.file(escalate=(TO_OLGA,), timeout=timedelta(hours=1))
    await post.tries(ENOUGH_TRIES - 1)
    assert (await post.at.now(asked)).terms.escalate == (TO_OLGA,)
    await post.tries(2)
    (row,) = [row for row in await post.at.ledger(asked) if row.event is Event.ESCALATED]
    assert (row.detail["to"], row.detail["note"]) == (["group:oncall"], "nobody could be reached")
    assert post.email.at("there")[-1].answers
    assert (await post.over(asked)).cause is Cause.TIMED_OUT


async def test_others_are_asked_at_half_time_at_the_latest(post: Post) -> None:
    asked = await post.file(escalate=(TO_OLGA,), timeout=timedelta(seconds=14))
    await post.tries(1, seconds=7)
    assert post.email.messages == {}
    await post.tries(1, seconds=0)
    assert (await post.at.now(asked)).terms.called == ("group:oncall",)
    assert (await post.at.approve(await post.at.now(asked), OLGA)).state is State.APPROVED


async def test_a_chain_goes_on_at_the_deadline_and_says_why(post: Post) -> None:
    last = Escalation(to=("group:oncall",))
    asked = await post.file(escalate=(last,), on_timeout=OnTimeout.ESCALATE)
    waits = await post.over(asked)
    assert (waits.state, waits.terms.called) == (State.PENDING, ("group:oncall",))
    assert (await post.at.ledger(asked))[-1].detail["note"] == "nobody could be reached"
    assert (await post.over(asked)).cause is Cause.UNDELIVERED


async def test_others_are_asked_in_time_though_the_channel_rests_and_no_card_was_tried(post: Post) -> None:
    await post.outbox.ask_others()
    for n in range(IS_DOWN):
        await post.at.file({"n": n}, terms=samples.terms(channels=DOWN))
    await post.tries(1, seconds=0)
    asked = await post.file(escalate=(TO_OLGA,), timeout=timedelta(hours=1))
    assert await post.outbox.deliver_due() == 0
    await post.outbox.ask_others()
    assert (await post.at.now(asked)).terms.escalate == (TO_OLGA,)
    post.at.clock.move(minutes=1)
    post.outbox._look_again = 0.0
    await post.outbox.ask_others()
    assert (await post.at.now(asked)).terms.called == ("group:oncall",)
