"""The agents' HTTP side: `/mcp` and `/mcp/{server}`, both protocol eras (protocol.md 1, security.md 1d, 2b, 2c).

Order: head, sign-in, path, body, parse, classify, then the method. Nothing of a body is read for who is not signed
in, nothing is judged that was not read whole. A handler only waits: it is cancelled when the client leaves, and the
work goes on or not as the gateway says. The pure rules are in `gateway.protocol`; the gateway itself is a `Gate`.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from aiohttp import web

from approvals.errors import Refusal
from gateway.inbound.body import Bodies
from gateway.inbound.gate import Gate
from gateway.inbound.serve import Server, Visit, Work
from gateway.inbound.sessions import SessionCaps, Sessions, credential_key
from gateway.inbound.sse import HEADERS, Ticker
from gateway.oauth.resource import INSUFFICIENT_SCOPE, ProtectedResource
from gateway.protocol.classify import Era, Route, classify, speaks_modern
from gateway.protocol.headers import (
    UNAUTHORIZED,
    Allowed,
    Head,
    Rejection,
    bearer,
    check_body_headers,
    check_head,
    fold,
)
from gateway.protocol.jsonrpc import INVALID_REQUEST, Malformed
from gateway.protocol.results import error_envelope, server_info

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PATH = re.compile(r"/mcp(?:/([A-Za-z0-9_.\-]{1,128}))?")
_METHODS = ("POST", "GET", "DELETE")
_FAULT = "The gateway failed by a fault of its own, and refused. It is in its log. Try again, or tell your user."


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundSettings:
    """What the agents' side is told by the composition root; `clock` is monotonic seconds."""

    version: str
    allowed: Allowed = field(default_factory=lambda: Allowed(hosts=LOOPBACK, origins=frozenset()))
    body_seconds: float = 10.0
    bodies_in_flight: int = 256 * 1024 * 1024
    sessions: SessionCaps = field(default_factory=SessionCaps)
    resource: ProtectedResource | None = None
    """Where agents come with access tokens of an issuer: how they are told."""
    clock: Callable[[], float] = time.monotonic


class Inbound:
    """The agents' side as one object: `handle` is every route of it, `run` its one standing loop."""

    def __init__(self, gate: Gate, settings: InboundSettings) -> None:
        self._gate = gate
        self._settings = settings
        self._bodies = Bodies(seconds=settings.body_seconds, budget=settings.bodies_in_flight)
        self.ticker = Ticker(settings.clock)
        self.sessions = Sessions(settings.sessions, settings.clock)
        self._server = Server(gate, self.sessions, self.ticker, server_info(settings.version))

    async def run(self) -> None:
        """Keep open streams alive until cancelled."""
        await self.ticker.run()

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answer one HTTP request. The edge: a fault of ours is logged and refused."""
        try:
            work = await self._admit(http)
            # The coroutine is the only thing this frame holds while the call is held: no body, no arguments.
            return self._refused(work, http) if isinstance(work, Rejection) else await work
        except Refusal as refusal:
            told = Rejection(status=refusal.http_status, code=refusal.http_status, message=refusal.agent_text)
            return self._refused(told, http, error=refusal.code)
        except Exception:  # the edge of the agents' side: logged with its traceback, and refused
            log.exception("inbound request failed", extra={"method": http.method})
            return _refused(Rejection(status=500, code=-32603, message=_FAULT))

    def _refused(self, rejection: Rejection, http: web.Request, *, error: str | None = None) -> web.Response:
        resource = self._settings.resource
        if resource is None:
            return _refused(rejection)
        if rejection.status == 401:
            rejection = replace(rejection, message=resource.unauthorized())
        response = _refused(rejection)
        # RFC 6750, 3.1: what a client can mend by another token; a refusal for another reason has no challenge.
        if rejection.status == 401 or error == INSUFFICIENT_SCOPE:
            path = http.raw_path.partition("?")[0]
            response.headers["WWW-Authenticate"] = resource.challenge(path, error=error)
        return response

    async def _admit(self, http: web.Request) -> Work | Rejection:
        head = fold(http.headers.items())
        if isinstance(head, Rejection):
            return head
        if (problem := check_head(http.raw_path, head, self._settings.allowed)) is not None:
            log.warning("inbound request refused", extra={"status": problem.status, "why": problem.message})
            return problem
        if http.method not in _METHODS:
            return _not_allowed("POST, DELETE")
        visit = await self._visit(http, head)
        if isinstance(visit, Rejection):
            return visit
        if http.method == "POST":
            return await self._post(visit)
        if speaks_modern(head):
            return _not_allowed("POST")
        return self._get() if http.method == "GET" else self._delete(visit)

    async def _visit(self, http: web.Request, head: Head) -> Visit | Rejection:
        token = bearer(head)
        if isinstance(token, Rejection):
            return token
        caller = await self._gate.identify(token)
        if caller is None:
            return UNAUTHORIZED
        path = _PATH.fullmatch(http.raw_path.partition("?")[0])
        server = path.group(1) if path else None
        servers = self._gate.servers(caller)
        if path is None or (server is not None and server not in servers):
            return _unknown_path(servers)
        return Visit(
            http=http,
            head=head,
            caller=caller,
            credential=credential_key(caller.agent, caller.credential or token),
            server=server,
        )

    async def _post(self, visit: Visit) -> Work | Rejection:
        if (problem := check_body_headers(visit.head)) is not None:
            return problem
        read = await self._bodies.read(visit.http)
        if isinstance(read, Rejection):
            return read
        message, digest = read
        if isinstance(message, Malformed):
            data = {"pointer": message.pointer, "offset": message.offset}
            known = {name: value for name, value in data.items() if value is not None}
            return Rejection(status=400, code=message.code, message=message.message, id=message.id, data=known or None)
        route = classify(message, visit.head)
        if isinstance(route, Rejection):
            return route
        return self._route(visit, route, digest)

    def _route(self, visit: Visit, route: Route, digest: str) -> Work | Rejection:
        if route.era is Era.MODERN or route.session is None:
            return self._server.work(visit, route, None, digest)
        session = self.sessions.find(route.session, credential=visit.credential, server=visit.server)
        if session is None:
            return _unknown_session()
        return self._server.work(visit, route, session, digest)

    def _get(self) -> Rejection:
        # Nothing is ever sent outside the answer to a request, so there is no standalone stream to open.
        return _not_allowed("POST, DELETE")

    def _delete(self, visit: Visit) -> Work | Rejection:
        session_id = visit.head.get("mcp-session-id")
        if session_id is None:
            return Rejection(
                status=400, code=INVALID_REQUEST, message="DELETE ends a session. Send its Mcp-Session-Id."
            )
        session = self.sessions.find(session_id, credential=visit.credential, server=visit.server)
        if session is None:
            return _unknown_session()
        self.sessions.end(session)
        return _no_content()


def add_routes(app: web.Application, gate: Gate, settings: InboundSettings) -> Inbound:
    """Serve the agents' side on `app`. The caller runs `Inbound.run` in its TaskGroup, and the app with
    `AppRunner(handler_cancellation=True)`.
    """
    inbound = Inbound(gate, settings)
    app.router.add_route("*", "/mcp", inbound.handle)
    app.router.add_route("*", "/mcp/{rest:.*}", inbound.handle)
    return inbound


async def _no_content() -> web.StreamResponse:
    return web.Response(status=204, headers=HEADERS)


def _refused(rejection: Rejection) -> web.Response:
    headers = dict(HEADERS)
    if rejection.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="placet"'
    if rejection.allow is not None:
        headers["Allow"] = rejection.allow
    body = error_envelope(rejection.id, code=rejection.code, message=rejection.message, data=rejection.data)
    return web.Response(body=body, status=rejection.status, content_type="application/json", headers=headers)


def _not_allowed(allow: str) -> Rejection:
    return Rejection(status=405, code=405, message=f"Only {allow} is served here.", allow=allow)


def _unknown_session() -> Rejection:
    message = "There is no session of this id for you. Send initialize to open a new one."
    return Rejection(status=404, code=INVALID_REQUEST, message=message)


def _unknown_path(servers: Sequence[str]) -> Rejection:
    # The same for a server that is not there and for one the agent may not use: which exist is not its to learn.
    mine = f"You may use: {', '.join(sorted(servers))}." if servers else "You may use none yet: ask an operator."
    return Rejection(
        status=404, code=404, message=f"There is no such server at this path, or this agent may not use it. {mine}"
    )
