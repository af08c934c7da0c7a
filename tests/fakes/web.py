"""The people's side as a real server over a real database, for tests: people, calls, sessions, raw requests.

Cookies are handled by hand, so that a test says which proof it sends and a client cannot help out.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import ClientResponse, ClientSession, DummyCookieJar, web
from aiohttp.test_utils import BaseTestServer, TestServer, unused_port

from approvals import tokens
from approvals.acting import Actor
from approvals.break_glass import BreakGlass
from approvals.bus import LocalBus
from approvals.desk import Desk
from approvals.directory import Directory
from approvals.domain.break_glass import Mode
from approvals.domain.fingerprint import make_call
from approvals.domain.folding import Linked
from approvals.domain.model import ApprovalRequest, Caller, Client, Person, PersonId, Role
from approvals.domain.terms import Factor, Terms
from approvals.filing import Caps, Filing
from approvals.roster import make_login_link, make_person_token
from approvals.stops import Stops, Surroundings
from approvals.storage.engine import Database
from approvals.web.mount import add_routes
from approvals.web.parts import WebParts, WebSettings
from approvals.web.routes import Endpoint

BY = Actor(id="cli:test", via="cli")
START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)

ADA, GRACE, EVE, VERA, AUDREY, OTTO = (
    PersonId(f"{name}@example.com") for name in ("ada", "grace", "eve", "vera", "audrey", "otto")
)


def _person(id_: PersonId, role: Role, *groups: str) -> Person:
    return Person(
        id=id_, name=id_.split("@")[0].title(), roles=frozenset({role}), groups=frozenset(groups), slack=frozenset()
    )


PEOPLE = {
    one.id: one
    for one in (
        _person(ADA, Role.REVIEWER, "finance"),
        _person(GRACE, Role.REVIEWER, "finance"),
        _person(EVE, Role.REVIEWER, "ops"),
        _person(VERA, Role.VIEWER),
        _person(AUDREY, Role.AUDITOR),
        _person(OTTO, Role.OPERATOR),
    )
}


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser."""

    cookie: str
    csrf: str
    origin: str

    def headers(self, **but: str | None) -> dict[str, str]:
        """What a browser sends with a change of state; a None takes one away."""
        sent: dict[str, str | None] = {
            "Cookie": self.cookie,
            "Origin": self.origin,
            "Sec-Fetch-Site": "same-origin",
            "X-CSRF-Token": self.csrf,
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in but.items()},
        }
        return {name: value for name, value in sent.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Console:
    """The running server."""

    def __init__(
        self, db: Database, desk: Desk, directory: Directory, http: ClientSession, server: BaseTestServer
    ) -> None:
        self.db, self.desk, self.directory, self.http, self.stop = db, desk, directory, http, server.close
        self.url = f"http://127.0.0.1:{server.port}"
        self._numbers = itertools.count(1)

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        session: Session | None = None,
        json_body: Any = None,
        data: bytes | None = None,
    ) -> Answer:
        """One request; with a session, all that its browser would send."""
        sent = {**(session.headers() if session else {}), **(headers or {})}
        if json_body is not None:
            data = json.dumps(json_body).encode()
            sent.setdefault("Content-Type", "application/json")
        async with self.http.request(method, self.url + path, headers=sent, data=data, allow_redirects=False) as got:
            return await _read(got)

    async def get(self, path: str, session: Session | None = None, **headers: str) -> Answer:
        """A GET with the session's cookie alone."""
        sent = {"Cookie": session.cookie} if session else {}
        return await self.send("GET", path, headers={**sent, **{k.replace("_", "-"): v for k, v in headers.items()}})

    async def post(self, path: str, session: Session, body: Any) -> Answer:
        """A change of state as the page makes it."""
        return await self.send("POST", path, session=session, json_body=body)

    async def link(self, person: PersonId) -> str:
        """The secret of a new one-time link."""
        random = secrets.token_bytes(tokens.RANDOM_BYTES)
        path = await self.db.write(lambda tx: make_login_link(tx, person, random, by=BY))
        return path.removeprefix("/login#")

    async def sign_in(self, person: PersonId) -> Session:
        """A session, by the whole way in."""
        got = await self.login(await self.link(person))
        assert got.status == 200, got.body
        name, morsel = next(iter(got.cookies.items()))
        return Session(cookie=f"{name}={morsel.value}", csrf=got.json()["csrf"], origin=self.url)

    async def login(self, token: str, **but: str) -> Answer:
        """Use a link up."""
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **but}
        return await self.send("POST", "/api/v1/login", headers=headers, json_body={"token": token})

    async def add(self, person: Person) -> None:
        """Add a person at run time."""
        await self.db.write(lambda tx: tx.people.upsert(person))

    async def person_token(self, person: PersonId) -> str:
        """A bearer token for a person added at run time."""
        random = secrets.token_bytes(tokens.RANDOM_BYTES)
        return await self.db.write(lambda tx: make_person_token(tx, person, random, by=BY))

    async def file(self, arguments: Mapping[str, Any] | None = None, **but: Any) -> ApprovalRequest:
        """A call that waits for the finance group."""
        number = next(self._numbers)
        terms: dict[str, Any] = {"factors": (Factor(members=("group:finance",)),)}
        terms |= {name: but.pop(name) for name in ("factors", "four_eyes", "timeout", "grants") if name in but}
        call = make_call(
            server=but.pop("server", "bank"),
            tool=but.pop("tool", "pay"),
            arguments={"number": number} if arguments is None else dict(arguments),
            tool_fingerprint="f" * 64,
        )
        caller = Caller(
            agent=but.pop("agent", "claude"),
            owner=but.pop("owner", PersonId("owner@example.com")),
            client=Client(name="claude-code", version="2.1"),
        )
        filed = await self.desk.file(
            Filing(
                call=call, caller=caller, terms=Terms(**terms), rule="/tools/pay/action", policy_version="p" * 64, **but
            )
        )
        return filed.request


@contextlib.asynccontextmanager
async def serving(
    db: Database,
    *,
    https: bool = False,
    heartbeat_seconds: float = 15,
    more: Callable[[web.Application], object] = lambda _: None,
    endpoints: Sequence[Endpoint] = (),
    over: Callable[[Desk], Sequence[Endpoint]] = lambda _: (),
    features: Mapping[str, bool] | None = None,
    mode: Mode = Mode.NEVER,
) -> AsyncIterator[Console]:
    """The people's side over an open database. `more` adds other parts' routes, `endpoints` and `over` their REST."""
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    bus = LocalBus(db)
    directory = Directory(PEOPLE, {})
    desk = Desk(
        db=db,
        bus=bus,
        directory=directory,
        new_id=lambda kind: f"{kind}_{secrets.token_hex(16)}",
        holder="test",
        caps=Caps(per_agent=1_000, per_tool=1_000),
        routes=lambda *_: [],
    )
    desk.folding = Linked()
    settings = WebSettings(
        public_url="https://placet.example.com" if https else url, heartbeat_seconds=heartbeat_seconds
    )
    app = web.Application()
    around = Surroundings(servers=lambda: ["bank"], targets=list, url=f"{url}/stops")
    parts = WebParts(
        db=db,
        desk=desk,
        directory=directory,
        stops=Stops(desk, around),
        break_glass=BreakGlass(desk, around, lambda: mode),
        settings=settings,
        version="0.0-test",
        features=features or {},
        endpoints=(*endpoints, *over(desk)),
    )
    add_routes(app, parts)
    more(app)
    db.on_commit = bus.publish
    async with (
        TestServer(app, port=port) as server,
        ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False) as http,
    ):
        yield Console(db, desk, directory, http, server)


async def _read(got: ClientResponse) -> Answer:
    return Answer(status=got.status, headers=got.headers, body=await got.read(), cookies=dict(got.cookies))
