"""The one format of every credential we hand out: `plc_<kind>_<id>_<secret>_<checksum>`, base62.

The id (8 characters) may be shown and logged, the secret (43 characters, 256 bits) never. The
checksum is a CRC-32, so that a typo or a cut copy is refused before any look-up; it proves nothing.
Kept at rest is only the SHA-256 of the whole: the secret has full entropy, so a fast hash is right
(security.md 5a). Random bytes are an argument; who owns which token is the directory's matter.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from enum import StrEnum

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_BYTES = 38
"""How many random bytes one token needs: 6 for the id, 32 for the secret."""
MAX_LENGTH = 80
"""Longer than any token of ours: what exceeds it is not looked at."""

_ID, _SECRET, _CHECKSUM = 8, 43, 6
_SHAPE = re.compile(rf"plc_([a-z]+)_([0-9A-Za-z]{{{_ID}}})_([0-9A-Za-z]{{{_SECRET}}})_([0-9A-Za-z]{{{_CHECKSUM}}})")


class Kind(StrEnum):
    """Whom a token speaks for. No kind is ever valid where another is asked for."""

    AGENT = "agent"
    PERSON = "person"
    LOGIN = "login"
    """A one-time login link, good for one session of one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A well-formed token. `text` is shown once, `sha256` is stored, `prefix` names it in lists and logs."""

    kind: Kind
    prefix: str
    sha256: str
    text: str = field(repr=False)


def make(kind: Kind, random: bytes) -> Token:
    """A new token out of RANDOM_BYTES random bytes.

    Raises:
        ValueError: fewer or more random bytes than a token needs.
    """
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a token needs exactly {RANDOM_BYTES} random bytes")
    prefix = f"plc_{kind}_{_base62(int.from_bytes(random[:6]) % 62**_ID, _ID)}"
    body = f"{prefix}_{_base62(int.from_bytes(random[6:]), _SECRET)}"
    return _token(kind, prefix, f"{body}_{_checksum(body)}")


def parse(kind: Kind, text: str | None) -> Token | None:
    """The token in `text`, or None when it is not a well-formed token of this very kind."""
    if text is None or len(text) > MAX_LENGTH:
        return None
    found = _SHAPE.fullmatch(text)
    if found is None or found[1] != kind.value:
        return None
    body, _, checksum = text.rpartition("_")
    if checksum != _checksum(body):
        return None
    return _token(kind, f"plc_{kind}_{found[2]}", text)


def _token(kind: Kind, prefix: str, text: str) -> Token:
    return Token(kind=kind, prefix=prefix, text=text, sha256=hashlib.sha256(text.encode("ascii")).hexdigest())


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM)


def _base62(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits
