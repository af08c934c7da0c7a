"""What every approval service must have (approvals.md 1), nos. 10 to 15: who decides, and when."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.company import ADA, ALMA, AUDRA, BOB, CLEO, DAN, Company, asks, open_company, payment
from tests.acceptance.harness import Placet, policy

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    async with open_company(tmp_path_factory.mktemp("company")) as made:
        yield made


async def refused_by_check(folder: Path, **rules: dict[str, Any]) -> str:
    """What `placet check` says of a configuration whose servers have these rules."""
    servers = {name: {"url": "http://127.0.0.1:1/mcp"} for name in rules}
    placet = Placet(folder, servers=servers, policies={name: policy({"x": rule}) for name, rule in rules.items()})
    out, err = await placet.cli("check", code=1)
    return out + err


@pytest.mark.must_have(10)
@pytest.mark.pain(6)
async def test_10_the_right_to_decide_is_looked_at_when_they_click(it: Company) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment("click")))
        asked = await it.ada.pending_of(to="click")
        card = await it.office.card(asked)
        # Bob was shown the card as a reviewer; by the time he presses he is none any more.
        people = it.placet.config["people"]
        try:
            it.placet.config["people"] = {**people, BOB: {**people[BOB], "groups": []}}
            it.placet.write_config()
            await it.placet.reload()
            await it.office.press("bob", card, "approve")
            await it.office.whispered("bob", "may not decide")
            status, problem = await it.bob.decide(asked, "approve")
        finally:
            it.placet.config["people"] = people
            it.placet.write_config()
            await it.placet.reload()
        assert (status, problem["code"]) == (404, "not_found"), "what is not theirs is not there"
        for who in ("zoe", "guest", "robot"):
            await it.office.press(who, card, "approve")
        assert (await it.ada.show(asked["id"]))["votes"] == []
        await it.ada.deny(asked, "enough")
        assert (await held).code == "approval_denied"
    entries = (await it.person(AUDRA).ask("GET", f"/api/v1/audit?request={asked['id']}"))[1]["entries"]
    assert len([one for one in entries if one["action"] == "request.vote_refused"]) >= 4


@pytest.mark.must_have(11)
async def test_11_the_owner_of_the_agent_may_not_decide_and_neither_if_they_are_an_admin(it: Company) -> None:
    alma = it.person(ALMA)
    async with it.agent(it.almas) as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("sign", payment("eyes")))
        asked = await alma.pending_of(to="eyes")
        assert (asked["owner"], asked["may_decide"], asked["terms"]["four_eyes"]) == (ALMA, False, True)
        for decision in ("approve", "deny"):
            status, problem = await alma.decide(asked, decision)
            assert (status, problem["code"]) == (403, "not_allowed")
        await it.ada.approve(asked)
        assert (await held).code == "approved"
    assert it.seen("eyes") == 1


@pytest.mark.must_have(10, 12)
async def test_12_every_factor_is_met_by_people_of_its_own_and_what_nobody_can_meet_is_refused(
    it: Company, tmp_path: Path
) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("wire", payment("factors")))
        asked = await it.ada.pending_of(to="factors")
        assert [(need["group"], need["count"]) for need in asked["needs"]] == [("finance", 2), ("security", 1)]
        await it.ada.approve(asked)
        status, problem = await it.ada.decide(asked, "approve")
        assert (status, problem["code"], "already" in problem["detail"]) == (403, "not_allowed", True), problem
        await it.person(CLEO).approve(asked)
        waits = await it.ada.show(asked["id"])
        assert (waits["state"], [need["have"] for need in waits["needs"]], it.seen("factors")) == ("pending", [1, 1], 0)
        await it.bob.approve(asked)
        assert (await held).verdict["reviewers"] == [ADA, CLEO, BOB]
    assert it.seen("factors") == 1
    factors = {"none": [{"group": "finance", "count": 0}], "more": [{"group": "finance", "count": 3}]}
    rules = {name: asks(factors=factor) for name, factor in factors.items()}
    said = await refused_by_check(tmp_path, **rules, empty=asks(reviewers=["group:nobody"]))
    assert "nobody is in a group 'nobody'" in said
    assert "none.json" in said
    assert "3 of group:finance must approve, and only 2 can" in said


@pytest.mark.must_have(13)
async def test_13_who_is_asked_follows_from_the_call_and_from_who_makes_it(it: Company) -> None:
    layer = it.placet.folder / "policies" / "hers.json"
    layer.write_text(json.dumps(policy({"note": asks(reviewers=[DAN]), "*": {}})))
    it.placet.config["agents"]["hers"]["policy"] = "policies/hers.json"
    it.placet.write_config()
    await it.placet.reload()
    async with it.agent() as agent, it.agent(it.almas) as other, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(agent.call("big", payment("small", 500))),
            group.create_task(agent.call("big", payment("large", 501))),
            group.create_task(other.call("note", payment("hers"))),
            group.create_task(agent.call("wipe_disk", payment("risk"))),
        ]
        small = await it.ada.pending_of(to="small")
        large = await it.person(CLEO).pending_of(to="large")
        special = await it.person(DAN).pending_of(to="hers")
        risky = await it.person(CLEO).pending_of(to="risk")
        assert [need["group"] for need in small["needs"]] == ["finance"]
        assert {need["group"] for need in large["needs"]} == {"finance", "security"}
        assert DAN in str(special["needs"])
        assert (risky["risk"], risky["rule"]) == ("destructive", "/tools/risk:destructive/action")
        for who, asked in ((ADA, small), (CLEO, large), (CLEO, risky), (DAN, special)):
            await (it.ada if who == ADA else it.person(who)).deny(asked, "seen")
        assert {(await call).code for call in calls} == {"approval_denied"}


@pytest.mark.must_have(14)
async def test_14_no_answer_and_not_delivered_are_steps_to_whoever_is_on_call(it: Company) -> None:
    dan = it.person(DAN)  # whom the schedule names
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        climbs = group.create_task(agent.call("climb", payment("silence")))
        found = group.create_task(agent.call("found", payment("no card")))
        for to, call, why in (("silence", climbs, "nobody answered"), ("no card", found, "nobody could be reached")):
            asked = await dan.pending_of(to=to)
            (step,) = [row for row in await it.timeline(asked) if row["event"] == "escalated"]
            assert why in str(step["detail"]), step
            await dan.approve(asked)
            assert (await call).code == "approved"
    assert (it.seen("silence"), it.seen("no card")) == (1, 1)


@pytest.mark.must_have(15)
async def test_15_a_delegate_gets_what_waits_already_and_the_vote_names_both(it: Company) -> None:
    dan = it.person(DAN)
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        forbids = group.create_task(agent.call("hers_alone", payment("not moved")))
        own = await it.ada.pending_of(to="not moved")
        held = group.create_task(agent.call("pay", payment("away")))
        asked = await it.ada.pending_of(to="away")
        assert (await dan.ask("GET", f"/api/v1/requests/{asked['id']}"))[0] == 404
        status, _ = await it.ada.ask("POST", f"/api/v1/people/{ADA}/away", {"until": "1d", "to": DAN})
        assert status == 200
        moved = await dan.pending_of(to="away")
        assert moved["may_decide"]
        status, _ = await dan.decide(own, "approve")
        assert status == 404, "its rule says `delegation: false`"
        await it.bob.deny(own, "no")
        assert (await forbids).code == "approval_denied"
        await dan.approve(moved)
        assert (await held).code == "approved"
        assert (await it.ada.ask("POST", f"/api/v1/people/{ADA}/back", {}))[0] == 204
    (vote,) = (await it.ada.show(asked["id"]))["votes"]
    assert (vote["reviewer"], [one["id"] for one in vote["on_behalf"]]) == (DAN, [ADA])
