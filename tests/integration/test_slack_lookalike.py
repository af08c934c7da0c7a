"""The look-alike of Slack against the real slack-sdk client, unmodified."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientSession, ServerDisconnectedError, web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from approvals.testing.slack import Answer, Channel, Forgery, HandClock, LookalikeSlack, Message, User

CARD: list[dict[str, Any]] = [
    {"type": "header", "text": {"type": "plain_text", "text": "financial · pay", "emoji": False}},
    {"type": "section", "block_id": "facts", "text": {"type": "mrkdwn", "text": "*Agent* claude"}},
    {
        "type": "actions",
        "block_id": "answers",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "style": "primary",
                "value": "req_1 abc",
                "text": {"type": "plain_text", "text": "Approve"},
            },
            {
                "type": "overflow",
                "action_id": "more",
                "options": [{"text": {"type": "plain_text", "text": "Snooze"}, "value": "snooze"}],
            },
        ],
    },
]
DENY_MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "deny",
    "private_metadata": "req_1",
    "title": {"type": "plain_text", "text": "Deny"},
    "submit": {"type": "plain_text", "text": "Deny"},
    "close": {"type": "plain_text", "text": "Back"},
    "blocks": [
        {
            "type": "input",
            "block_id": "reason",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, "max_length": 500},
        }
    ],
}


@dataclass
class World:
    """A look-alike with two people and a channel."""

    slack: LookalikeSlack
    clock: HandClock
    ada: User
    eve: User
    channel: Channel
    client: AsyncWebClient

    async def post_card(self) -> Message:
        answer = await self.client.chat_postMessage(channel=self.channel.id, text="pay", blocks=CARD)
        return self.slack.workspace.messages[self.channel.id, answer["ts"]]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = HandClock()
    async with LookalikeSlack(clock=clock, ack_seconds=0.5) as slack:
        ada = slack.add_user("U01ADA", "Ada", "ada@example.com")
        eve = slack.add_user("U02EVE", "Eve", "eve@example.com", is_restricted=True)
        channel = slack.add_channel("approvals", members=[ada, eve])
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        yield World(slack, clock, ada, eve, channel, client)


@dataclass
class HttpApp:
    """An app on Request URLs that checks signatures as slack-sdk does and answers what a test says."""

    verifier: SignatureVerifier
    answer: dict[str, Any] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    status: int = 200

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            valid = self.verifier.is_valid_request(body, dict(request.headers))
        except (TypeError, ValueError):
            valid = False
        if not valid:
            self.refused += 1
            return web.Response(status=401)
        fields = await request.post()
        self.seen.append(json.loads(str(fields["payload"])) if "payload" in fields else dict(fields))
        if self.answer is not None:
            return web.json_response(self.answer)
        return web.Response(status=self.status)


@asynccontextmanager
async def http_app(world: World) -> AsyncIterator[HttpApp]:
    app = HttpApp(SignatureVerifier(world.slack.signing_secret, clock=_SdkClock(world.clock)))
    site = web.Application()
    site.router.add_post("/slack/{kind}", app.handle)
    runner = web.AppRunner(site, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.slack.deliver_over("http", url=f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield app
    finally:
        await runner.cleanup()


class _SdkClock(Clock):
    def __init__(self, clock: HandClock) -> None:
        self.clock = clock

    def now(self) -> float:
        return self.clock()


@dataclass
class SocketApp:
    """An app on Socket Mode that acknowledges (or not) with what a test says."""

    client: SocketModeClient
    answer: dict[str, Any] | None = None
    silent: bool = False
    seen: list[SocketModeRequest] = field(default_factory=list)

    async def handle(self, _: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.seen.append(request)
        if not self.silent:
            await self.client.send_socket_mode_response(SocketModeResponse(request.envelope_id, self.answer))


@asynccontextmanager
async def socket_app(world: World) -> AsyncIterator[SocketApp]:
    client = SocketModeClient(app_token=world.slack.app_token, web_client=world.client, ping_interval=0.1)
    app = SocketApp(client)
    client.socket_mode_request_listeners.append(app.handle)
    await client.connect()  # type: ignore[no-untyped-call]  # slack-sdk does not annotate it
    await world.slack.wait_for_connection()
    try:
        yield app
    finally:
        await client.close()  # type: ignore[no-untyped-call]  # slack-sdk does not annotate it


async def refused(call: Any) -> Any:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response


# the Web API


async def test_a_posted_card_is_there_with_ids_and_defaults_filled_in(world: World) -> None:
    answer = await world.client.chat_postMessage(channel="#approvals", text="pay", blocks=CARD)
    message = await world.slack.wait_for_message("#approvals")
    assert (answer["channel"], answer["ts"]) == (world.channel.id, message.ts)
    assert answer["message"]["bot_id"] == world.slack.workspace.bot_id
    assert all(block["block_id"] for block in message.blocks)
    assert message.blocks[1]["text"] == {"type": "mrkdwn", "text": "*Agent* claude", "verbatim": False}


async def test_two_messages_at_the_same_instant_have_different_timestamps(world: World) -> None:
    stamps = [(await world.post_card()).ts for _ in range(3)]
    assert len(set(stamps)) == 3
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("encoding", ["json", "form"])
async def test_json_and_form_bodies_mean_the_same(world: World, encoding: str) -> None:
    args: dict[str, Any] = {"channel": world.channel.id, "text": "hi", "blocks": CARD}
    if encoding == "json":
        await world.client.api_call("chat.postMessage", json=args)
    else:
        await world.client.api_call("chat.postMessage", data={**args, "blocks": json.dumps(CARD)})
    assert world.slack.messages("approvals")[0].blocks[0]["text"]["text"] == "financial · pay"


async def test_an_update_replaces_the_blocks_and_keeps_what_was_before(world: World) -> None:
    card = await world.post_card()
    done = [{"type": "section", "text": {"type": "plain_text", "text": "approved"}}]
    await world.client.chat_update(channel=card.channel, ts=card.ts, text="approved", blocks=done)
    assert card.text == "approved"
    assert [block["type"] for block in card.blocks] == ["section"]
    assert card.history[0]["text"] == "pay"


async def test_an_update_without_blocks_keeps_the_blocks(world: World) -> None:
    card = await world.post_card()
    await world.client.chat_update(channel=card.channel, ts=card.ts, text="new")
    assert len(card.blocks) == len(CARD)


@pytest.mark.parametrize(
    ("token", "method", "error"),
    [
        pytest.param("none", "auth.test", "not_authed", id="no token"),
        pytest.param("wrong", "auth.test", "invalid_auth", id="unknown token"),
        pytest.param("app", "chat.postMessage", "not_allowed_token_type", id="app token for a bot method"),
        pytest.param("bot", "apps.connections.open", "not_allowed_token_type", id="bot token for the socket"),
        pytest.param("bot", "chat.shout", "unknown_method", id="no such method"),
    ],
)
async def test_tokens_speak_only_for_what_they_are_for(world: World, token: str, method: str, error: str) -> None:
    tokens = {"none": None, "wrong": "xoxb-1", "app": world.slack.app_token, "bot": world.slack.bot_token}
    client = AsyncWebClient(token=tokens[token], base_url=world.slack.api_url)
    response = await refused(client.api_call(method))
    assert response.status_code == 200
    assert response["error"] == error


async def test_a_missing_scope_is_named_beside_the_ones_there_are() -> None:
    async with LookalikeSlack(scopes={"chat:write"}) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        response = await refused(client.users_info(user="U1"))
    assert (response["error"], response["needed"], response["provided"]) == (
        "missing_scope",
        "users:read",
        "chat:write",
    )
    assert response.headers["x-oauth-scopes"] == "chat:write"


async def test_every_refusal_of_posting_has_its_own_name(world: World) -> None:
    world.slack.add_channel("elsewhere", bot_is_member=False)
    world.slack.add_channel("secret", bot_is_member=False, is_private=True)
    world.slack.add_channel("old", is_archived=True)
    post = world.client.chat_postMessage
    assert (await refused(post(channel="#elsewhere", text="x")))["error"] == "not_in_channel"
    assert (await refused(post(channel="#secret", text="x")))["error"] == "channel_not_found"
    assert (await refused(post(channel="#old", text="x")))["error"] == "is_archived"
    assert (await refused(post(channel="#nowhere", text="x")))["error"] == "channel_not_found"
    assert (await refused(world.client.api_call("chat.postMessage", data={"channel": "#approvals"})))[
        "error"
    ] == "no_text"


async def test_every_refusal_of_updating_has_its_own_name(world: World) -> None:
    card = await world.post_card()
    said = Message(channel=card.channel, ts=world.slack.workspace.next_ts(), user=world.ada.id, text="hi", by_app=False)
    world.slack.workspace.add_message(said)
    update = world.client.chat_update
    assert (await refused(update(channel=card.channel, ts="1.2", text="x")))["error"] == "message_not_found"
    assert (await refused(update(channel="#approvals", ts=card.ts, text="x")))["error"] == "channel_not_found"
    assert (await refused(update(channel=card.channel, ts=said.ts, text="x")))["error"] == "cant_update_message"
    assert (await refused(update(channel=card.channel, ts=card.ts, text="x" * 4001)))["error"] == "msg_too_long"


@pytest.mark.parametrize("call", ["chat.postMessage", "chat.update"])
async def test_an_oversize_card_is_refused_on_post_and_on_update(world: World, call: str) -> None:
    card = await world.post_card()
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3001}}]
    args = {"channel": card.channel, "ts": card.ts, "text": "x", "blocks": blocks}
    response = await refused(world.client.api_call(call, json=args))
    assert response["error"] == "invalid_blocks"
    assert "must be less than 3001 characters [json-pointer:/blocks/0/text/text]" in response["errors"]
    assert response["response_metadata"]["messages"][0].startswith("[ERROR] failed to match all allowed schemas")


async def test_blocks_that_are_fine_alone_can_be_too_much_together(world: World) -> None:
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": "x" * 2900}} for _ in range(5)]
    response = await refused(world.client.chat_postMessage(channel=world.channel.id, text="x", blocks=blocks))
    assert response["error"] == "msg_blocks_too_long"


async def test_posting_faster_than_one_a_second_is_refused_with_a_pause(world: World) -> None:
    for _ in range(4):
        await world.post_card()
    response = await refused(world.client.chat_postMessage(channel=world.channel.id, text="x"))
    assert (response.status_code, response["error"]) == (429, "ratelimited")
    assert response.headers["Retry-After"] == "1"
    world.clock.advance(1)
    await world.post_card()
    assert len(world.slack.messages("approvals")) == 5


async def test_people_are_found_by_id_and_by_address_but_not_when_deactivated(world: World) -> None:
    world.slack.add_user("U03", "Gone", "gone@example.com", deleted=True)
    info = (await world.client.users_info(user="U02EVE"))["user"]
    assert (info["is_restricted"], info["profile"]["email"]) == (True, "eve@example.com")
    assert (await world.client.users_lookupByEmail(email="ADA@example.com"))["user"]["id"] == "U01ADA"
    assert (await refused(world.client.users_lookupByEmail(email="gone@example.com")))["error"] == "users_not_found"
    assert (await refused(world.client.users_info(user="U99")))["error"] == "user_not_found"


async def test_conversations_and_groups_answer(world: World) -> None:
    group = world.slack.add_group("sec-oncall", [world.ada])
    opened = (await world.client.conversations_open(users=[world.ada.id]))["channel"]["id"]
    posted = await world.client.chat_postMessage(channel=world.ada.id, text="hello")
    info = (await world.client.conversations_info(channel=world.channel.id))["channel"]
    members = await world.client.conversations_members(channel=world.channel.id, limit=2)
    assert posted["channel"] == opened
    assert (info["name"], info["is_member"]) == ("approvals", True)
    assert (len(members["members"]), members["response_metadata"]["next_cursor"]) == (2, "2")
    assert (await world.client.usergroups_users_list(usergroup=group.id))["users"] == [world.ada.id]


async def test_a_file_is_uploaded_in_three_steps(world: World) -> None:
    result = await world.client.files_upload_v2(
        channel=world.channel.id, filename="call.json", content='{"a": 1}', initial_comment="all arguments"
    )
    message = await world.slack.wait_for_message("approvals", lambda m: bool(m.file_ids))
    assert world.slack.workspace.files[result["files"][0]["id"]].content == b'{"a": 1}'
    assert message.text == "all arguments"


async def test_blocks_validate_points_at_what_is_wrong(world: World) -> None:
    assert (await world.client.blocks_validate(blocks=CARD))["ok"]
    response = await refused(world.client.blocks_validate(blocks=[{"type": "header"}]))
    assert response["error"] == "invalid_blocks"
    assert response["errors"][0]["pointer"] == "/0"


async def test_an_ephemeral_is_seen_by_one_member_and_can_not_be_updated(world: World) -> None:
    answer = await world.client.chat_postEphemeral(channel=world.channel.id, user=world.ada.id, text="no")
    assert [(e.user, e.text) for e in world.slack.ephemerals] == [(world.ada.id, "no")]
    update = world.client.chat_update(channel=world.channel.id, ts=answer["message_ts"], text="x")
    assert (await refused(update))["error"] == "message_not_found"
    world.slack.add_user("U04", "Out")
    outsider = world.client.chat_postEphemeral(channel=world.channel.id, user="U04", text="no")
    assert (await refused(outsider))["error"] == "user_not_in_channel"


async def test_a_permalink_names_the_message_and_delete_removes_it(world: World) -> None:
    card = await world.post_card()
    link = (await world.client.chat_getPermalink(channel=card.channel, message_ts=card.ts))["permalink"]
    assert link == f"{world.slack.url}/archives/{card.channel}/p{card.ts.replace('.', '')}"
    await world.client.chat_delete(channel=card.channel, ts=card.ts)
    assert world.slack.messages("approvals") == []


# modals and Home


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


# interactions over Socket Mode


async def test_a_click_is_acknowledged_over_the_socket(world: World) -> None:
    card = await world.post_card()
    async with socket_app(world) as app:
        answer = await world.slack.press(world.ada, card, "approve")
    assert answer.acked
    assert (app.seen[0].type, app.seen[0].accepts_response_payload) == ("interactive", True)
    assert app.seen[0].payload["actions"][0]["action_id"] == "approve"
    assert world.slack.sockets.unacked == {}


async def test_the_acknowledgement_can_carry_errors_for_a_submission(world: World) -> None:
    trigger = world.slack.workspace.new_trigger(world.ada.id)
    await world.client.views_open(trigger_id=trigger, view=DENY_MODAL)
    view = await world.slack.wait_for_modal(world.ada)
    async with socket_app(world) as app:
        app.answer = {"response_action": "errors", "errors": {"reason": "say more"}}
        await world.slack.submit(view, {"reason": "no"})
    assert view.errors == {"reason": "say more"}


async def test_hello_counts_the_connections_and_pings_are_answered(world: World) -> None:
    async with ClientSession() as session:
        opened = await world.client.apps_connections_open(app_token=world.slack.app_token)
        async with session.ws_connect(opened["url"]) as socket:
            hello = await socket.receive_json()
            async with asyncio.TaskGroup() as group:
                pinging = group.create_task(world.slack.sockets.ping())
                reading = group.create_task(socket.receive())
                await pinging
                reading.cancel()
    assert (hello["type"], hello["num_connections"]) == ("hello", 1)
    assert hello["connection_info"] == {"app_id": world.slack.workspace.app_id}


async def test_a_ticket_opens_one_connection(world: World) -> None:
    opened = await world.client.apps_connections_open(app_token=world.slack.app_token)
    async with ClientSession() as session:
        async with session.ws_connect(opened["url"]):
            await world.slack.wait_for_connection()
        async with session.get(opened["url"].replace("ws://", "http://")) as again:
            assert again.status == 403


async def test_an_envelope_without_an_answer_is_kept_as_unacked(world: World) -> None:
    card = await world.post_card()
    async with socket_app(world) as app:
        app.silent = True
        answer = await world.slack.press(world.ada, card, "approve")
    assert not answer.acked
    assert list(world.slack.sockets.unacked) == [app.seen[0].envelope_id]


async def test_the_same_envelope_can_come_twice(world: World) -> None:
    card = await world.post_card()
    async with socket_app(world) as app:
        await world.slack.press(world.ada, card, "approve")
        await world.slack.repeat(world.slack.deliveries[0])
    assert app.seen[0].envelope_id == app.seen[1].envelope_id


async def test_a_ghost_swallows_every_other_click(world: World) -> None:
    card = await world.post_card()
    async with socket_app(world) as app:
        world.slack.sockets.add_ghost()
        answers = [await world.slack.press(world.ada, card, "approve") for _ in range(4)]
    assert sorted(answer.acked for answer in answers) == [False, False, True, True]
    assert len(app.seen) == 2


@pytest.mark.parametrize("how", ["refresh", "warn", "drop"])
async def test_the_client_comes_back_after_its_connection_ends(world: World, how: str) -> None:
    card = await world.post_card()
    async with socket_app(world) as app:
        first = world.slack.sockets.connections[0].number
        if how == "drop":
            world.slack.sockets.drop()
        else:
            await getattr(world.slack.sockets, how)()

        def back() -> bool | None:
            numbers = [connection.number for connection in world.slack.sockets.connections]
            return True if numbers and first not in numbers else None

        await world.slack.wait_for(back, "a new connection")
        answer = await world.slack.press(world.ada, card, "approve")
    assert answer.acked
    assert len(app.seen) == 1


async def test_without_a_connection_the_click_is_lost_at_once(world: World) -> None:
    card = await world.post_card()
    answer = await world.slack.press(world.ada, card, "approve")
    assert answer.problem == "the app is not connected"


async def test_opening_home_is_an_event(world: World) -> None:
    async with socket_app(world) as app:
        await world.slack.open_home(world.ada)
    assert (app.seen[0].type, app.seen[0].payload["event"]["type"]) == ("events_api", "app_home_opened")
    assert app.seen[0].payload["event"]["user"] == world.ada.id


# what goes wrong on purpose


@pytest.mark.parametrize(
    ("how", "status", "error"),
    [
        pytest.param({"error": "fatal_error"}, 200, "fatal_error", id="ok false"),
        pytest.param({"status": 500}, 500, "fatal_error", id="500"),
        pytest.param({"retry_after": 30}, 429, "ratelimited", id="429"),
    ],
)
async def test_a_method_fails_once_as_told(world: World, how: dict[str, Any], status: int, error: str) -> None:
    world.slack.fail("chat.postMessage", **how)
    response = await refused(world.client.chat_postMessage(channel=world.channel.id, text="x"))
    assert (response.status_code, response["error"]) == (status, error)
    assert (await world.client.chat_postMessage(channel=world.channel.id, text="x"))["ok"]
    assert [call.error for call in world.slack.calls_of("chat.postMessage")] == [error, None]


async def test_a_connection_cut_after_accepting_leaves_the_message(world: World) -> None:
    world.slack.fail("chat.postMessage", cut="after")
    with pytest.raises(ServerDisconnectedError):
        await world.client.chat_postMessage(channel=world.channel.id, text="once")
    assert [m.text for m in world.slack.messages("approvals")] == ["once"]
    world.slack.fail("chat.postMessage", cut="before")
    with pytest.raises(ServerDisconnectedError):
        await world.client.chat_postMessage(channel=world.channel.id, text="never")
    assert [m.text for m in world.slack.messages("approvals")] == ["once"]


async def test_a_held_call_goes_on_when_released(world: World) -> None:
    gate = world.slack.hold("chat.postMessage")
    async with asyncio.TaskGroup() as group:
        posting = group.create_task(world.client.chat_postMessage(channel=world.channel.id, text="slow"))
        await gate.reached.wait()
        assert world.slack.messages("approvals") == []
        gate.release()
        assert (await posting)["ok"]


async def test_waiting_in_vain_says_what_there_is(world: World) -> None:
    await world.post_card()
    with pytest.raises(TimeoutError, match=r"no such message in approvals[\s\S]*'pay'"):
        await world.slack.wait_for_message("approvals", lambda m: m.text == "other", seconds=0.01)
