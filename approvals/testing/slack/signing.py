"""Signed HTTP posts to the app, honest ones and forged ones.

Slack signs `v0:{timestamp}:{body}` with the signing secret. `forged` returns the headers and body
of every way we know to get that wrong; an app must answer 401 to each.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from enum import StrEnum
from urllib.parse import urlencode

from approvals.testing.slack.state import Json

FORM = "application/x-www-form-urlencoded"
STALE_SECONDS = 5 * 60 + 1


class Forgery(StrEnum):
    """A way a post can be wrong."""

    WRONG_SECRET = "wrong_secret"  # noqa: S105  a word, not a secret
    OLD_TIMESTAMP = "old_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    MALFORMED_TIMESTAMP = "malformed_timestamp"
    MALFORMED_SIGNATURE = "malformed_signature"
    WRONG_VERSION = "wrong_version"
    NO_SIGNATURE = "no_signature"
    NO_TIMESTAMP = "no_timestamp"
    CHANGED_BODY = "changed_body"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The value of X-Slack-Signature."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def signed(secret: str, now: float, body: bytes, content_type: str = FORM) -> dict[str, str]:
    """The headers of an honest post."""
    timestamp = str(int(now))
    return {
        "Content-Type": content_type,
        "User-Agent": "Slackbot 1.0 (look-alike)",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature(secret, timestamp, body),
    }


def forged(how: Forgery, secret: str, now: float, body: bytes) -> tuple[dict[str, str], bytes]:
    """The headers and body of a post that is wrong in one way."""
    headers = signed(secret, now, body)
    match how:
        case Forgery.WRONG_SECRET:
            headers = signed(secret[::-1] + "x", now, body)
        case Forgery.OLD_TIMESTAMP:
            headers = signed(secret, now - STALE_SECONDS, body)
        case Forgery.FUTURE_TIMESTAMP:
            headers = signed(secret, now + STALE_SECONDS, body)
        case Forgery.MALFORMED_TIMESTAMP:
            headers["X-Slack-Request-Timestamp"] = "yesterday"
            headers["X-Slack-Signature"] = signature(secret, "yesterday", body)
        case Forgery.MALFORMED_SIGNATURE:
            headers["X-Slack-Signature"] = "v0=not-hexadecimal-\xe9"
        case Forgery.WRONG_VERSION:
            headers["X-Slack-Signature"] = "v1" + headers["X-Slack-Signature"][2:]
        case Forgery.NO_SIGNATURE:
            del headers["X-Slack-Signature"]
        case Forgery.NO_TIMESTAMP:
            del headers["X-Slack-Request-Timestamp"]
        case Forgery.CHANGED_BODY:
            body += b"&changed=1"
    return headers, body


def interactive_body(payload: Json) -> bytes:
    """One form field `payload` with JSON."""
    return urlencode({"payload": json.dumps(payload)}).encode()


def command_body(fields: Json) -> bytes:
    """The fields of a slash command, as a form."""
    return urlencode({name: str(value) for name, value in fields.items()}).encode()
