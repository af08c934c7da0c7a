"""Limits in a running gateway: who goes over asks a person, and a person can let one call through, or raise it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.counting import Shop, bell, open_shop
from tests.acceptance.harness import PATIENCE_SECONDS, policy

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


async def test_an_approval_can_raise_the_budget_until_somebody_takes_that_back(shop: Shop) -> None:
    async with shop.agent() as agent:
        # Its hold may be over before anybody has decided, so it is let go and comes back.
        assert (await agent.call("pay", {"to": "raised", "amount": 150})).code == "approval_pending"
        (request,) = await pending(shop, "raised")
        assert request["over"] == [
            {"limit": "paid", "max": "100", "to": "250", "words": "per day for each agent and args.to"}
        ]
        body = {"decision": "approve", "binding": request["binding"], "raise": "1h"}
        status, decided = await shop.ada.ask("POST", f"/api/v1/requests/{request['id']}/decision", body)
        assert (status, decided["state"]) == (200, "approved")
        assert (await agent.call("pay", {"to": "raised", "amount": 150})).text == "pay 150 to raised"
        assert not (await agent.call("pay", {"to": "raised", "amount": 90})).refused
        listed, _ = await shop.placet.cli("raises", "list")
        assert "paid: 250 instead of 100 per day for each agent and args.to" in listed
        [one] = decided["raises"]
        said, _ = await shop.placet.cli("raises", "revoke", one["id"], person="bob@example.com")
        assert said == "paid is 100 per day for each agent and args.to again.\n"
        assert (await agent.call("pay", {"to": "raised", "amount": 1})).code == "approval_pending"
    assert shop.seen("raised") == 2


async def test_only_so_many_calls_run_at_a_time_and_the_next_is_told_to_wait(shop: Shop) -> None:
    async with shop.agent() as agent, bell(shop) as rung, asyncio.TaskGroup() as group:
        running = group.create_task(agent.call("hang", {"to": "slots", "amount": 1}))
        await rung.wait()
        refused = await agent.call("hang", {"to": "slots", "amount": 2})
        assert (refused.code, refused.verdict["retry_after_ms"]) == ("rate_limited", 2000)
        assert (
            "The limit 'slots' is 1 at a time for each agent on this server; 0 is left and this call needs 1."
            in refused.text
        )
        running.cancel()
        # The client has left, so its call is over, as soon as the gateway has seen that.
        again = running
        async with asyncio.timeout(PATIENCE_SECONDS):
            while shop.seen("slots") < 2:
                again = group.create_task(agent.call("hang", {"to": "slots", "amount": 3}))
                while shop.seen("slots") < 2 and not again.done():
                    await shop.ada.requests()
        assert not again.done()
        again.cancel()


async def test_what_a_limit_says_is_what_explain_says(shop: Shop) -> None:
    call = '{"tool": "pay", "arguments": {"to": "explained", "amount": 120}}'
    (shop.placet.folder / "call.json").write_text(call)
    said, _ = await shop.placet.cli(
        "policy", "explain", "--server", "shop", "--as", "claude-ada", "--json", "call.json", code=0
    )
    told = json.loads(said)
    assert (told["verdict"], told["rule"]) == ("require_approval", "/tools/pay/limits/0")
    assert [(one["counter"], one["remaining"]) for one in told["limits"]] == [("paid", "100")]


async def left(shop: Shop, tool: str) -> dict[str, str]:
    """What is left of every limit of a call, by the command line."""
    (shop.placet.folder / "call.json").write_text(json.dumps({"tool": tool, "arguments": {"to": "x", "amount": 1}}))
    said, _ = await shop.placet.cli("policy", "explain", "--as", "claude-ada", "--json", "call.json")
    return {one["counter"]: one["remaining"] for one in json.loads(said)["limits"]}


async def test_what_nobody_can_answer_for_stays_counted_and_what_was_not_sent_does_not(tmp_path: Path) -> None:
    limits = [{"counter": "hung", "window": "month", "max": 5}, {"counter": "slots", "window": "inflight", "max": 1}]
    tools = {"hang": {"limits": limits}, "pay": {"limits": [{"counter": "paid", "window": "1d", "max": 5}]}}
    async with open_shop(tmp_path, tools=tools) as made, made.agent() as agent:
        assert (await agent.call("pay", {"to": "x", "amount": 0})).code == "invalid_arguments"
        assert await left(made, "pay") == {"paid": "5"}
        async with bell(made) as rung, asyncio.TaskGroup() as group:
            running = group.create_task(agent.call("hang", {"to": "x", "amount": 1}))
            await rung.wait()
            assert await left(made, "hang") == {"hung": "4", "slots": "0"}
            made.down(is_down=True)
            made.kill_server()
            assert (await running).code == "outcome_unknown"
        assert await left(made, "hang") == {"hung": "4", "slots": "1"}
        assert (await agent.call("pay", {"to": "x", "amount": 1})).code == "upstream_unavailable"
        assert await left(made, "pay") == {"paid": "5"}
        await made.placet.stop()
        made.placet.write_policy("shop", policy({"hang": {"limits": [{**limits[0], "max": 2}]}}))
        await made.placet.start()
        assert await left(made, "hang") == {"hung": "1"}
