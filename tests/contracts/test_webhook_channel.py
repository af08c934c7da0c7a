"""The webhook channel before a real receiver over HTTP, and the signature before the specification's own example."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from approvals.channels import Alert, MessageRef, RetryLater, Undeliverable
from approvals.channels import standard_webhooks as standard
from approvals.channels.webhook import Hook, WebhookChannel, WebhookRefused
from approvals.testing import samples
from approvals.testing.channel_contract import ChannelContract, ended_requests

KEY = bytes(range(32))


class Receiver:
    """Somebody's endpoint: it keeps the newest event of each subject, as a receiver does."""

    target, live_markup = "", ()

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.raw_events: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.refuse: list[web.Response] = []
        self.channel: WebhookChannel
        self.nowhere: str | None = None
        self.hook = Hook(name="one", url="", key=KEY)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert standard.verify(KEY, _all(request), body, now=float(request.headers[standard.TIMESTAMP])) is not None
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.refuse:
            return self.refuse.pop(0)
        self.events.append(json.loads(body))
        self.raw_events.append(body.decode())
        return web.Response(status=204)

    def messages(self) -> int:
        return len({event["subject"] for event in self.events})

    def text(self) -> str:
        return "\n".join(map(str, self.events[-1]["data"].values()))

    def raw(self) -> str:
        return "\n".join(self.raw_events)

    def offers_answers(self) -> bool:
        return bool(self.events[-1]["data"].get("answers"))

    def remove_message(self) -> None:
        self.events.clear()


def _all(request: web.Request) -> dict[str, list[str]]:
    return {name: request.headers.getall(name, []) for name in standard.HEADERS}


@asynccontextmanager
async def receiving(*, may_decide: bool = False) -> AsyncIterator[Receiver]:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/in", receiver.take)
    async with TestServer(app) as server:
        receiver.hook = Hook(name="one", url=str(server.make_url("/in")), key=KEY, may_decide=may_decide)
        receiver.channel = WebhookChannel(receiver.hook, source="https://placet.example.com")
        yield receiver


class TestWebhookChannel(ChannelContract):
    @pytest.fixture
    async def surface(self) -> AsyncIterator[Receiver]:
        async with receiving() as receiver:
            yield receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def test_an_event_is_a_cloud_event_with_the_card(receiver: Receiver) -> None:
    await receiver.channel.post(samples.card(), "")
    (event,), (headers,) = receiver.events, receiver.headers
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert (event["specversion"], event["type"]) == ("1.0", "placet.request.created")
    assert (event["source"], event["subject"], event["id"]) == (
        "https://placet.example.com",
        "req_sample",
        "req_sample-1",
    )
    assert headers["webhook-id"] == event["id"]
    assert event["data"]["url"] == "https://placet.example.com/requests/req_sample"
    assert event["data"]["answers"] == ["approve", "deny"]
    assert not {"binding", "arguments_sha256"} & set(event["data"])


async def test_only_a_hook_that_may_decide_is_told_the_binding() -> None:
    async with receiving(may_decide=True) as receiver:
        await receiver.channel.post(samples.card(), "")
        assert receiver.events[0]["data"]["binding"] == samples.request().binding
        assert receiver.events[0]["data"]["answers"] == ["approve", "deny"]
        await receiver.channel.post(samples.card(samples.request({"to": "a" * 4_000})), "")
        assert receiver.events[1]["data"]["answers"] == ["deny"]


@pytest.mark.parametrize(
    ("state", "type"),
    [
        ("denied", "decided"),
        ("approved", "decided"),
        ("expired", "expired"),
        ("cancelled", "cancelled"),
        ("executing", "running"),
        ("succeeded", "outcome"),
        ("failed", "outcome"),
        ("unknown", "outcome"),
    ],
)
async def test_each_change_has_its_type(receiver: Receiver, state: str, type: str) -> None:
    ref = await receiver.channel.post(samples.card(), "")
    await receiver.channel.revise(ref, samples.card(ended_requests()[state]))
    assert receiver.events[-1]["type"] == f"placet.request.{type}"
    assert receiver.events[-1]["id"] == "req_sample-2"


async def test_a_try_again_has_the_same_id(receiver: Receiver) -> None:
    receiver.refuse = [web.Response(status=500)]
    with pytest.raises(WebhookRefused, match="500"):
        await receiver.channel.post(samples.card(), "")
    await receiver.channel.post(samples.card(), "")
    assert {headers["webhook-id"] for headers in receiver.headers} == {"req_sample-1"}


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.refuse = [web.Response(status=307, headers={"Location": "/in"})]
    with pytest.raises(WebhookRefused, match="redirects are not followed"):
        await receiver.channel.post(samples.card(), "")
    assert receiver.events == []


async def test_gone_is_final(receiver: Receiver) -> None:
    receiver.refuse = [web.Response(status=410)]
    with pytest.raises(Undeliverable, match="410"):
        await receiver.channel.post(samples.card(), "")


@pytest.mark.parametrize(("said", "seconds"), [("120", 120.0), ("soon", None), ("9999999", None)])
async def test_a_receiver_may_ask_for_a_pause(receiver: Receiver, said: str, seconds: float | None) -> None:
    receiver.refuse = [web.Response(status=429, headers={"Retry-After": said})]
    with pytest.raises(WebhookRefused if seconds is None else RetryLater) as caught:
        await receiver.channel.post(samples.card(), "")
    assert getattr(caught.value, "seconds", None) == seconds


async def test_nothing_but_the_status_of_an_answer_is_read(receiver: Receiver) -> None:
    receiver.refuse = [web.Response(status=200, body=_endless())]
    ref = await receiver.channel.post(samples.card(), "")
    assert ref == MessageRef(channel="webhook:one", data={"subject": "req_sample"})


async def _endless_bytes() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65536


def _endless() -> AsyncIterator[bytes]:
    return _endless_bytes()


async def test_long_arguments_are_cut_and_said_to_be(receiver: Receiver) -> None:
    await receiver.channel.post(samples.card(samples.request({"note": "x" * 50_000})), "")
    data = receiver.events[0]["data"]
    assert (len(data["arguments"]), data["arguments_cut"]) == (4_000, True)


SECRETS = [
    pytest.param("hunter2", "starts with whsec_", id="no prefix"),
    pytest.param("whsec_???", "not base64", id="no base64"),
    pytest.param("whsec_c2hvcnQ=", "24 to 64 bytes", id="too short"),
]


@pytest.mark.parametrize(("secret", "said"), SECRETS)
def test_a_bad_secret_is_refused(secret: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        standard.key_of(secret)


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example of the reference implementations: fixed key, id, time and body."""
    key = standard.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signed = standard.sign(key, id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1614265330, body=body)
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


GOOD = standard.sign(KEY, id="a", at=1_000, body=b"{}")
UNSIGNED = [
    pytest.param({**GOOD}, b"{ }", 1_000, id="another body"),
    pytest.param({**GOOD}, b"{}", 1_301, id="too old"),
    pytest.param({**GOOD}, b"{}", 699, id="from the future"),
    pytest.param({**GOOD, "webhook-id": "b"}, b"{}", 1_000, id="another id"),
    pytest.param({**GOOD, "webhook-id": "a.b"}, b"{}", 1_000, id="a full stop in the id"),
    pytest.param({**GOOD, "webhook-timestamp": "1001"}, b"{}", 1_000, id="another time"),
    pytest.param({**GOOD, "webhook-timestamp": "١٠٠٠"}, b"{}", 1_000, id="digits of another script"),
    pytest.param({**GOOD, "webhook-signature": ""}, b"{}", 1_000, id="no signature"),
    pytest.param({**GOOD, "webhook-signature": "v1a,xyz"}, b"{}", 1_000, id="another scheme"),
]


@pytest.mark.parametrize(("headers", "body", "now"), UNSIGNED)
def test_what_is_not_signed_is_refused(headers: dict[str, str], body: bytes, now: float) -> None:
    assert standard.verify(KEY, {name: [value] for name, value in headers.items()}, body, now=now) is None


def test_one_good_signature_among_others_is_enough_and_a_doubled_header_is_not() -> None:
    several = {name: [value] for name, value in GOOD.items()}
    several["webhook-signature"] = ["v1,AAAA " + GOOD["webhook-signature"]]
    assert standard.verify(KEY, several, b"{}", now=1_000) == standard.Signed(id="a", at=1_000)
    several["webhook-id"] = ["a", "a"]
    assert standard.verify(KEY, several, b"{}", now=1_000) is None


async def test_an_alert_is_an_event_of_its_own_with_the_same_id_however_often_it_is_tried(receiver: Receiver) -> None:
    alert = Alert(id="alert-7", text="FROZEN: every agent.\nReason: drill", at=samples.NOW)
    for _ in range(2):
        await receiver.channel.say(alert, "")
    assert [event["id"] for event in receiver.events] == ["alert-7", "alert-7"]
    assert receiver.events[0]["type"] == "placet.alert"
    assert receiver.events[0]["data"] == {"text": alert.text, "at": "2026-11-24T14:02:00Z"}
