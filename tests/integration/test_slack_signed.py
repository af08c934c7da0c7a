"""The Request URLs: honest posts work, everything else gets a plain refusal and never a trace."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession

from approvals.access import Access, access_of
from approvals.channels.slack import SlackChannel, SlackConfig
from approvals.channels.slack_http import BODY_MAX
from approvals.channels.slack_payloads import Who
from approvals.channels.slack_people import SlackPeople
from approvals.channels.slack_signing import Signatures
from approvals.domain.model import State
from approvals.errors import Unavailable
from approvals.sweeper import Sweeper
from approvals.testing.slack import Forgery, HandClock
from approvals.testing.slack.signing import signed
from gateway.once import Once
from tests.fakes.slack_office import Office, listening, office
from tests.integration.test_slack_more import choose

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.fixture
async def at(sqlite_url: str) -> AsyncIterator[Office]:
    async with office(sqlite_url, way="http") as opened:
        yield opened


async def always(word: str, until: datetime) -> bool:
    return True


def url(at: Office, path: str) -> str:
    route = at.slack._courier.http
    assert route is not None
    return str(getattr(route.urls, path))


async def post(at: Office, path: str, body: bytes, headers: dict[str, str] | None = None, **wrong: str) -> int:
    """Post a body, signed honestly unless said otherwise; says the status."""
    kind = JSON if path == "events" else FORM
    sent = signed(at.slack.signing_secret, at.slack.workspace.clock(), body, kind) if headers is None else headers
    # aiohttp warns of large bodies that are not files.
    data = io.BytesIO(body)
    async with ClientSession() as session, session.post(url(at, path), data=data, headers={**sent, **wrong}) as answer:
        text = await answer.text()
        assert "Traceback" not in text
        return answer.status


@pytest.mark.parametrize("how", list(Forgery))
async def test_a_forged_post_is_refused_and_decides_nothing(at: Office, how: Forgery) -> None:
    asked, card = await at.asked()
    answer = await at.slack.press(at.people["ada"], card, "approve", forge=how)
    assert (answer.acked, answer.status) == (False, 401)
    assert (await at.at.now(asked)).state is State.PENDING


@pytest.mark.parametrize("how", list(Forgery))
async def test_forged_events_and_commands_are_refused_too(at: Office, how: Forgery) -> None:
    answer = await at.slack.event({"type": "app_home_opened", "tab": "home", "user": "U01ADA"}, forge=how)
    assert answer.status == 401


async def test_a_replayed_post_is_refused(at: Office) -> None:
    asked, card = await at.asked()
    await at.slack.press(at.people["ada"], card, "approve")
    again = await at.slack.repeat(at.slack.deliveries[-1])
    assert again.status == 401
    assert len((await at.at.now(asked)).votes) == 1


@pytest.mark.parametrize("choice", ["extend", "comment"])
async def test_a_post_is_taken_once_over_a_restart(at: Office, choice: str) -> None:
    asked, card = await at.asked()
    await choose(at, card, choice)
    if choice == "comment":
        await at.slack.submit(await at.slack.wait_for_modal(at.people["ada"]), {"words": "once only"})
    before = await at.at.ledger(asked)
    assert len(before) == 2
    config = SlackConfig(
        bot_token=at.slack.bot_token, channel="#money", signing_secret=at.slack.signing_secret, api_url=at.slack.api_url
    )
    again = SlackChannel(config, desk=at.at.another("two"), page=str, first=Once(at.at.db).first)
    async with listening(again, at.slack, "http"):
        replay = replace(at.slack.deliveries[-1], url=url(at, "interactions"))
        assert (await at.slack.repeat(replay)).status == 401
    assert await at.at.ledger(asked) == before


async def test_the_challenge_is_answered_only_when_signed(at: Office) -> None:
    assert (await at.slack.verify_url()).acked
    assert await post(at, "events", b'{"type":"url_verification","challenge":"x"}', {"Content-Type": JSON}) == 401


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"payload", id="no value"),
        pytest.param(b"payload=%7B", id="cut JSON"),
        pytest.param(b"payload=[]", id="not an object"),
        pytest.param(b"payload={}", id="an empty object"),
        pytest.param(b"payload={}&payload={}", id="a field twice"),
        pytest.param(b"other=1", id="another field"),
        pytest.param(b"payload=%ff", id="not UTF-8 inside"),
        pytest.param(b"&".join([b"a=1"] * 50), id="too many fields"),
        pytest.param(urlencode({"payload": "[" * 100_000}).encode(), id="deep"),
        pytest.param(urlencode({"payload": json.dumps({"type": "block_actions"})}).encode(), id="no actions"),
        pytest.param(urlencode({"payload": json.dumps({"type": "view_submission", "view": 1})}).encode(), id="no view"),
    ],
)
async def test_a_signed_body_that_is_not_slacks_is_a_bad_request(at: Office, body: bytes) -> None:
    assert await post(at, "interactions", body) == 400


async def test_a_body_that_is_not_text_is_refused_unread(at: Office) -> None:
    assert await post(at, "interactions", b"payload=\xff\xfe") == 401


@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b'{"type":1}', b'{"type":"event_callback"}'])
async def test_an_event_that_is_none_is_a_bad_request(at: Office, body: bytes) -> None:
    assert await post(at, "events", body) == 400


async def test_an_event_nobody_listens_to_is_acknowledged(at: Office) -> None:
    assert (await at.slack.event({"type": "message", "user": "U01ADA"})).acked


async def test_a_body_over_the_cap_is_refused_before_it_is_judged(at: Office) -> None:
    assert await post(at, "interactions", b"payload=" + b"x" * BODY_MAX) == 413


async def test_a_doubled_signature_is_refused(at: Office) -> None:
    body = b"payload={}"
    headers = signed(at.slack.signing_secret, at.slack.workspace.clock(), body)
    pairs = [*headers.items(), ("X-Slack-Signature", headers["X-Slack-Signature"])]
    async with ClientSession() as session, session.post(url(at, "interactions"), data=body, headers=pairs) as answer:
        assert answer.status == 401


async def test_a_button_that_carries_something_else_is_a_bad_request(at: Office) -> None:
    _, card = await at.asked()
    card.blocks[-1]["elements"][0]["value"] = "req_1; DROP TABLE"
    answer = await at.slack.press(at.people["ada"], card, "approve")
    assert answer.status == 400


async def test_a_bug_is_our_fault_and_slack_says_that_it_failed(
    at: Office, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, card = await at.asked()

    async def broken(self: SlackPeople, who: Who) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(SlackPeople, "admit", broken)
    answer = await at.slack.press(at.people["ada"], card, "approve")
    assert answer.status == 500
    assert "slack interaction broke" in caplog.text
    assert len(at.slack.notices) == 1
    assert (await at.at.now(asked)).state is State.PENDING


@pytest.mark.parametrize(
    ("seconds", "good"), [(0, True), (299, True), (-299, True), (301, False), (-301, False), (86_400, False)]
)
async def test_a_signature_is_good_for_five_minutes_both_ways(seconds: int, good: bool) -> None:
    clock = HandClock(1_000_000)
    headers = {name: [value] for name, value in signed("secret", clock.now + seconds, b"body").items()}
    assert await Signatures("secret", now=clock, first=always).accept(b"body", headers) is good


async def test_a_post_is_remembered_by_every_process_for_longer_than_its_signature_is_good(at: Office) -> None:
    clock = HandClock(at.at.clock.now.timestamp())
    judge, another = (Signatures("secret", now=clock, first=Once(at.at.db).first) for _ in range(2))
    headers = {name: [value] for name, value in signed("secret", clock.now + 299, b"body").items()}
    assert await judge.accept(b"body", headers)
    for seconds in (0, 598):
        clock.advance(seconds)
        at.at.clock.move(seconds=seconds)
        await Sweeper(at.at.desk).tidy()
        assert not await another.accept(b"body", headers)
        assert not await judge.accept(b"body", headers)


async def test_what_is_not_signed_is_never_written_down() -> None:
    async def never(word: str, until: datetime) -> bool:
        raise AssertionError(word)

    headers = {name: [value] for name, value in signed("another", 1_000_000, b"body").items()}
    assert not await Signatures("secret", now=HandClock(1_000_000), first=never).accept(b"body", headers)


async def test_a_store_that_cannot_say_lets_nothing_in(at: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Once, word: str, until: datetime) -> bool:
        raise Unavailable

    asked, card = await at.asked()
    monkeypatch.setattr(Once, "first", broken)
    posts = at.channel._posts
    assert posts is not None
    monkeypatch.setattr(posts._signatures, "_first", Once(at.at.db).first)
    answer = await at.slack.press(at.people["ada"], card, "approve")
    assert answer.status == 503
    assert (await at.at.now(asked)).state is State.PENDING


@pytest.mark.parametrize("secret", ["", " ", "\n"])
def test_an_empty_secret_refuses_to_start(secret: str) -> None:
    with pytest.raises(ValueError, match="signing_secret"):
        SlackConfig(bot_token="xoxb-1", channel="#money", signing_secret=secret)
    with pytest.raises(ValueError, match="empty"):
        Signatures(secret, first=always)


def test_secrets_do_not_show_when_the_settings_are_printed() -> None:
    config = SlackConfig(bot_token="xoxb-CANARY", channel="#m", app_token="xapp-CANARY", signing_secret="CANARY")
    assert "CANARY" not in repr(config)


async def test_every_route_is_marked_as_judged_by_its_signature(at: Office) -> None:
    found = {route.path: route for route in at.channel.routes()}
    assert set(found) == {"/slack/interactions", "/slack/events", "/slack/commands"}
    assert {(route.method, access_of(route.handler)) for route in found.values()} == {("POST", Access.SIGNED)}


async def test_without_a_signing_secret_there_are_no_routes(at: Office) -> None:
    config = SlackConfig(bot_token="xoxb-1", channel="#m")
    assert SlackChannel(config, desk=at.at.desk, page=str, first=always).routes() == []
