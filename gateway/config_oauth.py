"""OAuth in the configuration: `agent_oauth`, the `oauth` of a server, and what must hold of both.

One switch, no mixing: with an issuer, every agent is known by its subject and none by a key. A secret is never sent to
an authorization server that the upstream server itself names, so who configures one says where it goes.
"""

from __future__ import annotations

import importlib.util
from urllib.parse import urlsplit

from gateway.config_file import AgentFile, ConfigFile, ServerFile, ServerOauthFile
from gateway.policy.collecting import Collector, Path
from gateway.policy.source import nearest
from gateway.settings import AgentOauthSettings, ServerOauthSettings

_CLIENT_CREDENTIALS = "client_credentials"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def agent_oauth_of(shape: ConfigFile) -> AgentOauthSettings | None:
    """The section as settings."""
    said = shape.agent_oauth
    if said is None:
        return None
    return AgentOauthSettings(
        issuer=said.issuer,
        audience=tuple(said.audience),
        scopes=tuple(said.scopes),
        agent_claim=said.agent_claim,
        owner_claim=said.owner_claim,
    )


def server_oauth_of(server: ServerFile) -> ServerOauthSettings | None:
    """A server's section as settings."""
    said = server.oauth
    if said is None:
        return None
    return ServerOauthSettings(
        grant=said.grant,
        client_id=said.client_id,
        client_secret=said.client_secret,
        scopes=tuple(said.scopes),
        issuer=said.issuer,
        token_url=said.token_url,
        authorization_url=said.authorization_url,
    )


def servers_of(agent: AgentFile, shape: ConfigFile) -> tuple[str, ...]:
    """The servers an agent may use: its own, or where it names none those of `agent_oauth`."""
    shared = shape.agent_oauth.servers if shape.agent_oauth is not None else None
    if shared is not None and "servers" not in agent.model_fields_set:
        return tuple(shared)
    return tuple(agent.servers)


def agent_credential(agent: AgentFile, *, oauth: bool) -> tuple[str, str | None] | None:
    """What is wrong with how an agent is known, and what to do; None if nothing."""
    keys = [agent.token is not None, agent.token_sha256 is not None, agent.anonymous]
    if oauth and (any(keys) or agent.oauth_subject is None):
        message = "with agent_oauth an agent is known by its oauth_subject alone: keys and anonymous agents are refused"
        return message, "write oauth_subject here, or take agent_oauth out"
    if not oauth and agent.oauth_subject is not None:
        return "oauth_subject needs the section agent_oauth, which says whose tokens count", None
    if not oauth and sum(keys) != 1:
        return "an agent has exactly one of token, token_sha256 and anonymous: true", None
    return None


def check_agent_oauth(checks: Collector, shape: ConfigFile) -> None:
    """Everything that can be wrong with `agent_oauth` by itself."""
    said = shape.agent_oauth
    if said is None:
        return
    path: Path = ("agent_oauth",)
    if importlib.util.find_spec("joserfc") is None:
        checks.problem(path, "agent_oauth needs the package joserfc", "install it: pip install 'placet[oidc]'")
    check_issuer(checks, said.issuer, path)
    if not said.audience or "" in said.audience:
        checks.problem((*path, "audience"), "say what the tokens are for, as the issuer writes it into aud")
    check_scopes(checks, said.scopes, path)
    for index, server in enumerate(said.servers or ()):
        if server not in shape.servers:
            hint = nearest(server, shape.servers)
            checks.problem((*path, "servers", index), f"there is no server {server!r} under servers", hint)


def check_server_oauth(checks: Collector, server: ServerFile, where: Path) -> None:
    """Everything that can be wrong with `oauth` of one server."""
    said, path = server.oauth, (*where, "oauth")
    if said is None:
        return
    if server.url is None:
        checks.problem(path, "oauth belongs to a server with url")
    elif (why := _address(server.url)) is not None:
        checks.problem((*where, "url"), f"with oauth: {server.url!r} {why}")
    if any(name.lower() == "authorization" for name in server.headers):
        checks.problem(path, "the header Authorization is either fixed or OAuth's: take it out of headers")
    for key in ("issuer", "token_url", "authorization_url"):
        value = getattr(said, key)
        if value is not None and (why := _address(value)) is not None:
            checks.problem((*path, key), f"{value!r} {why}")
    if said.issuer is not None and said.token_url is not None:
        checks.problem(path, "say issuer, or token_url, not both")
    check_scopes(checks, said.scopes, path)
    _grant(checks, said, path)


def _grant(checks: Collector, said: ServerOauthFile, path: Path) -> None:
    if said.grant == _CLIENT_CREDENTIALS and said.client_secret is None:
        checks.problem(path, "client_credentials needs client_secret")
    if said.grant == _CLIENT_CREDENTIALS and said.authorization_url is not None:
        checks.problem((*path, "authorization_url"), "nobody signs in with client_credentials: take it out")
    if said.grant != _CLIENT_CREDENTIALS and (said.token_url is None) != (said.authorization_url is None):
        checks.problem(path, "token_url and authorization_url go together (or say issuer)")
    if said.client_secret is not None and said.issuer is None and said.token_url is None:
        message = "say issuer or token_url: a server must not choose where its client_secret is sent"
        checks.problem(path, message)


def check_issuer(checks: Collector, issuer: str, path: Path) -> None:
    """Can this be the identifier of an issuer, and be asked safely?"""
    if (why := _address(issuer)) is not None or urlsplit(issuer).query:
        checks.problem((*path, "issuer"), f"{issuer!r} {why or 'is no issuer: it has a query'}")


def check_scopes(checks: Collector, scopes: list[str], path: Path) -> None:
    """Is each of these one scope?"""
    for index, scope in enumerate(scopes):
        if not scope.isascii() or not scope.isprintable() or any(mark in scope for mark in ' "\\'):
            checks.problem((*path, "scopes", index), f"{scope!r} is not one scope (RFC 6749, 3.3)")


def _address(url: str) -> str | None:
    """What is wrong with an address of OAuth; None if nothing."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return "is not an address"
    if not usable or parts.scheme not in {"http", "https"} or parts.fragment or parts.username is not None:
        return "is not an http(s) address without credentials and fragment"
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        return "is plain http to another machine: tokens would be readable on the way; use https"
    return None
