"""Limits in a running gateway: who goes over asks a person, and a person can let one call through, or raise it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.counting import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAID = {
    "counter": "paid", "window": "day", "max": 100, "amount": "args.amount",
    "scope": ["agent", "args.to"], "on_exceed": "require_approval",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """A shop whose tool `pay` has a budget of 100 a day for each payee; clients are held for a second."""
    tools = {"pay": {"limits": [PAID]}, "hang": {"limits": [{"counter": "slots", "window": "inflight", "max": 1}]}}
    hold = {"hold": {"plain": "1s", "with_progress": "1s"}}
    async with open_shop(tmp_path_factory.mktemp("budgets"), tools=tools, limits=hold) as made:
        yield made


async def pending(shop: Shop, to: str) -> list[dict[str, Any]]:
    return [one for one in await shop.ada.requests(state="pending") if one["arguments"]["to"] == to]


async def test_a_call_over_its_budget_that_is_made_again_joins_its_request(shop: Shop) -> None:
    async with shop.agent() as agent:
        assert not (await agent.call("pay", {"to": "again", "amount": 90})).refused
        first = await agent.call("pay", {"to": "again", "amount": 20})
        assert first.code == "approval_pending"
        second = await agent.call("pay", {"to": "again", "amount": 20})
        assert (second.code, second.verdict["request"]) == ("approval_pending", first.verdict["request"])
        assert [one["id"] for one in await pending(shop, "again")] == [first.verdict["request"]]


async def test_what_was_approved_while_the_agent_was_away_runs_when_it_comes_back(shop: Shop) -> None:
    async with shop.agent() as agent:
        asked = await agent.call("pay", {"to": "away", "amount": 150})
        assert asked.code == "approval_pending"
        (request,) = await pending(shop, "away")
        await shop.ada.decide(request, "approve")
        told = await agent.call("pay", {"to": "away", "amount": 150})
        assert (told.code, told.verdict["request"]) == ("approved", request["id"])
        assert shop.seen("away") == 1
