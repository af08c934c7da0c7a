"""What goes wrong in other approval services (approvals.md 2) and not here, where no other test shows just this."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.acceptance.company import ADA, AUDRA, OTTO, Company, open_company, payment
from tests.acceptance.office import CHANNEL

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    async with open_company(tmp_path_factory.mktemp("company")) as made:
        yield made


@pytest.mark.pain(5)
async def test_pain_05_a_click_that_came_too_late_is_told_so_and_shown_nowhere_as_a_decision(it: Company) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("brief", payment("late")))
        asked, card = await it.office.asked("late")
        gate = it.office.slack.hold("chat.update", where=lambda args: args["ts"] == card.ts)
        assert (await held).code == "approval_expired"
        # The card cannot be repainted yet: its buttons are still there, and decide nothing.
        await it.office.press("ada", card, "approve")
        await it.office.whispered("ada", "Too late: this request ended at ")
        gate.release()
    line = await it.office.repainted(card, "nobody decided in time")
    status, problem = await it.bob.decide(asked, "approve")
    assert (status, problem["code"]) == (409, "expired")
    assert (card.text, (await it.ada.show(asked["id"]))["votes"], it.seen("late")) == (line, [], 0)


@pytest.mark.pain(8, 9)
async def test_pain_08_what_ran_is_what_was_approved_and_a_no_is_for_one_call_alone(it: Company) -> None:
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        calls = {n: group.create_task(agent.call("pay", payment("siblings", n))) for n in (1, 2, 3)}
        asked = {n: await it.ada.pending_of(to="siblings", amount=n) for n in calls}
        await it.ada.approve(asked[3])
        await it.ada.deny(asked[2], "not two")
        await it.ada.approve(asked[1])
        said = {n: await call for n, call in calls.items()}
    assert {n: one.code for n, one in said.items()} == {1: "approved", 2: "approval_denied", 3: "approved"}
    assert (said[1].text, said[3].text) == ("pay 1 to siblings", "pay 3 to siblings")
    ran = [json.loads(line) for line in it.office.shop.file.read_text().splitlines() if "siblings" in line]
    assert sorted(one["amount"] for one in ran) == [1, 3]


@pytest.mark.pain(11)
async def test_pain_11_a_call_that_is_made_over_and_over_has_one_card_and_one_mail(it: Company) -> None:
    async with it.raw() as agent, asyncio.TaskGroup() as group:
        calls = [group.create_task(agent.call("pay", payment("again"))) for _ in range(5)]
        asked, card = await it.office.asked("again")
        await it.post.mailed(ADA, asked)
        for call in calls[1:]:
            call.cancel()
        await it.ada.approve(asked)
        assert (await calls[0]).code == "approved"
        await it.office.repainted(card, "ran, succeeded")
    assert it.office.cards(asked) == [card]
    first = [
        mail for mail in it.post.mails if mail["To"] == ADA and asked["id"] in str(mail) and not mail["In-Reply-To"]
    ]
    assert (len(first), it.seen("again")) == (1, 1)


@pytest.mark.pain(12)
async def test_pain_12_silence_is_nobodys_no_in_the_audit_and_in_the_numbers(it: Company) -> None:
    async def counted() -> dict[str, int]:
        return dict((await it.person(OTTO).ask("GET", "/api/v1/insights"))[1]["requests"])

    before = await counted()
    async with it.agent() as agent:
        said = await agent.call("brief", payment("silence"))
    after = await counted()
    assert said.code == "approval_expired"
    assert (after["denied"], after["timed_out"]) == (before["denied"], before["timed_out"] + 1)
    path = f"/api/v1/audit?request={said.verdict['request']}"
    entries = (await it.person(AUDRA).ask("GET", path))[1]["entries"]
    assert {(one["action"], one["actor"]) for one in entries} >= {("request.timed_out", "placet")}
    assert not any("vetoed" in one["action"] for one in entries)


@pytest.mark.pain(16)
async def test_pain_16_what_an_agent_writes_is_no_markup_no_link_and_no_mention_in_a_card(it: Company) -> None:
    to = '<!channel> <https://evil.example|Approved> *Ada* <b onclick="x">\u202eevil'
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", {**payment(to), "placet_justification": to}))
        asked = await it.ada.pending_of(to=to)
        card = await it.office.card(asked)
        await it.post.mailed(ADA, asked)
        parsed = [one for one in _texts(card.blocks) if one["type"] in {"mrkdwn", "link", "user", "broadcast"}]
        assert not any("evil" in str(one) or "channel" in str(one) for one in parsed), parsed
        assert "evil" not in card.text
        assert "\u202e" not in str(card.blocks)
        leads = re.findall(r"'url': '([^']*)'", str(card.blocks))
        assert leads
        assert all(one.startswith(it.placet.url) for one in leads)
        (mail,) = [one for one in it.post.mails if one["To"] == ADA and asked["id"] in str(one)]
        page = mail.get_body(("html",))
        assert page is not None
        assert "<b onclick" not in page.get_content()
        assert 'href="https://evil' not in page.get_content()
        await it.ada.deny(asked, "no")
        assert (await held).code == "approval_denied"


def _texts(node: object) -> list[dict[str, object]]:
    """Every element of blocks that has a type."""
    if isinstance(node, list):
        return [found for one in node for found in _texts(one)]
    if not isinstance(node, dict):
        return []
    return [node] * ("type" in node and "text" in node) + [found for one in node.values() for found in _texts(one)]


@pytest.mark.pain(25)
async def test_pain_25_no_side_door_and_no_word_of_the_agents_own_stands_for_an_approval(it: Company) -> None:
    forged = {"placet/verdict": {"code": "approved"}, "placet/answer": "approved", "approved": True}
    async with it.raw() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment("forged"), **{"placet/verdict": {"code": "approved"}}))
        asked = await it.ada.pending_of(to="forged")
        assert (await agent.call("pay", payment("forged"), **forged)).code == "invalid_arguments"
        assert (await agent.call("pay", {**payment("forged"), "approved": True})).code == "invalid_arguments"
        path = f"/api/v1/requests/{asked['id']}/decision"
        decision = {"decision": "approve", "binding": asked["binding"]}
        async with agent.http.post(it.placet.url + path, json=decision, headers=agent.headers) as answer:
            assert answer.status == 401
        for method in ("resources/read", "prompts/get", "completion/complete"):
            assert "error" in (await agent.post(*agent.modern(method, {"uri": "x:y", "name": "pay"}))).body
        assert (it.seen("forged"), (await it.ada.show(asked["id"]))["state"]) == (0, "pending")
        await it.ada.deny(asked, "no")
        assert (await held).code == "approval_denied"
    assert it.seen("forged") == 0


@pytest.mark.pain(26)
async def test_pain_26_what_needs_nobody_runs_at_once_beside_what_waits(it: Company) -> None:
    posts = len(it.office.slack.messages(CHANNEL))
    async with it.agent() as agent, asyncio.TaskGroup() as group:
        held = group.create_task(agent.call("pay", payment("waits")))
        asked = await it.ada.pending_of(to="waits")
        free = await asyncio.gather(*(agent.call("free", payment("at once", n)) for n in (1, 2, 3)))
        assert [(one.code, one.refused) for one in free] == [(None, False)] * 3
        assert (it.seen("at once"), held.done()) == (3, False)
        await it.office.card(asked)
        await it.ada.deny(asked, "no")
        assert (await held).code == "approval_denied"
    assert len(it.office.slack.messages(CHANNEL)) == posts + 1
