"""What other gateways let through (policy.md 1.4, nos. 1 to 9), tried on ours.

The server behind it writes down every call that reaches it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from approvals import tokens
from tests.acceptance.agents import Agent, OldAgent, sdk
from tests.acceptance.counting import server
from tests.acceptance.harness import Placet, agent_token, policy, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPENDING = {"counter": "spent", "window": "day", "max": 2, "amount": "args.amount"}
TOOLS: dict[str, Any] = {
    "pay": {"limits": [SPENDING], "require": [{"conditions": [{"path": "args.amount", "op": "lte", "value": 100}]}]},
    "read": {},
    "drop": {"action": "deny"},
}


class Shop:
    """A gateway before one server, and a fresh agent for each test: its budgets are untouched."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "seen.jsonl"
        self.fresh = [agent_token() for _ in range(12)]
        env = {"MORE_TOOLS": "drop,Drop,secret,unlisted", "ANY_ARGUMENTS": "1"}
        self.placet = Placet(
            folder,
            servers={"shop": server(self.file, env=env), "open": server(folder / "open.jsonl", env=env)},
            policies={
                "shop": policy(TOOLS, hide=["secret"]),
                "open": {"version": "1", "default": "allow", "tools": {"drop": {"action": "deny"}}},
            },
        )
        for number, token in enumerate(self.fresh):
            about = {"token_sha256": token.sha256, "owner": "ada@example.com", "servers": ["shop", "open"]}
            self.placet.config["agents"][f"fresh-{number}"] = about
        self.placet.write_config()

    def token(self) -> tokens.Token:
        return self.fresh.pop()

    def agent(self, name: str = "shop") -> Agent:
        return Agent(self.placet, name, self.token())

    def seen(self) -> int:
        return len(self.file.read_text().splitlines()) if self.file.exists() else 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("holes"))
    async with serving(made.placet):
        yield made


async def paid(agent: Agent, amounts: list[Any]) -> list[str | None]:
    """What became of each payment: None if it ran."""
    return [(await agent.call("pay", {"to": "x", "amount": amount})).code for amount in amounts]


async def test_1_a_batch_of_one_with_a_hidden_tool_is_refused_whole(shop: Shop) -> None:
    before = shop.seen()
    async with OldAgent(shop.placet, "shop", shop.token()) as agent:
        await agent.open()
        said = await agent.post([agent.old_call("secret", {"to": "x"}, 7)])
    assert (said.status, "Batches" in said.error["message"]) == (400, True)
    assert shop.seen() == before


async def test_2_a_negative_amount_refunds_no_budget(shop: Shop) -> None:
    async with shop.agent() as agent:
        assert await paid(agent, [-1000, -0.01, 0, 2, 0.01]) == ["policy_denied"] * 3 + [None, "rate_limited"]


@pytest.mark.parametrize(
    ("amounts", "codes"),
    [
        ([0.99] * 3, [None, None, "rate_limited"]),
        ([1.99, 1.99], [None, "rate_limited"]),
        ([0.1] * 21, [None] * 20 + ["rate_limited"]),
    ],
)
async def test_3_fractions_count_as_what_they_are(shop: Shop, amounts: list[Any], codes: list[str | None]) -> None:
    async with shop.agent() as agent:
        assert await paid(agent, amounts) == codes


async def test_4_a_huge_amount_passes_no_cap_and_leaves_the_budget_as_it_was(shop: Shop) -> None:
    async with shop.agent() as agent:
        assert await paid(agent, [1e30, 1e300]) == ["policy_denied"] * 2
        for beyond in (2**63, 2**64 + 1, 10**40):
            # What programs round differently is no number for anybody.
            assert (await agent.call("pay", {"to": "x", "amount": beyond})).status == 400
        assert await paid(agent, [2]) == [None]


@pytest.mark.parametrize("arguments", [{"to": "x"}, {"to": "x", "amount": "1"}, {"to": "x", "amount": None}])
async def test_5_a_missing_or_textual_amount_is_denied_and_the_agent_is_told_why(
    shop: Shop, arguments: dict[str, Any]
) -> None:
    before = shop.seen()
    async with Agent(shop.placet, "shop") as agent:
        said = await agent.call("pay", arguments)
    assert (said.code, said.verdict["retryable"]) == ("policy_denied", False)
    assert "args.amount" in said.text
    assert ("is missing" in said.text) or ("not a number" in said.text)
    assert shop.seen() == before


async def test_6_a_key_that_stands_twice_is_refused_before_anybody_can_differ_about_it(shop: Shop) -> None:
    before = shop.seen()
    async with Agent(shop.placet, "shop") as agent:
        message, headers = agent.modern("tools/call", {"name": "pay", "arguments": {"to": "x", "amount": 1}})
        twice = json.dumps(message).replace('"amount": 1', '"amount": 1, "amount": 1000')
        said = await agent.post(twice.encode(), headers)
    assert (said.status, "amount" in said.error["message"]) == (400, True)
    assert shop.seen() == before


async def test_7_a_list_has_what_its_era_demands_and_the_official_client_takes_it(shop: Shop) -> None:
    async with Agent(shop.placet, "shop") as agent:
        result = (await agent.post(*agent.modern("tools/list", {}))).result
    assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
    assert isinstance(result["ttlMs"], int)
    async with sdk(shop.placet, "shop", "auto") as client:
        assert (await client.list_tools()).model_dump()["tools"]


async def test_8_what_is_denied_by_default_is_not_listed(shop: Shop) -> None:
    async with Agent(shop.placet, "shop") as agent:
        assert await agent.tools() == ["pay", "read"]
        assert (await agent.call("unlisted", {})).code == "policy_denied"


async def test_9_every_agent_has_a_budget_of_its_own(shop: Shop) -> None:
    async with shop.agent() as one, shop.agent() as another:
        assert await paid(one, [2, 1]) == [None, "rate_limited"]
        assert await paid(another, [2, 1]) == [None, "rate_limited"]


async def test_9_a_case_variant_is_another_tool_and_an_open_default_says_so_when_it_is_checked(shop: Shop) -> None:
    async with shop.agent("open") as agent:
        assert (await agent.call("drop", {})).code == "policy_denied"
        # Names are exact: an open default lets in what it does not name, as it says. A closed one does not.
        assert not (await agent.call("Drop", {})).refused
    async with Agent(shop.placet, "shop") as agent:
        assert (await agent.call("Drop", {})).code == "policy_denied"
