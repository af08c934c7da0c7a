"""The agents' HTTP side: `/mcp` and `/mcp/{server}`, both protocol eras (protocol.md 1, security.md 1d, 2b, 2c).

Order: head, sign-in, path, body, parse, classify, then the method. Nothing of a body is read for who is not signed
in, nothing is judged that was not read whole. A handler only waits: it is cancelled when the client leaves, and the
work goes on or not as the gateway says. The pure rules are in `gateway.protocol`; the gateway itself is a `Gate`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from aiohttp import web

from approvals.errors import Refusal
from gateway.inbound.body import Bodies
from gateway.inbound.calls import Calls
from gateway.inbound.flood import Buckets, Rate
from gateway.inbound.gate import Gate
from gateway.inbound.incoming import Visit
from gateway.inbound.listening import Listening
from gateway.inbound.parked import Parked
from gateway.inbound.reply import HEADERS, Work, not_allowed, refused
from gateway.inbound.serve import Server
from gateway.inbound.sessions import Session, SessionCaps, Sessions, credential_key
from gateway.inbound.sse import Ticker
from gateway.inbound.streams import Streams
from gateway.oauth.resource import INSUFFICIENT_SCOPE, ProtectedResource
from gateway.protocol.classify import LEGACY, SERVED, UNSUPPORTED_VERSION, Era, Route, classify, speaks_modern
from gateway.protocol.headers import (
    UNAUTHORIZED,
    Allowed,
    Head,
    Rejection,
    accepts,
    bearer,
    check_body_headers,
    check_head,
    fold,
)
from gateway.protocol.jsonrpc import INVALID_REQUEST, Malformed
from gateway.protocol.results import server_info
from gateway.protocol.strict import visible
from gateway.work import Work as Service

log = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PATH = re.compile(r"/mcp(?:/([A-Za-z0-9_.\-]{1,128}))?")
_METHODS = ("POST", "GET", "DELETE")
_TICK_SECONDS = 1.0
_TOKEN_RATE = Rate(per_second=5_000, burst=10_000)
_STRANGER_RATE = Rate(per_second=20, burst=200)
_BYTES_RATE = Rate(per_second=16 * 1024 * 1024, burst=64 * 1024 * 1024)
_EXPIRE_EVERY_TICKS = 60
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
    credential_rate: Rate = _TOKEN_RATE
    """For one token; for one address, where no token is needed."""
    stranger_rate: Rate = _STRANGER_RATE
    """For one address, of requests that no valid token came with."""
    bytes_rate: Rate = _BYTES_RATE
    """For the bodies of one token; of one address, where no token is needed."""
    open_requests: int = 50_000
    open_subscriptions: int = 100
    """Of one token."""
    ask_seconds: float = 600.0
    """How long a client is waited for that was asked something."""
    resume_seconds: float = 30.0
    """How long a client that lost its stream may take to come back for it."""
    kept_bytes: int = 64 * 1024 * 1024
    """How much is kept for clients that may come back."""
    clock: Callable[[], float] = time.monotonic


class Inbound:
    """The agents' side as one object: `handle` is every route of it, `run` its one standing loop."""

    def __init__(self, gate: Gate, settings: InboundSettings) -> None:
        self._gate = gate
        self._settings = settings
        bytes_rate = Buckets(settings.bytes_rate, settings.clock)
        self._bodies = Bodies(seconds=settings.body_seconds, budget=settings.bodies_in_flight, rate=bytes_rate)
        self._tokens = Buckets(settings.credential_rate, settings.clock)
        self._strangers = Buckets(settings.stranger_rate, settings.clock)
        self._handling = 0
        self._service: Service | None = None
        self.ticker = Ticker(settings.clock)
        self.parked = Parked(settings.clock, seconds=settings.resume_seconds, budget=settings.kept_bytes)
        self.sessions = Sessions(settings.sessions, settings.clock, self._ended)
        info = server_info(settings.version)
        calls = Calls(gate, self.parked, info, lambda: self._service)
        self._streams = Streams(gate, self.ticker, self.parked, calls, lambda: self._service)
        self._listening = Listening(gate, self.ticker, info, most=settings.open_subscriptions)
        self._server = Server(
            gate,
            self.sessions,
            self.ticker,
            info,
            calls=calls,
            streams=self._streams,
            listening=self._listening,
            ask_seconds=settings.ask_seconds,
        )

    async def run(self) -> None:
        """Keep open streams alive, end what is idle, and own what outlives its connection, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._service = Service(group)
            try:
                for second in itertools.count(1):
                    await asyncio.sleep(_TICK_SECONDS)
                    await self.ticker.tick()
                    self.sweep()
                    if second % _EXPIRE_EVERY_TICKS == 0:
                        self.sessions.expire()
                        self._service.start(self._gate.still_here(self.sessions.keys))
            finally:
                self._service = None

    def sweep(self) -> None:
        """End what was waited for too long, and the standing streams and sessions of who may not come in any more."""
        self.parked.sweep()
        self._streams.sweep()
        self._listening.sweep()
        self.sessions.turn_out(self._gate.admits)

    async def close(self, _: object = None) -> None:
        """End the standing streams of both eras, each as its era says. Held calls are the gateway's to end."""
        self._streams.close()
        self._listening.close()

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answer one HTTP request. The edge: a fault of ours is logged and refused."""
        self._handling += 1
        try:
            work = await self._admit(http)
            # The coroutine is the only thing this frame holds while the call is held: no body, no arguments.
            return self._refused(work, http) if isinstance(work, Rejection) else await work
        except Refusal as refusal:
            told = Rejection(status=refusal.http_status, code=refusal.http_status, message=refusal.agent_text)
            return self._refused(told, http, error=refusal.code)
        except Exception:  # the edge of the agents' side: logged with its traceback, and refused
            log.exception("inbound request failed", extra={"method": http.method})
            return refused(Rejection(status=500, code=-32603, message=_FAULT))
        finally:
            self._handling -= 1

    def _refused(self, rejection: Rejection, http: web.Request, *, error: str | None = None) -> web.Response:
        resource = self._settings.resource
        if resource is None:
            return refused(rejection)
        if rejection.status == 401:
            rejection = replace(rejection, message=resource.unauthorized())
        response = refused(rejection)
        # RFC 6750, 3.1: what a client can mend by another token; a refusal for another reason has no challenge.
        if rejection.status == 401 or error == INSUFFICIENT_SCOPE:
            path = http.raw_path.partition("?")[0]
            response.headers["WWW-Authenticate"] = resource.challenge(path, error=error)
        return response

    async def _admit(self, http: web.Request) -> Work | Rejection:
        if self._handling > self._settings.open_requests:
            return _FULL
        head = fold(http.headers.items())
        if isinstance(head, Rejection):
            return head
        if (problem := check_head(http.raw_path, head, self._settings.allowed)) is not None:
            log.warning("inbound request refused", extra={"status": problem.status, "why": problem.message})
            return problem
        if http.method not in _METHODS:
            return not_allowed("GET, POST, DELETE")
        visit = await self._visit(http, head)
        if isinstance(visit, Rejection):
            return visit
        if http.method == "POST":
            return await self._post(visit)
        if speaks_modern(head):
            return not_allowed("POST")
        return self._get(visit) if http.method == "GET" else self._delete(visit)

    async def _visit(self, http: web.Request, head: Head) -> Visit | Rejection:
        token = bearer(head)
        if isinstance(token, Rejection):
            return token
        caller = await self._gate.identify(token)
        if caller is None:
            wait = self._strangers.take(http.remote)
            return UNAUTHORIZED if wait is None else _too_many(wait)
        credential = credential_key(caller.agent, caller.credential or token)
        payer = credential if token is not None else (credential, http.remote)
        if (wait := self._tokens.take(payer)) is not None:
            return _too_many(wait)
        path = _PATH.fullmatch(http.raw_path.partition("?")[0])
        server = path.group(1) if path else None
        servers = self._gate.servers(caller)
        if path is None or (server is not None and server not in servers):
            return _unknown_path(servers)
        return Visit(http=http, head=head, caller=caller, credential=credential, payer=payer, server=server)

    async def _post(self, visit: Visit) -> Work | Rejection:
        if (problem := check_body_headers(visit.head)) is not None:
            return problem
        read = await self._bodies.read(visit.http, visit.payer)
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

    def _get(self, visit: Visit) -> Work | Rejection:
        if not accepts(visit.head, "text/event-stream"):
            why = "GET opens an event stream. Send Accept: text/event-stream."
            return Rejection(status=406, code=INVALID_REQUEST, message=why)
        if (problem := _wrong_version(visit.head)) is not None:
            return problem
        session = self._session(visit)
        if isinstance(session, Rejection):
            return session
        caller = replace(visit.caller, client=session.client)
        found = self._streams.find(caller, session, visit.head.get("last-event-id"))
        return found if isinstance(found, Rejection) else self._streams.serve(visit.http, *found)

    def _delete(self, visit: Visit) -> Work | Rejection:
        session = self._session(visit)
        if isinstance(session, Rejection):
            return session
        self.sessions.end(session)
        return _no_content()

    def _session(self, visit: Visit) -> Session | Rejection:
        session_id = visit.head.get("mcp-session-id")
        if session_id is None:
            why = f"A {visit.http.method} is about a session. Send its Mcp-Session-Id."
            return Rejection(status=400, code=INVALID_REQUEST, message=why)
        session = self.sessions.find(session_id, credential=visit.credential, server=visit.server)
        return _unknown_session() if session is None else session

    def _ended(self, session: Session) -> None:
        for stream in session.feeds.values():
            self.parked.remove(stream)
        if self._service is not None:
            self._service.start(self._gate.left(session.key))


def add_routes(app: web.Application, gate: Gate, settings: InboundSettings) -> Inbound:
    """Serve the agents' side on `app`. The caller runs `Inbound.run` in its TaskGroup, and the app with
    `AppRunner(handler_cancellation=True)`.
    """
    inbound = Inbound(gate, settings)
    app.on_shutdown.append(inbound.close)
    app.router.add_route("*", "/mcp", inbound.handle)
    app.router.add_route("*", "/mcp/{rest:.*}", inbound.handle)
    return inbound


async def _no_content() -> web.StreamResponse:
    return web.Response(status=204, headers=HEADERS)


def _wrong_version(head: Head) -> Rejection | None:
    version = head.get("mcp-protocol-version")
    if version is None or version in LEGACY:
        return None
    return Rejection(
        status=400,
        code=UNSUPPORTED_VERSION,
        message=f"Protocol version {visible(version)} is not served. Served are: {', '.join(SERVED)}.",
        data={"supported": list(SERVED), "requested": version[:128]},
    )


def _too_many(seconds: int) -> Rejection:
    why = f"Too many requests. Wait {seconds} s, and send fewer at a time."
    return Rejection(status=429, code=429, message=why, retry_after=seconds)


_FULL = Rejection(
    status=503, code=503, message="The gateway has as many open requests as it can carry. Try again.", retry_after=1
)


def _unknown_session() -> Rejection:
    message = "There is no session of this id for you. Send initialize to open a new one."
    return Rejection(status=404, code=INVALID_REQUEST, message=message)


def _unknown_path(servers: Sequence[str]) -> Rejection:
    # The same for a server that is not there and for one the agent may not use: which exist is not its to learn.
    mine = f"You may use: {', '.join(sorted(servers))}." if servers else "You may use none yet: ask an operator."
    return Rejection(
        status=404, code=404, message=f"There is no such server at this path, or this agent may not use it. {mine}"
    )
