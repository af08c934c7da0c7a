"""A real authorization server on loopback: discovery, keys that rotate, three grants, and wrong answers on demand.

Where the scope `openid` is asked for it is an OpenID provider, too: `person` are the claims of whoever signs in, and
`id_token` those of the next ID tokens that differ from what they should be.

It judges what it is sent as strictly as RFC 6749, 7636, 8707 and 9207 ask: a test that passes here was not waved
through. Everything it was asked is kept in `asked`; what it should get wrong is put into `wrong`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

from aiohttp import web
from joserfc.jwk import ECKey, KeyParameters, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

SigningKey = RSAKey | ECKey | OKPKey


def new_key(alg: str = "ES256") -> SigningKey:
    """A fresh signing key with a name of its own."""
    named: KeyParameters = {"kid": secrets.token_hex(4), "use": "sig", "alg": alg}
    match alg[:2]:
        case "ES":
            return ECKey.generate_key("P-256", parameters=named)
        case "Ed":
            return OKPKey.generate_key("Ed25519", parameters=named)
        case _:
            return RSAKey.generate_key(2048, parameters=named)


@dataclass
class AuthorizationServer:
    """One issuer. Clients are id -> secret (None: public); `wrong` replaces an answer by name."""

    issuer: str = ""
    key: SigningKey = field(default_factory=new_key)
    retired: list[SigningKey] = field(default_factory=list)
    clients: dict[str, str | None] = field(default_factory=lambda: {"placet": "s3cret", "public": None})
    redirects: set[str] = field(default_factory=set)
    expires_in: int | None = 3600
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    wrong: dict[str, Callable[[], web.Response | dict[str, Any]]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    burnt: set[str] = field(default_factory=set)
    issued: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    person: dict[str, Any] = field(default_factory=dict)
    id_token: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, str | None] = field(default_factory=dict)

    def mint(self, *, key: SigningKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """An access token of this issuer; a claim given as None is left out."""
        signer, now = key or self.key, int(time.time())
        plain = {"iss": self.issuer, "sub": "agent-1", "aud": "https://gw", "iat": now, "exp": now + 300}
        said = {name: value for name, value in {**plain, **claims}.items() if value is not None}
        alg = str(signer.as_dict()["alg"])
        head = {"alg": alg, "kid": signer.kid, "typ": "at+jwt", **(header or {})}
        text = f"{_part({n: v for n, v in head.items() if v is not None})}.{_part(said)}"
        # Signed by hand: the library warns of the name EdDSA, which issuers use all the same.
        model = JWSRegistry.algorithms["Ed25519" if alg == "EdDSA" else alg]
        return f"{text}.{_base64(model.sign(text.encode(), signer))}"

    def rotate(self, alg: str = "ES256", *, keep: bool = True) -> None:
        """Sign with another key from now on."""
        self.retired = [*self.retired, self.key] if keep else []
        self.key = new_key(alg)

    def asked_for(self, path: str) -> list[dict[str, str]]:
        """What was sent to a path, in order."""
        return [fields for where, fields in self.asked if where == path]

    async def discovery(self, request: web.Request) -> web.StreamResponse:
        """RFC 8414, or OpenID Connect discovery."""
        self.asked.append((request.path, {}))
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": self.issuer + "/authorize",
            "token_endpoint": self.issuer + "/token",
            "jwks_uri": self.issuer + "/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return self._answer("metadata", {n: v for n, v in document.items() if v is not None})

    async def jwks(self, request: web.Request) -> web.StreamResponse:
        """The public keys."""
        self.asked.append(("/jwks", {}))
        return self._answer("jwks", dict(KeySet([self.key, *self.retired]).as_dict(private=False)))

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """The person says yes at once."""
        asked = dict(request.query)
        self.asked.append(("/authorize", asked))
        if asked.get("client_id") not in self.clients or asked.get("redirect_uri") not in self.redirects:
            return web.Response(status=400, text="unknown client or redirect_uri")
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            return web.Response(status=400, text="only code with PKCE S256")
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer, **self.answer}
        said = {name: value for name, value in back.items() if value is not None}
        raise web.HTTPFound(asked["redirect_uri"] + "?" + urlencode(said))

    async def end_session(self, request: web.Request) -> web.StreamResponse:
        """The person signs out here, too."""
        self.asked.append(("/end", dict(request.query)))
        return web.Response(text="You are signed out.")

    async def token(self, request: web.Request) -> web.StreamResponse:
        """The token endpoint."""
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(("/token", form))
        if self.hold is not None:
            await self.hold.wait()
        if "token" in self.wrong:
            return self._answer("token", {})
        client = self._client(request, form)
        if client is None:
            return web.json_response({"error": "invalid_client"}, status=401)
        if (why := self._refusal(client, form)) is not None:
            return web.json_response({"error": why}, status=400)
        return web.json_response(self._tokens(form))

    def _refusal(self, client: str, form: dict[str, str]) -> str | None:
        match form.get("grant_type"):
            case "client_credentials":
                return None if self.clients[client] else "unauthorized_client"
            case "authorization_code":
                return self._code(client, form)
            case "refresh_token":
                return self._refresh(form)
            case _:
                return "unsupported_grant_type"

    def _client(self, request: web.Request, form: dict[str, str]) -> str | None:
        name, secret = form.get("client_id", ""), form.get("client_secret")
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            name, _, secret = base64.b64decode(header[6:]).decode().partition(":")
            name, secret = unquote(name), unquote(secret)
        return name if name in self.clients and self.clients[name] == secret else None

    def _code(self, client: str, form: dict[str, str]) -> str | None:
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or asked["client_id"] != client or asked["redirect_uri"] != form.get("redirect_uri"):
            return "invalid_grant"
        form.setdefault("scope", asked.get("scope", ""))
        form["nonce"] = asked.get("nonce", "")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        return None if proved and asked.get("resource") == form.get("resource") else "invalid_grant"

    def _refresh(self, form: dict[str, str]) -> str | None:
        sent = form.get("refresh_token", "")
        if sent in self.burnt:
            self.refresh_tokens.clear()  # a token used twice ends the whole family
        if sent not in self.refresh_tokens:
            return "invalid_grant"
        self.refresh_tokens.discard(sent)
        self.burnt.add(sent)
        return None

    def _tokens(self, form: dict[str, str]) -> dict[str, Any]:
        audience = form.get("resource", "none")
        access = self.mint(aud=audience, scope=form.get("scope", ""), jti=secrets.token_hex(4))
        self.issued.append(access)
        answer: dict[str, Any] = {"access_token": access, "token_type": "Bearer"}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if form["grant_type"] == "authorization_code" and "openid" in form["scope"].split():
            answer["id_token"] = self._id_token(access, form)
        if form["grant_type"] != "client_credentials":
            answer["refresh_token"] = secrets.token_urlsafe(16)
            self.refresh_tokens.add(answer["refresh_token"])
        return answer

    def _id_token(self, access: str, form: dict[str, str]) -> str:
        client = next(asked["client_id"] for where, asked in reversed(self.asked) if where == "/authorize")
        half = hashlib.sha256(access.encode()).digest()[:16]
        said = {"aud": client, "nonce": form["nonce"], "at_hash": _base64(half), **self.person, **self.id_token}
        return self.mint(header={"typ": "JWT"}, **said)

    def _answer(self, name: str, plain: dict[str, Any]) -> web.Response:
        said = self.wrong[name]() if name in self.wrong else plain
        return said if isinstance(said, web.Response) else web.json_response(said)


def _part(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@asynccontextmanager
async def authorization_server(path: str = "", **options: Any) -> AsyncIterator[AuthorizationServer]:
    """A running issuer; `path` is the path of its identifier."""
    server = AuthorizationServer(**options)
    app = web.Application()
    app.router.add_get("/.well-known/oauth-authorization-server" + path, server.discovery)
    app.router.add_get(path + "/.well-known/openid-configuration", server.discovery)
    app.router.add_get(path + "/jwks", server.jwks)
    app.router.add_get(path + "/authorize", server.authorize)
    app.router.add_post(path + "/token", server.token)
    app.router.add_get(path + "/end", server.end_session)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    try:
        yield server
    finally:
        if server.hold is not None:
            server.hold.set()
        await runner.cleanup()
