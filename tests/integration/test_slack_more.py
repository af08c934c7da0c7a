"""What the menu of a card does: over Socket Mode, with the real desk and slack-sdk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from approvals.channels import Alert
from approvals.domain.lifecycle import Note
from approvals.testing.samples import CARL
from approvals.testing.slack import Message
from tests.fakes.slack_office import ADA, Office, labels, office


@pytest.fixture
async def at(sqlite_url: str) -> AsyncIterator[Office]:
    async with office(sqlite_url, way="socket") as opened:
        yield opened


async def choose(at: Office, card: Message, verb: str, who: str = "ada") -> None:
    menu = next(one for block in card.blocks for one in block.get("elements", ()) if one.get("action_id") == "more")
    choice = next(one["value"] for one in menu["options"] if one["value"].startswith(f"{verb} "))
    answer = await at.slack.press(at.people[who], card, "more", choice=choice)
    assert answer.acked


async def test_the_menu_asks_the_agent_and_the_card_shows_what_it_says(at: Office) -> None:
    asked, card = await at.asked()
    await choose(at, card, "ask")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    assert (await at.slack.submit(modal, {"words": "Which ticket? <!channel>"})).acked
    await at.at.desk.answer(asked.id, agent="claude-ada", text="Ticket 5521 <https://evil.example|here>")
    await at.deliver()
    shown = str(card.blocks)
    assert "Which ticket? <!channel>" in shown, "in rich text, which Slack does not parse"
    assert "The agent says, unverified" in shown
    assert "Ticket 5521 <https://evil.example|here>" in shown
    assert "Approve" in labels(card)


async def test_the_menu_extends_and_snoozes_and_says_so_privately(at: Office) -> None:
    asked, card = await at.asked()
    await choose(at, card, "extend")
    assert (await at.at.now(asked)).expires_at == asked.expires_at + timedelta(minutes=15)
    await at.slack.wait_for(lambda: at.whispers("ada") or None)
    assert "can be decided until" in at.whispers("ada")[0]
    await choose(at, card, "snooze")
    hidden = await at.at.db.read(lambda tx: tx.snoozes.of(ADA.id))
    assert hidden[asked.id].until == at.at.clock.now + timedelta(minutes=15)


async def test_the_menu_hands_on_and_a_wrong_name_stays_in_the_window(at: Office) -> None:
    asked, card = await at.asked()
    await choose(at, card, "reassign")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    await at.slack.submit(modal, {"to": "nobody@example.com", "words": "On leave"})
    assert "nobody who is known" in str(modal.errors)
    await at.slack.submit(modal, {"to": CARL.id, "words": "On leave"})
    assert (await at.at.now(asked)).terms.factors[0].members == (CARL.id,)


@pytest.mark.parametrize("verb", ["reassign", "ask", "comment"])
async def test_who_may_not_is_told_so_before_a_window_asks_for_words(at: Office, verb: str) -> None:
    _, card = await at.asked()
    await choose(at, card, verb, "eve")
    await at.slack.wait_for(lambda: at.whispers("eve") or None)
    assert "You may not" in at.whispers("eve")[0]
    assert at.slack.modal(at.people["eve"]) is None


async def test_a_comment_is_kept_and_stands_under_the_card(at: Office) -> None:
    asked, card = await at.asked()
    await choose(at, card, "comment")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    await at.slack.submit(modal, {"words": "I have the ticket"})
    row = (await at.at.ledger(asked))[-1]
    assert (row.event, row.actor, row.detail["note"], row.detail["via"]) == (
        Note.COMMENTED,
        ADA.id,
        "I have the ticket",
        "slack",
    )
    owed = await at.at.db.write(lambda tx: tx.alerts.take_due("one", timedelta(seconds=9), 9))
    assert [(one.channel, one.target.endswith(f"/{card.ts}")) for one in owed] == [("slack", True)]
    await at.channel.say(Alert(id="a", text=owed[0].text, at=at.at.clock.now), owed[0].target)
    assert [one.thread_ts for one in at.slack.messages("#money")] == [None, card.ts]
