"""Agents that come with access tokens: which are believed, whom they stand for, and how refusals are told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OctKey

from gateway.oauth.agents import AgentOauth, InsufficientScope, IssuerAway, NoSuchAgent, OwnerUnknown
from gateway.oauth.bearer import Bearers, Expected
from gateway.oauth.fetch import Fetcher
from gateway.oauth.keyset import IssuerKeys
from gateway.settings import AgentOauthSettings, AgentSettings
from tests.fakes.authorization_server import AuthorizationServer, authorization_server, new_key

AUDIENCE = "https://gw"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def issuer() -> AsyncIterator[AuthorizationServer]:
    async with authorization_server() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


def recogniser(issuer: AuthorizationServer, clock: Callable[[], float] = time.time, **options: Any) -> AgentOauth:
    settings = AgentOauthSettings(issuer=issuer.issuer, audience=(AUDIENCE,), **options)
    expected = Expected(
        issuer=issuer.issuer,
        audience=frozenset(settings.audience),
        subject_claim=settings.agent_claim,
        owner_claim=settings.owner_claim,
    )
    keys = IssuerKeys(issuer.issuer, Fetcher(known=frozenset({"127.0.0.1"}), seconds=3), clock)
    found = AgentOauth(settings, Bearers(expected, keys, clock))
    found.know({"bot": AgentSettings(name="bot", servers=("shop",), oauth_subject="agent-1")})
    return found


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA", "Ed25519"])
async def test_a_token_of_the_issuer_stands_for_the_agent_with_its_subject(alg: str) -> None:
    async with authorization_server(key=new_key(alg)) as issuer:
        found = await recogniser(issuer).recognise(issuer.mint())
    assert found is not None
    assert (found.agent, found.subject, found.owner) == ("bot", "agent-1", None)
    assert issuer.issuer in found.credential


@pytest.mark.parametrize("path", ["", "/realms/one"])
async def test_an_issuer_is_found_by_either_kind_of_discovery(path: str) -> None:
    async with authorization_server(path) as issuer:
        assert await recogniser(issuer).recognise(issuer.mint()) is not None
        assert issuer.asked[0][0] == "/.well-known/oauth-authorization-server" + path


def _swapped(token: str, **claims: Any) -> str:
    head, body, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{head}.{_part({**said, **claims})}.{signature}"


def _part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _hs256_with_the_public_key(issuer: AuthorizationServer) -> str:
    public = issuer.key.as_pem(private=False)
    now = int(time.time())
    claims = {"iss": issuer.issuer, "sub": "agent-1", "aud": AUDIENCE, "exp": now + 60, "iat": now}
    body = f"{_part({'alg': 'HS256', 'kid': issuer.key.kid, 'typ': 'at+jwt'})}.{_part(claims)}"
    return f"{body}.{_part(hmac.new(public, body.encode(), hashlib.sha256).digest())}"


def _unsigned(issuer: AuthorizationServer, alg: str) -> str:
    body = issuer.mint().split(".")[1]
    return f"{_part({'alg': alg, 'kid': issuer.key.kid, 'typ': 'at+jwt'})}.{body}."


def _twice(issuer: AuthorizationServer) -> str:
    head, body, signature = issuer.mint().split(".")
    said = base64.urlsafe_b64decode(body + "==")[:-1] + b', "sub": "agent-1"}'
    return f"{head}.{_part(said)}.{signature}"


def _headed(issuer: AuthorizationServer, **head: Any) -> str:
    said = _part({"alg": "ES256", "kid": issuer.key.kid, **head})
    return f"{said}." + issuer.mint().partition(".")[2]


def _now(**claims: float) -> dict[str, Any]:
    return {name: int(time.time() + seconds) for name, seconds in claims.items()}


NOT_GOOD: dict[str, Callable[[AuthorizationServer], str]] = {
    "empty": lambda i: "",
    "garbage": lambda i: "made.up.token",
    "a key of ours": lambda i: "plc_agent_LoRlPw6w_x3SFeQVeDSQYCDI476hcwtBDmzLd26grtFhUFZnxYWU_0W6Oat",
    "two parts": lambda i: i.mint().rpartition(".")[0],
    "five parts": lambda i: i.mint() + ".a.b",
    "huge": lambda i: i.mint(x="y" * 9000),
    "wrong aud": lambda i: i.mint(aud="https://other"),
    "aud with a slash more": lambda i: i.mint(aud=AUDIENCE + "/"),
    "aud above ours": lambda i: i.mint(aud="https://g"),
    "aud not a text": lambda i: i.mint(aud={"a": AUDIENCE}),
    "no aud": lambda i: i.mint(aud=None),
    "wrong iss": lambda i: i.mint(iss="https://elsewhere"),
    "iss with a slash more": lambda i: i.mint(iss=i.issuer + "/"),
    "no iss": lambda i: i.mint(iss=None),
    "alg none": lambda i: _unsigned(i, "none"),
    "alg None": lambda i: _unsigned(i, "None"),
    "alg nOnE with our signature": lambda i: _unsigned(i, "nOnE") + i.mint().split(".")[2],
    "HS256 with the public key": _hs256_with_the_public_key,
    "HS256 with a key of its own": lambda i: jwt.encode(
        {"alg": "HS256"}, {"iss": i.issuer, "sub": "agent-1", "aud": AUDIENCE}, OctKey.generate_key(256)
    ),
    "an algorithm of another kind of key": lambda i: _headed(i, alg="RS256"),
    "expired": lambda i: i.mint(**_now(exp=-61)),
    "no exp": lambda i: i.mint(exp=None),
    "exp true": lambda i: i.mint(exp=True),
    "exp a text": lambda i: i.mint(exp="9999999999"),
    "not yet": lambda i: i.mint(**_now(nbf=120)),
    "made tomorrow": lambda i: i.mint(**_now(iat=86400)),
    "an unknown kid": lambda i: i.mint(key=new_key()),
    "a known kid, another key": lambda i: i.mint(key=new_key(), header={"kid": i.key.kid}),
    "a kid that is no text": lambda i: _headed(i, kid=["a"]),
    "another subject under the signature": lambda i: _swapped(i.mint(sub="agent-2"), sub="agent-1"),
    "a claim that stands twice": _twice,
    "a signature cut short": lambda i: i.mint()[:-4],
    "typ of a logout token": lambda i: i.mint(header={"typ": "logout+jwt"}),
    "a head that must be understood": lambda i: _headed(i, crit=["exp"]),
    "bound to a key": lambda i: i.mint(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
    "no subject": lambda i: i.mint(sub=None),
    "subject a number": lambda i: i.mint(sub=1),
    "subject too long": lambda i: i.mint(sub="x" * 300),
}


@pytest.mark.parametrize("name", NOT_GOOD)
async def test_a_token_that_is_not_good_is_nobody(name: str, issuer: AuthorizationServer) -> None:
    known = recogniser(issuer)
    assert await known.recognise(issuer.mint()) is not None
    assert await known.recognise(NOT_GOOD[name](issuer)) is None
    assert await known.recognise(None) is None


async def test_the_same_subject_of_another_issuer_is_somebody_else(issuer: AuthorizationServer) -> None:
    async with authorization_server(key=issuer.key) as other:
        known = recogniser(issuer)
        assert await known.recognise(other.mint()) is None
        ours, theirs = await known.recognise(issuer.mint()), await recogniser(other).recognise(other.mint())
    assert ours is not None
    assert theirs is not None
    assert ours.credential != theirs.credential


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(lambda: _now(exp=-50), id="expired within the leeway"),
        pytest.param(lambda: _now(nbf=50), id="begins within the leeway"),
        pytest.param(lambda: {"iat": None}, id="no iat"),
        pytest.param(lambda: {"aud": ["https://other", AUDIENCE]}, id="one of several audiences"),
    ],
)
async def test_what_is_only_just_good_is_good(
    claims: Callable[[], dict[str, Any]], issuer: AuthorizationServer
) -> None:
    assert await recogniser(issuer).recognise(issuer.mint(**claims())) is not None


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "AT+JWT", "application/at+jwt"])
async def test_the_types_of_an_access_token_are_taken(typ: str | None, issuer: AuthorizationServer) -> None:
    assert await recogniser(issuer).recognise(issuer.mint(header={"typ": typ} if typ else {})) is not None


# The keys


async def test_many_tokens_cost_one_look_at_the_keys(issuer: AuthorizationServer) -> None:
    known = recogniser(issuer)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(known.recognise(issuer.mint(jti=str(n)))) for n in range(20)]
    assert [one.result() is not None for one in asked] == [True] * 20
    assert len(issuer.asked_for("/jwks")) == 1


async def test_a_new_key_is_found_at_once_and_unknown_ones_at_most_twice_a_minute(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    known = recogniser(issuer, clock)
    assert await known.recognise(issuer.mint()) is not None
    issuer.rotate()
    clock.now += 31
    assert await known.recognise(issuer.mint()) is not None
    for _ in range(10):
        assert await known.recognise(issuer.mint(key=new_key())) is None
    assert len(issuer.asked_for("/jwks")) == 2
    clock.now += 31
    assert await known.recognise(issuer.mint(key=new_key())) is None
    assert len(issuer.asked_for("/jwks")) == 3


async def test_a_token_that_was_believed_is_not_once_its_key_is_withdrawn(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    known = recogniser(issuer, clock)
    old = issuer.mint(**_now(exp=3600))
    assert await known.recognise(old) is not None
    issuer.rotate(keep=False)
    clock.now += 31
    assert await known.recognise(issuer.mint()) is not None
    assert await known.recognise(old) is None


async def test_a_token_that_was_believed_ends_when_it_says(issuer: AuthorizationServer, clock: Clock) -> None:
    known = recogniser(issuer, clock)
    token = issuer.mint()
    assert await known.recognise(token) is not None
    clock.now += 300 + 61
    assert await known.recognise(token) is None


async def test_keys_at_hand_serve_for_an_hour_while_the_issuer_is_away_and_then_nobody_is_let_in(
    issuer: AuthorizationServer, clock: Clock
) -> None:
    known = recogniser(issuer, clock)
    assert await known.recognise(issuer.mint()) is not None
    issuer.wrong["metadata"] = lambda: web.Response(status=503)
    clock.now += 3000
    assert await known.recognise(issuer.mint(**_now(exp=9000))) is not None
    clock.now += 700
    with pytest.raises(IssuerAway):
        await known.recognise(issuer.mint(**_now(exp=9000)))


WRONG_ISSUERS: dict[str, tuple[str, Callable[[], Any]]] = {
    "another issuer": ("metadata", lambda: {"issuer": "https://evil", "jwks_uri": "https://evil/jwks"}),
    "no issuer": ("metadata", lambda: {"jwks_uri": "https://evil/jwks"}),
    "a redirect": ("metadata", lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"})),
    "no JSON": ("metadata", lambda: web.Response(text="<html>")),
    "a member that stands twice": (
        "metadata",
        lambda: web.Response(text='{"issuer":"a","issuer":"b"}', content_type="application/json"),
    ),
    "too much": ("jwks", lambda: web.json_response({"keys": [], "x": "y" * 600_000})),
    "no keys": ("jwks", lambda: {"keys": []}),
    "a symmetric key": ("jwks", lambda: {"keys": [OctKey.generate_key(256).as_dict()]}),
    "keys that are none": ("jwks", lambda: {"keys": ["x", {"kty": "EC"}, {"kty": "RSA", "n": "AQ", "e": "AQAB"}]}),
    "gone": ("jwks", lambda: web.Response(status=404)),
}


@pytest.mark.parametrize("name", WRONG_ISSUERS)
async def test_an_issuer_that_answers_wrongly_lets_nobody_in(name: str, issuer: AuthorizationServer) -> None:
    document, answer = WRONG_ISSUERS[name]
    issuer.wrong[document] = answer
    with pytest.raises(IssuerAway):
        await recogniser(issuer).recognise(issuer.mint())


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "http://127.0.0.2:1/jwks",
        "http://169.254.169.254/latest",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/jwks",
        "https://[::ffff:10.0.0.1]/jwks",
        "https://2130706433/jwks",
        "https://0x7f.1/jwks",
        "file:///etc/passwd",
        "https://user:password@example.com/jwks",
    ],
)
async def test_the_keys_are_not_fetched_from_inside(jwks_uri: str, issuer: AuthorizationServer) -> None:
    issuer.metadata["jwks_uri"] = jwks_uri
    with pytest.raises(IssuerAway, match="cannot be had: the issuer's metadata cannot be used"):
        await recogniser(issuer).recognise(issuer.mint())


# Whom they stand for


async def test_a_good_token_of_no_agent_is_told_what_to_do(issuer: AuthorizationServer) -> None:
    with pytest.raises(NoSuchAgent) as refused:
        await recogniser(issuer).recognise(issuer.mint(sub="stranger\u202e"))
    assert 'its sub "stranger' in refused.value.agent_text
    assert "\u202e" not in refused.value.agent_text
    assert "agents.NAME.oauth_subject" in refused.value.agent_text


@pytest.mark.parametrize(
    "claims", [{"scope": "mcp other"}, {"scp": ["mcp"]}, {"scp": "mcp"}, {"scope": ["mcp"]}], ids=str
)
async def test_a_token_with_the_scope_may_call(claims: dict[str, Any], issuer: AuthorizationServer) -> None:
    assert await recogniser(issuer, scopes=("mcp",)).recognise(issuer.mint(**claims)) is not None


@pytest.mark.parametrize("claims", [{}, {"scope": "mcpx"}, {"scope": 1}, {"scp": {"mcp": 1}}], ids=str)
async def test_a_token_without_the_scope_may_not(claims: dict[str, Any], issuer: AuthorizationServer) -> None:
    with pytest.raises(InsufficientScope):
        await recogniser(issuer, scopes=("mcp",)).recognise(issuer.mint(**claims))


async def test_another_claim_can_name_the_agent(issuer: AuthorizationServer) -> None:
    known = recogniser(issuer, agent_claim="client_id")
    found = await known.recognise(issuer.mint(sub="ada", client_id="agent-1"))
    assert found is not None
    assert await known.recognise(issuer.mint(sub="agent-1")) is None


@pytest.mark.parametrize(
    ("claims", "owner"),
    [
        pytest.param({}, None, id="not said"),
        pytest.param({"email": "Ada@Example.com"}, "ada@example.com", id="said"),
        pytest.param({"email": "ada@example.com", "email_verified": True}, "ada@example.com", id="verified"),
    ],
)
async def test_the_person_behind_the_agent_is_whom_the_token_says(
    claims: dict[str, Any], owner: str | None, issuer: AuthorizationServer
) -> None:
    found = await recogniser(issuer, owner_claim="email").recognise(issuer.mint(**claims))
    assert found is not None
    assert found.owner == owner


@pytest.mark.parametrize(
    "claims",
    [{"email": "ada@example.com", "email_verified": False}, {"email": "ada"}, {"email_verified": "false"}],
    ids=str,
)
async def test_a_person_who_is_not_certain_is_refused(claims: dict[str, Any], issuer: AuthorizationServer) -> None:
    with pytest.raises(OwnerUnknown):
        await recogniser(issuer, owner_claim="email").recognise(issuer.mint(**claims))
