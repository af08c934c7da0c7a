"""Layers of organisation, server and agent: each narrows, in lists, in calls, and in what explains them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.agents import Agent
from tests.acceptance.counting import ASKS, server
from tests.acceptance.harness import Placet, policy, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARGUMENTS = {"to": "x", "amount": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def placet(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Placet]:
    folder = tmp_path_factory.mktemp("layers")
    tools: dict[str, Any] = {"pay": {}, "read": {}, "hang": {}}
    placet = Placet(
        folder,
        servers={"shop": server(folder / "shop.jsonl"), "bare": server(folder / "bare.jsonl")},
        policies={
            "organisation": {"version": "1", "default": "allow", "tools": {"hang": {"action": "deny"}}},
            "shop": policy(tools),
            "other": policy({"read": {}, "hang": {}, "pay": ASKS}),
        },
        policy="policies/organisation.json",
    )
    del placet.config["servers"]["bare"]["policy"]
    placet.config["agents"]["other"]["policy"] = ["policies/other.json"]
    placet.write_config()
    async with serving(placet):
        yield placet


async def explained(placet: Placet, folder: Path, tool: str, agent: str) -> tuple[str, str]:
    call = folder / "call.json"
    call.write_text(json.dumps({"tool": tool, "arguments": ARGUMENTS}))
    out, _ = await placet.cli("policy", "explain", "--server", "shop", "--as", agent, "--json", str(call))
    value = json.loads(out)
    return value["verdict"], value["rule"]


async def test_what_the_organisation_denies_no_server_and_no_agent_brings_back(placet: Placet) -> None:
    for token in (placet.agent, placet.other_agent):
        async with Agent(placet, "shop", token) as agent:
            assert await agent.tools() == ["pay", "read"]
            said = await agent.call("hang", ARGUMENTS)
            assert (said.code, said.verdict["rule"]) == ("policy_denied", "/tools/hang/action")


async def test_the_organisation_alone_opens_no_server_without_a_policy(placet: Placet) -> None:
    async with Agent(placet, "bare") as agent:
        assert await agent.tools() == []
        assert (await agent.call("read", ARGUMENTS)).code == "policy_denied"


async def test_an_agents_layer_is_of_its_calls_only_and_is_explained(placet: Placet, tmp_path: Path) -> None:
    async with Agent(placet, "shop") as ada:
        assert not (await ada.call("pay", ARGUMENTS)).refused
    async with Agent(placet, "shop", placet.other_agent) as other:
        assert not (await other.call("read", ARGUMENTS)).refused
    assert await explained(placet, tmp_path, "pay", "claude-ada") == ("allow", "/tools/pay")
    assert await explained(placet, tmp_path, "pay", "other") == ("require_approval", "/tools/pay/action")
    assert await explained(placet, tmp_path, "hang", "other") == ("deny", "/tools/hang/action")


async def test_a_changed_layer_of_an_agent_is_taken_on_reload_and_hides_what_it_denies(placet: Placet) -> None:
    placet.write_policy("other", policy({"read": {}}, resources={"default": "allow"}))
    await placet.reload()
    async with Agent(placet, "shop", placet.other_agent) as other:
        assert await other.tools() == ["read"]
        assert (await other.call("pay", ARGUMENTS)).code == "policy_denied"
    async with Agent(placet, "shop") as ada:
        assert await ada.tools() == ["pay", "read"]
