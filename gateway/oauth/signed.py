"""A JSON Web Token of one issuer -> its claims, once its signature is verified (security.md 1e S2).

The head and the claims are read once, strictly; the signature is verified over the bytes that were read, under a key
of the one issuer and an algorithm from a pinned list. What the claims must say is for whoever asked.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc.jws import JWSRegistry

from gateway.oauth.keyset import ALGORITHMS, IssuerKeys
from gateway.protocol.strict import Malformed, read

_SHAPE = re.compile(r"([A-Za-z0-9_-]{1,4096})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{1,1400})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What an issuer has signed, and by which algorithm."""

    claims: Mapping[str, Any] = field(repr=False)
    alg: str


async def verified(token: str, keys: IssuerKeys, *, types: frozenset[str], longest: int) -> Signed | None:
    """What a token says; None for whatever the issuer of `keys` has not signed, or of another type than `types`.

    Raises:
        Failed: the issuer's keys cannot be had.
    """
    found = _SHAPE.fullmatch(token) if len(token) <= longest else None
    if found is None:
        return None
    head, claims, signature = _object(found[1]), _object(found[2]), _decoded(found[3])
    if head is None or claims is None or signature is None or claims.get("iss") != keys.issuer:
        return None  # asked of the claims before the signature only so that strangers' tokens cost us nothing
    alg, kid = head.get("alg"), head.get("kid")
    if not isinstance(alg, str) or alg not in ALGORITHMS or not _plain_head(head, kid, types):
        return None
    key = await keys.find(kid, alg)
    if key is None:
        return None
    # "EdDSA" is the older name of the same signature over the same curve (RFC 9864).
    model = JWSRegistry.algorithms["Ed25519" if alg == "EdDSA" else alg]
    signed = f"{found[1]}.{found[2]}".encode("ascii")
    return Signed(claims=claims, alg=alg) if model.verify(signed, signature, key.key) else None


def _plain_head(head: Mapping[str, Any], kid: object, types: frozenset[str]) -> bool:
    """Nothing in the head that would have to be understood, and names as they should be."""
    typ = head.get("typ", "JWT")
    named = kid is None or (isinstance(kid, str) and 0 < len(kid) <= 256)
    return named and "crit" not in head and "b64" not in head and isinstance(typ, str) and typ.lower() in types


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
