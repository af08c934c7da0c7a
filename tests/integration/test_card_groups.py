"""One card for calls that are alike, as the outbox keeps it: over real databases, with a channel that remembers."""

from collections.abc import AsyncIterator

import pytest

from approvals.alerts import Alerts
from approvals.channels import Undeliverable
from approvals.domain.card import Card
from approvals.domain.folding import Linked
from approvals.domain.model import ApprovalRequest
from approvals.testing.recording import RecordingChannel
from tests.fakes.desk import House, house
from tests.integration.test_outbox import Post, outbox


@pytest.fixture
async def post(database_url: str) -> AsyncIterator[Post]:
    async with house(database_url) as at:
        at.desk.folding = Linked(start=3, page="https://placet.example.com/?fold={}".format)
        slack, mail = RecordingChannel(), RecordingChannel()
        route(at, "slack", "email")
        yield Post(at=at, outbox=outbox(at, slack=slack, email=mail), slack=slack, hook=mail)


def route(at: House, *channels: str) -> None:
    at.desk.reconfigure(caps=at.desk._caps, routes=lambda *_: [(channel, "x") for channel in channels])


async def asked(post: Post, number: int) -> ApprovalRequest:
    post.at.clock.move(seconds=1)
    return await post.at.file({"n": number})


def shown(post: Post, request: ApprovalRequest) -> Card:
    return next(card for card in post.slack.at("x") if card.request_id == request.id)


async def settle(post: Post) -> None:
    await post.deliver()
    post.at.clock.move(seconds=2)
    await post.deliver()


async def test_the_oldest_card_becomes_that_of_all_and_tells_what_becomes_of_each(post: Post) -> None:
    calls = [await asked(post, n) for n in range(2)]
    await settle(post)
    calls += [await asked(post, n) for n in range(2, 5)]
    await settle(post)
    first, second = shown(post, calls[0]), shown(post, calls[1])
    assert first.group is not None
    assert [row.request_id for row in first.group.rows] == [one.id for one in calls]
    assert second.folded_into == first.group.url
    await post.at.deny(calls[4])
    await post.at.approve(calls[0])
    await settle(post)
    group = shown(post, calls[0]).group
    assert group is not None
    assert (group.waiting, group.over) == (3, 2)
    assert {one.says[:14] for one in group.ended} == {"Denied by Ada ", "Approved by Ad"}
    assert len(post.slack.messages) == 2, "no call that came later has a message of its own"
    assert {(await post.row(one)).state for one in calls} == {"delivered"}


async def test_a_card_whose_own_call_has_ended_stands_for_the_others(post: Post) -> None:
    calls = [await asked(post, n) for n in range(3)]
    await settle(post)
    await post.at.deny(calls[0])
    await asked(post, 3)
    await settle(post)
    card = shown(post, calls[0])
    assert card.group is not None
    assert (card.state, card.group.waiting) == ("denied", 3)
    for row in card.group.rows:
        waits = await post.at.desk.get(row.request_id)
        assert waits is not None
        await post.at.deny(waits)
    await settle(post)
    closed = shown(post, calls[0]).group
    assert closed is not None
    assert (closed.waiting, closed.over) == (0, 4)
    anew = await asked(post, 9)
    await settle(post)
    assert shown(post, anew).group is None, "what comes when all is over begins anew"


async def test_where_the_card_of_a_group_can_not_be_shown_each_call_stands_alone(post: Post) -> None:
    route(post.at, "slack", "web")
    calls = [await asked(post, n) for n in range(3)]
    post.slack.fail_with = [Undeliverable("not_in_channel")]
    await settle(post)
    await settle(post)
    assert (await post.row(calls[0])).state == "dead"
    assert {card.request_id: card.group for card in post.slack.at("x")} == {calls[1].id: None, calls[2].id: None}


async def test_mails_say_once_that_more_calls_are_alike_each_time_their_number_doubles(post: Post) -> None:
    alerts = Alerts(post.at.desk, {"email": post.hook})
    for n in range(13):
        await asked(post, n)
    await settle(post)
    while await alerts.deliver_due():
        pass
    assert len(post.hook.messages) == 2
    assert [text.partition(" calls")[0] for _, text in post.hook.said] == ["3", "6", "12"]
    assert "https://placet.example.com/?fold=fold_" in post.hook.said[0][1]
