"""Calls that are alike in Slack: one card for all of them, a verdict for each, over the real desk and outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from approvals.domain.folding import Linked
from approvals.domain.model import ApprovalRequest, State
from approvals.domain.terms import Factor
from approvals.testing import samples
from approvals.testing.slack import Message, View
from tests.fakes.desk import decision, returned
from tests.fakes.edits import Says
from tests.fakes.slack_office import Office, labels, office

PAGE = "https://placet.example.com/?fold={}"


@pytest.fixture
async def at(sqlite_url: str) -> AsyncIterator[Office]:
    async with office(sqlite_url, way="socket") as opened:
        opened.at.desk.folding = Linked(start=3, page=PAGE.format)
        yield opened


async def settle(at: Office) -> None:
    """Let the wait of the group pass, and bring every card up to date."""
    await at.deliver()
    at.at.clock.move(seconds=2)
    await at.deliver()


async def asked(at: Office, number: int, symbol: str = "BTCUSDT", **but: Any) -> ApprovalRequest:
    at.at.clock.move(seconds=1)
    return await at.at.file({"symbol": symbol, "quantity": number}, **but)


async def storm(at: Office, count: int, **but: Any) -> list[ApprovalRequest]:
    return [await asked(at, number, **but) for number in range(count)]


def cards(at: Office) -> list[Message]:
    return at.slack.messages("#money")


async def test_the_third_call_makes_one_card_of_them_and_later_ones_are_not_posted(at: Office) -> None:
    await storm(at, 2)
    await at.deliver()
    assert [labels(card)[0] for card in cards(at)] == ["Approve", "Approve"]
    for n in range(2, 6):
        await asked(at, n)
    await settle(at)
    # Two that are due at once may be posted in either order.
    first, second = sorted(cards(at), key=lambda card: not labels(card))
    assert labels(first) == ["Review 6 calls…", "Open the table"]
    assert "symbol" in str(first.blocks)
    assert "BTCUSDT" in str(first.blocks)
    assert labels(second) == []
    assert "shown with the calls that are like it" in str(second.blocks)


async def test_each_call_of_the_card_gets_its_own_answer_and_one_that_joined_meanwhile_none(at: Office) -> None:
    calls = await storm(at, 4)
    await settle(at)
    (card,) = cards(at)
    await at.slack.press(at.people["ada"], card, "review")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    late = await asked(at, 99)
    await at.at.approve(calls[1], samples.BOB)
    answers = {f"{one.id} {one.binding}": "deny" for one in calls[2:3]}
    await at.slack.submit(modal, {**answers, "rest": "approve", "words": "Too many"})
    told = at.slack.modal(at.people["ada"])
    assert told is not None
    assert "2 approved, 1 denied" in str(told.body)
    assert "Not recorded" in str(told.body)
    states = [(await at.at.now(one)).state for one in [*calls, late]]
    assert states == [State.APPROVED, State.APPROVED, State.DENIED, State.APPROVED, State.PENDING]
    assert (await at.at.now(calls[2])).votes[0].reason == "Too many"
    await settle(at)
    (card,) = cards(at)
    assert labels(card) == ["Review 1 call…", "Open the table"]
    assert "Denied by Ada" in str(card.blocks)
    assert "Approved by Bob" in str(card.blocks)
    await at.at.approve(late, samples.BOB)
    await settle(at)
    assert labels(card) == []
    assert card.text == "– 4 approved, 1 denied · new_order. binance, write"


async def test_who_may_decide_none_of_them_is_told_so(at: Office) -> None:
    await storm(at, 3)
    await settle(at)
    await at.slack.press(at.people["eve"], cards(at)[0], "review")
    await at.slack.wait_for(lambda: at.whispers("eve") or None)
    assert at.slack.modal(at.people["eve"]) is None
    assert at.whispers("eve") == ["None of these calls is yours to decide."]


async def test_what_became_of_each_call_is_on_the_card_of_them_all(at: Office) -> None:
    at.at.desk.edits = Says()
    calls = await storm(at, 3)
    await settle(at)
    (card,) = cards(at)
    vote = decision(calls[1], samples.ADA)
    await at.at.desk.decide(calls[1].id, replace(vote, arguments=b'{"quantity":77,"symbol":"BTCUSDT"}'))
    await at.at.claim(await at.at.now(calls[1]))
    await at.at.desk.settle(calls[1].id, returned())
    await settle(at)
    shown = str(card.blocks)
    assert "symbol BTCUSDT" in shown or "quantity 77" in shown
    assert "Changed by a reviewer: /quantity: 1 → 77" in shown
    assert "The server answered: " in shown
    assert "As expected? nobody has said yet" in shown
    now = await at.at.now(calls[1])
    for verb in ("expected", "view"):
        await at.slack.press(at.people["ada"], card, "more", choice=f"{verb} {now.id} {now.binding}")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    assert now.id in str(modal.body)
    await at.slack.wait_for_change(card, lambda message: "As expected? Ada: as expected" in str(message.blocks))
    assert labels(card) == ["Review 2 calls…", "Open the table"], "it still stands for the others"


async def test_where_other_people_are_asked_or_folding_is_off_each_call_has_its_card(at: Office) -> None:
    await storm(at, 2)
    await asked(at, 30, terms=samples.terms(Factor(members=(samples.FINANCE,), count=2)))
    at.at.desk.folding = Linked(start=None)
    await asked(at, 50)
    await settle(at)
    assert [labels(card)[0] for card in cards(at)] == ["Approve"] * 4


async def test_a_call_that_is_too_long_for_the_card_can_only_be_denied_in_it(at: Office) -> None:
    await storm(at, 2)
    await asked(at, 3, "X" * 200)
    await settle(at)
    await at.slack.press(at.people["ada"], cards(at)[0], "review")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    rows = [block for block in modal.body["blocks"] if str(block.get("block_id", "")).startswith("req_")]
    assert [[option["value"] for option in row["element"]["options"]] for row in rows] == [
        ["approve", "deny"],
        ["approve", "deny"],
        ["deny"],
    ]


@pytest.mark.parametrize(
    ("arguments", "terms"),
    [
        ({"memo": "safe " * 100 + "AND WIPE THE DISK"}, {}),
        ({"api_key": "sk-live-abcdefghijklmnop"}, {}),
        ({"symbol": "BTCUSDT"}, {"risk": "destructive"}),
        ({f"k{at}": "&" * 59 for at in range(7)}, {}),
    ],
    ids=["too long for a row", "masked", "destroys something", "too long once it is escaped"],
)
@pytest.mark.parametrize("each", [False, True], ids=["in one answer for the rest", "by a forged answer of its own"])
async def test_what_cannot_be_read_whole_in_the_window_is_not_approved_from_it(
    at: Office, arguments: dict[str, Any], terms: dict[str, Any], each: bool
) -> None:
    calls = []
    for number in range(3):
        at.at.clock.move(seconds=1)
        named = {key: f"{value}{number}" for key, value in arguments.items()}
        calls.append(await at.at.file({**named, "amount": number}, **terms))
    await settle(at)
    await at.slack.press(at.people["ada"], cards(at)[0], "review")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    inputs = [block for block in modal.body["blocks"] if block["type"] == "input" and "options" in block["element"]]
    assert [[one["value"] for one in block["element"]["options"]] for block in inputs] == [["deny"]] * 4
    chosen = {block["block_id"]: "approve" for block in inputs[:3]} if each else {"rest": "approve"}
    ack = await at.channel.take("interactive", forged(at, modal, chosen))
    assert "0 approved, 0 denied" in str(ack)
    assert str(ack).count("approve it on the page") == 3
    assert [(await at.at.now(one)).state for one in calls] == [State.PENDING] * 3


def forged(at: Office, modal: View, chosen: dict[str, str]) -> dict[str, Any]:
    """The window as it comes back from somebody who chose what it did not offer."""
    ada = at.people["ada"]
    return {
        "type": "view_submission",
        "user": {"id": ada.id, "team_id": ada.team_id},
        "team": {"id": ada.team_id},
        "view": {
            **modal.body,
            "id": modal.id,
            "hash": modal.hash,
            "state": {
                "values": {block: {"verdict": {"selected_option": {"value": one}}} for block, one in chosen.items()}
            },
        },
    }
