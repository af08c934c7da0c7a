"""Kill it, start it again: nothing that was asked is lost, nothing that was approved is sent twice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.counting import ASKS, HELD, bell, open_shop, shop
from tests.acceptance.harness import serving


def payment(to: str) -> dict[str, Any]:
    return {"to": to, "amount": 5}


async def test_three_held_calls_survive_a_kill_and_each_runs_once(tmp_path: Path) -> None:
    it = shop(tmp_path)
    names = ["ann", "ben", "cid"]
    async with serving(it.placet), it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(agent.lost_call("pay", payment(name))) for name in names]
            before = {one["arguments"]["to"]: one for one in await it.ada.next_pending(3)}
            await it.placet.stop(signal.SIGKILL)
        assert [call.result() for call in calls] == [None, None, None]

        await it.placet.start()
        after = {one["arguments"]["to"]: one for one in await it.ada.next_pending(3)}
        assert {name: one["id"] for name, one in after.items()} == {name: before[name]["id"] for name in names}
        assert {one["waiting"] for one in after.values()} == {False}
        await it.ada.approve(before["ann"])
        await it.bob.approve(after["ben"])
        await it.ada.deny(after["cid"], "who is Cid?")
        assert [it.seen(name) for name in names] == [0, 0, 0]

        said = [await agent.call("pay", payment(name)) for name in names]
        assert [(one.code, one.text) for one in said[:2]] == [
            ("approved", "pay 5 to ann"),
            ("approved", "pay 5 to ben"),
        ]
        assert (said[2].code, said[2].verdict["reason"]) == ("approval_denied", "who is Cid?")
        assert [one.verdict["request"] for one in said] == [before[name]["id"] for name in names]
        assert [it.seen(name) for name in names] == [1, 1, 0]


@pytest.mark.pain(3)
async def test_agents_that_came_back_before_the_decision_get_their_answers(tmp_path: Path) -> None:
    it = shop(tmp_path)
    async with serving(it.placet), it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.lost_call("pay", payment("dora")))
            (asked,) = await it.ada.next_pending()
            await it.placet.stop(signal.SIGKILL)
        await it.placet.start()
        async with asyncio.TaskGroup() as group:
            again = group.create_task(agent.call("pay", payment("dora")))
            waiting = await it.ada.until(asked["id"], lambda shown: bool(shown["waiting"]))
            assert waiting["state"] == "pending"
            await it.ada.approve(waiting)
        assert (again.result().code, again.result().text) == ("approved", "pay 5 to dora")
        assert it.seen("dora") == 1


@pytest.mark.must_have(2)
@pytest.mark.pain(10)
async def test_a_kill_while_the_server_works_is_unknown_and_never_sent_again(tmp_path: Path) -> None:
    it = shop(tmp_path, server={"timeouts": {"call": "1h"}})
    async with serving(it.placet), it.agent() as agent:
        async with bell(it) as arrived, asyncio.TaskGroup() as group:
            group.create_task(agent.lost_call("hang", payment("eve")))
            (asked,) = await it.ada.next_pending()
            await it.ada.approve(asked)
            await arrived.wait()
            assert (await it.ada.show(asked["id"]))["state"] == "executing"
            await it.placet.stop(signal.SIGKILL)
        assert it.seen("eve") == 1
        await it.placet.start()
        ended = await it.ada.until_state(asked["id"], "unknown")
        assert (ended["cause"], ended["outcome"]["kind"]) == ("lease_lost", "unknown")
        said = await agent.call("hang", payment("eve"))
        assert (said.refused, said.code, said.verdict["request"]) == (True, "outcome_unknown", asked["id"])
        assert it.seen("eve") == 1


async def test_a_timeout_of_the_server_is_unknown_and_told_to_the_agent(tmp_path: Path) -> None:
    async with open_shop(tmp_path, server={"timeouts": {"call": "1s"}}) as it, it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(agent.call("hang", payment("fay")))
            (asked,) = await it.ada.next_pending()
            await it.ada.approve(asked)
        assert (call.result().code, it.seen("fay")) == ("outcome_unknown", 1)
        shown = await it.ada.show(asked["id"])
        assert (shown["state"], shown["cause"]) == ("unknown", "no_answer")
        status, resolved = await it.ada.ask(
            "POST", f"/api/v1/requests/{asked['id']}/resolve", {"ran": False, "note": "looked: no payment"}
        )
        assert (status, resolved["state"], resolved["cause"]) == (200, "unknown", "resolved_did_not_run")
        assert it.seen("fay") == 1


async def test_a_stop_answers_every_hold_and_the_repeat_collects(tmp_path: Path) -> None:
    it = shop(tmp_path)
    names = [f"guest-{n}" for n in range(10)]
    async with serving(it.placet), it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(agent.call("pay", payment(name))) for name in names]
            asked = await it.ada.next_pending(len(names))
            await it.ada.approve(asked[0])
            assert await it.placet.stop() == 0
        codes = sorted(str(call.result().code) for call in calls)
        assert codes == ["approval_pending"] * 9 + ["approved"]
        assert sum(it.seen(name) for name in names) == 1

        await it.placet.start()
        for request in await it.ada.next_pending(9):
            await it.ada.approve(request)
        told = [await agent.call("pay", payment(name)) for name in names if it.seen(name) == 0]
        assert [one.code for one in told] == ["approved"] * 9
        assert [it.seen(name) for name in names] == [1] * 10


async def test_what_runs_without_its_agent_runs_once_after_a_kill(tmp_path: Path) -> None:
    runs_alone = {"action": "require_approval", "approval": {"execute_on_approve": True}}
    it = shop(tmp_path, tools={**HELD, "pay": runs_alone, "hang": ASKS})
    async with serving(it.placet), it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.lost_call("pay", payment("gil")))
            (asked,) = await it.ada.next_pending()
            await it.placet.stop(signal.SIGKILL)
        await it.placet.start()
        await it.ada.approve(asked)
        await it.ada.until_state(asked["id"], "succeeded")
        assert it.seen("gil") == 1
        said = await agent.call("pay", payment("gil"))
        assert (said.code, said.text, said.verdict["request"]) == ("approved", "pay 5 to gil", asked["id"])
        assert it.seen("gil") == 1
