"""The gate in front of every handler: rights by attribute, one 401, browser rules, headers on everything."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web
from sqlalchemy import select

from approvals import tokens
from approvals.access import Access, UnguardedRoute, access, access_of, check_routes
from approvals.storage.engine import Database
from approvals.storage.schema import METADATA
from approvals.storage.tx import Tx
from approvals.web.routes import API, PAGES, Endpoint
from tests.fakes.keys import VAULT
from tests.fakes.web import ADA, Console, Session, serving

PERSON_ROUTES = [one for one in API if access_of(one.handler) is Access.PERSON]
POLICY = (
    "img-src 'self'; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; "
    "base-uri 'none'; object-src 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self)",
}


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    async with Database.opened(sqlite_url, VAULT) as db:
        yield db


@access(Access.AGENT)
async def an_agents_route(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="agents")


@access(Access.MACHINE)
async def broken(_request: web.Request) -> web.StreamResponse:
    raise RuntimeError("secret detail")


def other_parts(app: web.Application) -> None:
    app.router.add_post("/mcp", an_agents_route)
    app.router.add_get("/broken", broken)


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database, more=other_parts) as running:
        yield running


@pytest.fixture
async def ada(console: Console) -> Session:
    return await console.sign_in(ADA)


def path_of(path: str) -> str:
    return (
        path.replace("{id}", "req_0")
        .replace("{name:.+}", "css/base.css")
        .replace("{name}", "x.ttf")
        .replace("{fold}", "fold_0")
    )


async def test_a_route_without_an_access_class_refuses_to_start(database: Database) -> None:
    async def forgotten(_request: web.Request) -> web.StreamResponse:
        return web.Response()

    with pytest.raises(UnguardedRoute, match="GET /forgotten has no access class"):
        async with serving(database, more=lambda app: app.router.add_get("/forgotten", forgotten)):
            pass


@pytest.mark.parametrize("kind", [Access.OPEN, Access.MACHINE])
async def test_a_route_open_to_all_that_could_change_something_refuses_to_start(kind: Access) -> None:
    async def loose(_request: web.Request) -> web.StreamResponse:
        return web.Response()

    app = web.Application()
    app.router.add_post("/loose", access(kind)(loose))
    with pytest.raises(UnguardedRoute, match="not reading only"):
        await check_routes(app)


async def test_a_callback_is_served_by_get_alone() -> None:
    async def back(_request: web.Request) -> web.StreamResponse:
        return web.Response()

    access(Access.CALLBACK)(back)
    good, bad = web.Application(), web.Application()
    good.router.add_get("/back", back, allow_head=False)
    await check_routes(good)
    bad.router.add_get("/back", back)  # brings HEAD with it
    bad.router.add_post("/back", back)
    with pytest.raises(UnguardedRoute, match="HEAD /back is callback but not GET; POST /back is callback but not GET"):
        await check_routes(bad)


async def test_a_bound_method_carries_its_class_too() -> None:
    class Part:
        @access(Access.SIGNED)
        async def one(self, _request: web.Request) -> web.StreamResponse:
            return web.Response()

        async def other(self, _request: web.Request) -> web.StreamResponse:
            return web.Response()

    part = Part()
    assert access_of(part.one) is Access.SIGNED
    assert access_of(access(Access.AGENT)(part.other)) is Access.AGENT


def proofs() -> dict[str, list[tuple[str, str]]]:
    good = tokens.make(tokens.Kind.PERSON, bytes(tokens.RANDOM_BYTES)).text
    agent = tokens.make(tokens.Kind.AGENT, bytes(tokens.RANDOM_BYTES)).text
    return {
        "nothing": [],
        "empty": [("Authorization", "")],
        "empty bearer": [("Authorization", "Bearer ")],
        "garbage": [("Authorization", "Bearer garbage")],
        "not ASCII": [("Authorization", "Bearer \udcff")],
        "another scheme": [("Authorization", f"Basic {good}")],
        "an agent's token": [("Authorization", f"Bearer {agent}")],
        "a well-formed token nobody has": [("Authorization", f"Bearer {good}")],
        "two headers": [("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")],
        "two tokens in one header": [("Authorization", f"Bearer {good}, Bearer {good}")],
        "a made-up cookie": [("Cookie", f"placet-session={secrets.token_urlsafe(32)}")],
        "a cookie of another name": [("Cookie", f"__Host-session={secrets.token_urlsafe(32)}")],
        "a token as cookie": [("Cookie", f"placet-session={good}")],
    }


async def raw(console: Console, lines: list[str], body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """A request written by hand, with `Connection: close`."""
    port = int(console.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    text = "\r\n".join([*lines, "Connection: close", f"Content-Length: {len(body)}", "", ""])
    writer.write(text.encode("utf-8", "surrogateescape") + body)
    await writer.drain()
    async with asyncio.timeout(5):
        got = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, rest = got.partition(b"\r\n\r\n")
    first, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.title(): value for name, _, value in (line.partition(": ") for line in fields)}
    return int(first.split()[1]), {name: v for name, v in headers.items() if name != "Date"}, rest


@pytest.mark.parametrize("endpoint", PERSON_ROUTES, ids=lambda one: f"{one.method} {one.path}")
async def test_every_failed_proof_gets_the_same_401_on_every_route(console: Console, endpoint: Endpoint) -> None:
    method, path = endpoint.method, path_of(endpoint.path)
    host = console.url.removeprefix("http://")
    answers = {}
    for name, headers in proofs().items():
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Origin: {console.url}"]
        lines += [f"{key}: {value}" for key, value in headers]
        answers[name] = await raw(console, lines)
    assert {status for status, _, _ in answers.values()} == {401}, answers
    assert len({str(answer) for answer in answers.values()}) == 1, "one answer tells more than another"


async def test_a_bad_bearer_is_not_saved_by_a_good_cookie(console: Console, ada: Session) -> None:
    assert (await console.get("/api/v1/me", ada)).status == 200
    assert (await console.get("/api/v1/me", ada, Authorization="Bearer x")).status == 401


@pytest.mark.parametrize(
    "path", ["/api%2fv1%2fme", "/%61pi/v1/me", "/api/v1/%6de", "//api/v1/me", "/api/v1/../v1/me", "/api/v1/me/"]
)
async def test_no_spelling_of_a_path_gets_around_the_gate(console: Console, path: str) -> None:
    status, _, _ = await raw(console, [f"GET {path} HTTP/1.1", f"Host: {console.url.removeprefix('http://')}"])
    assert status in {401, 404}


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "localhost/#@evil.example",
        "localhost:1/x",
        "127.0.0.1:8642 evil",
        "[::1].evil.example",
        "0.0.0.0",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/me", "/static/css/base.css", "/nowhere"])
async def test_another_host_name_is_misdirected_whatever_the_path(console: Console, path: str, host: str) -> None:
    status, headers, _ = await raw(console, [f"GET {path} HTTP/1.1", f"Host: {host}"])
    assert status in {421, 400}
    assert status == 400 or headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
async def test_the_loopback_names_are_ours_on_a_loopback_listener(console: Console, name: str) -> None:
    port = console.url.rpartition(":")[2]
    status, _, _ = await raw(console, ["GET / HTTP/1.1", f"Host: {name}:{port}"])
    assert status == 200


async def test_a_whole_url_as_target_is_refused(console: Console, ada: Session) -> None:
    lines = [f"GET {console.url}/api/v1/me HTTP/1.1", f"Host: {console.url.removeprefix('http://')}"]
    status, _, body = await raw(console, [*lines, f"Cookie: {ada.cookie}"])
    assert status == 400
    assert b"whole URL" in body


async def test_a_token_in_a_url_is_refused_also_with_a_good_session(console: Console, ada: Session) -> None:
    got = await console.get("/api/v1/me?token=plc_person_abc", ada)
    assert (got.status, got.json()["code"]) == (400, "token_in_url")


FORGERIES = {
    "no CSRF token": {"X_CSRF_Token": None},
    "a wrong CSRF token": {"X_CSRF_Token": "x" * 43},
    "no Origin": {"Origin": None},
    "an opaque Origin": {"Origin": "null"},
    "another Origin": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "another site": {"Sec_Fetch_Site": "cross-site"},
    "a sibling subdomain": {"Sec_Fetch_Site": "same-site"},
    "typed into the address bar": {"Sec_Fetch_Site": "none"},
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES)
async def test_a_change_with_a_session_needs_all_the_browser_rules(
    console: Console, ada: Session, forged: dict[str, str | None]
) -> None:
    request = await console.file()
    got = await console.send(
        "POST",
        f"/api/v1/requests/{request.id}/decision",
        headers=ada.headers(**forged),
        json_body={"decision": "approve", "binding": request.binding},
    )
    assert got.status == 403
    after = await console.desk.get(request.id)
    assert after is not None
    assert after.revision == 1


async def test_another_sessions_csrf_token_does_not_do(console: Console, ada: Session) -> None:
    other = await console.sign_in(ADA)
    got = await console.send("POST", "/api/v1/logout", headers=ada.headers(X_CSRF_Token=other.csrf), data=b"{}")
    assert (got.status, got.json()["code"]) == (403, "csrf")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "", None]
)
async def test_a_form_cannot_make_a_change(console: Console, ada: Session, kind: str | None) -> None:
    headers = ada.headers(Content_Type=kind)
    lines = [f"{name}: {value}" for name, value in headers.items()]
    host = console.url.removeprefix("http://")
    status, _, _ = await raw(console, ["POST /api/v1/logout HTTP/1.1", f"Host: {host}", *lines], b"{}")
    assert status == 415


async def test_a_compressed_body_is_refused_unread(console: Console, ada: Session) -> None:
    got = await console.send("POST", "/api/v1/logout", headers=ada.headers(Content_Encoding="gzip"), data=b"{}")
    assert got.status == 415


async def test_a_body_over_the_cap_is_refused(console: Console, ada: Session) -> None:
    got = await console.send("POST", "/api/v1/logout", headers=ada.headers(), data=b" " * 300_000)
    assert got.status == 413
    check_headers(got.headers)


def check_headers(headers: Mapping[str, str], *, page: bool = False) -> None:
    found = dict(headers.items())
    script = "script-src 'self'; style-src 'self'; " if page else ""
    assert {name: found.get(name) for name in HEADERS} == HEADERS
    assert found["Content-Security-Policy"] == f"default-src 'none'; {script}{POLICY}"
    assert found["Server"] == "placet"
    assert not [name for name in found if name.lower().startswith("access-control-")]


async def test_every_route_has_the_headers_also_when_it_refuses(console: Console, ada: Session) -> None:
    for method, path in [
        *((e.method, e.path) for e in API if e.path != "/api/v1/events"),
        *(("GET", p) for p, _ in PAGES),
    ]:
        got = await console.send(method, path_of(path), session=ada, data=b"[]" if method == "POST" else None)
        check_headers(got.headers, page=got.headers["Content-Type"].startswith(("text/html", "text/javascript")))
        if "/static/" not in path and not path.endswith("openapi.json"):
            assert got.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/no-such-things", 404),
        ("POST", "/api/v1/no-such-thing", 404),
        ("DELETE", "/api/v1/requests", 405),
        ("OPTIONS", "/api/v1/requests", 405),
        ("GET", "/broken", 500),
        ("GET", "/api/v1/me", 401),
    ],
)
async def test_errors_are_problems_with_the_same_headers(
    console: Console, method: str, path: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    got = await console.send(method, path)
    assert got.status == status
    check_headers(got.headers)
    assert got.headers["Content-Type"] == "application/problem+json; charset=utf-8"
    assert got.json()["status"] == status
    assert b"secret detail" not in got.body
    assert (status == 405) == ("Allow" in got.headers)
    assert ("secret detail" in caplog.text) == (status == 500)


async def test_agents_routes_pass_without_a_session_but_with_the_headers(console: Console, ada: Session) -> None:
    got = await console.send("POST", "/mcp", headers={"Cookie": ada.cookie, "Authorization": "Bearer whatever"})
    assert (got.status, got.body) == (200, b"agents")
    check_headers(got.headers)


async def test_reading_changes_nothing_but_when_it_was_first_shown(console: Console, ada: Session) -> None:
    link = await console.link(ADA)
    request = await console.file()
    before = await snapshot(console)
    paths = {path_of(e.path).replace("req_0", request.id) for e in API} | {path_of(path) for path, _ in PAGES}
    paths |= {f"/login?token={link}", f"/requests/{request.id}?decision=approve&binding={request.binding}"}
    for method, path in itertools.product(["GET", "HEAD", "OPTIONS"], sorted(paths - {"/api/v1/events"})):
        got = await console.send(method, path, headers=ada.headers())
        assert got.status < 500
    assert await snapshot(console) == before
    assert (await console.login(link)).status == 200


async def snapshot(console: Console) -> dict[str, list[tuple[object, ...]]]:
    def look(tx: Tx) -> dict[str, list[tuple[object, ...]]]:
        run = tx.conn.execute
        # When somebody was first shown a request is what the time to read it is counted from. It changes no request.
        but = {"replicas", "sightings"}
        return {t.name: [tuple(row) for row in run(select(t))] for t in METADATA.sorted_tables if t.name not in but}

    return await console.db.read(look)


async def test_https_means_a_host_cookie_and_strict_transport(database: Database) -> None:
    async with serving(database, https=True) as console:
        headers = {"Host": "placet.example.com", "Origin": "https://placet.example.com"}
        token = await console.link(ADA)
        got = await console.send("POST", "/api/v1/login", headers=headers, json_body={"token": token})
        assert got.status == 200
        cookie = got.headers["Set-Cookie"]
        assert cookie.startswith("__Host-session=")
        assert set(cookie.split("; ")[1:]) >= {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"}
        assert "Domain" not in cookie
        assert got.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        plain = await console.send("POST", "/api/v1/login", headers={**headers, "Origin": "http://placet.example.com"})
        assert plain.status == 403
