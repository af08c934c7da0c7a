"""What an ID token must say before anybody is signed in by it (OpenID Connect Core 3.1.3.7). Pure.

The signature is verified by then (`oauth.signed`). Whatever is not exactly as it should be refuses the whole token, and
the reason names the claim and never its value. An audience besides us is refused: a token that others may hold, too,
would let them in here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.oauth.moments import is_time

LEEWAY_SECONDS = 60
OLDEST_SECONDS = 600
"""An ID token is fetched right after it was made: what was made longer ago is not the answer to this sign-in."""
MAX_SUBJECT = 255
MAX_WORD = 128
MAX_ADDRESS = 254
MAX_GROUPS = 500
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}


class NotTaken(Exception):
    """The token signs nobody in; `str()` says what is wrong with it, for operators."""


class NotVerified(NotTaken):
    """The token is good, but for an address that the provider does not vouch for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an ID token must say to be the answer to one sign-in. `groups_claim` is the way to the groups."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None
    groups_claim: tuple[str, ...] = ()
    verified_domains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Whom a token speaks of. `email` is verified and in lower case; `groups` are as the provider names them."""

    issuer: str
    subject: str
    email: str
    name: str
    groups: frozenset[str]
    acr: str | None
    amr: tuple[str, ...]
    auth_time: float | None


def read(claims: Mapping[str, Any], alg: str, wanted: Wanted, *, now: float) -> Said:
    """Whom a token that was signed with `alg` speaks of.

    Raises:
        NotTaken: it is not the answer to this sign-in, or does not say enough.
    """
    _for_us(claims, wanted)
    _in_time(claims, now)
    if not hmac.compare_digest(_text(claims, "nonce").encode(), wanted.nonce.encode()):
        raise NotTaken("its nonce belongs to another sign-in")
    _matches_access_token(claims, alg, wanted.access_token)
    subject, at = _text(claims, "sub"), claims.get("auth_time")
    if len(subject) > MAX_SUBJECT or not subject.isprintable():
        raise NotTaken("its sub is no subject")
    if at is not None and not is_time(at):
        raise NotTaken("its auth_time is no time")
    return Said(
        issuer=wanted.issuer,
        subject=subject,
        email=_email(claims, wanted.verified_domains),
        name=_word(claims.get("name")) or "",
        groups=_groups(claims, wanted.groups_claim),
        acr=_word(claims.get("acr")),
        amr=tuple(one for one in _list(claims.get("amr"))[:20] if _word(one) is not None),
        auth_time=at,
    )


def _for_us(claims: Mapping[str, Any], wanted: Wanted) -> None:
    if claims.get("iss") != wanted.issuer:
        raise NotTaken("its iss is another issuer")
    if claims.get("aud") not in (wanted.client_id, [wanted.client_id]):
        raise NotTaken("its aud is not this client, or names others besides")
    if claims.get("azp", wanted.client_id) != wanted.client_id:
        raise NotTaken("its azp is another client")


def _in_time(claims: Mapping[str, Any], now: float) -> None:
    ends, made, begins = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not is_time(ends) or now >= ends + LEEWAY_SECONDS:
        raise NotTaken("its exp has passed, or it has none")
    if not is_time(made) or made > now + LEEWAY_SECONDS or made < now - OLDEST_SECONDS:
        raise NotTaken("its iat is not now, or it has none")
    if not is_time(begins) or begins > now + LEEWAY_SECONDS:
        raise NotTaken("its nbf is still to come")


def _matches_access_token(claims: Mapping[str, Any], alg: str, access_token: str | None) -> None:
    if "at_hash" not in claims:
        return
    # Ed25519 hashes with SHA-512; every other name ends with the size of its hash.
    digest = _HASHES.get(alg[-3:], hashlib.sha512)((access_token or "").encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if access_token is None or not hmac.compare_digest(_text(claims, "at_hash").encode(), half):
        raise NotTaken("its at_hash is not that of the access token it came with")


def _email(claims: Mapping[str, Any], verified_domains: frozenset[str]) -> str:
    said, known = claims.get("email"), claims.get("email_verified")
    if not isinstance(said, str) or len(said) > MAX_ADDRESS or not said.isascii() or not said.isprintable():
        raise NotTaken("it has no email; let the provider put it into the ID token")
    local, at, domain = said.lower().partition("@")
    if not local or not at or not domain or "@" in domain or " " in said:
        raise NotTaken("its email is no address")
    # Only where the token is silent, and never against its word.
    if known is not True and not (known is None and domain in verified_domains):
        raise NotVerified("its email is not verified (email_verified)")
    return said.lower()


def _groups(claims: Mapping[str, Any], way: tuple[str, ...]) -> frozenset[str]:
    if not way:
        return frozenset()
    value: object = claims
    for step in way:
        value = value.get(step) if isinstance(value, dict) else None
    named = [value] if isinstance(value, str) else _list(value)
    if len(named) > MAX_GROUPS:
        raise NotTaken(f"it names more than {MAX_GROUPS} groups; let the provider name those that Placet needs")
    return frozenset(one for one in named if isinstance(one, str) and _word(one) is not None)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise NotTaken(f"it has no {name}")
    return value


def _word(value: object) -> str | None:
    """A short text without anything invisible; None for everything else."""
    return value if isinstance(value, str) and 0 < len(value) <= MAX_WORD and value.isprintable() else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
