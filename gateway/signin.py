"""The people's side of upstream OAuth: begin a sign-in, forget one, and the address a browser comes back to.

Beginning and forgetting are POSTs of an operator or admin. The callback is the one GET that changes something: it
carries nothing but the code of a sign-in that such a person began, found by a state that is used up by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain.model import Role
from approvals.errors import Refusal
from approvals.web import body
from approvals.web.bodies import Model
from approvals.web.models import Empty
from approvals.web.problems import Problem
from approvals.web.routes import Endpoint
from approvals.web.sessions import VISITOR
from approvals.web.shape import answer, dumps
from gateway.oauth.signin import CALLBACK, NoSuchSignIn, SignIns

MAY = frozenset({Role.OPERATOR, Role.ADMIN})


class SignInOut(Model):
    """Where to sign in, and until when the link is good."""

    server: str
    url: str
    expires_at: str


class SignOutOut(Model):
    """Whether there was anything to forget."""

    server: str
    signed_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRoutes:
    """Makes the routes. `sign_ins` may raise ValueError where the installation has no usable keys."""

    sign_ins: Callable[[], SignIns]

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The REST routes, for the table of the people's side."""
        access(Access.PERSON)(self.begin_login)
        access(Access.PERSON)(self.forget_login)
        return (
            Endpoint(
                method="POST",
                path="/api/v1/servers/{name}/login",
                handler=self.begin_login,
                takes=Empty,
                gives=SignInOut,
                refuses=(404, 422, 502),
            ),
            Endpoint(
                method="POST",
                path="/api/v1/servers/{name}/logout",
                handler=self.forget_login,
                takes=Empty,
                gives=SignOutOut,
            ),
        )

    def add_callback(self, app: web.Application) -> None:
        """Serve the address that authorization servers send a browser back to."""
        access(Access.CALLBACK)(self.callback)
        app.router.add_get(CALLBACK, self.callback, allow_head=False)

    async def begin_login(self, request: web.Request) -> web.StreamResponse:
        """Begin to sign Placet in to a server; open the link in a browser within ten minutes."""
        person = _may(request)
        await body.read(request, Empty)
        begun = await self._ready().begin(request.match_info["name"], by=person)
        said: dict[str, Any] = {"server": begun.server, "url": begun.url, "expires_at": begun.expires_at.isoformat()}
        return answer(request, dumps(said))

    async def forget_login(self, request: web.Request) -> web.StreamResponse:
        """Forget the tokens for a server; its calls fail until somebody signs in again."""
        _may(request)
        await body.read(request, Empty)
        name = request.match_info["name"]
        return answer(request, dumps({"server": name, "signed_out": await self._ready().sign_out(name)}))

    async def callback(self, request: web.Request) -> web.StreamResponse:
        """End a sign-in."""
        try:
            if len(request.query) != len(set(request.query)):
                raise NoSuchSignIn
            server = await self._ready().complete(dict(request.query))
        except Refusal as refused:
            return web.Response(status=refused.http_status, text=f"{refused}\n")
        return web.Response(text=f"Placet is signed in to {server}. You can close this page.\n")

    def _ready(self) -> SignIns:
        try:
            return self.sign_ins()
        except ValueError as err:
            raise Problem(503, "no_keys", f"Sign-ins cannot be kept: {err}.") from err


def _may(request: web.Request) -> str:
    person = request[VISITOR].person
    if not person.roles & MAY:
        raise Problem(403, "not_allowed", "You may not sign in to servers: that takes the operator or admin role.")
    return str(person.id)
