"""A killed gateway, a Slack in trouble: the page still decides, people are told, and the cards catch up."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.harness import PATIENCE_SECONDS
from tests.acceptance.office import CHANNEL, VAULT, Office, Way, actions, closed_office, open_office, payment, until

DELIVERY, SOCKET = "channel slack", "slack"


@pytest.mark.must_have(1)
@pytest.mark.pain(1, 24)
@pytest.mark.parametrize("way", ["socket", "http"])
async def test_the_cards_of_before_a_kill_still_decide(tmp_path: Path, way: Way) -> None:
    names = ["ann", "ben", "cid"]
    async with open_office(tmp_path, way) as it, it.shop.agent() as agent:
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(agent.lost_call("pay", payment(name))) for name in names]
            before = {name: await it.asked(name) for name in names}
            await until(lambda: has_delivered(it, len(names)))
            await it.shop.placet.stop(signal.SIGKILL)
        assert [call.result() for call in calls] == [None, None, None]

        await it.start()
        for name, button in {"ann": "approve", "ben": "approve"}.items():
            assert (await it.press("ada", before[name][1], button)).acked
        assert (await it.deny("bob", before["cid"][1], "who is Cid?")).acked
        for name in names:
            request, _ = before[name]
            await it.shop.ada.until_state(request["id"], "denied" if name == "cid" else "approved")
        assert [it.shop.seen(name) for name in names] == [0, 0, 0]

        said = [await agent.call("pay", payment(name)) for name in names]
        assert [(one.code, one.text) for one in said[:2]] == [
            ("approved", "pay 5 to ann"),
            ("approved", "pay 5 to ben"),
        ]
        assert (said[2].code, said[2].verdict["reason"]) == ("approval_denied", "who is Cid?")
        assert [it.shop.seen(name) for name in names] == [1, 1, 0]
        for name in names:
            request, card = before[name]
            await it.repainted(card, "Denied by Bob" if name == "cid" else "Approved by Ada")
            assert it.cards(request) == [card]


async def has_delivered(it: Office, count: int) -> bool:
    return await it.delivered() >= count


async def test_a_card_that_was_being_posted_at_a_kill_is_posted_soon_after(tmp_path: Path) -> None:
    async with open_office(tmp_path) as it, it.shop.agent() as agent:
        gate = it.slack.hold("chat.postMessage")
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.lost_call("pay", payment("cut short")))
            asked = await it.shop.ada.pending_of(to="cut short")
            async with asyncio.timeout(PATIENCE_SECONDS):
                await gate.reached.wait()
            await it.shop.placet.stop(signal.SIGKILL)
        assert it.slack.messages(CHANNEL) == []
        await it.start()
        card = await it.card(asked)
        await it.press("ada", card, "approve")
        await it.shop.ada.until_state(asked["id"], "approved")
        assert (await agent.call("pay", payment("cut short"))).text == "pay 5 to cut short"
        assert it.shop.seen("cut short") == 1


TROUBLES = [
    pytest.param({"error": "internal_error"}, id="ok false"),
    pytest.param({"status": 500}, id="500"),
    pytest.param({"cut": "before"}, id="cut off"),
]


@pytest.mark.must_have(17)
@pytest.mark.pain(21)
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_while_slack_is_down_the_page_decides_and_the_cards_come_later(
    tmp_path: Path, trouble: dict[str, Any]
) -> None:
    async with open_office(tmp_path) as it, it.shop.agent() as agent, asyncio.TaskGroup() as group:
        assert (await it.check(DELIVERY))["ok"]
        it.slack.fail("chat.postMessage", **trouble, times=None)
        early = group.create_task(agent.call("pay", payment("early")))
        late = group.create_task(agent.call("pay", payment("late")))
        decided, waits = await it.shop.ada.pending_of(to="early"), await it.shop.ada.pending_of(to="late")
        await until(lambda: is_ok(it, DELIVERY, ok=False))
        assert "chat.postMessage" in (await it.check(DELIVERY))["text"]
        assert "Messages to slack fail (Slack " in await it.notices()

        await it.shop.ada.approve(decided)
        assert (await early).text == "pay 5 to early"
        assert it.slack.messages(CHANNEL) == []
        assert not late.done()

        it.slack.heal()
        card = await it.card(waits)
        assert "approve" in actions(card)
        await it.repainted(await it.card(decided), "Approved by Ada", "ran, succeeded")
        await it.press("bob", card, "approve")
        assert (await late).text == "pay 5 to late"
        await it.repainted(card, "Approved by Bob", "ran, succeeded")
        assert (it.cards(decided)[1:], it.cards(waits)) == ([], [card])
        await until(lambda: delivers(it))
        assert "fail" not in await it.notices()
        assert [it.shop.seen(name) for name in ("early", "late")] == [1, 1]


async def is_ok(it: Office, check: str, *, ok: bool) -> bool:
    return (await it.check(check)).get("ok") is ok


async def delivers(it: Office) -> bool:
    return await it.check(DELIVERY) == {"id": DELIVERY, "ok": True, "text": "delivers"}


async def test_a_card_that_slack_took_without_saying_so_is_one_too_many_and_decides_nothing(tmp_path: Path) -> None:
    async with open_office(tmp_path) as it, it.shop.agent() as agent, asyncio.TaskGroup() as group:
        it.slack.fail("chat.postMessage", cut="after")
        called = group.create_task(agent.call("pay", payment("twice")))
        asked = await it.shop.ada.pending_of(to="twice")
        stray, kept = await it.slack.wait_for(lambda: two if len(two := it.cards(asked)) == 2 else None, seconds=30)
        # Until the place of the second one is saved, nobody can say which of the two it is.
        await until(lambda: is_ok(it, DELIVERY, ok=True))
        await it.press("ada", stray, "approve")
        await it.whispered("ada", "not the card that Placet keeps up to date")
        assert (await it.shop.ada.show(asked["id"]))["state"] == "pending"
        await it.press("ada", kept, "approve")
        assert (await called).code == "approved"
        await it.repainted(kept, "Approved by Ada", "ran, succeeded")
        assert actions(stray) == []
        assert it.shop.seen("twice") == 1


@pytest.mark.pain(21)
async def test_a_channel_the_app_is_not_in_is_told_with_what_to_do(tmp_path: Path) -> None:
    async with open_office(tmp_path) as it, it.shop.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("vault", payment("first")))
        asked = await it.shop.ada.pending_of(to="first")
        await until(lambda: is_ok(it, DELIVERY, ok=False))
        advice = f"The app is not in {VAULT}: type /invite @Placet there."
        assert advice in (await it.check(DELIVERY))["text"]
        assert advice in await it.notices()
        await it.shop.ada.approve(asked)
        assert (await called).text == "vault 5 to first"

        it.slack.channel(VAULT).members.add(it.slack.workspace.bot.id)
        called = group.create_task(agent.call("vault", payment("second")))
        card = await it.card(await it.shop.ada.pending_of(to="second"), VAULT)
        await it.press("ada", card, "approve")
        assert (await called).text == "vault 5 to second"
        await it.repainted(card, "Approved by Ada", "ran, succeeded")
        await until(lambda: delivers(it))


async def test_a_slack_that_is_down_at_the_start_stops_nothing(tmp_path: Path) -> None:
    async with closed_office(tmp_path) as it:
        it.slack.fail("*", status=500, times=None)
        await it.shop.placet.start()
        async with it.shop.agent() as agent, asyncio.TaskGroup() as group:
            called = group.create_task(agent.call("pay", payment("alone")))
            asked = await it.shop.ada.pending_of(to="alone")
            await until(lambda: is_ok(it, SOCKET, ok=False))
            await until(lambda: is_ok(it, DELIVERY, ok=False))
            assert "Nothing can be decided in Slack now: Slack is in trouble" in await it.notices()
            it.slack.heal()
            await it.slack.wait_for_connection()
            card = await it.card(asked)
            await it.press("ada", card, "approve")
            assert (await called).text == "pay 5 to alone"
        assert await it.check(SOCKET) == {}


@pytest.mark.pain(24)
async def test_a_line_that_broke_is_reported_and_comes_back(tmp_path: Path) -> None:
    async with open_office(tmp_path) as it, it.shop.agent() as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("pay", payment("broken line")))
        _, card = await it.asked("broken line")
        it.slack.fail("apps.connections.open", error="internal_error", times=None)
        it.slack.sockets.drop()
        await until(lambda: is_ok(it, SOCKET, ok=False))
        assert "Nothing can be decided in Slack now" in await it.notices()
        assert not (await it.press("ada", card, "approve")).acked
        assert it.shop.seen("broken line") == 0
        it.slack.heal()
        await it.slack.wait_for_connection()
        assert (await it.press("ada", card, "approve")).acked
        assert (await called).text == "pay 5 to broken line"
        assert it.shop.seen("broken line") == 1
