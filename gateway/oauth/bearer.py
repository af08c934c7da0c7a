"""One access token -> whom it speaks for, or nobody (security.md 1e S2, S3).

The head and the claims are read once, strictly; the signature is verified over the bytes that were read, under a key
of the one issuer and an algorithm from a pinned list. Every way to fail is the same nobody. What was found is kept by
the hash of the whole token until the token expires, or the issuer's keys change.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from joserfc.jws import JWSRegistry

from gateway.oauth.keyset import ALGORITHMS, IssuerKeys
from gateway.protocol.strict import Malformed, read

LEEWAY_SECONDS = 60
MAX_TOKEN = 8192
MAX_SUBJECT = 256
MAX_KEPT = 10_000
LONGEST_LIFE_SECONDS = 24 * 3600
"""What was found of a token that is good for longer is found again after this long."""

_SHAPE = re.compile(r"([A-Za-z0-9_-]{1,4096})\.([A-Za-z0-9_-]{1,8000})\.([A-Za-z0-9_-]{1,1400})")
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a token must say to be for us."""

    issuer: str
    audience: frozenset[str]
    subject_claim: str
    owner_claim: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Whom a valid token speaks for. Equal only where issuer and subject are; `owner` is the claim as it stood."""

    issuer: str
    subject: str
    scopes: frozenset[str] = field(compare=False)
    owner: str | None = field(default=None, compare=False)
    owner_verified: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    speaker: Speaker
    until: float
    generation: int


class Bearers:
    """Judges access tokens of one issuer. `now` is Unix seconds."""

    def __init__(self, expected: Expected, keys: IssuerKeys, now: Callable[[], float] = time.time) -> None:
        self._expected, self._keys, self._now = expected, keys, now
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    async def speaker(self, token: str) -> Speaker | None:
        """Whom a token speaks for; None for every token that is not good here and now.

        Raises:
            Failed: the issuer's keys cannot be had.
        """
        name = hashlib.sha256(f"{self._expected.issuer}\x00{token}".encode()).digest()
        kept = self._kept.get(name)
        if kept is not None and kept.generation == self._keys.generation:
            if self._now() < kept.until:
                self._kept.move_to_end(name)
                return kept.speaker
            del self._kept[name]
        claims = await self._verified(token)
        if claims is None or (until := self._good_until(claims)) is None:
            return None
        speaker = self._speaker(claims)
        if speaker is not None:
            self._keep(name, _Kept(speaker=speaker, until=until, generation=self._keys.generation))
        return speaker

    def _keep(self, name: bytes, kept: _Kept) -> None:
        self._kept[name] = kept
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    async def _verified(self, token: str) -> Mapping[str, Any] | None:
        found = _SHAPE.fullmatch(token) if len(token) <= MAX_TOKEN else None
        if found is None:
            return None
        head, claims, signature = _object(found[1]), _object(found[2]), _decoded(found[3])
        if head is None or claims is None or signature is None or claims.get("iss") != self._expected.issuer:
            return None  # asked of the claims before the signature only so that strangers' tokens cost us nothing
        alg, kid = head.get("alg"), head.get("kid")
        if not isinstance(alg, str) or alg not in ALGORITHMS or not _plain_head(head, kid):
            return None
        key = await self._keys.find(kid, alg)
        if key is None:
            return None
        # "EdDSA" is the older name of the same signature over the same curve (RFC 9864).
        model = JWSRegistry.algorithms["Ed25519" if alg == "EdDSA" else alg]
        signed = f"{found[1]}.{found[2]}".encode("ascii")
        return claims if model.verify(signed, signature, key.key) else None

    def _good_until(self, claims: Mapping[str, Any]) -> float | None:
        now = self._now()
        expires, begins, made = claims.get("exp"), claims.get("nbf", 0), claims.get("iat", 0)
        if not _is_time(expires) or not _is_time(begins) or not _is_time(made):
            return None
        if now >= expires + LEEWAY_SECONDS or begins > now + LEEWAY_SECONDS or made > now + LEEWAY_SECONDS:
            return None
        return min(expires + LEEWAY_SECONDS, now + LONGEST_LIFE_SECONDS)

    def _speaker(self, claims: Mapping[str, Any]) -> Speaker | None:
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        if not any(isinstance(one, str) and one in self._expected.audience for one in audiences):
            return None
        if "cnf" in claims:
            return None  # bound to a key its bearer must prove to have, which a bare Bearer does not (RFC 9449, 8705)
        subject = claims.get(self._expected.subject_claim)
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT:
            return None
        owner = claims.get(self._expected.owner_claim) if self._expected.owner_claim is not None else None
        return Speaker(
            issuer=self._expected.issuer,
            subject=subject,
            scopes=_scopes(claims),
            owner=owner if isinstance(owner, str) and 0 < len(owner) <= MAX_SUBJECT else None,
            owner_verified=self._expected.owner_claim != "email" or claims.get("email_verified", True) is True,
        )


def _plain_head(head: Mapping[str, Any], kid: object) -> bool:
    """Nothing in the head that would have to be understood, and names as they should be."""
    typ = head.get("typ", "JWT")
    named = kid is None or (isinstance(kid, str) and 0 < len(kid) <= 256)
    return named and "crit" not in head and "b64" not in head and isinstance(typ, str) and typ.lower() in _TYPES


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        words = value.split(" ") if isinstance(value, str) else value if isinstance(value, list) else []
        found |= {word for word in words if isinstance(word, str) and word}
    return frozenset(found)


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _object(part: str) -> Mapping[str, Any] | None:
    raw = _decoded(part)
    value = read(raw) if raw is not None else None
    return value if isinstance(value, dict) and not isinstance(value, Malformed) else None


def _decoded(part: str) -> bytes | None:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return None
    # Only the canonical spelling: stray bits in the last character would make two tokens of one.
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii") == part else None
