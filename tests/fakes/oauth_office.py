"""One process's part of upstream OAuth over a database, for the tests: settings, store, sign-ins, and a clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
from pydantic import SecretStr

from approvals.bus import bus_for
from approvals.storage.engine import Database
from gateway.keys import Keys
from gateway.oauth.authorizer import ClientCredentials, SignedIn
from gateway.oauth.fetch import Fetcher
from gateway.oauth.grants import known_hosts
from gateway.oauth.signin import SignIns
from gateway.oauth.store import TokenStore
from gateway.oauth.vault import PURPOSE, Vault
from gateway.settings import ServerOauthSettings, ServerSettings
from tests.fakes.authorization_server import AuthorizationServer

URL = "http://127.0.0.1:9/mcp"
PUBLIC = "http://127.0.0.1:8642"
KEYS = Keys(b"k" * 32)
SERVED = frozenset({PUBLIC + "/oauth/callback"})


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


def oauth(issuer: AuthorizationServer, **options: Any) -> ServerOauthSettings:
    said = {"grant": "client_credentials", "client_id": "placet", "client_secret": SecretStr("s3cret")}
    if not {"issuer", "token_url"} & set(options):
        said["issuer"] = issuer.issuer
    return ServerOauthSettings(**{**said, **options})


def public(issuer: AuthorizationServer, **options: Any) -> ServerOauthSettings:
    return oauth(issuer, **{"grant": "authorization_code", "client_id": "public", "client_secret": None, **options})


async def directly(job: Coroutine[Any, Any, Any]) -> Any:
    return await job


def credentials(settings: ServerOauthSettings, clock: Callable[[], float]) -> ClientCredentials:
    fetcher = Fetcher(known=known_hosts(settings, URL), seconds=3)
    return ClientCredentials(server="shop", url=URL, settings=settings, fetcher=fetcher, run=directly, now=clock)


class Office:
    """A gateway's store and sign-ins over one database, as one process has them."""

    def __init__(
        self, db: Database, settings: ServerOauthSettings, clock: Callable[[], float], name: str = "one"
    ) -> None:
        self.settings = settings
        self.servers = {"shop": ServerSettings(name="shop", url=URL, oauth=settings)}
        self.vault = Vault(KEYS.for_purpose(PURPOSE))
        self.store = TokenStore(db, bus_for(db), self.vault, name)
        self.sign_ins = SignIns(
            db=db,
            vault=self.vault,
            store=self.store,
            public_url=PUBLIC,
            servers=lambda: self.servers,
            done=lambda _: self.authorizer.forget(),
        )
        self.authorizer = SignedIn(
            server="shop",
            url=URL,
            settings=settings,
            fetcher=Fetcher(known=known_hosts(settings, URL), seconds=3),
            store=self.store,
            run=directly,
            now=clock,
        )

    async def sign_in(self) -> None:
        begun = await self.sign_ins.begin("shop", by="ada@example.com")
        assert await self.sign_ins.complete(await browser(begun.url)) == "shop"


async def browser(url: str) -> dict[str, str]:
    """Follow a link to the consent, and bring back what the redirect carries."""
    async with aiohttp.ClientSession() as http, http.get(url, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        back = answer.headers["Location"]
    assert back.startswith(PUBLIC + "/oauth/callback?")
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
