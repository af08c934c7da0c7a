"""Getting tokens at an authorization server: where, by which grant, and what comes back.

`source` finds the endpoints (configured, or from the issuer's metadata, or by what the server itself publishes) and
`obtain` asks the token endpoint. Every request names the resource the token is for (RFC 8707), so that it is worth
nothing elsewhere. A client secret only ever goes to an issuer or address that an operator wrote down.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from gateway.oauth import metadata
from gateway.oauth.fetch import Failed, Fetcher
from gateway.oauth.places import Forbidden, checked, host_of
from gateway.protocol.strict import visible
from gateway.settings import ServerOauthSettings

MAX_ACCESS_TOKEN = 16 * 1024
RENEW_EARLY_SECONDS = 60.0
_TOKEN = re.compile(r"[\x21-\x7e]+")
_WHAT = "token endpoint"


class Denied(Failed):
    """The token endpoint said no, in OAuth's own words. `error` is its code."""

    def __init__(self, error: str) -> None:
        super().__init__(f"the token endpoint refused: {visible(error)}", passing=False)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Placet as a client of an authorization server, and how it shows itself there."""

    id: str
    secret: SecretStr | None
    auth_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where tokens for one server come from."""

    issuer: str | None
    token_endpoint: str
    authorization_endpoint: str | None
    auth_method: str
    resource: str
    scopes: tuple[str, ...] = ()
    answers_iss: bool = False

    def saved(self) -> dict[str, Any]:
        """As JSON data."""
        return {**asdict(self), "scopes": list(self.scopes)}

    @staticmethod
    def read(saved: Mapping[str, Any]) -> Source:
        """From what `saved` gave."""
        return Source(**{**saved, "scopes": tuple(saved["scopes"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a token endpoint gave. Times are Unix seconds; None: it did not say."""

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    renew_at: float | None = None
    expires_at: float | None = None

    def fresh(self, now: float) -> bool:
        """Is it too early to get another?"""
        return self.renew_at is None or now < self.renew_at

    def alive(self, now: float) -> bool:
        """Can it still be used?"""
        return self.expires_at is None or now < self.expires_at


def known_hosts(settings: ServerOauthSettings, url: str) -> frozenset[str]:
    """The hosts that an operator wrote down for a server."""
    said = (url, settings.issuer, settings.token_url, settings.authorization_url)
    return frozenset(host_of(one) for one in said if one is not None) - {""}


def binding(settings: ServerOauthSettings, url: str) -> str:
    """What tokens were got for; for another address, client or issuer they are not used."""
    said = [
        url,
        settings.grant,
        settings.client_id,
        settings.issuer,
        settings.token_url,
        settings.authorization_url,
        sorted(settings.scopes),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


async def source(fetcher: Fetcher, settings: ServerOauthSettings, url: str, challenge: str | None = None) -> Source:
    """Where tokens for the server at `url` come from.

    Raises:
        Failed: it cannot be found out, or must not be used.
    """
    if settings.token_url is not None:
        return Source(
            issuer=None,
            token_endpoint=settings.token_url,
            authorization_endpoint=settings.authorization_url,
            auth_method=auth_method(settings.client_secret, ()),
            resource=url,
            scopes=settings.scopes,
        )
    issuer, resource, scopes = settings.issuer, url, settings.scopes
    if issuer is None:
        published = await metadata.of_resource(fetcher, url, challenge)
        issuer, resource = published.authorization_servers[0], published.resource
        scopes = scopes or _asked(challenge) or published.scopes
    try:
        checked(issuer, known=fetcher.known, what="authorization server that the server names")
    except Forbidden as err:
        raise Failed(str(err), passing=False) from err
    found = await metadata.of_issuer(fetcher, issuer)
    if found.token_endpoint is None:
        raise Failed("the issuer's metadata has no token_endpoint", passing=False)
    if settings.grant != "client_credentials" and "S256" not in found.pkce_methods:
        raise Failed(
            "the issuer does not say that it takes PKCE with S256, and without it nobody signs in", passing=False
        )
    return Source(
        issuer=issuer,
        token_endpoint=found.token_endpoint,
        authorization_endpoint=found.authorization_endpoint,
        auth_method=auth_method(settings.client_secret, found.auth_methods),
        resource=resource,
        scopes=scopes,
        answers_iss=found.answers_iss,
    )


async def obtain(
    fetcher: Fetcher, settings: ServerOauthSettings, where: Source, fields: Mapping[str, str], *, now: float
) -> Tokens:
    """Ask the token endpoint, with the fields of one grant.

    Raises:
        Denied: it said no.
        Failed: it did not answer as it should.
    """
    client = Client(id=settings.client_id, secret=settings.client_secret, auth_method=where.auth_method)
    body = await ask(fetcher, where.token_endpoint, client, {**fields, "resource": where.resource})
    return _tokens(body, fields.get("refresh_token"), now)


async def ask(fetcher: Fetcher, endpoint: str, client: Client, fields: Mapping[str, str]) -> Mapping[str, Any]:
    """What a token endpoint answers to the fields of one grant, once it has said yes.

    Raises:
        Denied: it said no.
        Failed: it did not answer as it should.
    """
    form, headers = {**fields}, {}
    secret = client.secret.get_secret_value() if client.secret is not None else ""
    match client.auth_method:
        case "client_secret_basic":
            pair = f"{quote(client.id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        case "client_secret_post":
            form |= {"client_id": client.id, "client_secret": secret}
        case _:
            form["client_id"] = client.id
    answer = await fetcher.form(endpoint, form, headers, what=_WHAT)
    if answer.status != 200:
        error = answer.body.get("error")
        if 400 <= answer.status < 500 and isinstance(error, str):
            raise Denied(error)
        raise Failed(f"the {_WHAT} answered HTTP {answer.status}")
    return answer.body


def _tokens(body: Mapping[str, Any], refresh: str | None, now: float) -> Tokens:
    access, kind = body.get("access_token"), body.get("token_type")
    if not isinstance(access, str) or len(access) > MAX_ACCESS_TOKEN or not _TOKEN.fullmatch(access):
        raise Failed(f"the {_WHAT} gave no access token that can be sent", passing=False)
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise Failed(f"the {_WHAT} gave a token that is no bearer token", passing=False)
    lasts = body.get("expires_in")
    if isinstance(lasts, str) and lasts.isascii() and lasts.isdigit():
        lasts = int(lasts[:12])  # some say it as a text
    if lasts is not None and (not isinstance(lasts, int | float) or isinstance(lasts, bool) or lasts <= 0):
        raise Failed(f"the {_WHAT} gave a token that is not good for any time", passing=False)
    fresh = body.get("refresh_token")
    rotated = fresh if isinstance(fresh, str) and _TOKEN.fullmatch(fresh) and len(fresh) <= MAX_ACCESS_TOKEN else None
    if lasts is None:
        return Tokens(access=access, refresh=rotated or refresh)
    early = min(RENEW_EARLY_SECONDS, lasts / 2)
    return Tokens(access=access, refresh=rotated or refresh, renew_at=now + lasts - early, expires_at=now + lasts)


def auth_method(secret: SecretStr | None, offered: tuple[str, ...]) -> str:
    """How a client shows itself at a token endpoint that offers these ways; where it says nothing, by Basic.

    Raises:
        Failed: by none that we have.
    """
    if secret is None:
        return "none"
    for method in ("client_secret_basic", "client_secret_post"):
        if not offered or method in offered:
            return method
    raise Failed("the token endpoint takes a client secret neither by Basic nor in the form", passing=False)


def _asked(challenge: str | None) -> tuple[str, ...]:
    scope = metadata.challenge_parameter(challenge, "scope")
    return tuple(word for word in (scope or "").split(" ") if word)[:50]
