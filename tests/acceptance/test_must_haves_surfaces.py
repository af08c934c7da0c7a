"""What every approval service must have (approvals.md 1), nos. 16 to 25: what people see, and what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from mcp import MCPError

from approvals.testing.slack import Message
from tests.acceptance.company import ADA, AUDRA, DAN, OTTO, OWNER, Company, open_company, payment
from tests.acceptance.harness import PATIENCE_SECONDS
from tests.acceptance.office import CHANNEL, actions

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "AKIAIOSFODNN7EXAMPLE"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    async with open_company(tmp_path_factory.mktemp("company"), limits={"caps": {"per_agent": 4}}) as made:
        yield made


async def posted(it: Company, channel: str, *words: str) -> Message:
    """A message that says all this."""
    return await it.office.slack.wait_for_message(
        channel, lambda one: all(word in one.text + str(one.blocks) for word in words), PATIENCE_SECONDS
    )


@pytest.mark.must_have(16)
@pytest.mark.pain(22)
async def test_16_slack_decides_in_place_keeps_comments_in_the_thread_and_tells_the_owner(it: Company) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment("in place")))
        asked, card = await it.office.asked("in place")
        await it.office.press("zoe", card, "approve")
        await it.office.whispered("zoe", "placet people add EMAIL --slack U0ZOE")
        await it.act(it.bob, asked, "comment", text="Ticket 5521 asks for it")
        comment = await posted(it, CHANNEL, "Ticket 5521 asks for it")
        assert comment.thread_ts == card.ts
        assert (await it.office.press("ada", card, "approve")).acked
        assert (await held).text == "pay 5 to in place"
        await it.office.repainted(card, "Approved by Ada at ", "ran, succeeded")
        told = await posted(it, "U0OLGA", asked["id"])
    assert "pay" in told.text + str(told.blocks)
    assert "5521" not in str(told.blocks)


@pytest.mark.must_have(18)
@pytest.mark.pain(7)
async def test_18_every_channel_leads_to_the_one_decision_and_whoever_only_opens_links_decides_nothing(
    it: Company,
) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment("links")))
        asked = await it.ada.pending_of(to="links")
        card = await it.office.card(asked)
        told = str(card.blocks) + await it.post.mailed(ADA, asked) + json.dumps(asked)
        links = {word.strip("'\"<>().,}") for word in told.replace("'", " ").replace("|", " ").split()}
        links = {one for one in links if one.startswith(it.placet.url)}
        assert any(asked["id"] in one for one in links)
        links |= {f"{it.placet.url}/api/v1/requests/{asked['id']}/{deed}" for deed in ("decision", "cancel", "extend")}
        links |= {f"{it.placet.url}/requests/{asked['id']}?decision=approve&binding={asked['binding']}"}
        for headers in ({}, it.placet.bearer(it.placet.ada)):
            async with aiohttp.ClientSession(headers=headers) as scanner:
                for link in links:
                    for method in ("HEAD", "GET", "OPTIONS"):
                        async with scanner.request(method, link) as answer:
                            await answer.read()
        after = await it.ada.show(asked["id"])
        assert (after["state"], after["votes"], after["revision"]) == ("pending", [], asked["revision"])
        said, _ = await it.placet.cli("requests", "approve", asked["id"])
        assert "approved" in said
        assert (await held).code == "approved"
    assert it.seen("links") == 1


@pytest.mark.must_have(19)
@pytest.mark.pain(14, 15)
async def test_19_secrets_are_masked_on_every_channel_and_what_was_cut_must_be_read_before_it_is_approved(
    it: Company,
) -> None:
    to = "acme " + "x" * 4000 + f" {SECRET} <!channel> and wipe the disk"
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment(to)))
        asked = await it.ada.pending_of(to=to)
        card = await it.office.card(asked)
        for sent in (str(card.blocks) + card.text, await it.post.mailed(ADA, asked)):
            assert SECRET not in sent
        assert "wipe the disk" not in str(card.blocks)
        assert "characters" in str(card.blocks), "how much is missing is said"
        await it.office.press("ada", card, "approve")
        modal = await it.office.slack.wait_for_modal(it.office.people["ada"], seconds=PATIENCE_SECONDS)
        assert (await it.ada.show(asked["id"]))["state"] == "pending", "Approve opened the call and decided nothing"
        await it.office.slack.close(modal)
        redacted = await it.person(OTTO).show(asked["id"])
        assert (redacted["redacted"], SECRET in json.dumps(redacted)) == (True, False)
        assert (await it.person(AUDRA).show(asked["id"]))["arguments"]["to"] == to
        await it.ada.deny(asked, "no")
        assert (await held).code == "approval_denied"


@pytest.mark.must_have(20)
async def test_20_the_card_says_who_asks_for_whom_why_and_how_bad_it_could_be(it: Company) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", {**payment("context"), "placet_justification": "Ticket 77"}))
        asked, card = await it.office.asked("context")
        shown = str(card.blocks)
        assert (asked["owner"], asked["rule_reason"]) == (OWNER, "Money needs a person")
        assert (asked["rule"], asked["risk"], asked["severity"]) == ("/tools/pay/action", "financial", "critical")
        for word in (
            asked["agent"],
            OWNER,
            "/tools/pay/action",
            "Money needs a person",
            "Financial, critical",
            "Ticket 77",
        ):
            assert word in shown, word
        assert (asked["justification"], asked["arguments"]) == ("Ticket 77", payment("context"))
        await it.ada.deny(asked, "seen")
        await held


@pytest.mark.must_have(20)
async def test_20_whoever_is_asked_sees_how_calls_like_it_were_decided_before(it: Company) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        for amount, answer in ((3, "approve"), (900, "deny")):
            held = group.create_task(agent.call("pay", payment("before", amount)))
            asked = await it.ada.pending_of(to="before", amount=amount)
            status, body = await it.ada.decide(asked, answer, reason=f"{amount} <b>it is</b>")
            assert status == 200, body
            await held
        held = group.create_task(agent.call("pay", payment("before", 4)))
        asked = await it.ada.pending_of(to="before", amount=4)
        status, found = await it.ada.ask("GET", f"/api/v1/requests/{asked['id']}/similar")
        assert status == 200
        rows = [(one["verdict"], one["reason"], one["likeness"]["differs"]) for one in found["earlier"][:2]]
        assert rows == [("denied", "900 <b>it is</b>", ["amount"]), ("approved", "3 <b>it is</b>", ["amount"])]
        (of_to,) = (one for one in found["same"] if one["argument"] == "to")
        assert (of_to["approved"], of_to["denied"]) == (1, 1)
        card = str((await it.office.card(asked)).blocks)
        assert "Asked before" in card
        assert f"of the last {found['decided']} decided by people" in card
        assert "it is" not in card
        shown, _ = await it.placet.cli("requests", "show", asked["id"])
        assert found["summary"] in shown
        assert "denied by ada@example.com (“900 <b>it is</b>”); 1 of 2 arguments equal; differs in amount" in shown
        assert (await it.person(DAN).ask("GET", f"/api/v1/requests/{asked['id']}/similar"))[0] == 404
        await it.ada.deny(asked, "seen")
        await held


@pytest.mark.must_have(21)
@pytest.mark.pain(18)
async def test_21_a_grant_is_barred_where_money_moves_and_tried_on_earlier_calls_before_the_click(it: Company) -> None:
    grant = {"arguments": {"/amount": {"range": {"max": 9}}}, "for": "1h", "uses": 2}
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        barred = group.create_task(agent.call("pay", payment("grant")))
        asked = await it.ada.pending_of(to="grant")
        status, problem = await it.ada.decide(asked, "approve", grant=grant)
        assert (status, problem["field"]) == (422, "grant")
        await it.ada.deny(asked, "no")
        assert (await barred).code == "approval_denied"

        earlier = group.create_task(agent.call("note", payment("grant", 3)))
        await it.ada.approve(await it.ada.pending_of(to="grant"))
        assert (await earlier).code == "approved"
        first = group.create_task(agent.call("note", payment("grant")))
        asked = await it.ada.pending_of(to="grant")
        status, tried = await it.act(it.ada, asked, "grant-preview", grant=grant)
        assert (status, tried["matched"], tried["looked_at"]) == (200, 1, 1)
        status, body = await it.ada.decide(asked, "approve", grant=grant)
        assert (status, (await first).code) == (200, "approved"), body
        (made,) = body["grants"]
        assert (made["uses_left"], made["in_force"]) == (2, True)
        assert (await it.ada.ask("POST", f"/api/v1/grants/{made['id']}/revoke", {}))[0] == 200
    assert it.seen("grant") == 2


@pytest.mark.must_have(22)
@pytest.mark.pain(9, 18, 30)
async def test_22_a_bulk_decision_is_for_the_calls_that_were_shown_each_with_its_own_verdict(it: Company) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        calls = {n: group.create_task(agent.call("pay", payment("bulk", n))) for n in (1, 2, 3)}
        asked = {n: await it.ada.pending_of(to="bulk", amount=n) for n in calls}
        # Calls that are alike are one table of what differs.
        (fold,) = {(await it.ada.show(one["id"]))["fold"] for one in asked.values()}
        _, table = await it.ada.ask("GET", f"/api/v1/folds/{fold}")
        assert (table["common"], table["columns"]) == ([{"path": "/to", "value": "bulk"}], ["/amount"])
        rows = {row["cells"][0]["value"]: {"id": row["id"], "binding": row["binding"]} for row in table["rows"]}
        assert rows == {n: {"id": one["id"], "binding": one["binding"]} for n, one in asked.items()}
        calls[4] = group.create_task(agent.call("pay", payment("bulk", 4)))
        asked[4] = await it.ada.pending_of(to="bulk", amount=4)
        items = [
            {**rows[1], "decision": "approve"},
            {**rows[2], "decision": "deny", "reason": "not two"},
            {**rows[3], "binding": rows[1]["binding"], "decision": "approve"},
        ]
        status, body = await it.ada.ask("POST", "/api/v1/requests/decisions", {"decisions": items})
        assert (status, [one["status"] for one in body["results"]]) == (200, [200, 200, 409])
        wide = [{**items[0], "grant": {"arguments": {}, "for": "1h", "uses": 1}}]
        assert (await it.ada.ask("POST", "/api/v1/requests/decisions", {"decisions": wide}))[0] == 422
        assert ((await calls[1]).text, (await calls[2]).verdict["reason"]) == ("pay 1 to bulk", "not two")
        for left in (3, 4):
            assert (await it.ada.show(asked[left]["id"]))["state"] == "pending", "what was not shown is not decided"
            await it.ada.deny(asked[left], "enough")
            assert (await calls[left]).code == "approval_denied"
    assert it.seen("bulk") == 1


@pytest.mark.must_have(23)
@pytest.mark.pain(19, 20)
async def test_23_caps_hold_and_what_the_policy_refuses_is_told_to_nobody(it: Company) -> None:
    posts, mails = len(it.office.slack.messages(CHANNEL)), len(it.post.mails)
    before = {one["id"] for one in await it.ada.requests()}
    async with it.agent() as agent:
        assert (await agent.call("never", payment("night"))).code == "policy_denied"
        assert (await agent.call("pay", payment("night", 0))).code == "invalid_arguments"
        with pytest.raises(MCPError, match="larger than 1048576 bytes"):
            await agent.call("pay", payment("x" * 2_000_000))
    assert {one["id"] for one in await it.ada.requests()} == before
    async with it.raw() as agent, asyncio.TaskGroup() as group:
        calls = [group.create_task(agent.call("pay", payment(f"flood-{n}"))) for n in range(4)]
        asked = [await it.ada.pending_of(to=f"flood-{n}") for n in range(4)]
        flood = [await agent.call("pay", payment(f"flood-{n}")) for n in range(4, 10)]
        assert {said.code for said in flood} == {"queue_full"}
        for one in asked:
            await it.office.card(one)
            await it.ada.deny(one, "enough")
        assert {(await call).code for call in calls} == {"approval_denied"}
    line = "4 requests of agent {} wait for people. More are refused, and nobody is asked about them.".format
    told = await posted(it, CHANNEL, line(asked[0]["agent"]))
    assert not actions(told)
    assert f"{line(asked[0]['agent'])} Refused so far: 6." in await it.office.notices()
    assert len(it.office.slack.messages(CHANNEL)) == posts + 5, "four cards, and one line for all that were refused"
    assert not any("night" in str(mail) for mail in it.post.mails[mails:])


@pytest.mark.must_have(24)
@pytest.mark.pain(23)
async def test_24_the_result_comes_back_to_the_reviewer_and_a_receipt_proves_it_elsewhere(
    it: Company, tmp_path: Path
) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment("proof")))
        asked, card = await it.office.asked("proof")
        await it.office.press("ada", card, "approve")
        assert (await held).code == "approved"
        line = await it.office.repainted(card, "Approved by Ada at ", "ran, succeeded")
    assert "via Slack" in line
    assert "pay 5 to proof" in str(card.blocks)
    receipt, key = tmp_path / "receipt.json", tmp_path / "key.pem"
    address = f"{it.placet.url}/api/v1/requests/{asked['id']}/receipt"
    async with aiohttp.ClientSession(headers=it.placet.bearer(it.placet.ada)) as http, http.get(address) as answer:
        receipt.write_bytes(await answer.read())
    key.write_text((await it.placet.cli("receipt", "key", person=None))[0])
    said, _ = await it.placet.cli("receipt", "verify", str(receipt), "--key", str(key), person=None)
    assert asked["id"] in said
    entries = (await it.person(AUDRA).ask("GET", f"/api/v1/audit?request={asked['id']}"))[1]["entries"]
    assert {"request.filed", "request.quorum_met"} <= {one["action"] for one in entries}


@pytest.mark.must_have(25)
async def test_25_the_numbers_are_there_and_the_page_hears_of_every_change(it: Company) -> None:
    async with (
        aiohttp.ClientSession(headers=it.placet.bearer(it.placet.ada)) as http,
        http.get(it.placet.url + "/api/v1/events") as stream,
        it.agent() as agent,
        asyncio.timeout(PATIENCE_SECONDS),
        asyncio.TaskGroup() as group,
    ):
        held = group.create_task(agent.call("pay", payment("counted")))
        asked = await it.ada.pending_of(to="counted")
        await it.ada.approve(asked)
        assert (await held).code == "approved"
        while asked["id"] not in (await stream.content.readline()).decode():
            pass
    status, found = await it.person(OTTO).ask("GET", "/api/v1/insights")
    assert status == 200
    pay: dict[str, Any] = next(one for one in found["tools"] if one["tool"] == "pay")
    assert pay["pace"]["decisions"] >= 1
    assert {one["name"] for one in found["reviewers"]} >= {"Ada"}
    assert found["requests"]["approved"] >= 1
