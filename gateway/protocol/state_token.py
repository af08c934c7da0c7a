"""Sealed `requestState` and cursors: what a client carries for us and must not read, change or lend (protocol.md 2.2).

AES-256-GCM under a key of the installation. The agent, the call's digest and the purpose are authenticated with it,
so a state opened by another agent, for another call or as another kind of token does not open. Nonces and the time
are arguments.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
MAX_TOKEN = 256 * 1024
_VERSION = b"1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a token is good for: one purpose, one agent, one call."""

    purpose: str
    agent: str
    digest: str

    def aad(self) -> bytes:
        """The authenticated part."""
        return b"\x00".join((b"placet/state/1", self.purpose.encode(), self.agent.encode(), self.digest.encode()))


def seal(key: bytes, nonce: bytes, bound: Bound, content: dict[str, Any], *, expires: int) -> str:
    """The token; `expires` is in Unix seconds."""
    body = json.dumps({"exp": expires, "c": content}, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_VERSION + nonce + AESGCM(key).encrypt(nonce, body, bound.aad())).decode()


def unseal(key: bytes, bound: Bound, token: str, *, now: int) -> dict[str, Any] | None:
    """The content of a token of ours that is good for this and has not run out, else None."""
    if len(token) > MAX_TOKEN:
        return None
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if raw[:1] != _VERSION or len(raw) < 1 + NONCE_BYTES + 16:
        return None
    nonce, sealed = raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :]
    try:
        body = json.loads(AESGCM(key).decrypt(nonce, sealed, bound.aad()))
    except InvalidTag:
        return None
    content: dict[str, Any] = body["c"]
    return content if now < body["exp"] else None
