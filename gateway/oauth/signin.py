"""An operator signs Placet in to a server: authorization code with PKCE, from the link to the callback.

`begin` makes a link with a fresh state and verifier; the state is kept as a hash, the rest sealed. `complete` takes
what the browser brings back, and can only end a sign-in that somebody who may has begun: the state is used up once,
within ten minutes, whatever else is wrong. The code is exchanged where the sign-in began, never where the answer says.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from approvals.errors import Invalid, NotFound, Refusal
from approvals.storage.engine import Database
from approvals.storage.tx import Tx
from approvals.storage.upstream_tokens import UpstreamLoginRow
from gateway.oauth import grants
from gateway.oauth.fetch import Failed, Fetcher
from gateway.oauth.grants import Source
from gateway.oauth.store import TokenStore
from gateway.oauth.vault import Kind, Vault
from gateway.protocol.strict import visible
from gateway.settings import ServerOauthSettings, ServerSettings

log = logging.getLogger(__name__)

CALLBACK = "/oauth/callback"
GOOD_FOR = timedelta(minutes=10)
MAX_PARAMETER = 8192
_SECRET_BYTES = 32
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")


class NoSuchSignIn(Refusal):
    """What came back belongs to no sign-in that is open here."""

    code, http_status = "no_such_sign_in", 400
    for_people = (
        "This belongs to no sign-in that is open here: it was used, has run out after ten minutes, or was not begun by "
        "an operator of this gateway. Begin again."
    )


class SignInFailed(Refusal):
    """The authorization server said no, or answered wrongly. Fields: server, why."""

    code, http_status = "sign_in_failed", 502
    for_people = "Placet was not signed in to {server}: {why}. Begin again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-in that was begun: the link an operator opens."""

    server: str
    url: str = field(repr=False)
    expires_at: datetime


class SignIns:
    """Begins and completes sign-ins. `servers` are those of the configuration in force."""

    def __init__(
        self,
        *,
        db: Database,
        vault: Vault,
        store: TokenStore,
        public_url: str,
        servers: Callable[[], Mapping[str, ServerSettings]],
        done: Callable[[str], None] = lambda _server: None,
    ) -> None:
        self._db, self._vault, self._store = db, vault, store
        self._redirect, self._servers, self._done = public_url + CALLBACK, servers, done

    async def begin(self, server: str, *, by: str) -> Begun:
        """Find out where to sign in, and make the link.

        Raises:
            NotFound, Invalid: there is no such server, or nobody signs in to it.
            SignInFailed: where to sign in cannot be found out.
        """
        url, settings = self._signs_in(server)
        fetcher = Fetcher(known=grants.known_hosts(settings, url))
        try:
            asks = settings.issuer is None and settings.token_url is None
            challenge = await fetcher.challenge(url, what="server") if asks else None
            where = await grants.source(fetcher, settings, url, challenge)
        except Failed as err:
            raise SignInFailed(server=server, why=str(err)) from err
        if where.authorization_endpoint is None:
            raise SignInFailed(server=server, why="the issuer's metadata has no authorization_endpoint")
        state, verifier = secrets.token_urlsafe(_SECRET_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
        kept = {"verifier": verifier, "source": where.saved(), "binding": grants.binding(settings, url)}
        sealed = self._vault.seal(Kind.LOGIN, server, kept)

        def work(tx: Tx) -> datetime:
            expires_at = tx.now + GOOD_FOR
            tx.secrets.begin_login(
                UpstreamLoginRow(
                    state_sha256=_digest(state),
                    server=server,
                    sealed=sealed,
                    by=by,
                    created_at=tx.now,
                    expires_at=expires_at,
                )
            )
            return expires_at

        expires_at = await self._db.write(work)
        log.info("sign-in to an upstream begun", extra={"server": server, "by": by})
        return Begun(server=server, url=self._link(where, settings, state, verifier), expires_at=expires_at)

    async def complete(self, query: Mapping[str, str]) -> str:
        """End a sign-in with what the browser brought back; says to which server.

        Raises:
            NoSuchSignIn, SignInFailed: it did not end well. The sign-in is used up in any case.
        """
        state = query.get("state", "")
        if not _STATE.fullmatch(state) or any(len(value) > MAX_PARAMETER for value in query.values()):
            raise NoSuchSignIn
        login = await self._db.write(lambda tx: tx.secrets.use_login(_digest(state), tx.now))
        kept = self._vault.open(Kind.LOGIN, login.server, login.sealed) if login is not None else None
        if login is None or kept is None:
            raise NoSuchSignIn
        try:
            await self._exchange(login, kept, query)
        except Failed as err:
            log.warning("sign-in to an upstream failed: %s", err, extra={"server": login.server, "by": login.by})
            raise SignInFailed(server=login.server, why=str(err)) from err
        self._done(login.server)
        log.info("signed in to an upstream", extra={"server": login.server, "by": login.by})
        return login.server

    async def sign_out(self, server: str) -> bool:
        """Forget the tokens for a server. False: there are none."""
        gone = await self._store.sign_out(server)
        self._done(server)
        return gone

    async def _exchange(self, login: UpstreamLoginRow, kept: Mapping[str, Any], query: Mapping[str, str]) -> None:
        where = Source.read(kept["source"])
        _check_issuer(where, query.get("iss"))
        if "error" in query or not query.get("code"):
            said = visible(query.get("error", "it brought no code back"))
            raise Failed(f"the authorization server refused: {said}", passing=False)
        try:
            url, settings = self._signs_in(login.server)
        except Refusal as err:
            raise Failed(str(err), passing=False) from err
        bound = grants.binding(settings, url)
        if not hmac.compare_digest(bound.encode(), str(kept["binding"]).encode()):
            raise Failed("its configuration has changed since", passing=False)
        fields = {
            "grant_type": "authorization_code",
            "code": query["code"],
            "redirect_uri": self._redirect,
            "code_verifier": kept["verifier"],
        }
        fetcher = Fetcher(known=grants.known_hosts(settings, url))
        tokens = await grants.obtain(fetcher, settings, where, fields, now=time.time())
        await self._store.sign_in(login.server, tokens, where, bound, by=login.by)

    def _signs_in(self, server: str) -> tuple[str, ServerOauthSettings]:
        found = self._servers().get(server)
        if found is None:
            raise NotFound(what="server")
        if found.url is None or found.oauth is None or found.oauth.grant != "authorization_code":
            raise Invalid(
                field="server", why=f"nobody signs in to {server}: it has no oauth with grant authorization_code"
            )
        return found.url, found.oauth

    def _link(self, where: Source, settings: ServerOauthSettings, state: str, verifier: str) -> str:
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": self._redirect,
            "state": state,
            "code_challenge": proof,
            "code_challenge_method": "S256",
            "resource": where.resource,
        }
        if where.scopes:
            asked["scope"] = " ".join(where.scopes)
        address = where.authorization_endpoint or ""
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"


def _check_issuer(where: Source, said: str | None) -> None:
    """RFC 9207: the answer must come from the issuer that was asked."""
    if said is None and not where.answers_iss:
        return
    if where.issuer is None or said != where.issuer:
        raise Failed("the answer does not come from the issuer that was asked (iss)", passing=False)


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode("ascii")).hexdigest()
