"""Modals, Home and what people do, delivered as signed posts, on the look-alike of Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from slack_sdk.webhook.async_client import AsyncWebhookClient

from approvals.testing.slack import Answer, Forgery
from tests.fakes.slack_world import CARD, DENY_MODAL, World, http_app, open_world, refused


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


async def test_a_trigger_opens_one_modal_within_three_seconds(world: World) -> None:
    first, late = (world.slack.workspace.new_trigger(world.ada.id) for _ in range(2))
    await world.client.views_open(trigger_id=first, view=DENY_MODAL)
    assert (await refused(world.client.views_open(trigger_id=first, view=DENY_MODAL)))["error"] == (
        "exchanged_trigger_id"
    )
    world.clock.advance(3.1)
    assert (await refused(world.client.views_open(trigger_id=late, view=DENY_MODAL)))["error"] == ("expired_trigger_id")
    assert (await refused(world.client.views_open(trigger_id="1.2.x", view=DENY_MODAL)))["error"] == (
        "invalid_trigger_id"
    )


async def test_modals_stack_three_high(world: World) -> None:
    def trigger() -> str:
        return world.slack.workspace.new_trigger(world.ada.id)

    root = (await world.client.views_open(trigger_id=trigger(), view=DENY_MODAL))["view"]
    second = (await world.client.views_push(trigger_id=trigger(), view=DENY_MODAL))["view"]
    await world.client.views_push(trigger_id=trigger(), view=DENY_MODAL)
    assert (second["root_view_id"], second["previous_view_id"]) == (root["id"], root["id"])
    response = await refused(world.client.views_push(trigger_id=trigger(), view=DENY_MODAL))
    assert response["error"] == "push_limit_reached"
    assert len(world.slack.views) == 3


async def test_the_hash_guards_an_update(world: World) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    view = (await world.client.views_open(trigger_id=trigger, view=DENY_MODAL))["view"]
    await world.client.views_update(view_id=view["id"], hash=view["hash"], view=DENY_MODAL)
    again = world.client.views_update(view_id=view["id"], hash=view["hash"], view=DENY_MODAL)
    assert (await refused(again))["error"] == "hash_conflict"
    assert (await refused(world.client.views_update(view_id="V0", view=DENY_MODAL)))["error"] == "not_found"


async def test_a_view_that_breaks_a_limit_is_refused_and_keeps_the_trigger(world: World) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    long = {**DENY_MODAL, "title": {"type": "plain_text", "text": "x" * 25}}
    response = await refused(world.client.views_open(trigger_id=trigger, view=long))
    assert response["error"] == "invalid_arguments"
    assert (
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
        in (response["response_metadata"]["messages"])
    )
    assert (await world.client.views_open(trigger_id=trigger, view=DENY_MODAL))["ok"]


async def test_home_is_one_per_person(world: World) -> None:
    home = {"type": "home", "blocks": CARD}
    first = (await world.client.views_publish(user_id=world.ada.id, view=home))["view"]
    second = (await world.client.views_publish(user_id=world.ada.id, view=home, hash=first["hash"]))["view"]
    assert first["id"] == second["id"]
    stale = world.client.views_publish(user_id=world.ada.id, view=home, hash=first["hash"])
    assert (await refused(stale))["error"] == "hash_conflict"
    assert world.slack.home(world.eve) is None


# interactions over HTTP


async def test_a_click_arrives_signed_and_in_slacks_shape(world: World) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        answer = await world.slack.press(world.ada, card, "approve")
    payload = app.seen[0]
    assert answer == Answer(acked=True, status=200)
    assert payload["type"] == "block_actions"
    assert payload["actions"][0] | {"action_ts": ""} == {
        "type": "button",
        "action_id": "approve",
        "block_id": "answers",
        "value": "req_1 abc",
        "style": "primary",
        "text": {"type": "plain_text", "text": "Approve", "emoji": True},
        "action_ts": "",
    }
    assert payload["container"] == {
        "type": "message",
        "message_ts": card.ts,
        "channel_id": card.channel,
        "is_ephemeral": False,
    }
    assert payload["channel"] == {"id": card.channel, "name": "approvals"}
    assert payload["user"]["id"] == world.ada.id
    assert payload["team"]["id"] == payload["user"]["team_id"] == world.slack.workspace.team_id
    assert payload["message"]["ts"] == card.ts
    assert payload["response_url"].startswith(world.slack.url)


async def test_an_overflow_says_which_option_was_chosen(world: World) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        await world.slack.press(world.ada, card, "more", choice="snooze")
    assert app.seen[0]["actions"][0]["selected_option"]["value"] == "snooze"


@pytest.mark.parametrize("how", list(Forgery))
async def test_no_forged_post_passes_the_verifier_of_slack_sdk(world: World, how: Forgery) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        answer = await world.slack.press(world.ada, card, "approve", forge=how)
    assert (answer.acked, answer.status) == (False, 401)
    assert (app.refused, app.seen) == (1, [])


async def test_a_replay_carries_the_same_bytes_and_ages(world: World) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        await world.slack.press(world.ada, card, "approve")
        sent = world.slack.deliveries[0]
        assert (await world.slack.repeat(sent)).acked
        world.clock.advance(301)
        assert (await world.slack.repeat(sent)).status == 401
    assert app.seen[0] == app.seen[1]
    assert world.slack.deliveries[1].body == sent.body


async def test_a_person_sees_a_warning_when_the_app_does_not_answer(world: World) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        app.status = 503
        answer = await world.slack.press(world.ada, card, "approve")
    assert (answer.acked, answer.status) == (False, 503)
    assert world.slack.notices[0].user == world.ada.id


async def test_a_submission_carries_what_was_typed_and_closes_the_modal(world: World) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    await world.client.views_open(trigger_id=trigger, view=DENY_MODAL)
    view = await world.slack.wait_for_modal(world.ada)
    async with http_app(world) as app:
        await world.slack.submit(view, {"reason": "too much"})
    sent = app.seen[0]
    assert (sent["type"], sent["view"]["private_metadata"], sent["view"]["hash"]) == (
        "view_submission",
        "req_1",
        view.hash,
    )
    assert sent["view"]["state"]["values"] == {"reason": {"text": {"type": "plain_text_input", "value": "too much"}}}
    assert world.slack.modal(world.ada) is None


async def test_an_empty_required_field_never_reaches_the_app(world: World) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    await world.client.views_open(trigger_id=trigger, view=DENY_MODAL)
    view = await world.slack.wait_for_modal(world.ada)
    async with http_app(world) as app:
        assert not (await world.slack.submit(view)).acked
        assert not (await world.slack.submit(view, {"text": "x" * 501})).acked
    assert (app.seen, set(view.errors)) == ([], {"reason"})


@pytest.mark.parametrize(
    ("answer", "depth", "title"),
    [
        pytest.param({"response_action": "errors", "errors": {"reason": "say more"}}, 1, "Deny", id="errors"),
        pytest.param(
            {"response_action": "update", "view": {**DENY_MODAL, "title": {"type": "plain_text", "text": "New"}}},
            1,
            "New",
            id="update",
        ),
        pytest.param(
            {"response_action": "push", "view": {**DENY_MODAL, "title": {"type": "plain_text", "text": "Top"}}},
            2,
            "Top",
            id="push",
        ),
        pytest.param({"response_action": "clear"}, 0, None, id="clear"),
    ],
)
async def test_the_answer_to_a_submission_is_followed(
    world: World, answer: dict[str, Any], depth: int, title: str | None
) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    await world.client.views_open(trigger_id=trigger, view=DENY_MODAL)
    view = await world.slack.wait_for_modal(world.ada)
    async with http_app(world) as app:
        app.answer = answer
        await world.slack.submit(view, {"reason": "no"})
    top = world.slack.modal(world.ada)
    assert len(world.slack.views) == depth
    assert (top.body["title"]["text"] if top else None) == title
    assert view.errors == answer.get("errors", {})


async def test_errors_for_a_field_that_is_not_there_are_a_bug_of_the_app(world: World) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    await world.client.views_open(trigger_id=trigger, view=DENY_MODAL)
    view = await world.slack.wait_for_modal(world.ada)
    async with http_app(world) as app:
        app.answer = {"response_action": "errors", "errors": {"nowhere": "x"}}
        answer = await world.slack.submit(view, {"reason": "no"})
    assert not answer.acked
    assert "invalid_errors" in str(answer.problem)


async def test_a_closed_modal_is_reported_only_when_asked_for(world: World) -> None:
    async with http_app(world) as app:
        for notify in (False, True):
            trigger = world.slack.workspace.new_trigger(world.ada.id)
            await world.client.views_open(trigger_id=trigger, view={**DENY_MODAL, "notify_on_close": notify})
            await world.slack.close(await world.slack.wait_for_modal(world.ada))
    assert [payload["type"] for payload in app.seen] == ["view_closed"]
    assert world.slack.views == []


async def test_a_slash_command_is_a_form_and_its_answer_is_shown_to_one(world: World) -> None:
    async with http_app(world) as app:
        app.answer = {"text": "nothing is waiting"}
        await world.slack.command(world.ada, "#approvals", "/approvals", "list")
    assert (app.seen[0]["command"], app.seen[0]["text"], app.seen[0]["user_id"]) == ("/approvals", "list", "U01ADA")
    assert [(e.user, e.text) for e in world.slack.ephemerals] == [("U01ADA", "nothing is waiting")]


async def test_a_response_url_works_five_times_and_half_an_hour(world: World) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        await world.slack.press(world.ada, card, "approve")
        await world.slack.press(world.ada, card, "approve")
    busy, late = (AsyncWebhookClient(payload["response_url"]) for payload in app.seen)
    for _ in range(5):
        assert (await busy.send(text="not yours", response_type="ephemeral")).status_code == 200
    assert (await busy.send(text="again")).body == '{"ok": false, "error": "used_url"}'
    world.clock.advance(1801)
    assert (await late.send(text="late")).status_code == 404
    assert [e.user for e in world.slack.ephemerals] == [world.ada.id] * 5


async def test_a_response_url_can_replace_the_message_it_came_from(world: World) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        await world.slack.press(world.ada, card, "approve")
    await AsyncWebhookClient(app.seen[0]["response_url"]).send(text="done", replace_original=True)
    assert (card.text, card.blocks) == ("done", [])


async def test_a_request_url_counts_when_the_challenge_comes_back(world: World) -> None:
    async with http_app(world) as app:
        assert not (await world.slack.verify_url()).acked
        app.echoes_challenge = True
        assert (await world.slack.verify_url()).acked


async def test_a_repeated_event_says_which_time_it_is(world: World) -> None:
    async with http_app(world) as app:
        await world.slack.event({"type": "app_home_opened", "user": world.ada.id}, retry=2)
    assert app.seen[0]["event"]["user"] == world.ada.id
    assert world.slack.deliveries[0].headers["X-Slack-Retry-Num"] == "2"


async def test_nobody_presses_what_they_can_not_see_or_what_is_not_there(world: World) -> None:
    card = await world.post_card()
    outsider = world.slack.add_user("U09", "Out")
    with pytest.raises(PermissionError, match="not in the channel"):
        await world.slack.press(outsider, card, "approve")
    with pytest.raises(LookupError, match="there is approve, more"):
        await world.slack.press(world.ada, card, "launch")
    with pytest.raises(LookupError, match="it has snooze"):
        await world.slack.press(world.ada, card, "more", choice="launch")


async def test_a_click_in_an_ephemeral_carries_no_message(world: World) -> None:
    await world.client.chat_postEphemeral(channel=world.channel.id, user=world.ada.id, text="x", blocks=CARD)
    async with http_app(world) as app:
        await world.slack.press(world.ada, world.slack.ephemerals[0], "approve")
    assert app.seen[0]["container"]["is_ephemeral"] is True
    assert "message" not in app.seen[0]


async def test_a_message_shortcut_names_its_message(world: World) -> None:
    card = await world.post_card()
    async with http_app(world) as app:
        await world.slack.shortcut(world.ada, card, "find_approval")
    assert (app.seen[0]["type"], app.seen[0]["message"]["ts"]) == ("message_action", card.ts)


async def test_an_answer_to_a_command_that_breaks_a_limit_is_not_shown(world: World) -> None:
    async with http_app(world) as app:
        app.answer = {"text": "x", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}
        answer = await world.slack.command(world.ada, "#approvals", "/approvals")
    assert answer.problem == "the answer to the command was refused: invalid_blocks"
    assert world.slack.ephemerals == []
