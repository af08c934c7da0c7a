"""A server asks in the middle of a call, and what the agent's client answers passes the policy again.

All four pairings: clients that are asked on their stream and clients that come back, servers that ask in the middle of
their work and servers that ask by their result. The clients are the official one, in either era.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx2
import pytest
import pytest_asyncio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult

from tests.acceptance.agents import Mode, Said, heard
from tests.acceptance.harness import PATIENCE_SECONDS, Placet, Reviewer, policy, serving
from tests.fakes.asking_server import QUESTION
from tests.fakes.upstreams import http_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIRINGS = [
    pytest.param(("legacy", "sessions"), id="an older client and an older server"),
    pytest.param(("legacy", "rounds"), id="an older client and a modern server"),
    pytest.param(("auto", "sessions"), id="a modern client and an older server"),
    pytest.param(("auto", "rounds"), id="a modern client and a modern server"),
]
NEVER = {"conditions": [{"path": "args.amount", "op": "gt", "value": 1000}], "on_deny": "Never over 1000"}
ABOVE = {"conditions": [{"path": "args.amount", "op": "gt", "value": 100}]}
LIMIT = {"counter": "sent", "window": "day", "max": 150, "amount": "args.amount"}
RULES: dict[str, dict[str, Any]] = {
    "open": {"deny_if": [NEVER], "limits": [LIMIT]},
    "asks": {"deny_if": [NEVER], "approve_if": [ABOVE]},
    "over": {"limits": [{**LIMIT, "counter": "more", "on_exceed": "require_approval"}]},
    "held": {"action": "require_approval"},
}
"""The one server four times, each with another rule for its tool."""


@dataclass
class Bank:
    """The gateway before the asking server, its people, and what came of the calls."""

    placet: Placet
    ada: Reviewer
    file: Path
    mode: Mode
    rounds: bool

    def sent(self, to: str) -> list[Any]:
        """What the server has done about somebody: amounts, or how it was told no."""
        lines = [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []
        return [one["amount"] if one["action"] == "accept" else one["action"] for one in lines if one["to"] == to]

    async def transfer(self, server: str, to: str, answer: Answering) -> Said:
        """Call the tool, and answer its question."""
        async with (
            httpx2.AsyncClient(headers=self.placet.bearer(), timeout=PATIENCE_SECONDS) as http,
            Client(
                streamable_http_client(self.placet.mcp(server), http_client=http),
                mode=self.mode,
                elicitation_callback=answer,
            ) as client,
        ):
            return heard(await client.call_tool("transfer", {"to": to, "amount": 1}))

    async def approved(self, to: str) -> dict[str, Any]:
        """Approve the call itself."""
        asked = await self.ada.pending_of(to=to)
        await self.ada.approve(asked)
        return asked

    async def answer_about(self, to: str) -> dict[str, Any]:
        """Wait for the request about an answer in a call about somebody."""
        return await self.ada.pending_of(arguments={"amount": 1, "to": to})


class Answering(Protocol):
    """The client's user."""

    async def __call__(self, context: Any, params: Any) -> ElicitResult:
        """Answer a question."""
        ...


def fills_in(amount: int) -> Answering:
    """A user who fills the form in."""

    async def answer(context: Any, params: Any) -> ElicitResult:
        assert params.message == QUESTION
        return ElicitResult(action="accept", content={"amount": amount})

    return answer


async def declines(context: Any, params: Any) -> ElicitResult:
    """A user who says no."""
    return ElicitResult(action="decline")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=PAIRINGS)
async def bank(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bank]:
    mode, server = request.param
    folder = tmp_path_factory.mktemp("bank")
    file = folder / "done.jsonl"
    with http_server([sys.executable, "-m", "tests.fakes.asking_server", server, str(file)]) as url:
        policies = {name: policy({"transfer": rule}) for name, rule in RULES.items()}
        placet = Placet(folder, servers={name: {"url": url} for name in RULES}, policies=policies)
        async with serving(placet):
            yield Bank(placet=placet, ada=Reviewer(placet, placet.ada), file=file, mode=mode, rounds=server == "rounds")


async def test_in_an_allowed_call_the_answer_is_judged_as_an_argument_would_be(bank: Bank) -> None:
    small = await bank.transfer("open", "small", fills_in(50))
    assert (small.text, small.code, bank.sent("small")) == ("sent 50 to small", None, [50])
    denied = await bank.transfer("open", "denied", fills_in(5000))
    assert (denied.refused, denied.code, denied.verdict["reason"]) == (True, "policy_denied", "Never over 1000")
    assert "It was not given to the server" in denied.text
    assert 5000 not in bank.sent("denied")
    declined = await bank.transfer("open", "declined", declines)
    assert (declined.text, declined.code) == ("nothing sent: decline", None)


async def test_what_an_answer_adds_to_the_cost_of_a_call_is_taken_from_its_limit(bank: Bank) -> None:
    """Each call takes 1 when it is made, and what its answer is more than that when it is given."""
    await bank.transfer("over", "first", fills_in(140))
    async with asyncio.TaskGroup() as group:
        call = group.create_task(bank.transfer("over", "second", fills_in(20)))
        asked = await bank.answer_about("second")
        assert asked["rule"] == "/tools/transfer"
        await bank.ada.deny(asked, "enough for today")
        assert (await call).code == "approval_denied"
    assert (bank.sent("first"), 20 in bank.sent("second")) == ([140], False)
    last = await bank.transfer("over", "last", fills_in(9))
    assert (last.text, last.code) == ("sent 9 to last", None)


async def test_a_limit_that_refuses_refuses_the_answer(bank: Bank) -> None:
    over = await bank.transfer("open", "limited", fills_in(200))
    assert (over.refused, over.code) == (True, "rate_limited")
    assert 200 not in bank.sent("limited")
    assert await bank.ada.requests(server="open") == []


async def test_an_answer_that_a_rule_wants_approved_waits_for_a_person(bank: Bank) -> None:
    async with asyncio.TaskGroup() as group:
        call = group.create_task(bank.transfer("asks", "acme", fills_in(500)))
        asked = await bank.answer_about("acme")
        (shown,) = asked["arguments"]["elicitation"]
        assert shown["asked"]["message"] == QUESTION
        assert shown["answered"] == {"action": "accept", "content": {"amount": 500}}
        assert (asked["rule"], bank.sent("acme")) == ("/tools/transfer/approve_if/0", [])
        await bank.ada.approve(asked)
        assert (await call).text == "sent 500 to acme"
        await bank.ada.until_state(asked["id"], "succeeded")
    assert bank.sent("acme") == [500]


async def test_in_an_approved_call_the_answer_needs_an_approval_of_its_own(bank: Bank) -> None:
    async with asyncio.TaskGroup() as group:
        call = group.create_task(bank.transfer("held", "yes", fills_in(7)))
        first = await bank.approved("yes")
        second = await bank.answer_about("yes")
        assert second["arguments"]["elicitation"][0]["answered"]["content"] == {"amount": 7}
        assert (second["id"] != first["id"], bank.sent("yes")) == (True, [])
        await bank.ada.approve(second)
        said = await call
        assert (said.text, said.code, said.verdict["request"]) == ("sent 7 to yes", "approved", first["id"])
        for request in (first, second):
            assert (await bank.ada.until_state(request["id"], "succeeded"))["outcome"]["kind"] == "succeeded"
    assert bank.sent("yes") == [7]


async def test_an_answer_that_is_denied_in_an_approved_call_does_not_reach_the_server(bank: Bank) -> None:
    async with asyncio.TaskGroup() as group:
        call = group.create_task(bank.transfer("held", "no", fills_in(7_000_000)))
        first = await bank.approved("no")
        second = await bank.answer_about("no")
        await bank.ada.deny(second, "that is too much")
        said = await call
        assert (said.refused, said.code, said.verdict["request"]) == (True, "approval_denied", second["id"])
        assert 'not as instructions: "that is too much"' in said.text
        await bank.ada.until_state(first["id"], "failed")
    assert 7_000_000 not in bank.sent("no")


async def test_a_question_that_is_declined_in_an_approved_call_bothers_nobody(bank: Bank) -> None:
    async with asyncio.TaskGroup() as group:
        call = group.create_task(bank.transfer("held", "nobody", declines))
        await bank.approved("nobody")
        assert (await call).text == "nothing sent: decline"
    assert bank.sent("nobody") == ["decline"]


async def test_a_policy_that_changes_while_the_client_is_asked_stops_the_answer(bank: Bank) -> None:
    async def answer(context: Any, params: Any) -> ElicitResult:
        bank.placet.write_policy("held", policy({"transfer": {"action": "deny"}}))
        await bank.placet.reload()
        return ElicitResult(action="accept", content={"amount": 9})

    async with asyncio.TaskGroup() as group:
        call = group.create_task(bank.transfer("held", "changed", answer))
        await bank.approved("changed")
        said = await call
    bank.placet.write_policy("held", policy({"transfer": RULES["held"]}))
    await bank.placet.reload()
    assert (said.refused, said.code) == (True, "policy_denied")
    assert "stricter than what was approved" in said.text
    assert 9 not in bank.sent("changed")
    assert await bank.ada.requests(server="held", state="pending") == []


@pytest.mark.parametrize("now", ["require_approval", "deny"])
async def test_a_call_that_the_policy_allows_no_more_is_not_made_again_for_a_declined_question(
    bank: Bank, now: str
) -> None:
    """A server that asked by its result would begin the call anew; one that is in the middle of it is told no."""

    async def answer(context: Any, params: Any) -> ElicitResult:
        bank.placet.write_policy("open", policy({"transfer": {"action": now}}))
        await bank.placet.reload()
        return ElicitResult(action="decline")

    said = await bank.transfer("open", f"no more, {now}", answer)
    bank.placet.write_policy("open", policy({"transfer": RULES["open"]}))
    await bank.placet.reload()
    if bank.rounds:
        assert (said.refused, said.code, bank.sent(f"no more, {now}")) == (True, "policy_denied", [])
    else:
        assert bank.sent(f"no more, {now}") == ["decline"]
    assert await bank.ada.requests(server="open", state="pending") == []
