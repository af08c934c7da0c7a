"""Messages to browsers: the example of RFC 8291, what a service may look like, and that nobody sees a length."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from approvals.channels.web_push import (
    PADDED_TO,
    TEXT_MOST,
    TOKEN_SECONDS,
    Browser,
    Sender,
    browser_of,
    decoded,
    encoded,
    encrypt,
    fresh_key,
)
from tests.fakes.push_service import PushService, claims_of, opened

KEYS = PushService().keys


def _private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decoded(text), "big"), ec.SECP256R1())


def test_a_message_is_that_of_the_example_in_rfc_8291() -> None:
    browser = Browser(
        endpoint="https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
        p256dh="BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        auth="BTBZMqHH6r4Tts7J_aSIgg",
    )
    made = encrypt(
        b"When I grow up, I want to be a watermelon",
        browser,
        private=_private("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        salt=decoded("DGv6ra1nlYgDCS1FRnbzlw"),
        padded_to=0,
    )
    assert encoded(made) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


@pytest.mark.parametrize("length", [0, 1, PADDED_TO, TEXT_MOST])
def test_a_message_opens_and_short_ones_are_as_long_as_each_other(length: int) -> None:
    service = PushService()
    browser = Browser(endpoint="", p256dh=service.keys["p256dh"], auth=service.keys["auth"])
    made = encrypt(b"x" * length, browser, private=fresh_key(), salt=bytes(16))
    assert opened(made, service.private, service.auth) == b"x" * length
    assert len(made) == 86 + max(length, PADDED_TO) + 1 + 16
    assert len(made) <= 4096


def test_a_message_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        encrypt(b"x" * (TEXT_MOST + 1), Browser(endpoint="", **KEYS), private=fresh_key(), salt=bytes(16))


@pytest.mark.parametrize("contact", ["mailto:ops@example.com", None])
def test_a_sender_proves_itself_to_one_service_for_half_a_day(contact: str | None) -> None:
    sender = Sender(bytes(32), contact)
    browser = Browser(endpoint="https://fcm.googleapis.com/fcm/send/abc", **KEYS)
    claims = claims_of(sender.authorization(browser, now=1000.5))
    assert claims == {
        "aud": "https://fcm.googleapis.com",
        "exp": 1000 + TOKEN_SECONDS,
        "key": sender.public,
        **({"sub": contact} if contact else {}),
    }
    assert sender.public == Sender(bytes(32)).public != Sender(bytes([1] * 32)).public


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://fcm.googleapis.com/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/abc",
        "https://web.push.apple.com/abc",
        "https://wns2-par02p.notify.windows.com/w/?token=abc",
        "https://push.example.com:8443/abc",
        "http://127.0.0.1:8080/abc",
    ],
)
def test_the_services_of_browsers_and_those_that_were_named_are_taken(endpoint: str) -> None:
    found = browser_of(endpoint, **KEYS, services={"push.example.com", "127.0.0.1"})
    assert found == Browser(endpoint=endpoint, **KEYS)
    assert endpoint not in repr(replace(found))


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        pytest.param("https://evil.example/abc", "no push service", id="a-stranger"),
        pytest.param("https://fcm.googleapis.com.evil.example/abc", "no push service", id="begins-like-one"),
        pytest.param("https://evilpush.apple.com.example/abc", "no push service", id="has-one-within"),
        pytest.param("https://fcm.googleapis.com:8443/abc", "at port 8443, and push services that", id="another-port"),
        pytest.param("https://evil.example.com:8443/abc", "no push service", id="another-host-and-port"),
        pytest.param("https://169.254.169.254/latest", "no push service", id="metadata-of-a-cloud"),
        pytest.param("https://127.0.0.1/abc", "no push service", id="this-machine"),
        pytest.param("http://fcm.googleapis.com/abc", "no address", id="in-the-clear"),
        pytest.param("https://fcm.googleapis.com@evil.example/abc", "no address", id="a-user-in-it"),
        pytest.param("https://fcm.googleapis.com/a b", "no address", id="a-space"),
        pytest.param("https://fcm.googleapis.com/a\r\nX: y", "no address", id="a-header"),
        pytest.param("https://fcm.googleapis.com:0/abc", "no address", id="port-nought"),
        pytest.param("https://fcm.googleapis.com:x/abc", "no address", id="no-port"),
        pytest.param("https://fcm.googleapis.com/" + "a" * 2048, "no address", id="long"),
        pytest.param("", "no address", id="nothing"),
    ],
)
def test_whatever_else_a_browser_names_is_not_sent_to(endpoint: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"endpoint: .*{why}"):
        browser_of(endpoint, **KEYS, services=())


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        pytest.param({"p256dh": "AAAA"}, "p256dh", id="no-point"),
        pytest.param({"p256dh": encoded(b"\x04" + bytes(64))}, "p256dh", id="not-on-the-curve"),
        pytest.param({"p256dh": "ä"}, "p256dh", id="no-base64"),
        pytest.param({"auth": "AAAA"}, "auth", id="a-short-secret"),
    ],
)
def test_keys_that_are_none_are_refused(changed: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        browser_of("https://fcm.googleapis.com/x", **{**KEYS, **changed})
