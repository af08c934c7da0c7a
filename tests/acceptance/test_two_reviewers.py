"""Two people decide the same request at the same moment: one wins, the other is told who, the agent is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.acceptance.counting import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop")) as made:
        yield made


@pytest.mark.must_have(17)
@pytest.mark.pain(23)
@pytest.mark.parametrize("number", range(ROUNDS))
async def test_one_wins_and_the_other_is_told_who(it: Shop, number: int) -> None:
    to = f"race-{number}"
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", {"to": to, "amount": 5}))
        asked = await it.ada.pending_of(to=to)
        answers = await asyncio.gather(
            it.ada.decide(asked, "approve"), it.bob.decide(asked, "deny", reason="not that one")
        )
        said = await called
    assert sorted(status for status, _ in answers) == [200, 409]
    approved = answers[0][0] == 200
    lost = answers[1][1] if approved else answers[0][1]
    winner, word = ("Ada", "approved") if approved else ("Bob", "denied")
    assert lost["code"] == "already_decided"
    assert winner in lost["by"]
    assert (lost["state"], lost["request"]["id"]) == (word, asked["id"])
    assert winner in lost["detail"]
    assert lost["at"] in lost["detail"]
    assert said.code == ("approved" if approved else "approval_denied")
    assert it.seen(to) == (1 if approved else 0)
    (vote,) = (await it.bob.show(asked["id"]))["votes"]
    assert vote["reviewer"] == ("ada@example.com" if approved else "bob@example.com")


@pytest.mark.must_have(2)
@pytest.mark.pain(10)
async def test_a_second_click_of_the_same_person_is_told_the_first(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", {"to": "double click", "amount": 5}))
        asked = await it.ada.pending_of(to="double click")
        answers = await asyncio.gather(*(it.ada.decide(asked, "approve") for _ in range(4)))
        assert (await called).code == "approved"
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    assert {body["code"] for status, body in answers if status == 409} == {"already_decided"}
    assert it.seen("double click") == 1


async def test_a_decision_must_name_what_was_shown(it: Shop) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", {"to": "binding", "amount": 5}))
        asked = await it.ada.pending_of(to="binding")
        path = f"/api/v1/requests/{asked['id']}/decision"
        for body in ({"decision": "approve", "binding": "0" * 64}, {"decision": "approve"}):
            status, problem = await it.ada.ask("POST", path, body)
            assert (status, problem["code"], problem["request"]["id"]) == (409, "stale_binding", asked["id"])
        assert (await it.ada.show(asked["id"]))["state"] == "pending"
        await it.ada.deny(asked, "enough")
        assert (await called).code == "approval_denied"
    assert it.seen("binding") == 0
