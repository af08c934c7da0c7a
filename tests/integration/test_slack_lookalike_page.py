"""The page of the look-alike of Slack: what one person sees, what they may do, and who is kept out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.fakes.slack_world import CARD, DENY_MODAL, World, http_app, open_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


@pytest.fixture
async def browser(world: World) -> AsyncIterator[ClientSession]:
    headers = {"X-Page-Key": world.slack.page_key}
    async with ClientSession(world.slack.url, headers=headers) as session:
        yield session


async def state(browser: ClientSession, person: str) -> dict[str, Any]:
    async with browser.get("/view/state", params={"as": person}) as response:
        assert response.status == 200
        return dict(await response.json())


async def act(browser: ClientSession, what: str, **body: Any) -> dict[str, Any]:
    async with browser.post(f"/view/{what}", json=body) as response:
        return {"status": response.status, **await response.json()}


async def test_the_page_says_what_it_is_and_allows_no_foreign_code(world: World, browser: ClientSession) -> None:
    async with browser.get("/") as response:
        html, policy = await response.text(), response.headers["Content-Security-Policy"]
    assert "Look-alike of Slack, for demos and tests" in html
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in html
    assert "style=" not in html


@pytest.mark.parametrize("name", ["page.css", "app.js", "mark.svg", "sans.ttf", "mono.ttf"])
async def test_the_files_of_the_page_are_served(browser: ClientSession, name: str) -> None:
    async with browser.get(f"/static/{name}") as response:
        assert response.status == 200
        assert await response.read()


@pytest.mark.parametrize("name", ["..%2Fpage.py", "nothing.js", "..%2f..%2f__init__.py", ".css"])
async def test_other_files_are_not(browser: ClientSession, name: str) -> None:
    async with browser.get(f"/static/{name}") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X-Page-Key": "guess"}, id="without the key"),
        pytest.param({"Origin": "https://evil.example"}, id="from another site"),
        pytest.param({"Host": "rebound.example"}, id="under another name"),
    ],
)
async def test_nobody_else_can_press_buttons(world: World, browser: ClientSession, headers: dict[str, str]) -> None:
    card = await world.post_card()
    body = {"as": world.ada.id, "channel": card.channel, "ts": card.ts, "action_id": "approve"}
    async with browser.post("/view/press", json=body, headers=headers) as response:
        assert response.status == 403
    assert world.slack.deliveries == []


async def test_a_form_of_another_site_is_not_json(world: World, browser: ClientSession) -> None:
    async with browser.post("/view/press", data={"as": world.ada.id}) as response:
        assert (response.status, (await response.json())["problem"]) == (400, "send JSON")


async def test_everybody_sees_their_own_workspace(world: World, browser: ClientSession) -> None:
    world.slack.add_channel("secret", members=[world.ada], is_private=True)
    await world.post_card()
    await world.client.chat_postEphemeral(channel=world.channel.id, user=world.eve.id, text="not yours")
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    await world.client.views_open(trigger_id=trigger, view=DENY_MODAL)
    await world.client.views_publish(user_id=world.eve.id, view={"type": "home", "blocks": CARD})
    ada, eve = await state(browser, world.ada.id), await state(browser, world.eve.id)
    assert ([c["name"] for c in ada["channels"]], [c["name"] for c in eve["channels"]]) == (
        ["approvals", "secret"],
        ["approvals"],
    )
    assert ([e["text"] for e in ada["ephemerals"]], [e["text"] for e in eve["ephemerals"]]) == ([], ["not yours"])
    assert (ada["modal"]["callback_id"], eve["modal"]) == ("deny", None)
    assert (ada["home"], eve["home"]["type"]) == (None, "home")


async def test_a_click_on_the_page_goes_the_same_way_as_any_other(world: World, browser: ClientSession) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        said = await act(
            browser, "press", **{"as": world.ada.id}, channel=card.channel, ts=card.ts, action_id="approve"
        )
    assert (said["status"], said["ok"]) == (200, True)
    assert app.seen[0]["user"]["id"] == world.ada.id


async def test_a_modal_is_filled_and_sent_from_the_page(world: World, browser: ClientSession) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    view = (await world.client.views_open(trigger_id=trigger, view=DENY_MODAL))["view"]["id"]
    who = {"as": world.ada.id}
    async with http_app(world) as app:
        assert not (await act(browser, "submit", **who, view_id=view, values={"reason": ""}))["ok"]
        shown = (await state(browser, world.ada.id))["modal"]
        assert set(shown["errors"]) == {"reason"}
        assert (await act(browser, "submit", **who, view_id=view, values={"reason": "no"}))["ok"]
    assert app.seen[0]["view"]["state"]["values"]["reason"]["text"]["value"] == "no"


async def test_nobody_closes_the_modal_of_somebody_else(world: World, browser: ClientSession) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    view = (await world.client.views_open(trigger_id=trigger, view=DENY_MODAL))["view"]["id"]
    said = await act(browser, "close", **{"as": world.eve.id}, view_id=view)
    assert (said["status"], said["problem"]) == (400, "this view is not open any more")
    assert world.slack.modal(world.ada) is not None


async def test_what_a_person_says_is_escaped_and_a_slash_is_a_command(world: World, browser: ClientSession) -> None:
    who = {"as": world.ada.id, "channel": world.channel.id}
    async with http_app(world) as app:
        await act(browser, "say", **who, text="<b>&")
        await act(browser, "say", **who, text="/approvals list all")
    assert [m.text for m in world.slack.messages("approvals")] == ["&lt;b&gt;&amp;"]
    assert (app.seen[0]["command"], app.seen[0]["text"]) == ("/approvals", "list all")


async def test_a_whisper_can_be_dismissed_by_whom_it_was_for(world: World, browser: ClientSession) -> None:
    answer = await world.client.chat_postEphemeral(channel=world.channel.id, user=world.ada.id, text="no")
    await act(browser, "dismiss", **{"as": world.eve.id}, ts=answer["message_ts"])
    assert len(world.slack.ephemerals) == 1
    await act(browser, "dismiss", **{"as": world.ada.id}, ts=answer["message_ts"])
    assert world.slack.ephemerals == []


async def test_the_stream_speaks_after_every_change(world: World, browser: ClientSession) -> None:
    async with browser.get("/view/events") as stream:
        first = json.loads((await stream.content.readline()).removeprefix(b"data: "))
        await stream.content.readline()
        await world.post_card()
        later = json.loads((await stream.content.readline()).removeprefix(b"data: "))
    assert later > first


async def test_an_unanswered_click_shows_a_warning_for_a_while(world: World, browser: ClientSession) -> None:
    card = await world.post_card()
    await world.slack.press(world.ada, card, "approve")
    assert "did not respond" in (await state(browser, world.ada.id))["notices"][0]
    assert (await state(browser, world.eve.id))["notices"] == []
    world.clock.advance(60)
    assert (await state(browser, world.ada.id))["notices"] == []
