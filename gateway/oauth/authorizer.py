"""The access token for one upstream server: got when it is needed, renewed before it runs out, and once on a 401.

However many requests want it, one at a time asks the authorization server, and the rest take what it got. A renewal
goes on though the request that wanted it is gone: a refresh token whose answer nobody heard would be lost. Tokens are
kept by the server's address, client and issuer, and are used for nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.oauth import grants
from gateway.oauth.fetch import Failed, Fetcher
from gateway.oauth.grants import Denied, Source, Tokens
from gateway.oauth.store import Stored, TokenStore
from gateway.settings import ServerOauthSettings
from gateway.upstreams import Unsent

log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 30.0
"""How long a saved token is used before it is looked whether somebody signed in anew."""
REFUSED_PAUSE_SECONDS = 30.0
"""A server that refuses a token this young would refuse the next one, too."""
FAILED_PAUSE_SECONDS = 5.0
_TURNS = 40

Run = Callable[[Coroutine[Any, Any, Tokens]], Awaitable[Tokens]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    tokens: Tokens
    got_at: float
    looked_at: float
    retry_at: float = 0.0


class NotSignedIn(Failed):
    """Only a person can mend this, and it costs nothing to look whether one has."""

    def __init__(self, server: str, why: str) -> None:
        super().__init__(f"{why}. An operator can: placet servers login {server}", passing=False)


class _Renewing(ABC):
    """What both grants share: the token at hand, and one renewal at a time."""

    def __init__(self, server: str, run: Run, now: Callable[[], float]) -> None:
        self.server = server
        self._run, self._now = run, now
        self._held: _Held | None = None
        self._lock = asyncio.Lock()
        self._challenge: str | None = None
        self._why, self._quiet_until = "", 0.0

    async def headers(self) -> Mapping[str, str]:
        """The Authorization header.

        Raises:
            Unsent: there is no token, in plain words.
        """
        held = self._held
        if held is None or not self._usable(held):
            return _header(await self._run(self._renewed(None)))
        return _header(held.tokens)

    async def refused(self, sent: Mapping[str, str], *, status: int, challenge: str | None) -> bool:
        """Get another token, if this one was not got a moment ago."""
        held = self._held
        if status != 401:
            return False
        self._challenge = challenge
        if held is not None and _header(held.tokens) != dict(sent):
            return True  # another request has renewed it meanwhile
        if held is not None and self._now() - held.got_at < REFUSED_PAUSE_SECONDS:
            log.warning("upstream refuses a token that is new", extra={"server": self.server})
            return False
        try:
            return _header(await self._run(self._renewed(sent.get("Authorization")))) != dict(sent)
        except Unsent as err:
            log.warning("upstream refused its token, and there is no other: %s", err, extra={"server": self.server})
            return False

    def forget(self) -> None:
        """Look anew at what is saved, at the next request."""
        self._held, self._quiet_until = None, 0.0

    def _usable(self, held: _Held) -> bool:
        now = self._now()
        return held.tokens.fresh(now) or (now < held.retry_at and held.tokens.alive(now))

    async def _renewed(self, refused: str | None) -> Tokens:
        async with self._lock:
            held = self._held
            if held is not None and self._usable(held) and _header(held.tokens)["Authorization"] != refused:
                return held.tokens
            if self._now() < self._quiet_until:
                raise Unsent(self._why)
            try:
                tokens, got_at = await self._get(refused)
            except Failed as err:
                return self._failed(err, refused)
            self._held = _Held(tokens=tokens, got_at=got_at, looked_at=self._now())
            return tokens

    def _failed(self, err: Failed, refused: str | None) -> Tokens:
        """The token at hand, while it is still good; and a pause before the issuer is asked again."""
        held, now = self._held, self._now()
        if held is not None and refused is None and held.tokens.alive(now):
            log.warning("token could not be renewed yet: %s", err, extra={"server": self.server})
            self._held = replace(held, retry_at=now + FAILED_PAUSE_SECONDS, looked_at=now)
            return held.tokens
        self._held = None
        self._why = f"{self.server} cannot be used without an access token: {err}"
        if not isinstance(err, NotSignedIn):
            self._quiet_until = now + FAILED_PAUSE_SECONDS
        raise Unsent(self._why) from err

    @abstractmethod
    async def _get(self, refused: str | None) -> tuple[Tokens, float]:
        """Another token than the refused one, and when it was got.

        Raises:
            Failed: there is none.
        """


class ClientCredentials(_Renewing):
    """Our own credentials at the issuer. Nothing is saved: another process gets a token of its own."""

    def __init__(
        self,
        *,
        server: str,
        url: str,
        settings: ServerOauthSettings,
        fetcher: Fetcher,
        run: Run,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(server, run, now)
        self._url, self._settings, self._fetcher = url, settings, fetcher
        self._source: Source | None = None

    async def _get(self, refused: str | None) -> tuple[Tokens, float]:
        del refused
        try:
            if self._source is None:
                self._source = await grants.source(self._fetcher, self._settings, self._url, self._challenge)
            fields = {"grant_type": "client_credentials"}
            if self._source.scopes:
                fields["scope"] = " ".join(self._source.scopes)
            now = self._now()
            return await grants.obtain(self._fetcher, self._settings, self._source, fields, now=now), now
        except Failed:
            self._source = None  # its endpoints may have moved
            raise


class SignedIn(_Renewing):
    """A person's consent: tokens that an operator's sign-in got, refreshed for as long as the issuer allows."""

    def __init__(
        self,
        *,
        server: str,
        url: str,
        settings: ServerOauthSettings,
        fetcher: Fetcher,
        store: TokenStore,
        run: Run,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(server, run, now)
        self._settings, self._fetcher, self._store = settings, fetcher, store
        self._bound = grants.binding(settings, url)

    def _usable(self, held: _Held) -> bool:
        return super()._usable(held) and self._now() - held.looked_at < LOOK_EVERY_SECONDS

    async def _get(self, refused: str | None) -> tuple[Tokens, float]:
        for _ in range(_TURNS):
            stored = await self._store.read(self.server)
            if stored is None or stored.binding != self._bound:
                self._held = None
                raise NotSignedIn(self.server, "nobody has signed in to it yet")
            tokens, known = stored.tokens, self._held
            if tokens.fresh(self._now()) and _header(tokens)["Authorization"] != refused:
                got_at = known.got_at if known is not None and known.tokens == tokens else 0.0
                return tokens, got_at
            if tokens.refresh is None:
                if tokens.alive(self._now()) and refused is None:
                    return tokens, 0.0
                raise NotSignedIn(self.server, "its sign-in has run out")
            if await self._store.lease(self.server, stored.revision):
                return await self._refreshed(stored, tokens.refresh), self._now()
            await self._store.changed()
        raise Failed("another process is renewing its token and does not come to an end")

    async def _refreshed(self, stored: Stored, refresh: str) -> Tokens:
        fields = {"grant_type": "refresh_token", "refresh_token": refresh}
        try:
            fresh = await grants.obtain(self._fetcher, self._settings, stored.source, fields, now=self._now())
        except Denied as err:
            if err.error != "invalid_grant":
                await self._store.release(self.server)
                raise
            await self._store.sign_out(self.server, stored.revision)
            self._held = None
            raise NotSignedIn(self.server, "its sign-in was ended by who issued it") from err
        except Failed:
            await self._store.release(self.server)
            raise
        if not await self._store.refresh(self.server, stored, fresh):
            raise Failed("somebody signed in or out while its token was renewed")
        return fresh


def _header(tokens: Tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.access}"}
