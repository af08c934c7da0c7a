"""An agent that leaves loses nothing and gets nothing done; one that cancels in words ends its request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.agents import Agent, OldAgent
from tests.acceptance.counting import Shop, open_shop
from tests.acceptance.harness import PATIENCE_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop")) as made:
        yield made


def payment(to: str) -> dict[str, Any]:
    return {"to": to, "amount": 5}


def cancel(rpc_id: int, reason: str) -> dict[str, Any]:
    params = {"requestId": rpc_id, "reason": reason}
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


async def left(it: Shop, agent: Agent, message: tuple[Any, dict[str, str]], to: str) -> dict[str, Any]:
    """Let a call be held, drop its connection, and wait until that is known."""
    async with asyncio.TaskGroup() as group:
        called = group.create_task(agent.post(*message))
        asked = await it.ada.pending_of(to=to)
        called.cancel()
    return await it.ada.until(asked["id"], lambda one: not one["waiting"])


async def held(agent: Agent, count: int) -> None:
    """Wait until the gateway holds so many connections."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with agent.http.get(f"{agent.placet.url}/metrics") as answer:
                if f"placet_held_calls {count}.0" in await answer.text():
                    return


@pytest.mark.pain(3, 24)
async def test_an_agent_of_the_modern_era_that_left_collects_by_asking_again(it: Shop) -> None:
    async with it.agent() as agent:
        message = agent.modern("tools/call", {"name": "pay", "arguments": payment("left")})
        asked = await left(it, agent, message, "left")
        assert asked["state"] == "pending"
        assert (await it.ada.approve(asked))["state"] == "approved"
        assert it.seen("left") == 0
        said = await agent.call("pay", payment("left"))
        assert (said.code, said.verdict["request"], said.text) == ("approved", asked["id"], "pay 5 to left")
    assert it.seen("left") == 1


async def test_an_agent_of_the_older_era_that_left_collects_by_asking_again(it: Shop) -> None:
    async with OldAgent(it.placet, "shop") as agent:
        await agent.open("2025-06-18")
        asked = await left(it, agent, (agent.old_call("pay", payment("gone"), 5), {}), "gone")
        assert (await it.ada.approve(asked))["state"] == "approved"
        assert it.seen("gone") == 0
        said = await agent.post(agent.old_call("pay", payment("gone"), 6))
        assert (said.code, said.verdict["request"], said.text) == ("approved", asked["id"], "pay 5 to gone")
    assert it.seen("gone") == 1


async def test_an_agent_that_left_hears_of_the_denial_when_it_comes_back(it: Shop) -> None:
    async with it.agent() as agent:
        message = agent.modern("tools/call", {"name": "pay", "arguments": payment("sorry")})
        asked = await left(it, agent, message, "sorry")
        await it.ada.deny(asked, "too much")
        said = await agent.call("pay", payment("sorry"))
        assert (said.code, said.verdict["reason"]) == ("approval_denied", "too much")
    assert it.seen("sorry") == 0


async def test_a_cancel_in_words_ends_the_request(it: Shop) -> None:
    async with OldAgent(it.placet, "shop") as agent, asyncio.TaskGroup() as group:
        await agent.open()
        called = group.create_task(agent.post(agent.old_call("pay", payment("stop"), 7)))
        asked = await it.ada.pending_of(to="stop")
        assert (await agent.post(cancel(7, "the user pressed stop"))).status == 202
        ended = await it.ada.until_state(asked["id"], "cancelled")
        assert ended["cause"] == "client_cancelled"
        status, problem = await it.ada.decide(asked, "approve")
        assert (status, problem["code"], problem["state"]) == (409, "already_decided", "cancelled")
        assert (await called).code == "approval_cancelled"
    assert it.seen("stop") == 0


async def test_a_cancel_in_words_of_one_connection_leaves_the_request_to_the_others(it: Shop) -> None:
    async with OldAgent(it.placet, "shop") as first, it.agent() as second, asyncio.TaskGroup() as group:
        await first.open()
        called = group.create_task(first.post(first.old_call("pay", payment("shared"), 7)))
        asked = await it.ada.pending_of(to="shared")
        other = group.create_task(second.call("pay", payment("shared")))
        await held(second, 2)
        assert (await first.post(cancel(7, "the user pressed stop"))).status == 202
        assert (await called).body is None
        assert (await it.ada.show(asked["id"]))["state"] == "pending"
        await it.ada.approve(asked)
        assert (await other).code == "approved"
    assert it.seen("shared") == 1


@pytest.mark.pain(2, 24)
async def test_a_cancel_because_the_clients_clock_ran_out_is_only_a_leaving(it: Shop) -> None:
    async with OldAgent(it.placet, "shop") as agent, asyncio.TaskGroup() as group:
        await agent.open()
        called = group.create_task(agent.post(agent.old_call("pay", payment("slow"), 8)))
        asked = await it.ada.pending_of(to="slow")
        await agent.post(cancel(8, "McpError: MCP error -32001: Request timed out"))
        waiting = await it.ada.until(asked["id"], lambda one: not one["waiting"])
        assert (await called).body is None
        assert waiting["state"] == "pending"
        await it.ada.approve(waiting)
        assert it.seen("slow") == 0
        assert (await agent.post(agent.old_call("pay", payment("slow"), 9))).code == "approved"
    assert it.seen("slow") == 1


async def test_nobody_can_cancel_the_call_of_another_session(it: Shop) -> None:
    async with OldAgent(it.placet, "shop") as mine, OldAgent(it.placet, "shop") as theirs:
        await mine.open()
        await theirs.open()
        async with asyncio.TaskGroup() as group:
            called = group.create_task(mine.post(mine.old_call("pay", payment("mine"), 10)))
            asked = await it.ada.pending_of(to="mine")
            assert (await theirs.post(cancel(10, "stop"))).status == 202
            assert (await it.ada.show(asked["id"]))["state"] == "pending"
            await it.ada.approve(asked)
            assert (await called).code == "approved"
    assert it.seen("mine") == 1
