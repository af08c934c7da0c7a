"""A small stand-in for the people's side: the console's static files under the real headers, and an in-memory API.

It exists so that pages can be looked at and tested without the rest. It keeps the shapes of contract.md 4 and the
rules the pages rely on (binding, one winner, expiry, CSRF), nothing more. Run it by hand with
`python -m tests.fakes.console_api [--scenario NAME] [--port N]`.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import hashlib
import importlib.resources
import json
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from approvals.domain.deny_reasons import USUAL
from approvals.web import routes
from approvals.web.headers import set_headers
from tests.fakes import console_directories as directories
from tests.fakes import console_folds as folds
from tests.fakes import console_grants, console_insights, console_push, console_similar
from tests.fakes import console_policies as policies
from tests.fakes import console_samples as samples
from tests.fakes.console_directories import ME
from tests.fakes.console_policy_routes import PolicyRoutes, problem, refusing
from tests.fakes.console_samples import Json
from tests.fakes.console_stops import Acts, StopRoutes, Stops

STATIC = Path(__file__).parents[2] / "approvals" / "web" / "static"
PAGES = [path for path, _ in routes.PAGES if not path.startswith(("/static/", "/sw.js"))]
CSRF = "csrf-of-this-session"
HEARTBEAT_SECONDS = 5
SIGN_IN = ("/api/v1/login", "/api/v1/login/oidc", "/api/v1/sign-in")
LINKS_ONLY: Json = {"links": True, "provider": None, "refused": None, "next": None, "end_session": None, "person": None}


@dataclass(slots=True, kw_only=True)
class ConsoleFake:
    """The state behind the fake API. Tests change it through these methods, on the server's own loop."""

    requests: dict[str, Json] = field(default_factory=dict)
    notices: list[Json] = field(default_factory=list)
    features: Json = field(
        default_factory=lambda: dict.fromkeys(("agents", "people", "servers", "policies", "slack"), True)
    )
    signed_in: bool = True
    fold_from: int | None = 3
    deny_reasons: tuple[str, ...] = USUAL
    offer: Json = field(default_factory=lambda: dict(LINKS_ONLY))
    me: Json = field(default_factory=lambda: dict(ME))
    streams: set[asyncio.Queue[str]] = field(default_factory=set)
    servers: list[Json] = field(default_factory=list)
    tools: list[Json] = field(default_factory=list)
    books: dict[str, policies.Book] = field(default_factory=dict)
    agents: list[Json] = field(default_factory=list)
    people: list[Json] = field(default_factory=directories.people)
    stops: Stops = field(default_factory=Stops)
    grants: list[Json] = field(default_factory=list)
    browsers: dict[str, Json] = field(default_factory=dict)
    before_save: str | None = None
    """What somebody else saves just before the next save arrives."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    before_decision: Json | None = None
    """A vote of somebody else that is saved just before the next decision arrives."""

    @classmethod
    def of(cls, scenario: str, start: datetime) -> ConsoleFake:
        """The sample data of one scenario."""
        rows: list[Json] = {
            "rich": samples.held(start) + samples.past(start),
            "empty": samples.past(start),
            "first": [],
            "many": samples.many(start, 200),
            "hostile": samples.hostile(start),
            "over": samples.over(start),
            "trusted": console_grants.requests(start),
            "earlier": console_similar.requests(start),
            "fast": console_insights.attended(samples.held(start) + samples.past(start), start),
            "storm": folds.storm(start),
            "stopped": samples.held(start) + samples.past(start) + samples.bypassed(start),
        }[scenario]
        notices = (
            [{"level": "warning", "text": "Slack did not answer for 4 minutes; 2 cards wait to be sent."}]
            if scenario == "rich"
            else []
        )
        servers = [] if scenario == "first" else directories.SERVERS
        tools = directories.HOSTILE_TOOLS if scenario == "hostile" else directories.TOOLS
        books = policies.books(start, scenario)
        return cls(
            requests={row["id"]: row for row in rows},
            notices=notices,
            servers=servers,
            tools=tools,
            books=books,
            agents=directories.agents(start) if servers else [],
            stops=Stops.of(scenario, start),
            grants=console_grants.grants(start) if scenario == "trusted" else [],
        )

    def tell(self, request_id: str) -> None:
        """Send the event of a request to every open stream."""
        self.send({"kind": "request", "id": request_id})

    def send(self, event: Json) -> None:
        """Send an event to every open stream."""
        for queue in self.streams:
            queue.put_nowait(json.dumps(event))

    def add(self, row: Json) -> None:
        """A new request comes in."""
        self.requests[row["id"]] = row
        self.tell(row["id"])

    def record(self, request_id: str, vote: Json) -> Json:
        """Save a vote; the request is decided when nothing is missing."""
        old = self.requests[request_id]
        needs = [dict(need) for need in old["needs"]]
        if vote["decision"] == "approve":
            open_need = next((need for need in needs if need["have"] < need["count"]), None)
            if open_need is not None:
                open_need["have"] += 1
        done = vote["decision"] == "deny" or all(need["have"] >= need["count"] for need in needs)
        state = {"deny": "denied", "approve": "approved"}[vote["decision"]] if done else "pending"
        new = {
            **old,
            "needs": needs,
            "votes": [*old["votes"], vote],
            "state": state,
            "revision": old["revision"] + 1,
            "decided_at": vote["at"] if done else None,
            "may_decide": False,
            "needs_after": None,
            "needs_after_edit": None,
        }
        self.requests[request_id] = new
        self.tell(request_id)
        return new


FAKE = web.AppKey("fake", ConsoleFake)


def build(fake: ConsoleFake) -> web.Application:
    """The application around one fake."""
    app = web.Application(middlewares=[_session, refusing])
    app[FAKE] = fake
    app.on_response_prepare.append(set_headers(https=False))
    for path in PAGES:
        app.router.add_get(path, _page)
    app.router.add_get("/sw.js", _worker)
    app.router.add_get("/static/fonts/{name}", _font)
    app.router.add_get("/static/{name:.+}", _static)
    app.router.add_get("/api/v1/me", _me)
    app.router.add_post("/api/v1/login", _login)
    app.router.add_get("/api/v1/sign-in", _offer)
    app.router.add_post("/api/v1/login/oidc", _begin)
    app.router.add_post("/api/v1/logout", _logout)
    app.router.add_get("/api/v1/requests", _list)
    app.router.add_get("/api/v1/requests/{id}", _show)
    app.router.add_get("/api/v1/requests/{id}/timeline", _timeline)
    app.router.add_post("/api/v1/requests/{id}/decision", _decide)
    for verb in ("extend", "comment", "cancel", "resolve", "reassign", "snooze", "ask"):
        app.router.add_post(f"/api/v1/requests/{{id}}/{verb}", _act)
    app.router.add_post("/api/v1/raises/{id}/revoke", _revoke)
    app.router.add_get("/api/v1/events", _events)
    app.router.add_get("/api/v1/agents", _agents)
    app.router.add_get("/api/v1/people", _people)
    app.router.add_get("/api/v1/servers", _servers)
    app.router.add_get("/api/v1/servers/{name}/tools", _tools)
    PolicyRoutes(fake).add(app)
    folds.FoldRoutes(fake).add(app)
    StopRoutes(fake).add(app)
    Acts(fake).add(app)
    console_insights.Numbers(fake).add(app)
    console_grants.Routes(fake).add(app)
    console_push.Routes(fake).add(app)
    console_similar.Routes(fake).add(app)
    app.router.add_get("/readyz", _ready)
    app.router.add_get("/{rest:(?!api/|static/).*}", _missing)
    return app


@web.middleware
async def _session(request: web.Request, handler: Any) -> web.StreamResponse:
    fake = request.app[FAKE]
    if request.path.startswith("/api/") and request.path not in SIGN_IN:
        if not fake.signed_in:
            return problem(401, "unauthenticated", "Sign in.")
        if request.method in {"POST", "PUT", "DELETE"} and request.headers.get("X-CSRF-Token") != CSRF:
            return problem(403, "csrf", "The X-CSRF-Token of this session is missing or wrong. Load the page again.")
    try:
        answer: web.StreamResponse = await handler(request)
    except web.HTTPNotFound:
        return problem(404, "not_found", "There is nothing like that here.")
    return answer


# Out of memory: a file that is being sent when its reader goes away stays open until the collector comes.
_FILES = {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in STATIC.rglob("*") if path.is_file()}
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".ttf": "font/ttf"}


def _file(name: str, body: bytes, status: int = 200) -> web.Response:
    kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    charset = None if kind == "font/ttf" else "utf-8"
    return web.Response(status=status, body=body, content_type=kind, charset=charset)


async def _page(_request: web.Request) -> web.Response:
    return _file("index.html", _FILES["index.html"])


async def _worker(_request: web.Request) -> web.Response:
    return _file("sw.js", _FILES["sw.js"])


async def _missing(_request: web.Request) -> web.Response:
    return _file("index.html", _FILES["index.html"], status=404)


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _FILES:
        raise web.HTTPNotFound
    return _file(name, _FILES[name])


@functools.cache
def _fonts() -> dict[str, bytes]:
    packages = ("fontpkg_ibm_plex_sans", "fontpkg_ibm_plex_mono", "fontpkg_ibm_plex_sans_condensed")
    folders = [Path(str(importlib.resources.files(package) / "files")) for package in packages]
    return {path.name: path.read_bytes() for folder in folders for path in folder.glob("*.ttf")}


async def _font(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in _fonts():
        raise web.HTTPNotFound
    return _file(name, _fonts()[name])


async def _me(request: web.Request) -> web.Response:
    fake = request.app[FAKE]
    return web.json_response(
        {
            "person": fake.me,
            "away": None,
            "stands_for": [],
            "csrf": CSRF,
            "server_time": samples.stamp(fake.clock()),
            "version": "0.1.0",
            "features": fake.features,
            "notices": fake.notices,
            "fold_from": fake.fold_from,
            "deny_reasons": list(fake.deny_reasons),
        }
    )


async def _login(request: web.Request) -> web.Response:
    if (await request.json()).get("token") != "good-token":
        return problem(403, "link_used", "This sign-in link was used already or is too old.")
    request.app[FAKE].signed_in = True
    return web.json_response({"person": ME})


async def _offer(request: web.Request) -> web.Response:
    return web.json_response(request.app[FAKE].offer)


async def _begin(request: web.Request) -> web.Response:
    request.app[FAKE].signed_in = True
    return web.json_response({"url": (await request.json())["next"]})


async def _logout(request: web.Request) -> web.Response:
    request.app[FAKE].signed_in = False
    return web.json_response({})


async def _list(request: web.Request) -> web.Response:
    rows = sorted(request.app[FAKE].requests.values(), key=lambda row: (row["created_at"], row["id"]), reverse=True)
    rows = [row for row in rows if folds.matches(row, request.query)]
    first, limit = int(request.query.get("cursor") or 0), int(request.query.get("limit") or 50)
    rest = str(first + limit) if len(rows) > first + limit else None
    return _tagged(request, {"requests": rows[first : first + limit], "next_cursor": rest})


def _tagged(request: web.Request, value: Any) -> web.Response:
    text = json.dumps(value)
    etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304)
    return web.Response(text=text, content_type="application/json", headers={"ETag": etag})


def _row(request: web.Request) -> Json:
    row = request.app[FAKE].requests.get(request.match_info["id"])
    if row is None:
        raise web.HTTPNotFound
    return row


async def _show(request: web.Request) -> web.Response:
    return _tagged(request, _row(request))


async def _timeline(request: web.Request) -> web.Response:
    return web.json_response({"events": samples.timeline(_row(request))})


async def _decide(request: web.Request) -> web.Response:
    fake, row = request.app[FAKE], _row(request)
    body = await request.json()
    if fake.before_decision is not None:
        row, fake.before_decision = fake.record(row["id"], fake.before_decision), None
    if row["state"] != "pending":
        by = row["votes"][-1]
        detail = f"Already {row['state']} by {by['reviewer']} at {by['at']}."
        return problem(409, "already_decided", detail, request=row, by=by["reviewer"])
    if body.get("binding") != row["binding"]:
        return problem(409, "stale_binding", "This call changed since you opened it.", request=row)
    if not row["may_decide"]:
        return problem(403, "not_allowed", "You may not decide this: you are not among its reviewers.")
    if "arguments" in body and body["arguments"] != row["arguments"]:
        wrong = _unfit(body["arguments"])
        if wrong:
            return problem(422, "invalid", f"{wrong[0]['field']}: {wrong[0]['detail']}", errors=wrong)
        row = fake.requests[row["id"]] = samples.edited(row, body["arguments"])
    lasts = {"15m": 900, "1h": 3600, "4h": 14400, "24h": 86400}.get(body.get("raise"))
    vote = samples.vote(ME["id"], body["decision"], fake.clock(), reason=body.get("reason"), raise_seconds=lasts)
    after = fake.record(row["id"], vote)
    if body.get("grant") and after["state"] == "approved":
        fake.grants.insert(0, console_grants.given(after, body["grant"], fake.clock()))
        after["grants"] = fake.grants[:1]
    if lasts and after["state"] == "approved":
        after["raises"] = samples.raised(after, fake.clock(), lasts, ME["id"])
    return web.json_response(after)


def _unfit(arguments: Json) -> list[Json]:
    """What does not fit the tool's schema: amounts are numbers, and nothing is called `extra`."""
    amount = arguments.get("amount")
    wrong = [] if isinstance(amount, int | float) else [("/amount", f'"{amount}" is not of type "number"')]
    wrong += [("", "Additional properties are not allowed ('extra' was unexpected)")] if "extra" in arguments else []
    return [{"field": f"/arguments{at}", "detail": why} for at, why in wrong]


async def _revoke(request: web.Request) -> web.Response:
    fake = request.app[FAKE]
    for row in fake.requests.values():
        for one in row["raises"]:
            if one["id"] == request.match_info["id"]:
                ended = {"ended_at": samples.stamp(fake.clock()), "ended_by": ME["id"]}
                one.update(ended, in_force=False, may_revoke=False)
                return web.json_response(one)
    raise web.HTTPNotFound


async def _act(request: web.Request) -> web.Response:
    fake, row = request.app[FAKE], _row(request)
    body = await request.json()
    verb = request.path.rsplit("/", 1)[1]
    if verb == "reassign" and body.get("to") == ["group:nobody"]:
        return problem(422, "invalid", "to: nobody is in group:nobody, so nobody could decide")
    changes: dict[str, Json] = {
        "extend": {"expires_at": samples.stamp(datetime.fromisoformat(row["expires_at"]) + timedelta(minutes=15))},
        "reassign": {"needs": [{**need, "members": body.get("to")} for need in row["needs"]], "may_decide": False},
        "snooze": {"snoozed_until": row["expires_at"] if body.get("for") else None},
        "comment": {"comments": [*row["comments"], samples.comment(str(body.get("text")), fake.clock())]},
        "ask": {"questions": [*row["questions"], samples.question(str(body.get("question")), fake.clock())]},
        "cancel": {
            "state": "cancelled",
            "cause": "cancelled_by_person",
            "acted_by": [{"id": ME["id"], "name": "You"}],
            "decided_at": samples.stamp(fake.clock()),
        },
        "resolve": {"cause": "resolved_ran" if body.get("ran") else "resolved_did_not_run"},
    }
    after = {**row, **changes[verb], "revision": row["revision"] + 1}
    fake.requests[row["id"]] = after
    fake.tell(row["id"])
    return web.json_response(after)


async def _events(request: web.Request) -> web.StreamResponse:
    fake = request.app[FAKE]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    queue: asyncio.Queue[str] = asyncio.Queue()
    fake.streams.add(queue)
    number = 0
    try:
        await response.write(b": hello\n\n")
        while True:
            try:
                data = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            number += 1
            await response.write(f"id: {number}\ndata: {data}\n\n".encode())
    except ConnectionError:
        return response
    finally:
        fake.streams.discard(queue)


def _whole(member: str, rows: list[Json]) -> web.Response:
    return web.json_response({member: rows, "next_cursor": None})


async def _agents(request: web.Request) -> web.Response:
    return _whole("agents", request.app[FAKE].agents)


async def _people(request: web.Request) -> web.Response:
    return _whole("people", request.app[FAKE].people)


async def _servers(request: web.Request) -> web.Response:
    return _whole("servers", request.app[FAKE].servers)


async def _tools(request: web.Request) -> web.Response:
    fake, name = request.app[FAKE], request.match_info["name"]
    server = next((one for one in fake.servers if one["name"] == name), None)
    if server is None:
        return problem(404, "not_found", "There is no server of that name.")
    if server["up"] is not True:
        return problem(503, "upstream_unavailable", f"The tools are not known: {server['error'] or 'never asked'}.")
    return _whole("tools", fake.tools)


async def _ready(_request: web.Request) -> web.Response:
    return web.json_response({"ready": True, "checks": directories.CHECKS})


def main() -> None:
    """Serve one scenario until interrupted."""
    options = argparse.ArgumentParser()
    options.add_argument(
        "--scenario",
        default="rich",
        choices=["rich", "empty", "first", "many", "hostile", "over", "stopped", "fast", "earlier"],
    )
    options.add_argument("--port", type=int, default=8643)
    chosen = options.parse_args()
    app = build(ConsoleFake.of(chosen.scenario, datetime.now(UTC)))
    web.run_app(app, host="127.0.0.1", port=chosen.port, handler_cancellation=True)


if __name__ == "__main__":
    main()
