"""What an ID token must say: the one that is taken, and every claim of it changed once."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from gateway.oidc.id_token import MAX_GROUPS, NotTaken, Said, Wanted, read
from gateway.oidc.next_page import page_of_ours
from gateway.oidc.pace import IN_ALL, PER_MINUTE, Pace

NOW = 1_800_000_000.0
GONE = object()
ACCESS = "an-access-token"
HALF = base64.urlsafe_b64encode(hashlib.sha256(ACCESS.encode()).digest()[:16]).rstrip(b"=").decode()
WANTED = Wanted(
    issuer="https://id.example",
    client_id="placet",
    nonce="n" * 43,
    access_token=ACCESS,
    groups_claim=("groups",),
)
GOOD: dict[str, Any] = {
    "iss": "https://id.example",
    "aud": "placet",
    "azp": "placet",
    "sub": "248289761001",
    "nonce": "n" * 43,
    "exp": NOW + 300,
    "iat": NOW - 1,
    "nbf": NOW - 1,
    "at_hash": HALF,
    "email": "Ada@Example.com",
    "email_verified": True,
    "name": "Ada",
    "groups": ["finance", "ops"],
    "acr": "urn:mace:incommon:iap:silver",
    "amr": ["pwd", "otp"],
    "auth_time": NOW - 60,
}


def token(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **changed}.items() if value is not GONE}


def test_a_token_that_is_as_it_should_be_says_who_it_is() -> None:
    assert read(GOOD, "RS256", WANTED, now=NOW) == Said(
        issuer="https://id.example",
        subject="248289761001",
        email="ada@example.com",
        name="Ada",
        groups=frozenset({"finance", "ops"}),
        acr="urn:mace:incommon:iap:silver",
        amr=("pwd", "otp"),
        auth_time=NOW - 60,
    )


REFUSED: list[tuple[str, Any, str, str]] = [
    ("iss", "https://id.example/", "iss", "another issuer by a slash"),
    ("iss", "HTTPS://ID.EXAMPLE", "iss", "another issuer by its case"),
    ("iss", GONE, "iss", "no issuer"),
    ("aud", "other", "aud", "another client"),
    ("aud", ["other"], "aud", "another client in a list"),
    ("aud", ["placet", "other"], "aud", "us and another"),
    ("aud", ["placet", "placet"], "aud", "us twice"),
    ("aud", [], "aud", "nobody"),
    ("aud", {"placet": 1}, "aud", "an object with our name"),
    ("aud", "Placet", "aud", "our name in another case"),
    ("aud", GONE, "aud", "no audience"),
    ("azp", "other", "azp", "made for another"),
    ("azp", None, "azp", "made for null"),
    ("azp", ["placet"], "azp", "made for a list"),
    ("exp", NOW - 60, "exp", "run out"),
    ("exp", str(NOW + 300), "exp", "an end in words"),
    ("exp", True, "exp", "an end that is true"),
    ("exp", float("inf"), "exp", "for ever"),
    ("exp", GONE, "exp", "no end"),
    ("iat", NOW + 61, "iat", "made in the future"),
    ("iat", NOW - 601, "iat", "made long ago"),
    ("iat", "now", "iat", "made in words"),
    ("iat", GONE, "iat", "made never"),
    ("nbf", NOW + 61, "nbf", "not yet"),
    ("nbf", "soon", "nbf", "a beginning in words"),
    ("nonce", "m" * 43, "nonce", "another sign-in"),
    ("nonce", "n" * 42, "nonce", "a shorter nonce"),
    ("nonce", "", "nonce", "an empty nonce"),
    ("nonce", ["n" * 43], "nonce", "a list with the nonce"),
    ("nonce", GONE, "nonce", "no nonce"),
    ("at_hash", HALF[:-1], "at_hash", "a shorter hash"),
    ("at_hash", "x" * 22, "at_hash", "of another access token"),
    ("at_hash", 1, "at_hash", "a number"),
    ("at_hash", None, "at_hash", "null"),
    ("sub", "", "sub", "an empty subject"),
    ("sub", 7, "sub", "a number as subject"),
    ("sub", "x" * 256, "sub", "a subject that is too long"),
    ("sub", "a\x00b", "sub", "a subject with a NUL"),
    ("sub", GONE, "sub", "no subject"),
    ("email", GONE, "email", "no address"),
    ("email", "ada", "no address", "no address at all"),
    ("email", "a@b@example.com", "no address", "two at signs"),
    ("email", "@example.com", "no address", "nobody at a domain"),
    ("email", "ada @example.com", "no address", "a space"),
    ("email", "аda@example.com", "email", "a letter that only looks like one"),
    ("email", ["ada@example.com"], "email", "a list of addresses"),
    ("email_verified", False, "not verified", "not verified"),
    ("email_verified", "true", "not verified", "verified in words"),
    ("email_verified", 1, "not verified", "verified by a number"),
    ("email_verified", GONE, "not verified", "nothing said of the address"),
    ("auth_time", "early", "auth_time", "signed in at no time"),
    ("groups", [str(n) for n in range(MAX_GROUPS + 1)], "groups", "too many groups"),
]


@pytest.mark.parametrize(("claim", "value", "why"), [pytest.param(*row[:3], id=row[3]) for row in REFUSED])
def test_a_token_with_one_claim_changed_signs_nobody_in(claim: str, value: Any, why: str) -> None:
    with pytest.raises(NotTaken, match=why):
        read(token(**{claim: value}), "RS256", WANTED, now=NOW)


@pytest.mark.parametrize(
    ("changed", "groups"),
    [
        pytest.param({"groups": "finance"}, {"finance"}, id="one group is a text"),
        pytest.param({"groups": GONE}, set(), id="none named, none had"),
        pytest.param({"groups": {"finance": True}}, set(), id="an object is no list"),
        pytest.param({"groups": ["", "a\u202eb", 7, None, "x" * 129, "ok"]}, {"ok"}, id="what is no name is left out"),
    ],
)
def test_groups_are_what_the_claim_names(changed: dict[str, Any], groups: set[str]) -> None:
    assert read(token(**changed), "RS256", WANTED, now=NOW).groups == groups


@pytest.mark.parametrize(
    ("way", "groups"),
    [
        pytest.param((), set(), id="not looked at"),
        pytest.param(("realm_access", "roles"), {"boss"}, id="a path"),
        pytest.param(("https://id.example/groups",), {"named"}, id="a name with dots and slashes is one name"),
        pytest.param(("realm_access", "roles", "boss"), set(), id="a path past the end"),
    ],
)
def test_groups_may_stand_deeper(way: tuple[str, ...], groups: set[str]) -> None:
    claims = token(realm_access={"roles": ["boss"]}, **{"https://id.example/groups": ["named"]})
    wanted = Wanted(**{**_fields(WANTED), "groups_claim": way})
    assert read(claims, "RS256", wanted, now=NOW).groups == groups


@pytest.mark.parametrize(
    ("verified", "taken"),
    [
        pytest.param(GONE, True, id="silent, and the domain is vouched for"),
        pytest.param(False, False, id="never against its word"),
        pytest.param(None, True, id="null says nothing"),
    ],
)
def test_a_domain_may_be_vouched_for(verified: Any, *, taken: bool) -> None:
    wanted = Wanted(**{**_fields(WANTED), "verified_domains": frozenset({"example.com"})})
    claims = token(email_verified=verified)
    if taken:
        assert read(claims, "RS256", wanted, now=NOW).email == "ada@example.com"
    else:
        with pytest.raises(NotTaken):
            read(claims, "RS256", wanted, now=NOW)


@pytest.mark.parametrize(
    ("alg", "hashed"), [("RS256", "sha256"), ("ES384", "sha384"), ("PS512", "sha512"), ("EdDSA", "sha512")]
)
def test_the_hash_of_the_access_token_is_that_of_the_algorithm(alg: str, hashed: str) -> None:
    digest = hashlib.new(hashed, ACCESS.encode()).digest()
    half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    assert read(token(at_hash=half), alg, WANTED, now=NOW).subject
    with pytest.raises(NotTaken, match="at_hash"):
        read(token(at_hash=half), alg, Wanted(**{**_fields(WANTED), "access_token": None}), now=NOW)
    assert read(token(at_hash=GONE), alg, Wanted(**{**_fields(WANTED), "access_token": None}), now=NOW).subject


@pytest.mark.parametrize(
    ("said", "page"),
    [
        ("/", "/"),
        ("/requests/req_1?x=1#y", "/requests/req_1?x=1#y"),
        ("/history?q=a%20b", "/history?q=a%20b"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("requests", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("/login?next=/", "/"),
        ("/api/v1/me", "/"),
        ("/ü", "/"),
        ("/" + "a" * 1024, "/"),
    ],
)
def test_a_sign_in_leads_to_a_page_of_ours_and_nowhere_else(said: str, page: str) -> None:
    assert page_of_ours(said) == page


def test_sign_ins_that_begin_are_counted_by_address_and_in_all() -> None:
    pace = Pace()
    assert [pace.admits("a", 0.0) for _ in range(PER_MINUTE + 1)] == [True] * PER_MINUTE + [False]
    assert pace.admits("b", 59.0)
    assert pace.admits("a", 60.0)
    many = Pace()
    assert [many.admits(str(n), 0.0) for n in range(IN_ALL + 1)] == [True] * IN_ALL + [False]


def _fields(wanted: Wanted) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in Wanted.__slots__}
