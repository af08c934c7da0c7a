"""The same call again: it joins what is open, collects what has ended, hears a denial once more, or asks anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.counting import ASKS, Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALONE = {"action": "require_approval", "approval": {"execute_on_approve": True}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Holds are short: a call that nobody decides is answered `pending` after a second."""
    folder = tmp_path_factory.mktemp("shop")
    limits = {"hold": {"plain": "1s", "with_progress": "1s"}, "caps": {"per_agent": 3}}
    async with open_shop(folder, tools={"pay": ASKS, "read": ALONE}, limits=limits) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Holds are as long as they are by default."""
    async with open_shop(tmp_path_factory.mktemp("patient"), tools={"pay": ASKS, "read": ALONE}) as made:
        yield made


def payment(to: str) -> dict[str, Any]:
    return {"to": to, "amount": 5}


@pytest.mark.must_have(4)
@pytest.mark.pain(11)
async def test_the_same_call_by_the_same_agent_joins(patient: Shop) -> None:
    async with patient.agent() as one, patient.agent() as two, asyncio.TaskGroup() as group:
        first = group.create_task(one.call("pay", payment("join")))
        asked = await patient.ada.pending_of(to="join")
        # Other spelling, same call: the order of members does not count.
        second = group.create_task(two.call("pay", {"amount": 5, "to": "join"}))
        other = group.create_task(two.call("pay", {"to": "join", "amount": 6}))
        more = await patient.ada.pending_of(to="join", amount=6)
        await patient.ada.approve(asked)
        await patient.ada.deny(more, "five is enough")
        said = [await first, await second]
        assert (await other).code == "approval_denied"
    assert [(a.code, a.text, a.verdict["request"]) for a in said] == [("approved", "pay 5 to join", asked["id"])] * 2
    assert patient.seen("join") == 1


async def test_another_agent_does_not_join(patient: Shop) -> None:
    async with patient.agent() as mine, patient.other() as theirs, asyncio.TaskGroup() as group:
        first = group.create_task(mine.call("pay", payment("apart")))
        asked = await patient.ada.pending_of(to="apart")
        second = group.create_task(theirs.call("pay", payment("apart")))
        while len(both := [one for one in await patient.ada.next_pending(2) if one["arguments"]["to"] == "apart"]) < 2:
            pass
        (foreign,) = [one for one in both if one["id"] != asked["id"]]
        assert (asked["agent"], foreign["agent"]) == ("claude-ada", "other")
        await patient.ada.approve(asked)
        await patient.ada.deny(foreign, "only one")
        assert [(await first).code, (await second).code] == ["approved", "approval_denied"]
    assert patient.seen("apart") == 1


@pytest.mark.pain(13)
async def test_a_denial_is_told_again_and_nobody_is_asked_again(it: Shop) -> None:
    async with it.agent() as agent:
        async with asyncio.TaskGroup() as group:
            called = group.create_task(agent.call("pay", payment("cool")))
            asked = await it.ada.pending_of(to="cool")
            await it.ada.deny(asked, "not today")
        again = [await agent.call("pay", payment("cool")) for _ in range(2)]
    for said in (called.result(), *again):
        assert (said.code, said.verdict["request"], said.verdict["reason"]) == (
            "approval_denied",
            asked["id"],
            "not today",
        )
    assert [one["id"] for one in await it.ada.requests() if one["arguments"]["to"] == "cool"] == [asked["id"]]


async def test_after_the_cool_down_a_person_is_asked_anew(tmp_path: Path) -> None:
    async with (
        open_shop(tmp_path, limits={"deny_cooldown": "1s", "hold": {"plain": "1s"}}) as it,
        it.agent() as agent,
    ):
        async with asyncio.TaskGroup() as group:
            called = group.create_task(agent.call("pay", payment("thaw")))
            asked = await it.ada.pending_of(to="thaw")
            await it.ada.deny(asked, "no")
        assert called.result().code == "approval_denied"
        async with asyncio.timeout(10):
            while (said := await agent.call("pay", payment("thaw"))).code == "approval_denied":
                assert said.verdict["request"] == asked["id"]
        assert said.code == "approval_pending"
        assert said.verdict["request"] != asked["id"]


@pytest.mark.must_have(23)
@pytest.mark.pain(20)
async def test_a_cap_refuses_the_next_call_and_asks_nobody(it: Shop) -> None:
    names = ["cap-1", "cap-2", "cap-3"]
    async with it.other() as agent:
        held = await asyncio.gather(*(agent.call("pay", payment(name)) for name in names))
        assert [one.code for one in held] == ["approval_pending"] * 3
        full = await agent.call("pay", payment("cap-4"))
        assert (full.refused, full.code, full.verdict["retryable"]) == (True, "queue_full", True)
        assert full.verdict["retry_after_ms"] > 0
        assert "3" in full.text
        # What is open already may be joined; somebody else has room of their own.
        assert (await agent.call("pay", payment("cap-1"))).code == "approval_pending"
        async with it.agent() as mine:
            assert (await mine.call("pay", payment("cap-4"))).code == "approval_pending"
        asked = [one for one in await it.ada.requests(state="pending") if one["arguments"]["to"].startswith("cap")]
        assert sorted((one["agent"], one["arguments"]["to"]) for one in asked) == [
            ("claude-ada", "cap-4"),
            *(("other", name) for name in names),
        ]
        for one in asked:
            await it.ada.deny(one, "done")


@pytest.mark.must_have(5)
@pytest.mark.pain(2)
async def test_a_short_hold_ends_with_pending_and_the_repeat_collects(it: Shop) -> None:
    async with it.agent() as agent:
        first = await agent.call("pay", payment("later"))
        assert (first.refused, first.code, first.verdict["retryable"]) == (True, "approval_pending", True)
        asked = await it.ada.show(first.verdict["request"])
        assert asked["id"] in first.verdict["url"]
        assert first.verdict["expires_at"][:19] == asked["expires_at"][:19]
        assert "exactly the same arguments" in first.text
        again = await agent.call("pay", payment("later"))
        assert (again.code, again.verdict["request"]) == ("approval_pending", asked["id"])
        assert (await it.ada.until(asked["id"], lambda one: not one["waiting"]))["state"] == "pending"

        approved = await it.ada.approve(asked)
        assert (approved["state"], it.seen("later")) == ("approved", 0)
        said = await agent.call("pay", payment("later"))
        assert (said.code, said.text, said.verdict["request"]) == ("approved", "pay 5 to later", asked["id"])
        assert it.seen("later") == 1
        fresh = await agent.call("pay", payment("later"))
        assert fresh.code == "approval_pending"
        assert fresh.verdict["request"] != asked["id"]
        await it.ada.deny(await it.ada.show(fresh.verdict["request"]), "once is enough")


async def test_what_may_run_alone_runs_alone_and_its_result_is_kept(it: Shop) -> None:
    async with it.agent() as agent:
        first = await agent.call("read", payment("alone"))
        assert first.code == "approval_pending"
        await it.ada.until(first.verdict["request"], lambda one: not one["waiting"])
        await it.ada.approve(await it.ada.show(first.verdict["request"]))
        ended = await it.ada.until_state(first.verdict["request"], "succeeded")
        assert (it.seen("alone"), ended["outcome"]["result"]["content"][0]["text"]) == (1, "read 5 to alone")
        said = await agent.call("read", payment("alone"))
        assert (said.code, said.text) == ("approved", "read 5 to alone")
    assert it.seen("alone") == 1


@pytest.mark.must_have(3)
async def test_an_approval_that_nobody_collects_lapses(tmp_path: Path) -> None:
    limits = {"collect_within": "1s", "hold": {"plain": "1s"}}
    async with open_shop(tmp_path, limits=limits) as it, it.agent() as agent:
        first = await agent.call("pay", payment("nobody"))
        assert first.code == "approval_pending"
        await it.ada.until(first.verdict["request"], lambda one: not one["waiting"])
        await it.ada.approve(await it.ada.show(first.verdict["request"]))
        ended = await it.ada.until_state(first.verdict["request"], "expired")
        assert (ended["cause"], ended["outcome"], it.seen("nobody")) == ("not_collected", None, 0)
