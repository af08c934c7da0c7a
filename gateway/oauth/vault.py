"""Credentials for upstream servers at rest: AES-256-GCM under a key of the installation, bound to server and kind.

A row that is moved to another server's name, or a sign-in that is put in a token's place, does not open.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PURPOSE = "upstream-oauth"
_NONCE_BYTES = 12
_VERSION = b"\x01"


class Kind(StrEnum):
    """What is sealed."""

    TOKENS = "tokens"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens. `key` is `Keys.for_purpose(PURPOSE)`."""

    key: bytes = field(repr=False)

    def seal(self, kind: Kind, server: str, content: Mapping[str, Any]) -> bytes:
        """What may be stored."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + AESGCM(self.key).encrypt(nonce, json.dumps(content).encode(), _bound(kind, server))

    def open(self, kind: Kind, server: str, sealed: bytes) -> dict[str, Any] | None:
        """What was sealed; None where it was sealed under another key, for another server, or was changed."""
        if sealed[:1] != _VERSION:
            return None
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            content: dict[str, Any] = json.loads(AESGCM(self.key).decrypt(nonce, body, _bound(kind, server)))
        except (InvalidTag, ValueError):
            return None
        return content


def _bound(kind: Kind, server: str) -> bytes:
    return b"\x00".join((b"placet/upstream-oauth/1", kind.value.encode(), server.encode()))
