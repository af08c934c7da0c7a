"""Signing in with an identity provider, over HTTP: what the page offers, the way there, and the way back.

The way there is a POST of our own page. The way back is a GET, as OAuth has it: it does nothing without the cookie of
the browser that began and a state that is used up by it. Why it did not end well is shown to that browser alone, and
never taken from an address.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from approvals.access import Access, access
from approvals.web import body
from approvals.web.parts import PARTS, WebSettings
from approvals.web.problems import Problem
from approvals.web.routes import Endpoint
from approvals.web.sessions import digest, keep_session, session_before, visitor_of
from approvals.web.shape import answer, dumps
from gateway.oauth.fetch import Failed
from gateway.oidc import flow
from gateway.oidc.models import BeginIn, BegunOut, OfferOut
from gateway.oidc.next_page import page_of_ours
from gateway.oidc.pace import Pace

if TYPE_CHECKING:
    from gateway.oidc.provider import Provider

log = logging.getLogger(__name__)

CALLBACK = "/login/oidc/callback"
MAX_PARAMETER = 4096
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcRoutes:
    """Makes the routes. `provider` gives that of the configuration in force, if there is one."""

    provider: Callable[[], Provider | None]
    pace: Pace = field(default_factory=Pace)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The REST routes, for the table of the people's side."""
        access(Access.OPEN)(self.offer)
        access(Access.SIGN_IN)(self.begin_with_provider)
        return (
            Endpoint(method="GET", path="/api/v1/sign-in", handler=self.offer, gives=OfferOut),
            Endpoint(
                method="POST",
                path="/api/v1/login/oidc",
                handler=self.begin_with_provider,
                takes=BeginIn,
                gives=BegunOut,
                refuses=(404, 429, 502),
            ),
        )

    def add_callback(self, app: web.Application) -> None:
        """Serve the address that the provider sends a browser back to."""
        access(Access.CALLBACK)(self.callback)
        app.router.add_get(CALLBACK, self.callback, allow_head=False)

    async def offer(self, request: web.Request) -> web.StreamResponse:
        """How people sign in here, and why the last sign-in of this browser did not end well."""
        parts, provider, secret = request.app[PARTS], self.provider(), _secret(request)
        row = None
        if secret is not None:
            row = await parts.db.read(lambda tx: tx.identities.refused(digest(secret)))
        visitor = await visitor_of(request)
        said = {
            "links": parts.links(),
            "provider": None if provider is None else provider.settings.name,
            "refused": None if row is None else row.refused,
            "next": None if row is None else row.next,
            "end_session": None if provider is None else provider.end_session(parts.settings.link("/login")),
            "person": None if visitor is None else visitor.person.id,
        }
        return answer(request, dumps(said))

    async def begin_with_provider(self, request: web.Request) -> web.StreamResponse:
        """Begin to sign in: answers where the browser goes."""
        parts, provider = request.app[PARTS], self.provider()
        sent = await body.read(request, BeginIn)
        if provider is None:
            raise Problem(404, "not_found", "Nobody signs in with an identity provider here (login.oidc).")
        if not self.pace.admits(request.remote or "", time.monotonic()):
            raise Problem(429, "too_many", "Too many sign-ins were begun. Try again in a minute.")
        try:
            begun = await flow.begin(parts, provider, page_of_ours(sent.next))
        except Failed as err:
            log.warning("sign-in with the identity provider cannot begin: %s", err)
            raise Problem(502, "provider_unavailable", flow.AWAY) from err
        response = answer(request, dumps({"url": begun.url}))
        _bind(response, parts.settings, begun.secret)
        return response

    async def callback(self, request: web.Request) -> web.StreamResponse:
        """End a sign-in: at the page that was wanted, or at the sign-in page, which says why not."""
        parts, provider, query, secret = request.app[PARTS], self.provider(), request.query, _secret(request)
        state = query.get("state", "")
        plain = len(query) == len(set(query)) and all(len(value) <= MAX_PARAMETER for value in query.values())
        if provider is None or secret is None or not plain or not _SECRET.fullmatch(state):
            return _to("/login?again")
        row = await parts.db.write(lambda tx: tx.identities.use(digest(state), digest(secret)))
        if row is None:
            return _to("/login?again")
        try:
            session = await flow.complete(parts, provider, dict(query), secret, before=session_before(request))
        except flow.Refused as err:
            refused = err  # outlives the except clause
            log.warning("sign-in refused: %s", refused.why, extra={"code": refused.code})
            await parts.db.write(lambda tx: flow.on_record(tx, row, refused))
            return _to("/login?again")
        response = _to(row.next)
        keep_session(response, parts.settings, session)
        cookie = _cookie(parts.settings)
        response.del_cookie(cookie, path="/", secure=parts.settings.https, httponly=True, samesite="Lax")
        return response


def _to(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})


def _cookie(settings: WebSettings) -> str:
    return "__Host-sign-in" if settings.https else "placet-sign-in"


def _secret(request: web.Request) -> str | None:
    """What the browser that began a sign-in still has."""
    secret = request.cookies.get(_cookie(request.app[PARTS].settings), "")
    return secret if _SECRET.fullmatch(secret) else None


def _bind(response: web.StreamResponse, settings: WebSettings, secret: str) -> None:
    response.set_cookie(
        _cookie(settings),
        secret,
        max_age=int(flow.GOOD_FOR.total_seconds()),
        path="/",
        secure=settings.https,
        httponly=True,
        # Lax: the way back is a navigation from the provider's site.
        samesite="Lax",
    )
