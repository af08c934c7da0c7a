"""One identity provider: where its endpoints are, the link to sign in with, and what it says of who came back.

Its metadata is kept for ten minutes, its keys as `oauth.keyset` keeps them. The code is exchanged where the metadata
says, with the verifier of the browser that began; the link always carries PKCE, also where the provider does not say
that it takes it, and a client without a secret goes nowhere that does not say so.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from gateway.oauth import grants, metadata, signed
from gateway.oauth.fetch import Failed, Fetcher
from gateway.oauth.keyset import FRESH_SECONDS, IssuerKeys
from gateway.oauth.metadata import ServerMetadata
from gateway.oauth.places import host_of
from gateway.oidc import id_token
from gateway.oidc.id_token import NotTaken, Said, Wanted
from gateway.settings import OidcSettings

MAX_TOKEN = 64 * 1024
MAX_ACCESS_TOKEN = 16 * 1024
_TYPES = frozenset({"jwt", "application/jwt"})


class Provider:
    """The provider of one configuration. `now` is Unix seconds, `clock` only ever rises."""

    def __init__(
        self,
        settings: OidcSettings,
        *,
        redirect: str,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._redirect, self._now, self._clock = redirect, now, clock
        self._fetcher = Fetcher(known=frozenset({host_of(settings.issuer)}))
        self._keys = IssuerKeys(settings.issuer, self._fetcher, clock)
        self._metadata: tuple[float, ServerMetadata] | None = None

    async def link(self, *, state: str, nonce: str, verifier: str) -> str:
        """Where a browser goes to sign in.

        Raises:
            Failed: the provider cannot be asked, or nobody can sign in there.
        """
        found = await self._described()
        if found.authorization_endpoint is None or found.token_endpoint is None:
            raise Failed("the issuer's metadata has no authorization_endpoint or token_endpoint", passing=False)
        if self.settings.client_secret is None and "S256" not in found.pkce_methods:
            raise Failed(
                "the issuer does not say that it takes PKCE with S256: it needs a client_secret", passing=False
            )
        proof = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return _with(
            found.authorization_endpoint,
            response_type="code",
            client_id=self.settings.client_id,
            redirect_uri=self._redirect,
            scope=" ".join(self.settings.scopes),
            state=state,
            nonce=nonce,
            code_challenge=proof,
            code_challenge_method="S256",
        )

    async def check_issuer(self, said: str | None) -> None:
        """RFC 9207: the answer must come from the issuer that was asked.

        Raises:
            Failed: it does not, or does not say so where the provider always does.
        """
        if said != self.settings.issuer and (said is not None or (await self._described()).answers_iss):
            raise Failed("the answer does not come from the issuer that was asked (iss)", passing=False)

    async def said(self, code: str, *, nonce: str, verifier: str) -> Said:
        """Whom the provider names for a code.

        Raises:
            Failed: it cannot be asked, or does not take the code.
            NotTaken: it answers with a token that signs nobody in.
        """
        found = await self._described()
        settings = self.settings
        way = grants.auth_method(settings.client_secret, found.auth_methods)
        client = grants.Client(id=settings.client_id, secret=settings.client_secret, auth_method=way)
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "code_verifier": verifier,
        }
        body = await grants.ask(self._fetcher, found.token_endpoint or "", client, fields)
        token, access = body.get("id_token"), body.get("access_token")
        if not isinstance(token, str):
            raise NotTaken("there is no ID token; is the scope openid allowed for this client?")
        read = await signed.verified(token, self._keys, types=_TYPES, longest=MAX_TOKEN)
        if read is None:
            raise NotTaken("it is not signed by the issuer, with one of the algorithms that are taken")
        wanted = Wanted(
            issuer=settings.issuer,
            client_id=settings.client_id,
            nonce=nonce,
            access_token=access if isinstance(access, str) and len(access) <= MAX_ACCESS_TOKEN else None,
            groups_claim=settings.groups_claim,
            verified_domains=settings.verified_domains,
        )
        return id_token.read(read.claims, read.alg, wanted, now=self._now())

    def end_session(self, back: str) -> str | None:
        """Where to sign out at the provider, too; None where it does not say, or was not asked yet."""
        found = self._metadata[1].end_session_endpoint if self._metadata is not None else None
        if found is None:
            return None
        return _with(found, client_id=self.settings.client_id, post_logout_redirect_uri=back)

    async def _described(self) -> ServerMetadata:
        if self._metadata is None or self._clock() - self._metadata[0] >= FRESH_SECONDS:
            self._metadata = (self._clock(), await metadata.of_issuer(self._fetcher, self.settings.issuer))
        return self._metadata[1]


def _with(address: str, **parameters: str) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(parameters)}"
