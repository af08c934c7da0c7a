"""Servers that are down, hang, or answer garbage: the agent is told what is known, and the gateway goes on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.agents import Agent
from tests.acceptance.counting import ASKS, HELD, Shop, open_shop, server, shop
from tests.acceptance.harness import Placet, Reviewer, free_port, policy, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT: dict[str, Any] = {"timeouts": {"connect": "1s", "list": "1s", "call": "1s", "idle": "1s"}}
PAYMENT = {"to": "x", "amount": 5}
ALONE = {"action": "require_approval", "approval": {"execute_on_approve": True}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    folder = tmp_path_factory.mktemp("sick")
    file = folder / "seen.jsonl"
    servers: dict[str, Any] = {
        "well": server(file),
        "down": {"url": f"http://127.0.0.1:{free_port()}/mcp", **SHORT},
        "absent": {"command": [str(folder / "no-such-program")], **SHORT},
        "mute": server(file, "mute", **SHORT),
        "slow": server(file, **SHORT),
        "garbage": server(file, "garbage", **SHORT),
        "prose": server(file, "prose", **SHORT),
    }
    tools = policy({"pay": {}, "hang": {}, "read": ASKS})
    placet = Placet(folder, servers=servers, policies=dict.fromkeys(servers, tools))
    async with serving(placet):
        yield Shop(placet=placet, ada=Reviewer(placet, placet.ada), bob=Reviewer(placet, placet.bob), file=file)


@pytest.mark.parametrize("name", ["down", "absent", "mute"])
async def test_a_server_that_cannot_be_asked_is_said_to_be_unavailable(it: Shop, name: str) -> None:
    async with it.agent(name) as agent:
        said = await agent.call("pay", PAYMENT)
        assert (said.refused, said.code, said.verdict["retryable"]) == (True, "upstream_unavailable", True)
        assert f"the server {name} cannot be reached" in said.text
        listed = await agent.post(*agent.modern("tools/list", {}))
    assert "error" in listed.body
    assert name in listed.error["message"]


async def test_servers_that_are_down_do_not_hide_the_others(it: Shop) -> None:
    async with it.agent(None) as agent:
        names = await agent.tools()
        assert {"well__pay", "slow__hang", "garbage__pay"} <= set(names)
        assert not any(name.startswith(("down__", "absent__", "mute__")) for name in names)
        said = await agent.call("well__pay", {"to": "aggregate", "amount": 1})
    assert (said.refused, it.seen("aggregate")) == (False, 1)


@pytest.mark.parametrize(("name", "tool"), [("slow", "hang"), ("prose", "pay")])
async def test_a_call_without_an_answer_is_of_unknown_outcome(it: Shop, name: str, tool: str) -> None:
    to = f"unknown-{name}"
    async with it.agent(name) as agent:
        said = await agent.call(tool, {"to": to, "amount": 5})
    assert (said.refused, said.code, said.verdict["retryable"]) == (True, "outcome_unknown", False)
    assert it.seen(to) == 1


async def test_an_answer_that_is_not_a_result_is_of_unknown_outcome(it: Shop) -> None:
    async with it.agent("garbage") as agent:
        said = await agent.call("pay", {"to": "garbage", "amount": 5})
        assert (said.code, it.seen("garbage")) == ("outcome_unknown", 1)
        async with asyncio.TaskGroup() as group:
            called = group.create_task(agent.call("read", {"to": "held garbage", "amount": 5}))
            asked = await it.ada.pending_of(to="held garbage")
            await it.ada.approve(asked)
        assert (called.result().code, it.seen("held garbage")) == ("outcome_unknown", 1)
    assert (await it.ada.show(asked["id"]))["state"] == "unknown"


@pytest.mark.pain(31)
async def test_an_approved_call_to_a_server_that_has_gone_is_failed_and_unsent(tmp_path: Path) -> None:
    async with open_shop(tmp_path, tools={**HELD, "hang": {}}, server=SHORT) as it, it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            called = group.create_task(agent.call("pay", PAYMENT))
            (asked,) = await it.ada.next_pending()
            it.down(is_down=True)
            it.kill_server()
            await it.ada.approve(asked)
        said = called.result()
        assert (said.refused, said.code, said.verdict["retryable"]) == (True, "upstream_unavailable", True)
        ended = await it.ada.show(asked["id"])
        assert (ended["state"], ended["cause"], it.seen("x")) == ("failed", "unsent", 0)
        it.down(is_down=False)


@pytest.mark.pain(27)
async def test_a_server_that_is_down_after_a_restart_runs_the_approved_call_when_it_is_back(tmp_path: Path) -> None:
    it = shop(tmp_path, server=SHORT)
    async with serving(it.placet), it.agent() as agent:
        asked = await left_behind(it, agent)
        it.down(is_down=True)
        await it.placet.start()
        await it.ada.approve(asked)
        said = await agent.call("pay", PAYMENT)
        assert (said.code, it.seen("x")) == ("upstream_unavailable", 0)
        shown = await it.ada.show(asked["id"])
        assert (shown["state"], shown["cause"]) == ("approved", None)
        it.down(is_down=False)
        async with asyncio.timeout(30):
            while (said := await agent.call("pay", PAYMENT)).code == "upstream_unavailable":
                pass
        assert (said.code, said.verdict["request"], it.seen("x")) == ("approved", asked["id"], 1)


async def test_a_call_that_may_run_alone_fails_unsent_when_its_server_is_down(tmp_path: Path) -> None:
    it = shop(tmp_path, tools={"pay": ALONE}, server=SHORT)
    async with serving(it.placet), it.agent() as agent:
        asked = await left_behind(it, agent)
        it.down(is_down=True)
        await it.placet.start()
        await it.ada.approve(asked)
        ended = await it.ada.until_state(asked["id"], "failed")
        assert (ended["cause"], it.seen("x")) == ("unsent", 0)
        assert not any("loop failed" in line for line in it.placet.output)


async def test_a_call_that_hangs_does_not_keep_others_from_running_alone(tmp_path: Path) -> None:
    limits = {"hold": {"plain": "1s"}}
    async with open_shop(tmp_path, tools={"pay": ALONE, "hang": ALONE}, limits=limits) as it, it.agent() as agent:
        first = await agent.call("hang", {"to": "hangs", "amount": 5})
        second = await agent.call("pay", {"to": "runs", "amount": 5})
        for said, state in ((first, "executing"), (second, "succeeded")):
            await it.ada.until(said.verdict["request"], lambda one: not one["waiting"])
            await it.ada.approve(await it.ada.show(said.verdict["request"]))
            await it.ada.until_state(said.verdict["request"], state)
        assert (it.seen("hangs"), it.seen("runs")) == (1, 1)
        await it.placet.stop(signal.SIGKILL)


async def left_behind(it: Shop, agent: Agent) -> dict[str, Any]:
    """A held call whose gateway was killed."""
    async with asyncio.TaskGroup() as group:
        group.create_task(agent.lost_call("pay", PAYMENT))
        (asked,) = await it.ada.next_pending()
        await it.placet.stop(signal.SIGKILL)
    return asked
