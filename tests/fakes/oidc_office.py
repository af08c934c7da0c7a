"""The people's side with an identity provider behind it, and browsers that sign in there, for the tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from pydantic import SecretStr

from approvals.domain.claims import ClaimRules
from approvals.domain.model import PersonId, Role
from approvals.storage.engine import Database
from gateway.oidc.provider import Provider
from gateway.oidc.routes import CALLBACK, OidcRoutes
from gateway.settings import OidcSettings
from tests.fakes.authorization_server import AuthorizationServer
from tests.fakes.web import PEOPLE, Answer, Console, Session, serving

COOKIE = "placet-sign-in"


def rules(issuer: AuthorizationServer, **but: Any) -> ClaimRules:
    said: dict[str, Any] = {
        "prefix": "oidc:",
        "valid_for": timedelta(hours=24),
        "roles": {Role.REVIEWER: frozenset({"approvers"})},
    }
    return ClaimRules(issuer=issuer.issuer, **{**said, **but})


def settings(issuer: AuthorizationServer, *, claims: ClaimRules | None = None, **but: Any) -> OidcSettings:
    said: dict[str, Any] = {
        "client_id": "placet",
        "client_secret": SecretStr("s3cret"),
        "name": "Example",
        "groups_claim": ("groups",),
    }
    return OidcSettings(issuer=issuer.issuer, claims=claims or rules(issuer), **{**said, **but})


@dataclass
class Browser:
    """One browser: its cookies, and what it does."""

    console: Console
    cookies: dict[str, str] = field(default_factory=dict)

    async def begin(self, next_page: str = "/", **headers: str) -> Answer:
        """Press the button."""
        sent = {"Origin": self.console.url, "Sec-Fetch-Site": "same-origin", **headers}
        return self._kept(
            await self.console.send("POST", "/api/v1/login/oidc", headers=sent, json_body={"next": next_page})
        )

    async def at_the_provider(self, url: str) -> str:
        """Say yes there; the path and query that the browser is sent back to."""
        async with self.console.http.get(url, allow_redirects=False) as got:
            assert got.status == 302, await got.text()
            back = urlsplit(got.headers["Location"])
        assert back.path == CALLBACK
        return f"{back.path}?{back.query}"

    async def back(self, path: str) -> Answer:
        """Come back from the provider."""
        return self._kept(await self.console.send("GET", path, headers={"Cookie": self._cookie()}))

    async def sign_in(self, next_page: str = "/") -> Answer:
        """The whole way."""
        begun = await self.begin(next_page)
        assert begun.status == 200, begun.body
        return await self.back(await self.at_the_provider(begun.json()["url"]))

    async def offer(self) -> Any:
        """What the sign-in page is told."""
        return (await self.console.send("GET", "/api/v1/sign-in", headers={"Cookie": self._cookie()})).json()

    async def me(self) -> Answer:
        """Who is signed in here."""
        return await self.console.send("GET", "/api/v1/me", headers={"Cookie": self._cookie()})

    async def session(self) -> Session:
        """The session, as the page has it."""
        me = (await self.me()).json()
        return Session(cookie=self._cookie(), csrf=me["csrf"], origin=self.console.url)

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _kept(self, got: Answer) -> Answer:
        for name, morsel in got.cookies.items():
            self.cookies[name] = morsel.value
        self.cookies = {name: value for name, value in self.cookies.items() if value}
        return got


@dataclass
class Office:
    """The running console, its provider, and what is configured of it, which a test may change."""

    console: Console
    issuer: AuthorizationServer
    provider: Provider | None
    made: int = 0

    def browser(self) -> Browser:
        return Browser(self.console)

    def configure(self, *, claims: ClaimRules | None = None, people: Any = PEOPLE, **but: Any) -> None:
        """Another configuration, as a reload makes it."""
        fresh = settings(self.issuer, claims=claims, **but)
        self.console.directory.replace(people, {}, fresh.claims)
        self.provider = Provider(fresh, redirect=self.console.url + CALLBACK)

    def is_somebody(self, email: str, *groups: str, **claims: Any) -> None:
        """Who signs in next at the provider."""
        plain = {"sub": f"sub-{email}", "email": email, "email_verified": True, "name": email.split("@")[0].title()}
        self.issuer.person = {**plain, "groups": list(groups), **claims}


@asynccontextmanager
async def office(db: Database, issuer: AuthorizationServer, **but: Any) -> AsyncIterator[Office]:
    """A console whose people sign in at the issuer."""
    found: list[Office] = []
    routes = OidcRoutes(provider=lambda: found[0].provider if found else None)

    def more(app: web.Application) -> None:
        routes.add_callback(app)

    async with serving(db, more=more, endpoints=routes.endpoints()) as console:
        running = Office(console, issuer, None)
        found.append(running)
        issuer.redirects = {console.url + CALLBACK}
        running.configure(**but)
        yield running


def query_of(path: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


def person(email: str) -> PersonId:
    """An address as the key of a person."""
    return PersonId(email)
