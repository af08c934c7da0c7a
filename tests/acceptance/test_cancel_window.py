"""Approved, and pulled back before it ran; or left alone, and run when its window was over: one story each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from tests.acceptance.counting import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS = {
    "pay": {"action": "require_approval", "approval": {"cancel_window": "1s"}},
    "read": {"action": "require_approval", "approval": {"cancel_window": "30m"}},
    "ship": {"action": "require_approval", "approval": {"cancel_window": "1s", "execute_on_approve": True}},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """A shop in which every call has a window."""
    hold = {"hold": {"plain": "20s", "with_progress": "20s"}}
    async with open_shop(
        tmp_path_factory.mktemp("window"), tools=TOOLS, limits=hold, server={"env": {"MORE_TOOLS": "ship"}}
    ) as made:
        yield made


async def test_a_held_call_runs_when_its_window_is_over(shop: Shop) -> None:
    async with shop.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", {"to": "left", "amount": 5}))
        request = await shop.ada.pending_of(to="left")
        approved = await shop.ada.approve(request)
        assert approved["runs_at"] is not None
    assert (held.result().code, shop.seen("left")) == ("approved", 1)
    ran = await shop.ada.show(request["id"])
    started, decided = (datetime.fromisoformat(at) for at in (ran["outcome"]["started_at"], ran["decided_at"]))
    assert started - decided >= timedelta(seconds=1)


async def test_a_repeat_in_the_window_waits_beside_it_and_both_hear_that_it_was_pulled_back(shop: Shop) -> None:
    async with shop.agent() as agent, asyncio.TaskGroup() as group:
        first = group.create_task(agent.call("read", {"to": "pulled", "amount": 1}))
        request = await shop.ada.pending_of(to="pulled")
        await shop.ada.approve(request)
        again = group.create_task(agent.call("read", {"to": "pulled", "amount": 1}))
        told, _ = await shop.placet.cli("requests", "cancel", request["id"], person="bob@example.com")
        assert "cancelled" in told
    assert first.result().code == "approval_cancelled"
    assert again.result().code in {"approval_cancelled", "approval_pending"}
    assert shop.seen("pulled") == 0
    status, problem = await shop.ada.ask("POST", f"/api/v1/requests/{request['id']}/cancel", {})
    assert (status, problem["code"]) == (409, "already_decided")


async def test_a_call_that_runs_without_its_agent_waits_for_its_window_too(shop: Shop) -> None:
    async with shop.agent() as agent, asyncio.TaskGroup() as group:
        leaves = group.create_task(agent.call("ship", {"to": "alone", "amount": 1}))
        request = await shop.ada.pending_of(to="alone")
        leaves.cancel()
    await shop.ada.approve(request)
    ran = await shop.ada.until_state(request["id"], "succeeded")
    started, decided = (datetime.fromisoformat(at) for at in (ran["outcome"]["started_at"], ran["decided_at"]))
    assert started - decided >= timedelta(seconds=1)
    assert shop.seen("alone") == 1
