"""In Slack: the further step of who approves too fast, and whether an outcome was as expected."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from approvals.domain.attention import Friction
from approvals.domain.folding import Linked
from approvals.domain.model import State
from approvals.storage.tx import Tx
from tests.fakes.desk import returned
from tests.fakes.edits import Says
from tests.fakes.slack_office import ADA, Office, labels, office


@pytest.fixture
async def at(sqlite_url: str) -> AsyncIterator[Office]:
    async with office(sqlite_url, way="http") as opened:
        yield opened


async def test_who_approves_too_fast_types_the_tools_name_in_a_modal(at: Office) -> None:
    desk = at.at.desk
    desk.friction = Friction(last=5, confirm_at=50, type_at=100)
    for number in range(5):
        await at.at.approve(await at.at.file({"quantity": number}), ADA)
    await at.deliver()
    asked, card = await at.asked()
    await at.slack.press(at.people["ada"], card, "approve")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    assert "You approved 5 of your last 5 calls faster than they can be read" in str(modal.body)
    answer = await at.slack.submit(modal, {"confirm": "new order"})
    assert (answer.body or {})["errors"] == {"confirm": "Type exactly new_order."}
    assert (await at.at.now(asked)).state is State.PENDING
    at.at.clock.move(minutes=2)
    assert (await at.slack.submit(modal, {"confirm": "new_order"})).acked
    assert (await at.at.now(asked)).state is State.APPROVED
    assert at.slack.modal(at.people["ada"]) is None

    # One of five was read: it is confirmed, and nothing is typed.
    asked, card = await at.asked({"quantity": 9})
    await at.slack.press(at.people["ada"], card, "approve")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    assert (await at.slack.submit(modal, {})).acked
    assert (await at.at.now(asked)).state is State.APPROVED


async def test_where_the_step_cannot_be_taken_it_is_said_what_can(at: Office) -> None:
    desk = at.at.desk
    desk.friction = Friction(last=5, confirm_at=50, type_at=80)
    for number in range(5):
        await at.at.approve(await at.at.file({"quantity": number}), ADA)
    desk.folding = Linked(start=3, page="https://placet.example.com/?fold={}".format)
    calls = [await at.at.file({"quantity": 20 + number}) for number in range(3)]
    await at.deliver()
    at.at.clock.move(seconds=2)
    await at.deliver()
    card = next(one for one in at.slack.messages("#money") if "Review 3 calls…" in labels(one))
    await at.slack.press(at.people["ada"], card, "review")
    await at.slack.submit(await at.slack.wait_for_modal(at.people["ada"]), {"rest": "approve"})
    told = str(getattr(at.slack.modal(at.people["ada"]), "body", None))
    assert "quantity 20 · claude-ada; 2. quantity 21" in told
    assert "Approve them in the table: https://placet.example.com/?fold=" in told
    assert "Open the table" in told
    assert "`confirm`" not in told
    assert [(await at.at.now(one)).state for one in calls] == [State.PENDING] * 3


async def test_who_approves_too_fast_types_the_tools_name_beside_what_they_changed(at: Office) -> None:
    at.at.desk.edits = Says()
    at.at.desk.friction = Friction(last=5, confirm_at=50, type_at=80)
    for number in range(5):
        await at.at.approve(await at.at.file({"quantity": number}), ADA)
    await at.deliver()
    asked, card = await at.asked({"quantity": 9})
    await at.slack.press(at.people["ada"], card, "edit")
    await at.slack.submit(await at.slack.wait_for_modal(at.people["ada"]), {"arguments": '{"quantity": 8}'})
    again = at.slack.modal(at.people["ada"])
    assert again is not None
    assert "Type the name of the tool, new_order, to approve it" in str(again.body)
    assert "'initial_value': '{\"quantity\": 8}'" in str(again.body)
    await at.slack.submit(again, {"confirm": "new order"})
    assert again.errors == {"confirm": "Type exactly new_order."}
    await at.slack.submit(again, {"confirm": "new_order"})
    decided = await at.at.now(asked)
    assert (decided.state, decided.call.arguments) == (State.APPROVED, b'{"quantity":8}')


async def test_people_say_on_the_card_whether_the_outcome_was_as_expected(at: Office) -> None:
    asked, card = await at.asked()
    await at.at.claim(await at.at.approve(asked, ADA))
    await at.at.desk.settle(asked.id, returned())
    await at.deliver()
    assert labels(card) == ["As expected", "Not as expected…"]
    await at.slack.press(at.people["ada"], card, "expected")
    await at.slack.wait_for_change(card, lambda message: "Ada: as expected" in str(message.blocks))
    await at.slack.press(at.people["bob"], card, "unexpected")
    modal = await at.slack.wait_for_modal(at.people["bob"])
    assert (await at.slack.submit(modal, {"words": "Charged twice"})).acked
    await at.deliver()
    assert "Ada: as expected; Bob: not as expected (“Charged twice”)" in str(card.blocks)

    def look(tx: Tx) -> int:
        return sum(record.event.value == "expectation" for record in tx.requests.events(asked.id))

    assert await at.at.db.read(look) == 2
