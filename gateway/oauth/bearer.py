"""One access token -> whom it speaks for, or nobody (security.md 1e S2, S3).

The signature is verified in `signed`; here is asked what the claims must say. Every way to fail is the same nobody.
What was found is kept by the hash of the whole token until the token expires, or the issuer's keys change.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.oauth.keyset import IssuerKeys
from gateway.oauth.moments import is_time
from gateway.oauth.signed import verified

LEEWAY_SECONDS = 60
MAX_TOKEN = 8192
MAX_SUBJECT = 256
MAX_KEPT = 10_000
LONGEST_LIFE_SECONDS = 24 * 3600
"""What was found of a token that is good for longer is found again after this long."""

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
        signed = await verified(token, self._keys, types=_TYPES, longest=MAX_TOKEN)
        if signed is None or (until := self._good_until(signed.claims)) is None:
            return None
        speaker = self._speaker(signed.claims)
        if speaker is not None:
            self._keep(name, _Kept(speaker=speaker, until=until, generation=self._keys.generation))
        return speaker

    def _keep(self, name: bytes, kept: _Kept) -> None:
        self._kept[name] = kept
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def _good_until(self, claims: Mapping[str, Any]) -> float | None:
        now = self._now()
        expires, begins, made = claims.get("exp"), claims.get("nbf", 0), claims.get("iat", 0)
        if not is_time(expires) or not is_time(begins) or not is_time(made):
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


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        words = value.split(" ") if isinstance(value, str) else value if isinstance(value, list) else []
        found |= {word for word in words if isinstance(word, str) and word}
    return frozenset(found)
