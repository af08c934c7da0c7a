"""What an agent learns from a refusal, and what it can ask before: with the official clients of both lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.agents import Mode, Said, heard, mcp1, sdk
from tests.acceptance.counting import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOO_MUCH = {"conditions": [{"path": "args.amount", "op": "gt", "value": 100}], "on_deny": "Too much"}
TOOLS: dict[str, Any] = {
    "pay": {
        "deny_if": [TOO_MUCH],
        "limits": [{"counter": "paid", "window": "day", "max": 90, "amount": "args.amount"}],
    },
    "read": {"action": "require_approval", "reason": "Ask first"},
    "hang": {"action": "hide"},
    "loop": {"action": "deny", "reason": "Never"},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    server = {"env": {"MORE_TOOLS": "loop"}}
    limits = {"policy_tool": True, "result_tool": True, "refusals_per_minute": 20}
    async with open_shop(folder, tools=TOOLS, server=server, limits=limits) as made:
        yield made


def payment(to: str, amount: int) -> dict[str, Any]:
    return {"to": to, "amount": amount}


async def call(it: Shop, tool: str, arguments: dict[str, Any], mode: Mode = "auto", path: str | None = "shop") -> Said:
    async with sdk(it.placet, path, mode) as client:
        return heard(await client.call_tool(tool, arguments))


async def asked(it: Shop, tool: str, arguments: dict[str, Any], mode: Mode = "auto") -> dict[str, Any]:
    """What `placet_policy` says."""
    said = await call(it, "placet_policy", {"tool": tool, "arguments": arguments}, mode)
    assert not said.refused, said.text
    answer: dict[str, Any] = json.loads(said.text)
    return answer


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_refusal_says_what_its_rule_would_allow_and_the_second_says_to_change(it: Shop, mode: Mode) -> None:
    arguments = payment(f"again {mode}", 500)
    first = await call(it, "pay", arguments, mode)
    assert (first.code, first.verdict["would_allow"]) == ("policy_denied", "args.amount at most 100")
    assert "This rule would allow args.amount at most 100; whatever you call is judged by all rules." in first.text
    assert "same refusal" not in first.text
    second = await call(it, "pay", arguments, mode)
    assert second.text.startswith("This is the same refusal of the same call as before")
    assert "Change your approach" in second.text
    assert second.verdict == first.verdict
    assert it.seen(f"again {mode}") == 0


async def test_the_1x_client_reads_the_same(it: Shop) -> None:
    said = await mcp1(it.placet, "shop", "pay", payment("old", 101))
    assert (said.code, said.verdict["would_allow"]) == ("policy_denied", "args.amount at most 100")


async def test_a_limit_says_what_it_has_room_for(it: Shop) -> None:
    over = await call(it, "pay", payment("limit", 95))
    assert (over.code, over.verdict["would_allow"]) == ("rate_limited", "a cost of at most 90")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_a_call_would_get_can_be_asked_and_counts_nothing(it: Shop, mode: Mode) -> None:
    allowed = [await asked(it, "pay", payment("asked", 60), mode) for _ in range(7)][-1]
    assert (allowed["verdict"], allowed["rule"]) == ("allow", "/tools/pay")
    ((limit),) = allowed["limits"]
    assert (limit["counter"], limit["remaining"], limit["resets_at"] is not None) == ("paid", "90", True)
    denied = await asked(it, "pay", payment("asked", 500), mode)
    assert (denied["verdict"], denied["reason"]) == ("deny", "Too much")
    assert denied["would_allow"] == "args.amount at most 100"
    over = await asked(it, "pay", payment("asked", 95), mode)
    assert (over["verdict"], over["rule"]) == ("rate_limited", "/tools/pay/limits/0")
    held = await asked(it, "read", payment("asked", 1), mode)
    assert (held["verdict"], held["reason"]) == ("require_approval", "Ask first")
    wrong = await asked(it, "pay", {"to": "asked", "amount": 0}, mode)
    assert any("/amount" in problem for problem in wrong["invalid_arguments"])
    assert await it.ada.requests() == []
    assert it.seen("asked") == 0


async def test_nothing_tells_a_hidden_tool_from_one_that_is_not_there(it: Shop) -> None:
    hidden = await call(it, "placet_policy", {"tool": "hang", "arguments": payment("x", 1)})
    absent = await call(it, "placet_policy", {"tool": "nope", "arguments": payment("x", 1)})
    denied = await call(it, "placet_policy", {"tool": "loop"})
    assert hidden.result == absent.result == denied.result
    assert hidden.code == "invalid_arguments"
    assert "there is no tool of this name here" in hidden.text


async def test_both_tools_of_the_gateway_are_listed_after_the_others(it: Shop) -> None:
    async with sdk(it.placet, "shop", "auto") as client:
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert names == ["pay", "read", "placet_policy", "placet_result"]
        for wrong in ({}, {"tool": 1}, {"tool": "pay", "arguments": []}, {"tool": "pay", "more": 1}):
            assert heard(await client.call_tool("placet_policy", wrong)).code == "invalid_arguments"


@pytest.mark.pain(20)
async def test_an_agent_that_is_refused_over_and_over_is_not_looked_at_for_a_while(it: Shop) -> None:
    async with it.agent() as agent:
        codes = [(await agent.call("loop", {"to": f"try {number}", "amount": 1})).code for number in range(30)]
        assert codes[:20] == ["policy_denied"] * 20
        assert "rate_limited" in codes[20:]
        stopped = Said(status=200, body={})
        while stopped.body == {} or stopped.code != "rate_limited":
            stopped = await agent.call("loop", {"to": "once more", "amount": 1})
        assert "refused 20 times within a minute. Stop trying." in stopped.text
        assert 0 < stopped.verdict["retry_after_ms"] <= 3_000
        assert (await agent.call("pay", payment("another tool", 1))).code is None
    async with it.other() as other:
        assert (await other.call("loop", {"to": "x", "amount": 1})).code == "policy_denied"
