"""Socket Mode of the look-alike of Slack, with the real slack-sdk client at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from approvals.testing.slack import Forgery, limits
from tests.fakes.slack_world import DENY_MODAL, World, open_world, socket_app


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


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


async def test_an_eleventh_connection_is_sent_away(world: World) -> None:
    async with ClientSession() as session:
        sockets = []
        for _ in range(limits.SOCKETS_PER_APP + 1):
            opened = await world.client.apps_connections_open(app_token=world.slack.app_token)
            sockets.append(await session.ws_connect(opened["url"]))
        said = [await socket.receive_json() for socket in sockets]
    assert [message["num_connections"] for message in said[:-1]] == list(range(1, 11))
    assert (said[-1]["type"], said[-1]["reason"]) == ("disconnect", "too_many_websockets")


async def test_switching_socket_mode_off_says_so_and_closes(world: World) -> None:
    async with ClientSession() as session:
        opened = await world.client.apps_connections_open(app_token=world.slack.app_token)
        async with session.ws_connect(opened["url"]) as socket:
            await socket.receive_json()
            async with asyncio.TaskGroup() as group:
                group.create_task(world.slack.sockets.disable())
                assert (await socket.receive_json())["reason"] == "link_disabled"
                assert (await socket.receive()).type.name == "CLOSE"


@pytest.mark.parametrize("text", ["not json", "[]", '{"envelope_id": "unknown"}'])
async def test_a_frame_that_acknowledges_nothing_is_ignored(world: World, text: str) -> None:
    card = await world.post_card()
    async with socket_app(world) as app:
        await app.client.send_message(text)
        assert (await world.slack.press(world.ada, card, "approve")).acked


async def test_a_connection_that_turned_ghost_is_replaced_by_the_client(world: World) -> None:
    card = await world.post_card()
    async with socket_app(world):
        first = world.slack.sockets.connections[0].number
        world.slack.sockets.haunt()

        def replaced() -> bool | None:
            return True if any(c.number > first for c in world.slack.sockets.connections) else None

        assert not (await world.slack.press(world.ada, card, "approve")).acked
        await world.slack.wait_for(replaced, "a new connection")


async def test_only_signed_posts_can_be_forged(world: World) -> None:
    card = await world.post_card()
    async with socket_app(world):
        with pytest.raises(ValueError, match="deliver_over"):
            await world.slack.press(world.ada, card, "approve", forge=Forgery.WRONG_SECRET)
