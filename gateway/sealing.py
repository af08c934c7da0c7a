"""Sealing: what may lie in a database and is read by nobody else. AES-256-GCM, bound to what it is about.

A sealed thing that is moved to another place, or opened with other keys, does not open. The key is one of
`Keys.for_purpose`, so no two kinds of thing share one.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12
_VERSION = b"\x01"


def seal(key: bytes, content: bytes, *, bound: tuple[str, ...]) -> bytes:
    """Content that opens only with this key, and only where `bound` says it belongs."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, content, _joined(bound))


def unseal(key: bytes, sealed: bytes, *, bound: tuple[str, ...]) -> bytes | None:
    """What was sealed; None where it was sealed under another key, for another place, or was changed."""
    nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES:
        return None
    try:
        return AESGCM(key).decrypt(nonce, body, _joined(bound))
    except InvalidTag:
        return None


def _joined(bound: tuple[str, ...]) -> bytes:
    return b"\x00".join(part.encode() for part in bound)
