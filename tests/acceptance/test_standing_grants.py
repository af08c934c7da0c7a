"""Must-have 21: scoped standing grants, listed, counted, revocable, and recorded even when nobody was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from tests.acceptance.agents import SOON_SECONDS, Agent, OldAgent, heard, sdk
from tests.acceptance.counting import HELD, Shop, shop
from tests.acceptance.harness import serving

GRANT = {
    "arguments": {"/amount": {"range": {"max": 20}}, "/to": {"one_of": ["acme", "bolt"]}},
    "for": "1h",
    "uses": 5,
    "budget": {"argument": "/amount", "max": 25},
}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Shop]:
    asks = {"action": "require_approval", "approval": {"grants": "always"}}
    made = shop(tmp_path, tools={**HELD, "pay": asks})
    async with serving(made.placet):
        yield made


def payment(to: str, amount: int) -> dict[str, Any]:
    return {"to": to, "amount": amount}


@pytest.mark.must_have(21)
@pytest.mark.pain(18)
async def test_a_payment_is_trusted_within_its_shape_and_budget_until_that_is_taken_back(it: Shop) -> None:
    async with it.agent() as agent:
        first = await _approved(it, agent, payment("acme", 10), grant=GRANT)
        (given,) = first["grants"]
        said = await agent.call("pay", payment("bolt", 20))
        assert (said.refused, said.text, said.verdict["reviewers"]) == (False, "pay 20 to bolt", [])
        assert (said.verdict["ground"], said.verdict["grant"]) == ("grant", given["id"])
        assert it.seen("bolt") == 1
        (covered,) = await it.ada.requests(ground="grant")
        assert (covered["grant"]["names"], covered["votes"], covered["state"]) == (["Ada"], [], "succeeded")
        _, shown = await it.ada.ask("GET", f"/api/v1/grants/{given['id']}")
        assert (shown["uses_left"], shown["budget"]["left"]) == (4, "5")
        assert [use["request"] for use in shown["history"]] == [covered["id"]]
        # Past the budget, and past the shape, people are asked.
        await _approved(it, agent, payment("acme", 6))
        await _approved(it, agent, payment("dora", 1))
        assert (await agent.call("pay", payment("acme", 3))).verdict["reviewers"] == []
        listed, _ = await it.placet.cli("grants", "list")
        assert f"{given['id']}  shop/pay for" in listed
        assert "3 of 5 calls left, 2 of 25 of /amount" in listed
        await it.placet.cli("grants", "revoke", given["id"])
        assert len((await _approved(it, agent, payment("bolt", 1)))["votes"]) == 1


async def _approved(it: Shop, agent: Agent, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Call, let Ada approve, and give the request once it ran."""
    async with asyncio.TaskGroup() as group:
        call = group.create_task(agent.call("pay", arguments))
        (request,) = await it.ada.next_pending()
        status, _ = await it.ada.decide(request, "approve", **more)
        assert status == 200
    assert not call.result().refused
    return await it.ada.show(request["id"])


@pytest.mark.must_have(21)
async def test_a_grant_for_one_session_is_not_of_use_in_another_and_ends_with_it(it: Shop) -> None:
    of_session = {"arguments": {"/amount": {"range": {"max": 20}}}, "for": "1h", "uses": 5, "scope": "session"}
    async with sdk(it.placet, "shop", "legacy") as one:
        first = await _called(it, one, payment("acme", 10), grant=of_session)
        (given,) = first["grants"]
        assert (given["scope"], given["ended_why"], first["why_no_grant_session"]) == ("session", None, None)
        said = heard(await one.call_tool("pay", payment("acme", 11)))
        assert (said.text, said.verdict["grant"]) == ("pay 11 to acme", given["id"])
        # The second session of the same agent is asked about, whatever its call; so is a call without any session.
        async with sdk(it.placet, "shop", "legacy") as two:
            assert len((await _called(it, two, payment("acme", 12)))["votes"]) == 1
        async with it.agent() as stateless:
            asked = await _approved(it, stateless, payment("acme", 13))
            assert "no session is made up" in asked["why_no_grant_session"]
            body = {"request": asked["id"], "binding": asked["binding"], "grant": of_session}
            status, refused = await it.ada.ask("POST", "/api/v1/grants", body)
            assert (status, refused["field"]) == (422, "grant/scope")
        assert heard(await one.call_tool("pay", payment("acme", 14))).verdict["grant"] == given["id"]
        listed, _ = await it.placet.cli("grants", "list")
        assert "3 of 5 calls left, this session only, until" in listed
    # Its client has said goodbye.
    assert await _ended(it, given) == ("session_over", "placet")
    listed, _ = await it.placet.cli("grants", "list", "--all")
    assert "this session only, its session is over" in listed
    assert it.seen("acme") == 5
    # A session is its token's, too.
    async with OldAgent(it.placet, "shop") as last:
        await last.open("2025-06-18")
        async with asyncio.TaskGroup() as group:
            call = group.create_task(last.post(last.old_call("pay", payment("bolt", 10), 1)))
            (request,) = await it.ada.next_pending()
            assert (await it.ada.decide(request, "approve", grant=of_session))[0] == 200
        assert not call.result().refused
        (given,) = (await it.ada.show(request["id"]))["grants"]
        await it.placet.cli("agents", "revoke", "claude-ada", person=None)
        assert await _ended(it, given) == ("session_over", "placet")


async def _ended(it: Shop, grant: dict[str, Any]) -> tuple[str, str]:
    """How a grant ended, once it has: within a second."""
    async with asyncio.timeout(SOON_SECONDS):
        while (shown := (await it.ada.ask("GET", f"/api/v1/grants/{grant['id']}"))[1])["in_force"]:
            pass
    return shown["ended_why"], shown["ended_by"]


async def _called(it: Shop, client: Client, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The same over a client of the session era."""
    async with asyncio.TaskGroup() as group:
        call = group.create_task(client.call_tool("pay", arguments))
        (request,) = await it.ada.next_pending()
        assert (await it.ada.decide(request, "approve", **more))[0] == 200
    assert not heard(call.result()).refused
    return await it.ada.show(request["id"])
