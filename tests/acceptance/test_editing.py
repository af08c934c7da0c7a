"""Edited before it was approved: one story through the real surfaces, told to the agent on every path (pains 8, 28)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.acceptance.counting import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS = {
    "pay": {
        "deny_if": [{"conditions": [{"path": "args.amount", "op": "gt", "value": 1000}], "on_deny": "Over 1000 never"}],
        "approve_if": [
            {"conditions": [{"path": "args.amount", "op": "gte", "value": 1}]},
            {"conditions": [{"path": "args.amount", "op": "gt", "value": 500}], "approval": {"quorum": 2}},
        ],
        "limits": [{"counter": "paid", "window": "day", "max": 1500, "amount": "args.amount", "scope": "args.to"}],
    }
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """A shop where payments wait for finance, large ones for two of them."""
    hold = {"hold": {"plain": "20s", "with_progress": "20s"}}
    async with open_shop(tmp_path_factory.mktemp("editing"), tools=TOOLS, limits=hold) as made:
        yield made


@pytest.mark.must_have(8)
@pytest.mark.pain(8, 28)
async def test_what_ran_is_what_was_approved_and_the_agent_is_told_what_was_changed(shop: Shop) -> None:
    async with shop.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", {"to": "edited", "amount": 500}))
        request = await shop.ada.pending_of(to="edited")
        assert request["may_edit"]
        for arguments, code, field in (
            ({"to": "edited", "amount": "50"}, "invalid", "/arguments/amount"),
            ({"to": "edited", "amount": 50, "extra": 1}, "invalid", "/arguments"),
            ({"to": "edited", "amount": 1001}, "policy_denied", "arguments"),
        ):
            status, problem = await shop.ada.decide(request, "approve", arguments=arguments)
            assert (status, problem["code"], problem["field"]) == (422, code, field)
        status, done = await shop.ada.decide(request, "approve", arguments={"to": "edited", "amount": 50})
        assert status == 200, done
        assert done["edited_from"] == {"to": "edited", "amount": 500}
        assert done["changes"] == [{"path": "/amount", "from": 500, "to": 50}]
    said = held.result()
    assert "pay 50 to edited" in said.text
    assert said.result["content"][0]["text"].startswith("A reviewer changed the arguments before approving this call")
    assert "/amount: 500 → 50" in said.text
    assert "Do not make the call with your own arguments again" in said.text
    assert (said.code, said.verdict["edited"]) == ("approved", True)
    assert [json.loads(line) for line in shop.file.read_text().splitlines()] == [
        {"tool": "pay", "to": "edited", "amount": 50}
    ]
    _, timeline = await shop.ada.ask("GET", f"/api/v1/requests/{request['id']}/timeline")
    edits = [row for row in timeline["events"] if row["event"] == "edited"]
    assert [(row["actor"], row["detail"]["changes"]) for row in edits] == [("ada@example.com", done["changes"])]


@pytest.mark.pain(28)
async def test_a_call_edited_into_a_larger_one_waits_for_two_people_and_its_agents_repeat_joins(
    shop: Shop,
) -> None:
    async with shop.agent() as agent, asyncio.TaskGroup() as group:
        first = group.create_task(agent.call("pay", {"to": "larger", "amount": 100}))
        request = await shop.ada.pending_of(to="larger")
        status, edited = await shop.ada.decide(request, "approve", arguments={"to": "larger", "amount": 600})
        assert (status, edited["state"], edited["needs"][0]["count"]) == (200, "pending", 2)
        assert [vote["reviewer"] for vote in edited["votes"]] == ["ada@example.com"]
        status, problem = await shop.bob.decide(request, "approve")
        assert (status, problem["code"]) == (409, "stale_binding")
        again = group.create_task(agent.call("pay", {"to": "larger", "amount": 100}))
        await shop.bob.until(request["id"], lambda one: bool(one["waiting"]))
        await shop.bob.approve(problem["request"])
    texts = {first.result().text, again.result().text}
    assert any("pay 600 to larger" in text for text in texts)
    assert shop.seen("larger") == 1
    # 600 of 1500 are taken, not the 100 that were asked for.
    async with shop.agent() as agent, asyncio.TaskGroup() as group:
        third = group.create_task(agent.call("pay", {"to": "larger", "amount": 901}))
    assert third.result().code == "rate_limited"


async def test_arguments_are_edited_from_the_command_line(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "arguments.json"
    async with shop.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", {"to": "cli", "amount": 70}))
        request = await shop.ada.pending_of(to="cli")
        file.write_text('{"to": "cli", "amount": 0}')
        _, said = await shop.placet.cli("requests", "approve", request["id"], "--arguments", str(file), code=1)
        assert "/arguments/amount" in said
        file.write_text('{"to": "cli", "amount": 7}')
        told, _ = await shop.placet.cli("requests", "approve", request["id"], "--arguments", str(file))
        assert f"{request['id']} is approved" in told
        assert "/amount: 70 → 7" in told
    assert "pay 7 to cli" in held.result().text
