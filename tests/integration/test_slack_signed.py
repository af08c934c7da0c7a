"""The Request URLs: honest posts work, everything else gets a plain refusal and never a trace."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
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
from approvals.testing.slack import Forgery, HandClock
from approvals.testing.slack.signing import signed
from tests.fakes.slack_office import Office, office

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.fixture
async def at(sqlite_url: str) -> AsyncIterator[Office]:
    async with office(sqlite_url, way="http") as opened:
        yield opened


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
def test_a_signature_is_good_for_five_minutes_both_ways(seconds: int, good: bool) -> None:
    clock = HandClock(1_000_000)
    headers = {name: [value] for name, value in signed("secret", clock.now + seconds, b"body").items()}
    assert Signatures("secret", now=clock).accept(b"body", headers) is good


def test_a_post_is_forgotten_when_its_signature_is_too_old_anyway() -> None:
    clock = HandClock(1_000_000)
    judge = Signatures("secret", now=clock)
    for _ in range(3):
        headers = {name: [value] for name, value in signed("secret", clock.now, b"body").items()}
        assert judge.accept(b"body", headers)
        assert not judge.accept(b"body", headers)
        clock.advance(601)
    assert len(judge._seen) == 1


@pytest.mark.parametrize("secret", ["", " ", "\n"])
def test_an_empty_secret_refuses_to_start(secret: str) -> None:
    with pytest.raises(ValueError, match="signing_secret"):
        SlackConfig(bot_token="xoxb-1", channel="#money", signing_secret=secret)
    with pytest.raises(ValueError, match="empty"):
        Signatures(secret)


def test_secrets_do_not_show_when_the_settings_are_printed() -> None:
    config = SlackConfig(bot_token="xoxb-CANARY", channel="#m", app_token="xapp-CANARY", signing_secret="CANARY")
    assert "CANARY" not in repr(config)


async def test_every_route_is_marked_as_judged_by_its_signature(at: Office) -> None:
    found = {route.path: route for route in at.channel.routes()}
    assert set(found) == {"/slack/interactions", "/slack/events", "/slack/commands"}
    assert {(route.method, access_of(route.handler)) for route in found.values()} == {("POST", Access.SIGNED)}


async def test_without_a_signing_secret_there_are_no_routes(at: Office) -> None:
    config = SlackConfig(bot_token="xoxb-1", channel="#m")
    assert SlackChannel(config, desk=at.at.desk, page=str).routes() == []
