"""What becomes of an approved run whose server has asked, when its client leaves, repeats, or the service stops."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.agents import Agent, Said
from tests.acceptance.harness import Placet, Reviewer, policy, serving
from tests.fakes.upstreams import http_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORMS: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}


@dataclass
class Bank:
    """The gateway before the asking server, and its people."""

    placet: Placet
    ada: Reviewer
    file: Path

    def sent(self, to: str) -> list[Any]:
        """What the server has done about somebody: amounts, or how it was told no."""
        lines = [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []
        return [one["amount"] if one["action"] == "accept" else one["action"] for one in lines if one["to"] == to]

    async def asked(self, agent: Agent, to: str) -> dict[str, Any]:
        """Call, have the call approved, and be sent back with a question."""
        async with asyncio.TaskGroup() as group:
            call = group.create_task(transfer(agent, to))
            await self.ada.approve(await self.ada.pending_of(to=to))
            said = await call
        assert said.result["resultType"] == "input_required"
        return said.result

    async def answer_about(self, to: str) -> dict[str, Any]:
        """Wait for the request about an answer in a call about somebody."""
        return await self.ada.pending_of(arguments={"to": to})


async def transfer(agent: Agent, to: str, **more: Any) -> Said:
    """The call, or its retry with answers."""
    return await agent.post(*agent.modern("tools/call", {"name": "transfer", "arguments": {"to": to}, **more}, **FORMS))


def answering(question: dict[str, Any], amount: int) -> dict[str, Any]:
    """What a client comes back with."""
    answer = {"action": "accept", "content": {"amount": amount}}
    return {
        "inputResponses": dict.fromkeys(question["inputRequests"], answer),
        "requestState": question["requestState"],
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sessions", "rounds"])
async def bank(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bank]:
    folder = tmp_path_factory.mktemp("bank")
    file = folder / "done.jsonl"
    with http_server([sys.executable, "-m", "tests.fakes.asking_server", request.param, str(file)]) as url:
        policies = {"bank": policy({"transfer": {"action": "require_approval"}})}
        limits = {"reviewers": ["group:finance"], "result_tool": True, "hold": {"plain": "2s", "with_progress": "2s"}}
        placet = Placet(folder, servers={"bank": {"url": url}}, policies=policies, approvals=limits)
        async with serving(placet):
            yield Bank(placet=placet, ada=Reviewer(placet, placet.ada), file=file)


async def test_a_client_is_told_that_its_answer_waits_and_collects_by_the_same_call(bank: Bank) -> None:
    async with Agent(bank.placet, "bank") as agent:
        question = await bank.asked(agent, "slow")
        waits = await transfer(agent, "slow", **answering(question, 5))
        about = await bank.answer_about("slow")
        assert (waits.code, waits.verdict["request"]) == ("approval_pending", about["id"])
        assert "The answer that your client gave waits until a person approves it" in waits.text
        async with asyncio.TaskGroup() as group:
            again = group.create_task(transfer(agent, "slow"))
            by_id = group.create_task(agent.call("placet_result", {"request": about["id"]}))
            await bank.ada.approve(about)
            assert (await again).text == "sent 5 to slow"
            assert (await by_id).text == "sent 5 to slow"
    assert bank.sent("slow") == [5]


async def test_a_client_that_leaves_ends_nothing(bank: Bank) -> None:
    async with Agent(bank.placet, "bank") as agent:
        question = await bank.asked(agent, "left")
        leaving = asyncio.get_running_loop().create_task(transfer(agent, "left", **answering(question, 6)))
        about = await bank.answer_about("left")
        leaving.cancel()
        await bank.ada.approve(about)
        await bank.ada.until_state(about["id"], "succeeded")
        assert (await transfer(agent, "left")).text == "sent 6 to left"
    assert bank.sent("left") == [6]


async def test_a_state_is_no_good_to_another_agent_for_another_call_or_twice(bank: Bank) -> None:
    async with Agent(bank.placet, "bank") as agent, Agent(bank.placet, "bank", bank.placet.other_agent) as other:
        question = await bank.asked(agent, "state")
        back = answering(question, 7)
        for who, to in ((other, "state"), (agent, "elsewhere")):
            assert (await transfer(who, to, **back)).error["code"] == -32602
        async with asyncio.TaskGroup() as group:
            call = group.create_task(transfer(agent, "state", **back))
            about = await bank.answer_about("state")
            assert (await transfer(agent, "state", **back)).error["code"] == -32602
            await bank.ada.approve(about)
            assert (await call).text == "sent 7 to state"
        assert bank.sent("state") == [7]


async def test_no_call_stands_in_for_an_answer(bank: Bank) -> None:
    async with Agent(bank.placet, "bank") as agent:
        question = await bank.asked(agent, "forged")
        async with asyncio.TaskGroup() as group:
            call = group.create_task(transfer(agent, "forged", **answering(question, 8)))
            about = await bank.answer_about("forged")
            forged = await agent.call("transfer", about["arguments"])
            assert forged.code == "invalid_arguments"
            await bank.ada.deny(about, "no")
            assert (await call).code == "approval_denied"
    assert 8 not in bank.sent("forged")


async def test_a_service_that_stops_withdraws_the_answer_and_says_what_came_of_the_call(bank: Bank) -> None:
    async with Agent(bank.placet, "bank") as agent:
        question = await bank.asked(agent, "stopped")
        lost = asyncio.get_running_loop().create_task(transfer(agent, "stopped", **answering(question, 9)))
        about = await bank.answer_about("stopped")
        await bank.placet.stop()
        await asyncio.gather(lost, return_exceptions=True)
        await bank.placet.start()
        ended = await bank.ada.show(about["id"])
        assert (ended["state"], ended["cause"]) == ("cancelled", "withdrawn")
        (call,) = [one for one in await bank.ada.requests() if one["arguments"] == {"to": "stopped"}]
        assert call["state"] == "failed"
    assert 9 not in bank.sent("stopped")
