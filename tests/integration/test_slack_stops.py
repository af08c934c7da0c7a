"""Cards in Slack while their calls are stopped: what cannot be approved is not offered, and comes back afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from approvals.acting import Actor
from approvals.domain.folding import Linked
from approvals.domain.model import Role, State
from approvals.stops import Stops, Surroundings
from approvals.storage.agents import AgentRow
from approvals.testing import samples
from gateway.agents import Agents
from tests.fakes.slack_office import ADA, BOB, EVE, Office, labels, office

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
BY_OTTO = Actor(id=OTTO.id, via="web")
FREE, STOPPED = ["Approve", "Deny…"], ["Deny…", "View full call"]


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[Office]:
    async with office(database_url, people=(ADA, BOB, EVE, OTTO)) as opened:
        agent = AgentRow(name="claude-ada", owner=None, servers=(), source="added", created_at=samples.NOW)
        await opened.at.db.write(lambda tx: tx.agents.upsert(agent))
        yield opened


def stops(at: Office) -> Stops:
    return Stops(at.at.desk, Surroundings(servers=lambda: ["binance"], targets=list, url="https://p/stops"))


async def frozen(at: Office, scope: str) -> None:
    await stops(at).freeze(scope, reason="odd payments", lasts=timedelta(hours=1), actor=BY_OTTO)
    await at.deliver()


def offered(at: Office) -> list[str]:
    return [one for one in labels(at.card()) if one in {*FREE, *STOPPED}][:2]


@pytest.mark.parametrize("scope", ["all", "agent:claude-ada", "server:binance"])
async def test_a_card_that_is_out_offers_no_approval_from_a_freeze_until_its_end(at: Office, scope: str) -> None:
    asked, card = await at.asked()
    assert offered(at) == FREE
    await frozen(at, scope)
    assert offered(at) == STOPPED
    assert "otto@example.com has frozen" in str(at.card().blocks)
    assert "It cannot be approved until that ends; it can be denied." in str(at.card().blocks)
    await at.slack.press(at.people["ada"], card, "view")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    assert '"action_id": "approve"' not in str(modal.body).replace("'", '"')
    await stops(at).thaw(scope, actor=BY_OTTO)
    await at.deliver()
    assert offered(at) == FREE
    assert "frozen" not in str(at.card().blocks)
    await at.slack.press(at.people["ada"], at.card(), "approve")
    await at.deliver()
    assert (await at.at.now(asked)).state is State.APPROVED


async def test_a_freeze_that_ends_by_its_own_time_brings_the_buttons_back(at: Office) -> None:
    await at.asked()
    await frozen(at, "all")
    at.at.clock.move(minutes=61)
    await stops(at).end_due()
    at.at.clock.move(seconds=1)
    await at.deliver()
    assert "frozen" not in str(at.card().blocks)


async def test_a_card_of_another_agent_or_server_stays_as_it_is(at: Office) -> None:
    await at.asked()
    before = at.card().blocks
    await at.at.db.write(lambda tx: tx.switches.freeze("agent:other", reason="r", by=OTTO.id, at=tx.now))
    await at.deliver()
    assert at.card().blocks == before


async def test_a_pause_takes_the_buttons_away_until_the_agent_is_resumed(at: Office) -> None:
    await at.asked()
    agents = Agents(desk=at.at.desk)
    await agents.pause("claude-ada", actor=BY_OTTO)
    await at.deliver()
    assert offered(at) == STOPPED
    assert "the agent claude-ada is paused" in str(at.card().blocks)
    await agents.resume("claude-ada", actor=BY_OTTO)
    await at.deliver()
    assert offered(at) == FREE


async def test_the_rows_of_a_folded_card_can_only_be_denied_in_a_freeze(at: Office) -> None:
    at.at.desk.folding = Linked(start=3, page="https://p/?fold={}".format)
    for number in range(3):
        at.at.clock.move(seconds=1)
        await at.at.file({"n": number})
    for _ in range(2):
        await at.deliver()
        at.at.clock.move(seconds=2)
    await frozen(at, "all")
    (card,) = at.slack.messages("#money")
    assert "What that stops cannot be approved until it ends." in str(card.blocks)
    await at.slack.press(at.people["ada"], card, "review")
    modal = await at.slack.wait_for_modal(at.people["ada"])
    assert "'approve'" not in str(modal.body)
    assert "it cannot be approved until that ends" in str(modal.body)
