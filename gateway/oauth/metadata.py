"""What servers publish about their OAuth: RFC 9728 of a resource, RFC 8414 or OpenID discovery of an issuer.

Nothing in a document is believed because it is there: the issuer must be exactly the one that was asked, the resource
must be the one that was asked or lie above it on the same origin, and every address goes through `places`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gateway.oauth.fetch import Failed, Fetcher
from gateway.oauth.places import Forbidden, checked, origin_of

PROTECTED = "/.well-known/oauth-protected-resource"
_MAX_LIST = 100
_PARAMETER = re.compile(r'\s*,?\s*([A-Za-z0-9_-]{1,64})\s*=\s*(?:"((?:[^"\\]|\\.){0,2048})"|([^\s,"]{1,2048}))')


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetadata:
    """An authorization server, as its own metadata describes it."""

    issuer: str
    token_endpoint: str | None
    authorization_endpoint: str | None
    jwks_uri: str | None
    auth_methods: tuple[str, ...]
    pkce_methods: tuple[str, ...]
    answers_iss: bool
    end_session_endpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceMetadata:
    """A protected resource: what its tokens are for, and whose tokens it takes."""

    resource: str
    authorization_servers: tuple[str, ...]
    scopes: tuple[str, ...]


async def of_issuer(fetcher: Fetcher, issuer: str) -> ServerMetadata:
    """The metadata of an issuer, from the first of its well-known addresses that has any.

    Raises:
        Failed: there is none, or it cannot be believed.
    """
    for url in issuer_addresses(issuer):
        document = await fetcher.document(url, what="issuer's metadata")
        if document is None:
            continue
        if document.get("issuer") != issuer:
            raise Failed("the issuer's metadata names another issuer than the one that was asked", passing=False)
        return ServerMetadata(
            issuer=issuer,
            token_endpoint=_address(document, "token_endpoint", fetcher),
            authorization_endpoint=_address(document, "authorization_endpoint", fetcher),
            jwks_uri=_address(document, "jwks_uri", fetcher),
            auth_methods=_words(document, "token_endpoint_auth_methods_supported"),
            pkce_methods=_words(document, "code_challenge_methods_supported"),
            answers_iss=document.get("authorization_response_iss_parameter_supported") is True,
            end_session_endpoint=_address(document, "end_session_endpoint", fetcher),
        )
    raise Failed("the issuer publishes no metadata at its well-known addresses", passing=False)


async def of_resource(fetcher: Fetcher, url: str, challenge: str | None) -> ResourceMetadata:
    """The metadata of an MCP server, where its 401 says it is, else at the well-known addresses.

    Raises:
        Failed: there is none, or it cannot be believed.
    """
    named = challenge_parameter(challenge, "resource_metadata")
    for candidate in [named] if named is not None else list(resource_addresses(url)):
        document = await fetcher.document(candidate, what="server's resource metadata")
        if document is None:
            continue
        resource, servers = document.get("resource"), _words(document, "authorization_servers")
        if not isinstance(resource, str) or not covers(resource, url):
            raise Failed("the server's resource metadata speaks of another resource", passing=False)
        if not servers:
            raise Failed("the server's resource metadata names no authorization server", passing=False)
        return ResourceMetadata(
            resource=resource, authorization_servers=servers, scopes=_words(document, "scopes_supported")
        )
    raise Failed("the server does not say where its tokens come from (RFC 9728)", passing=False)


def issuer_addresses(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may be: RFC 8414, then OpenID Connect discovery in both its spellings."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    first = f"{origin}/.well-known/oauth-authorization-server{path}"
    appended = f"{origin}{path}/.well-known/openid-configuration"
    inserted = f"{origin}/.well-known/openid-configuration{path}"
    return tuple(dict.fromkeys((first, inserted, appended)))


def resource_addresses(url: str) -> Iterator[str]:
    """Where a resource's metadata may be: by its path, then at the root."""
    parts = urlsplit(url)
    origin = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    if path := parts.path.rstrip("/"):
        yield f"{origin}{PROTECTED}{path}"
    yield f"{origin}{PROTECTED}"


def covers(resource: str, url: str) -> bool:
    """Is `resource` the address itself, or one above it on the same origin?"""
    if origin_of(resource) != origin_of(url):
        return False
    above, below = urlsplit(resource).path.rstrip("/"), urlsplit(url).path.rstrip("/")
    return above == below or below.startswith(above + "/")


def challenge_parameter(challenge: str | None, name: str) -> str | None:
    """A parameter of a `Bearer` challenge, where it is there once."""
    if challenge is None or len(challenge) > 8192 or challenge[:7].lower() != "bearer ":
        return None
    found = [quoted or bare for key, quoted, bare in _PARAMETER.findall(challenge[7:]) if key.lower() == name]
    return found[0].replace("\\", "") if len(found) == 1 else None


def _address(document: Mapping[str, Any], name: str, fetcher: Fetcher) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    try:
        return checked(value, known=fetcher.known, what=name)
    except Forbidden as err:
        raise Failed(f"the issuer's metadata cannot be used: {err}", passing=False) from err


def _words(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name)
    if not isinstance(value, list) or len(value) > _MAX_LIST:
        return ()
    return tuple(word for word in value if isinstance(word, str) and 0 < len(word) <= 2048)
