"""The outbox over real databases: every card comes to show the truth, and no channel delays another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from approvals.channels import RetryLater, Undeliverable
from approvals.domain.happening import Event
from approvals.domain.model import Answer, ApprovalRequest, Cause, State
from approvals.outbox import GIVE_UP_ENDED_AFTER, Outbox
from approvals.pacing import AT_ONCE
from approvals.storage.messages import MessageRow
from approvals.testing import samples
from approvals.testing.recording import RecordingChannel
from tests.fakes.desk import ROUTES, House, house, returned

SLACK, HOOK = (target for _, target in ROUTES)


@dataclass(slots=True)
class Post:
    """An outbox with two channels over a house."""

    at: House
    outbox: Outbox
    slack: RecordingChannel
    hook: RecordingChannel

    async def row(self, request: ApprovalRequest, channel: str = "slack") -> MessageRow:
        rows = await self.at.db.read(lambda tx: tx.messages.for_request(request.id))
        return next(row for row in rows if row.channel == channel)

    async def deliver(self) -> None:
        while await self.outbox.deliver_due():
            pass


def outbox(at: House, **channels: RecordingChannel) -> Outbox:
    return Outbox(
        desk=at.desk, channels=channels, page=lambda id: f"https://placet.example.com/requests/{id}", chance=lambda: 1.0
    )


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    async with house(database_url) as at:
        slack, hook = RecordingChannel(), RecordingChannel()
        yield Post(at=at, outbox=outbox(at, slack=slack, hook=hook), slack=slack, hook=hook)


async def test_a_filed_request_is_posted_on_every_route_and_its_place_is_kept(post: Post) -> None:
    asked = await post.at.file()
    await post.deliver()
    (card,) = post.slack.at(SLACK)
    assert (card.request_id, card.revision, card.answers) == (asked.id, 1, (Answer.APPROVE, Answer.DENY))
    assert card.url == f"https://placet.example.com/requests/{asked.id}"
    assert len(post.hook.at(HOOK)) == 1
    row = await post.row(asked)
    assert (row.state, row.shown_revision, row.ref) == ("delivered", 1, {"key": "m1"})
    assert await post.outbox.deliver_due() == 0


async def test_every_transition_revises_the_card_in_place(post: Post) -> None:
    asked = await post.at.file()
    await post.deliver()
    await post.at.approve(asked)
    await post.deliver()
    await post.at.claim(asked)
    await post.deliver()
    await post.at.desk.settle(asked.id, returned())
    await post.deliver()
    (shown,) = post.slack.messages.values()
    assert [card.state for card in shown.cards] == ["pending", "approved", "executing", "succeeded"]
    assert [bool(card.answers) for card in shown.cards] == [True, False, False, False]
    assert shown.card.status_line == "Approved by Ada at 14:02 UTC via the web page; ran, succeeded"


async def test_a_card_says_how_calls_of_its_tool_were_decided_while_people_are_asked(post: Post) -> None:
    first = await post.at.file()
    await post.deliver()
    await post.at.deny(first)
    asked = await post.at.file({"quantity": 2})
    await post.deliver()
    await post.at.approve(asked)
    await post.deliver()
    of = {card.request_id: [] for card in post.slack.at(SLACK)}  # type: ignore[var-annotated]
    for message in post.slack.messages.values():
        of[message.card.request_id] += [card.earlier for card in message.cards]
    assert of == {
        first.id: ["No earlier decision of this tool.", None],
        asked.id: ["Denied 1, the only one decided by people.", None],
    }
    assert {card.earlier for message in post.hook.messages.values() for card in message.cards} == {None}


async def test_what_happened_meanwhile_is_told_by_one_revision(post: Post) -> None:
    asked = await post.at.file()
    await post.deliver()
    await post.at.approve(asked)
    await post.at.claim(asked)
    await post.at.desk.settle(asked.id, returned())
    await post.deliver()
    (shown,) = post.slack.messages.values()
    assert [card.state for card in shown.cards] == ["pending", "succeeded"]


async def test_what_ended_before_it_was_posted_is_posted_once_as_it_is(post: Post) -> None:
    await post.at.deny(await post.at.file(), reason="no")
    await post.deliver()
    assert [card.state for card in post.slack.at(SLACK)] == ["denied"]
    assert post.slack.calls == ["post"]


async def test_a_change_during_a_delivery_is_delivered_after_it(post: Post) -> None:
    asked = await post.at.file()
    post.slack.open.clear()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        delivery = group.create_task(post.outbox.deliver_due())
        await post.slack.until(lambda: bool(post.slack.calls))
        await post.at.deny(asked)
        post.slack.open.set()
        await delivery
    await post.deliver()
    (shown,) = post.slack.messages.values()
    assert [card.state for card in shown.cards] == ["pending", "denied"]


async def test_a_failed_post_is_tried_again_after_longer_and_longer_pauses(post: Post) -> None:
    asked = await post.at.file()
    post.slack.fail_with = [OSError("token=xoxb" + "-1234567890 is not welcome")] * 10
    for pause in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300):
        await post.deliver()
        row = await post.row(asked)
        assert (row.next_at - post.at.clock.now).total_seconds() == pause
        assert row.error == "token=[redacted] is not welcome"
        post.at.clock.move(seconds=pause - 0.001)
        assert await post.outbox.deliver_due() == 0
        post.at.clock.move(seconds=0.001)
    await post.deliver()
    health = post.outbox.delivery_health()["slack"]
    assert (health.delivered, health.retried, health.failing_since) == (1, 10, None)


async def test_a_post_whose_result_is_unknown_is_repeated(post: Post) -> None:
    asked = await post.at.file()
    post.slack.fail_after_showing = [TimeoutError()]
    await post.deliver()
    post.at.clock.move(seconds=1)
    await post.deliver()
    assert len(post.slack.at(SLACK)) == 2
    await post.at.deny(asked)
    await post.deliver()
    assert [card.state for card in post.slack.at(SLACK)] == ["pending", "denied"]


async def test_a_failed_revision_does_not_lose_the_card(post: Post) -> None:
    asked = await post.at.file()
    await post.deliver()
    await post.at.deny(asked)
    post.slack.fail_with = [RuntimeError("msg_blocks_too_long")]
    await post.deliver()
    row = await post.row(asked)
    assert (row.state, row.shown_revision, row.ref) == ("queued", 1, {"key": "m1"})
    post.at.clock.move(seconds=1)
    await post.deliver()
    assert [card.state for card in post.slack.at(SLACK)] == ["denied"]


async def test_a_channel_that_asks_for_a_pause_gets_it_and_the_other_does_not_wait(post: Post) -> None:
    asked = [await post.at.file({"n": n}) for n in range(3)]
    post.slack.fail_with = [RetryLater(3600, "ratelimited")]
    await post.deliver()
    rows = [await post.row(request) for request in asked]
    assert 3600 in [(row.next_at - post.at.clock.now).total_seconds() for row in rows]
    assert len(post.hook.at(HOOK)) == 3
    tried = len(post.slack.calls)
    await post.at.file({"n": 3})
    await post.deliver()
    assert len(post.slack.calls) == tried
    assert len(post.hook.at(HOOK)) == 4


async def test_a_channel_that_hangs_takes_only_its_own_places(post: Post) -> None:
    for n in range(3 * AT_ONCE):
        await post.at.file({"n": n})
    post.slack.open.clear()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(post.outbox.run())
        await post.hook.until(lambda: len(post.hook.at(HOOK)) == 3 * AT_ONCE)
        assert len(post.slack.calls) == AT_ONCE
        post.slack.open.set()
        await post.slack.until(lambda: len(post.slack.at(SLACK)) == 3 * AT_ONCE)
        running.cancel()


async def test_the_loop_wakes_up_when_something_is_filed(post: Post) -> None:
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        running = group.create_task(post.outbox.run())
        for n in range(5):
            await post.at.file({"n": n})
            await post.slack.until(lambda: len(post.slack.at(SLACK)) > n)  # noqa: B023 - awaited in this round
        running.cancel()
    assert len(post.slack.at(SLACK)) == 5


@pytest.mark.parametrize(
    ("channels", "state", "cause"),
    [
        pytest.param(("slack:#money", "hook:one"), State.EXPIRED, Cause.UNDELIVERED, id="nobody-left-to-reach"),
        pytest.param(("slack:#money", "hook:one", "web"), State.PENDING, None, id="the-page-is-a-channel"),
        pytest.param((), State.PENDING, None, id="no-channels-named-means-the-page-too"),
    ],
)
async def test_a_request_that_can_reach_nobody_ends(
    post: Post, channels: tuple[str, ...], state: State, cause: Cause | None
) -> None:
    asked = await post.at.file(terms=samples.terms(channels=channels))
    post.slack.fail_with = [Undeliverable("not_in_channel")]
    post.hook.fail_with = [OSError("down"), Undeliverable("gone")]
    await post.deliver()
    assert (await post.at.now(asked)).state is State.PENDING
    post.at.clock.move(seconds=1)
    await post.deliver()
    ended = await post.at.now(asked)
    assert (ended.state, ended.cause) == (state, cause)
    assert (await post.row(asked)).state == "dead"
    if cause is not None:
        last = (await post.at.ledger(asked))[-1]
        assert (last.event, last.actor) == (Event.UNDELIVERED, "placet")
        assert last.detail["note"] == "gone"


async def test_a_card_somebody_deleted_is_posted_again_while_people_must_decide(post: Post) -> None:
    asked = await post.at.file()
    await post.deliver()
    post.slack.messages.clear()
    await post.at.desk.extend(asked.id, reviewer=samples.ADA.id, by=samples.terms().timeout)
    await post.deliver()
    assert [card.revision for card in post.slack.at(SLACK)] == [2]
    assert (await post.row(asked)).ref == {"key": "m2"}


async def test_a_card_deleted_after_the_end_stays_gone(post: Post) -> None:
    asked = await post.at.file()
    await post.deliver()
    post.slack.messages.clear()
    await post.at.deny(asked)
    await post.deliver()
    assert post.slack.at(SLACK) == []
    assert (await post.row(asked)).state == "dead"


async def test_a_card_nobody_needs_any_more_is_given_up_in_the_end(post: Post) -> None:
    asked = await post.at.deny(await post.at.file())
    post.slack.fail_with = [OSError("down")] * GIVE_UP_ENDED_AFTER
    for _ in range(GIVE_UP_ENDED_AFTER):
        await post.deliver()
        post.at.clock.move(minutes=5)
    assert (await post.row(asked)).state == "dead"
    assert post.outbox.delivery_health()["slack"].dead == 1


async def test_a_channel_no_longer_configured_does_not_hold_up_the_rest(post: Post) -> None:
    asked = await post.at.file()
    await outbox(post.at, hook=post.hook).deliver_due()
    row = await post.row(asked)
    assert (row.state, row.error) == ("dead", "no channel 'slack' is configured")


async def test_two_replicas_post_each_card_once(post: Post) -> None:
    for n in range(10):
        await post.at.file({"n": n})
    two = Outbox(
        desk=post.at.another("two"), channels={"slack": post.slack, "hook": post.hook}, page=str, chance=lambda: 1.0
    )
    both: list[Any] = [post.outbox, two]
    while sum(await asyncio.gather(*(one.deliver_due() for one in both))):
        pass
    assert len(post.slack.at(SLACK)) == len(post.hook.at(HOOK)) == 10


async def test_a_delivery_cut_off_by_a_crash_is_made_good_after_its_lease(post: Post) -> None:
    asked = await post.at.file()
    post.slack.open.clear()
    async with asyncio.TaskGroup() as group:
        delivery = group.create_task(post.outbox.deliver_due())
        async with asyncio.timeout(5):
            await post.slack.until(lambda: bool(post.slack.calls))
        delivery.cancel()
    post.slack.open.set()
    assert await post.outbox.deliver_due() in (0, 1)
    assert post.slack.at(SLACK) == []
    post.at.clock.move(minutes=2)
    await post.deliver()
    assert [card.request_id for card in post.slack.at(SLACK)] == [asked.id]


async def test_the_backlog_is_told(post: Post) -> None:
    await post.at.file()
    assert (await post.outbox.backlog()).queued == 2
    await post.deliver()
    assert (await post.outbox.backlog()).queued == 0
