"""The world changes while a call waits: the policy, the agent. What runs is what may run when it runs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from approvals import tokens
from tests.acceptance.agents import Agent
from tests.acceptance.counting import ASKS, HELD, Shop, open_shop
from tests.acceptance.harness import policy
from tests.fakes.wire import agent as wire
from tests.fakes.wire import modern


@pytest.fixture
async def it(tmp_path_factory: pytest.TempPathFactory) -> Any:
    async with open_shop(tmp_path_factory.mktemp("shop")) as made:
        yield made


def payment(to: str) -> dict[str, Any]:
    return {"to": to, "amount": 5}


async def change(it: Shop, rule: Any) -> None:
    it.placet.write_policy("shop", policy({**HELD, "pay": rule}))
    await it.placet.reload()


async def ran_untold(it: Shop, agent: Agent, to: str) -> dict[str, Any]:
    """A call that ran after its agent had lost the connection."""
    await change(it, {**ASKS, "rate_limit": "1/hour", "approval": {"execute_on_approve": True}})
    async with asyncio.TaskGroup() as group:
        lost = group.create_task(agent.call("pay", payment(to)))
        asked = await it.ada.pending_of(to=to)
        lost.cancel()
    await it.ada.until(asked["id"], lambda shown: not shown["waiting"])
    await it.ada.approve(asked)
    return await it.ada.until_state(asked["id"], "succeeded")


@pytest.mark.must_have(3)
@pytest.mark.pain(31)
@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"action": "deny", "reason": "no more"}, id="denied now"),
        pytest.param({"action": "require_approval", "approval": {"quorum": 2}}, id="two must agree now"),
        pytest.param({"action": "hide"}, id="hidden now"),
        pytest.param({**ASKS, "deny_if": [{"conditions": [{"path": "args.amount", "op": "gt", "value": 4}]}]}, id="if"),
    ],
)
async def test_a_policy_made_stricter_cancels_what_was_asked_under_the_old_one(it: Shop, rule: Any) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", payment("strict")))
        asked = await it.ada.pending_of(to="strict")
        await change(it, rule)
        await it.ada.approve(asked)
        said = await called
        assert (said.refused, said.code, said.verdict["request"]) == (True, "approval_cancelled", asked["id"])
        assert "the policy changed" in said.text
        ended = await it.ada.show(asked["id"])
        assert (ended["state"], ended["cause"]) == ("cancelled", "policy_changed")
    assert it.seen("strict") == 0


async def test_a_policy_that_allows_now_runs_the_next_call_once(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", payment("open")))
        asked = await it.ada.pending_of(to="open")
        await change(it, {})
        async with it.agent() as again:
            said = await again.call("pay", payment("open"))
        assert (said.refused, said.text, said.verdict) == (False, "pay 5 to open", {})
        ended = await it.ada.show(asked["id"])
        assert (ended["state"], ended["cause"]) == ("cancelled", "policy_changed")
        assert (await called).code == "approval_cancelled"
    assert it.seen("open") == 1


async def test_what_was_approved_before_the_policy_allowed_it_runs_once_as_approved(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", payment("both")))
        asked = await it.ada.pending_of(to="both")
        await change(it, {})
        await it.ada.approve(asked)
        assert (await called).code == "approved"
    assert it.seen("both") == 1


async def test_what_ran_and_was_not_told_is_told_though_the_policy_allows_it_now(it: Shop) -> None:
    async with it.agent() as agent:
        ran = await ran_untold(it, agent, "late")
        await change(it, {})
        said = await agent.call("pay", payment("late"))
        assert (said.code, said.verdict["request"]) == ("approved", ran["id"])
        assert it.seen("late") == 1
        assert (await agent.call("pay", payment("late"))).verdict == {}
    assert it.seen("late") == 2


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"action": "deny", "reason": "no more"}, id="denied now"),
        pytest.param({**ASKS, "rate_limit": "1/hour"}, id="no more of them now"),
    ],
)
async def test_what_ran_and_was_not_told_is_told_though_it_may_not_run_now(it: Shop, rule: Any) -> None:
    await change(it, {**ASKS, "rate_limit": "1/hour"})
    async with it.agent() as agent:
        ran = await ran_untold(it, agent, "gone")
        await change(it, rule)
        said = await agent.call("pay", payment("gone"))
        assert (said.code, said.verdict["request"]) == ("approved", ran["id"])
    assert it.seen("gone") == 1


async def test_a_person_s_no_is_kept_to_though_the_policy_allows_it_now(it: Shop) -> None:
    async with it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.call("pay", payment("no")))
            await it.ada.deny(await it.ada.pending_of(to="no"), "wrong account")
        await change(it, {})
        assert (await agent.call("pay", payment("no"))).code == "approval_denied"
    assert it.seen("no") == 0


async def test_a_call_allowed_while_it_is_approved_runs_once_whoever_is_first(it: Shop) -> None:
    for number in range(12):
        await change(it, ASKS)
        to = f"race-{number}"
        async with it.agent() as agent, it.agent() as again, asyncio.TaskGroup() as group:
            group.create_task(agent.call("pay", payment(to)))
            asked = await it.ada.pending_of(to=to)
            await change(it, {})
            group.create_task(it.ada.decide(asked, "approve"))
            group.create_task(again.call("pay", payment(to)))
        assert it.seen(to) == 1


async def test_a_policy_that_says_the_same_in_other_words_changes_nothing(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", payment("same")))
        asked = await it.ada.pending_of(to="same")
        await change(it, {**ASKS, "reason": "said better"})
        await it.ada.approve(asked)
        assert (await called).code == "approved"
    assert it.seen("same") == 1


@pytest.mark.pain(31)
async def test_an_agent_revoked_while_its_call_waits_gets_nothing_done(it: Shop) -> None:
    printed, _ = await it.placet.cli(
        "agents", "add", "temp", "--owner", "bob@example.com", "--server", "shop", "--json", person=None
    )
    token = tokens.parse(tokens.Kind.AGENT, json.loads(printed)["token"])
    assert token is not None
    listen, headers = modern("subscriptions/listen", notifications={})
    async with Agent(it.placet, "shop", token) as agent, wire(it.placet.url, token.text) as listener:
        await agent.until_status(200)
        opened = listener.streaming(listen, path="/mcp/shop", headers=headers)
        async with opened as stream, asyncio.TaskGroup() as group:
            assert "notifications/subscriptions/acknowledged" in (await stream.block() or "")
            called = group.create_task(agent.call("pay", payment("revoked")))
            asked = await it.ada.pending_of(to="revoked")
            assert (asked["agent"], asked["owner"]) == ("temp", "bob@example.com")
            printed, _ = await it.placet.cli("agents", "revoke", "temp", "--json", person=None)
            assert json.loads(printed) == {"agent": "temp", "token": None, "ended": 1}
            said = await called
            assert (said.code, said.verdict["request"]) == ("approval_cancelled", asked["id"])
            assert "this agent may no longer call it" in said.text
            ended = await it.ada.show(asked["id"])
            assert (ended["state"], ended["cause"]) == ("cancelled", "revoked")
            await agent.until_status(401)
            assert '"resultType":"complete"' in (await stream.block() or "")
            assert await stream.block() is None
    assert it.seen("revoked") == 0


async def test_a_call_of_an_agent_that_leaves_the_configuration_ends_with_the_reload(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        group.create_task(agent.call("pay", payment("left")))
        asked = await it.ada.pending_of(to="left")
        agents = it.placet.config["agents"]
        was = agents.pop(asked["agent"])
        it.placet.write_config()
        await it.placet.reload()
        ended = await it.ada.until_state(asked["id"], "cancelled")
        agents[asked["agent"]] = was
        it.placet.write_config()
        await it.placet.reload()
    assert ended["cause"] == "revoked"
    assert it.seen("left") == 0
