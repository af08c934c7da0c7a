"""One action stops every agent, or one, or one server, at once; what ran is told, what waits for people stays saved."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.agents import Agent, sdk
from tests.acceptance.counting import HELD, Shop, bell, shop
from tests.acceptance.harness import PATIENCE_SECONDS, Placet, Reviewer, person_token, policy, serving
from tests.fakes.upstreams import http_server

OTTO = "otto@example.com"
KEY = person_token()
PEOPLE = {OTTO: {"name": "Otto", "roles": ["operator"], "token_sha256": KEY.sha256}}
ALONE = {"action": "require_approval", "approval": {"execute_on_approve": True}}
ON = {"on": True, "reason": "odd calls", "for": "1h"}


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Shop]:
    made = shop(tmp_path, tools={**HELD, "alone": ALONE}, server={"env": {"MORE_TOOLS": "alone"}})
    made.placet.config["people"] |= PEOPLE
    made.placet.write_config()
    async with serving(made.placet):
        yield made


def payment(to: str) -> dict[str, Any]:
    return {"to": to, "amount": 5}


async def freeze(placet: Placet, body: dict[str, Any]) -> Any:
    status, said = await Reviewer(placet, KEY).ask("POST", "/api/v1/freeze", body)
    assert status == 200, said
    return said


async def test_a_freeze_stops_allowed_and_held_calls_at_once_and_loses_none(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment("acme")))
        asked = await it.ada.pending_of(to="acme")
        await freeze(it.placet, ON)
        said = await held
        assert (said.refused, said.code, said.verdict["request"]) == (True, "frozen", asked["id"])
        assert "an operator has frozen all agents until" in said.text
        assert 'The reason given: "odd calls"' in said.text
        assert "otto" not in json.dumps(said.body).lower()
        assert 0 < said.verdict["retry_after_ms"] <= 3_600_000
        for tool in ("read", "pay", "hang"):
            assert (await agent.call(tool, payment("acme"))).code == "frozen"
        assert "pay" in await agent.tools(), "what is there is shown: a call says why it does not run"
        status, refused = await it.ada.decide(asked, "approve")
        assert (status, refused["code"]) == (409, "stopped")
        await freeze(it.placet, {"on": False})
        again = group.create_task(agent.call("pay", payment("acme")))
        await it.ada.until(asked["id"], lambda shown: shown["waiting"])
        await it.ada.approve(asked)
        assert (await again).code == "approved"
    assert it.seen("acme") == 1


async def test_what_runs_in_a_freeze_keeps_its_result_and_its_agent_is_told(it: Shop) -> None:
    async with it.agent() as agent, bell(it) as rung, asyncio.TaskGroup() as group:
        lost = group.create_task(agent.call("hang", payment("slow")))
        asked = await it.ada.pending_of(to="slow")
        await it.ada.approve(asked)
        await rung.wait()
        await freeze(it.placet, ON)
        lost.cancel()
        # What is written to a client of whom nobody has seen yet that it left counts as told.
        await it.ada.until(asked["id"], lambda shown: not shown["waiting"])
        again = group.create_task(agent.call("hang", payment("slow")))
        await it.ada.until(asked["id"], lambda shown: shown["waiting"])
        it.kill_server()
        assert (await again).code == "outcome_unknown"
        assert (await it.ada.show(asked["id"]))["state"] == "unknown"


async def test_what_was_approved_and_waits_for_its_agent_ends_with_the_freeze(it: Shop) -> None:
    async with it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            lost = group.create_task(agent.call("pay", payment("later")))
            asked = await it.ada.pending_of(to="later")
            lost.cancel()
        await it.ada.until(asked["id"], lambda shown: not shown["waiting"])
        await it.ada.approve(asked)
        await freeze(it.placet, ON)
        ended = await it.ada.show(asked["id"])
        assert (ended["state"], ended["cause"]) == ("cancelled", "frozen")
        said = await agent.call("pay", payment("later"))
        assert (said.code, said.verdict["request"]) == ("frozen", asked["id"])
        assert "an operator froze calls before it could" in said.text
        assert "request" not in (await agent.call("pay", payment("later"))).verdict
    assert it.seen("later") == 0


async def test_a_freeze_of_one_agent_or_one_server_leaves_the_others_alone(it: Shop) -> None:
    async with it.agent() as ada, it.other() as other:
        await freeze(it.placet, {**ON, "agent": "claude-ada"})
        assert (await ada.call("read", payment("one"))).code == "frozen"
        assert (await other.call("read", payment("one"))).code is None
        await freeze(it.placet, {**ON, "server": "shop"})
        assert (await other.call("read", payment("two"))).code == "frozen"
        await freeze(it.placet, {"on": False, "agent": "claude-ada"})
        assert "the server shop" in (await ada.call("read", payment("two"))).text
        await freeze(it.placet, {"on": False, "server": "shop"})
        assert (await ada.call("read", payment("three"))).code is None
    assert (it.seen("one"), it.seen("two"), it.seen("three")) == (1, 0, 1)


@pytest.mark.must_have(24)
async def test_a_freeze_by_command_counts_in_the_running_service_and_is_loud(it: Shop) -> None:
    _, denied = await it.placet.cli("freeze", "on", "--reason", "x", code=3)
    assert "You may not stop agents: that takes the operator or admin role" in denied
    async with it.agent() as agent:
        await agent.until_code("read", payment("before"), None)
        printed, _ = await it.placet.cli("freeze", "on", "--reason", "drill", "--for", "2h", person=OTTO)
        assert printed.startswith("Frozen: every agent, until ")
        await agent.until_code("read", payment("within"), "frozen")
        listed, _ = await it.placet.cli("freeze", "status", "--json", person=None, code=1)
        assert [(one["scope"], one["by"], one["reason"]) for one in json.loads(listed)["freezes"]] == [
            ("all", OTTO, "drill")
        ]
        async with aiohttp.ClientSession() as http:
            async with http.get(it.placet.url + "/readyz") as answer:
                ready = await answer.json()
                assert (answer.status, ready["ready"]) == (200, True)
            async with http.get(it.placet.url + "/metrics") as answer:
                numbers = await answer.text()
        (check,) = [one for one in ready["checks"] if one["id"] == "freeze"]
        assert check["text"].startswith("every agent is frozen until")
        assert 'placet_frozen{scope="all"} 1.0' in numbers
        assert 'placet_calls_total{server="shop",verdict="frozen"}' in numbers
        assert any("in force: every agent frozen" in line for line in it.placet.output)
        printed, _ = await it.placet.cli("freeze", "off", person=None)
        assert f"which {OTTO} had frozen" in printed
        await agent.until_code("read", payment("after"), None)
        assert (await it.placet.cli("freeze", "status", person=None))[0] == "Nothing is frozen.\n"
        _, nothing = await it.placet.cli("freeze", "off", person=None, code=1)
        assert "There is no freeze of every agent" in nothing


async def test_a_freeze_outlives_a_restart(it: Shop) -> None:
    await freeze(it.placet, {**ON, "server": "shop"})
    await it.placet.stop()
    await it.placet.start()
    async with it.agent() as agent:
        assert (await agent.call("read", payment("restart"))).code == "frozen"
    assert it.seen("restart") == 0


async def test_what_would_run_without_its_agent_does_not_in_a_freeze(it: Shop) -> None:
    async with it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            lost = group.create_task(agent.call("alone", payment("alone")))
            asked = await it.ada.pending_of(to="alone")
            lost.cancel()
        await freeze(it.placet, {**ON, "agent": "claude-ada"})
        assert (await it.ada.decide(asked, "approve"))[0] == 409
        await freeze(it.placet, {"on": False, "agent": "claude-ada"})
        await it.ada.approve(asked)
        await it.ada.until_state(asked["id"], "succeeded")
    assert it.seen("alone") == 1


async def test_a_paused_agent_is_told_so_and_its_requests_wait_for_it(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment("paused")))
        asked = await it.ada.pending_of(to="paused")
        await it.placet.cli("agents", "pause", "claude-ada", person=None)
        said = await held
        assert (said.code, said.verdict["request"]) == ("agent_paused", asked["id"])
        assert "an operator has paused this agent" in said.text
        assert (await agent.call("read", payment("paused"))).code == "agent_paused"
        status, refused = await it.ada.decide(asked, "approve")
        assert (status, refused["code"]) == (409, "stopped")
        assert "the agent claude-ada is paused" in refused["detail"]
        async with it.other() as other:
            assert (await other.call("read", payment("other"))).code is None
        await it.placet.cli("agents", "resume", "claude-ada", person=OTTO)
        await agent.until_code("read", payment("resumed"), None)
        again = group.create_task(agent.call("pay", payment("paused")))
        await it.ada.until(asked["id"], lambda shown: shown["waiting"])
        await it.ada.approve(asked)
        assert (await again).code == "approved"
    assert it.seen("paused") == 1


async def test_resources_prompts_and_completions_stop_too(tmp_path: Path) -> None:
    open_rules = policy({"*": {}}, resources={"default": "allow"}, prompts={"default": "allow"})
    with http_server([sys.executable, "-m", "tests.fakes.everything"]) as url:
        placet = Placet(tmp_path, servers={"all": {"url": url}}, policies={"all": open_rules})
        placet.config["people"] |= PEOPLE
        placet.write_config()
        asks: list[tuple[str, dict[str, Any]]] = [
            ("resources/list", {}),
            ("resources/read", {"uri": "test://static-text"}),
            ("prompts/list", {}),
            ("prompts/get", {"name": "test_simple_prompt"}),
            (
                "completion/complete",
                {
                    "ref": {"type": "ref/prompt", "name": "test_prompt_with_arguments"},
                    "argument": {"name": "arg1", "value": "a"},
                },
            ),
        ]
        async with serving(placet), Agent(placet, "all") as agent:
            for method, params in asks:
                before = await agent.post(*_asked(agent, method, params))
                assert "result" in before.body, (method, before.body)
            await freeze(placet, ON)
            for method, params in asks:
                error = (await agent.post(*_asked(agent, method, params))).error
                assert (error["code"], error["data"]["placet/verdict"]["code"]) == (3, "frozen"), method
                assert error["message"].startswith(f"{method} was not sent: an operator has frozen all agents")
            async with sdk(placet, "all", "auto") as client:
                assert (await client.list_tools()).tools
                result = await client.call_tool("test_simple_text", {})
                assert result.is_error


def _asked(agent: Agent, method: str, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    message, headers = agent.modern(method, params)
    if "uri" in params:
        headers["Mcp-Name"] = params["uri"]
    return message, headers


async def test_a_call_under_way_at_the_server_is_not_cut_off(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        calls = [group.create_task(agent.call("read", payment(f"n{number}"))) for number in range(20)]
        await freeze(it.placet, ON)
        done = await asyncio.wait_for(asyncio.gather(*calls), PATIENCE_SECONDS)
    assert {said.code for said in done} <= {None, "frozen"}
    assert sum(it.seen(f"n{number}") for number in range(20)) == sum(said.code is None for said in done)
