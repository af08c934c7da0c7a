"""The Web API of the look-alike of Slack, called by the real slack-sdk client, unmodified."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError
from slack_sdk.web.async_client import AsyncWebClient

from approvals.testing.slack import LookalikeSlack, Message
from tests.fakes.slack_world import CARD, World, open_world, refused


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


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
