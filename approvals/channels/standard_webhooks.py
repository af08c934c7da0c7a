"""The signature of Standard Webhooks 1.0.0 (standardwebhooks.com): `v1`, HMAC-SHA256 over id, time and raw body.

A key is 24 to 64 bytes, written `whsec_` and base64. Who verifies gets None for whatever is wrong (missing, doubled,
malformed, old, forged): all alike. That a message comes once only is the caller's to remember, by its id and time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
HEADERS = (ID, TIMESTAMP, SIGNATURE)
TOLERANCE_SECONDS = 300
PREFIX = "whsec_"
KEY_MIN, KEY_MAX = 24, 64
SIGNATURES_MAX = 10

_ID = re.compile(r"[!-\-/-~]{1,128}")
"""Printable ASCII without a full stop, which is what parts the signed text."""
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A message whose signature holds: its id, and the second at which it was sent."""

    id: str
    at: int


def key_of(secret: str) -> bytes:
    """The key in a `whsec_…` secret.

    Raises:
        ValueError: it is not one.
    """
    if not secret.startswith(PREFIX):
        raise ValueError(f"a signing secret starts with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"what follows {PREFIX} is not base64") from None
    if not KEY_MIN <= len(key) <= KEY_MAX:
        raise ValueError(f"a signing secret has {KEY_MIN} to {KEY_MAX} bytes, and this has {len(key)}")
    return key


def sign(key: bytes, *, id: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers of a message."""
    return {ID: id, TIMESTAMP: str(at), SIGNATURE: f"v1,{_signature(key, id=id, at=str(at), body=body)}"}


def verify(key: bytes, headers: Mapping[str, Sequence[str]], body: bytes, *, now: float) -> Signed | None:
    """What was signed with this key, at most five minutes before or after `now`; else None.

    `headers` are all values of each of `HEADERS`.
    """
    ids, stamps, signatures = (headers.get(name, ()) for name in HEADERS)
    if not (len(ids) == len(stamps) == len(signatures) == 1):
        return None
    if not _ID.fullmatch(ids[0]) or not _SECONDS.fullmatch(stamps[0]):
        return None
    if abs(now - int(stamps[0])) > TOLERANCE_SECONDS:
        return None
    expected = f"v1,{_signature(key, id=ids[0], at=stamps[0], body=body)}".encode()
    offered = signatures[0].encode("utf-8", "surrogateescape").split(b" ")
    # Every one is compared: a sender that changes its key signs with both for a while.
    good = [hmac.compare_digest(expected, one) for one in offered[:SIGNATURES_MAX]]
    return Signed(id=ids[0], at=int(stamps[0])) if any(good) else None


def _signature(key: bytes, *, id: str, at: str, body: bytes) -> str:
    signed = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()
