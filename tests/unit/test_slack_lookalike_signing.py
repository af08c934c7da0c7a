"""Signatures of the look-alike, checked by slack-sdk's own verifier."""

from __future__ import annotations

import pytest
from slack_sdk.signature import Clock, SignatureVerifier

from approvals.testing.slack.signing import Forgery, command_body, forged, interactive_body, signed

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_790_000_000.0


class _At(Clock):
    def now(self) -> float:
        return NOW


VERIFIER = SignatureVerifier(SECRET, clock=_At())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(interactive_body({"type": "block_actions", "text": "é & = %"}), id="payload"),
        pytest.param(command_body({"command": "/approvals", "text": "list ✓"}), id="command"),
        pytest.param(b"", id="empty"),
    ],
)
def test_an_honest_post_passes(body: bytes) -> None:
    assert VERIFIER.is_valid_request(body, signed(SECRET, NOW, body))


@pytest.mark.parametrize("how", list(Forgery))
def test_a_forged_post_does_not_pass(how: Forgery) -> None:
    headers, body = forged(how, SECRET, NOW, interactive_body({"type": "block_actions"}))
    try:
        valid = VERIFIER.is_valid_request(body, headers)
    except (TypeError, ValueError):
        valid = False
    assert not valid


def test_every_forgery_differs_from_the_honest_post() -> None:
    body = interactive_body({"type": "block_actions"})
    honest = (signed(SECRET, NOW, body), body)
    posts = [forged(how, SECRET, NOW, body) for how in Forgery]
    assert honest not in posts
    assert len({str(post) for post in posts}) == len(Forgery)
