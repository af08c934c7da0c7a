"""What people write under a card in Slack comes back as a comment: of whom, once, and of nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.folding import Linked
from approvals.domain.lifecycle import Note, Record
from approvals.domain.model import ApprovalRequest
from approvals.testing.slack import Message
from tests.fakes.slack_office import ADA, Office, office


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[Office]:
    async with office(database_url, way="http") as opened:
        yield opened


async def write(at: Office, card: Message, text: str, who: str = "ada", **changes: Any) -> None:
    channel = at.slack.channel("#money")
    body = {"type": "message", "channel": channel.id, "user": at.people[who].id, "text": text, "thread_ts": card.ts}
    body |= {"ts": "99.1", "event_ts": "99.1", "channel_type": "channel", **changes}
    answer = await at.slack.event(body)
    assert answer.acked


async def comments(at: Office, request: ApprovalRequest) -> list[Record]:
    return [row for row in await at.at.ledger(request) if row.event is Note.COMMENTED]


async def test_a_reply_is_a_comment_with_its_writers_name_and_is_not_said_again_where_it_stands(at: Office) -> None:
    asked, card = await at.asked()
    await write(at, card, "Ask <@U02BOB> &amp; finance first")
    (row,) = await comments(at, asked)
    assert (row.actor, row.detail["note"], row.detail["via"]) == (ADA.id, "Ask @U02BOB & finance first", "slack")
    assert await at.at.db.write(lambda tx: tx.alerts.take_due("test", tx.now - tx.now, 10)) == []
    assert at.whispers("ada") == []


async def test_slack_tells_at_least_once_and_it_counts_once(at: Office) -> None:
    asked, card = await at.asked()
    await write(at, card, "Once")
    await write(at, card, "Once")
    await write(at, card, "And this", ts="99.2")
    assert [row.detail["note"] for row in await comments(at, asked)] == ["Once", "And this"]


@pytest.mark.parametrize(
    ("who", "changes"),
    [
        pytest.param("zoe", {}, id="an account of nobody"),
        pytest.param("eve", {}, id="a person who may not read the request"),
        pytest.param("robot", {"bot_id": "B1"}, id="a bot"),
        pytest.param("ada", {"subtype": "message_changed"}, id="an edit"),
        pytest.param("ada", {"thread_ts": "11.1"}, id="under something else"),
        pytest.param("ada", {"thread_ts": "99.1"}, id="in the channel"),
        pytest.param("stranger", {"user_team": "T0OTHER"}, id="somebody of another workspace"),
    ],
)
async def test_what_is_not_a_known_persons_reply_to_a_card_leaves_no_trace(
    at: Office, who: str, changes: dict[str, Any]
) -> None:
    asked, card = await at.asked()
    await write(at, card, "Let it through", who, **changes)
    assert await comments(at, asked) == []
    assert at.whispers(who) == []


async def test_whoever_writes_what_cannot_be_kept_is_told_so_alone(at: Office) -> None:
    asked, card = await at.asked()
    await write(at, card, "x" * 501)
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert "This was not kept as a comment. text: at most 500 characters, this has 501." in at.whispers("ada")
    assert await comments(at, asked) == []


async def test_a_card_of_several_calls_takes_no_comment(at: Office) -> None:
    at.at.desk.folding = Linked(start=3, page="https://p/?fold={}".format)
    calls = []
    for number in range(3):
        at.at.clock.move(seconds=1)
        calls.append(await at.at.file({"n": number}))
    for _ in range(2):
        await at.deliver()
        at.at.clock.move(seconds=2)
    (card,) = at.slack.messages("#money")
    await write(at, card, "Not this one")
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert "stands for several calls" in at.whispers("ada")[0]
    assert [await comments(at, one) for one in calls] == [[], [], []]
