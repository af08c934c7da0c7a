"""Freezes, break-glass, and the acts on agents and people, for the console's fake API: shapes and a few rules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.console_directories import token
from tests.fakes.console_policy_routes import problem
from tests.fakes.console_samples import ADA, BEN, HOSTILE_NOTE, Json, stamp

if TYPE_CHECKING:
    from tests.fakes.console_api import ConsoleFake

STEWARDS = {"operator", "admin"}
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
NAMES = {ADA: "Ada", BEN: "Ben"}


def parts(scope: str) -> Json:
    """A scope, and what it names."""
    kind, _, name = scope.partition(":")
    return {"scope": scope, "agent": name if kind == "agent" else None, "server": name if kind == "server" else None}


def frozen(scope: str, reason: str, by: str, at: datetime, lasts: timedelta, **fields: Any) -> Json:
    """One freeze, as the API shows it."""
    until = {"at": stamp(at), "until": stamp(at + lasts), "ended_at": None, "ended_by": None}
    return {**parts(scope), "reason": reason, "by": by, "name": NAMES.get(by, by), **until, **fields}


def opening(scope: str, reason: str, by: str, at: datetime, **fields: Any) -> Json:
    """One opening of break-glass that waits for a second person, as the API shows it."""
    shown = {
        **parts(scope),
        "reason": reason,
        "by": by,
        "name": NAMES.get(by, by),
        "at": stamp(at),
        "seconds": 7200,
        "waits": True,
        "open": False,
        "may_confirm": False,
        "confirm_until": stamp(at + timedelta(minutes=15)),
        "confirmed_by": None,
        "opened_at": None,
        "until": None,
        "ended_at": None,
        "ended_by": None,
        **fields,
    }
    del shown["agent"]
    return shown


@dataclass(slots=True, kw_only=True)
class Stops:
    """What is frozen and open."""

    freezes: list[Json] = field(default_factory=list)
    recent: list[Json] = field(default_factory=list)
    openings: list[Json] = field(default_factory=list)
    past: list[Json] = field(default_factory=list)
    mode: str = "two_people"

    @classmethod
    def of(cls, scenario: str, start: datetime) -> Stops:
        """Those of one scenario: none but in `stopped`, and in `hostile`, where the reasons are."""
        hour, day = timedelta(hours=1), timedelta(days=1)
        if scenario == "hostile":
            return cls(freezes=[frozen("agent:claude-ada", HOSTILE_NOTE, BEN, start - hour, day)])
        if scenario != "stopped":
            return cls()
        times = {"opened_at": stamp(start - hour), "until": stamp(start + hour)}
        open_now = {**times, "waits": False, "open": True, "confirmed_by": ADA}
        ended = {"ended_at": stamp(start - day), "ended_by": ADA}
        by_itself = {"ended_at": stamp(start - 3 * day + hour), "ended_by": "placet"}
        return cls(
            freezes=[
                frozen("all", "Payments to an unknown account since noon", BEN, start - timedelta(minutes=12), 4 * hour)
            ],
            openings=[
                opening("server:payments", "The approvals desk is down", BEN, start - hour, **open_now),
                opening("server:warehouse", "Stock count at night", BEN, start, may_confirm=True),
            ],
            recent=[
                frozen("agent:trader-ben", "Looks for keys", ADA, start - day - hour, 7 * day, **ended),
                frozen("server:payments", "Upgrade of the bank", "cli:root", start - 3 * day, hour, **by_itself),
            ],
            past=[
                opening(
                    "all",
                    "Fire alarm",
                    ADA,
                    start - 2 * day,
                    waits=False,
                    ended_at=stamp(start - 2 * day),
                    ended_by=BEN,
                )
            ],
        )


def length(text: str) -> timedelta:
    """`30m` as a length."""
    return timedelta(**{UNITS[text[-1]]: int(text[:-1])})


class StopRoutes:
    """Freezes and break-glass."""

    def __init__(self, fake: ConsoleFake) -> None:
        self.fake = fake

    def add(self, app: web.Application) -> None:
        app.router.add_get("/api/v1/freeze", self.freezes)
        app.router.add_post("/api/v1/freeze", self.freeze)
        app.router.add_get("/api/v1/break-glass", self.openings)
        for verb in ("open", "confirm", "close"):
            app.router.add_post(f"/api/v1/break-glass/{verb}", getattr(self, verb))

    async def freezes(self, _request: web.Request) -> web.Response:
        return web.json_response({"freezes": self.fake.stops.freezes, "recent": self.fake.stops.recent})

    async def freeze(self, request: web.Request) -> web.Response:
        stops, body = self.fake.stops, await request.json()
        if refused := self._refused():
            return refused
        scope = _scope(body)
        if body.get("agent") and body["agent"] not in {one["name"] for one in self.fake.agents}:
            return problem(422, "invalid", f"agent: there is no agent {body['agent']}")
        before = [one for one in stops.freezes if one["scope"] == scope]
        stops.freezes = [one for one in stops.freezes if one["scope"] != scope]
        ended = {"ended_at": stamp(self.fake.clock()), "ended_by": self.fake.me["id"]}
        stops.recent = [{**one, **ended} for one in before] + stops.recent
        if body["on"]:
            lasts = length(body.get("for", "7d"))
            stops.freezes.append(frozen(scope, body["reason"], self.fake.me["id"], self.fake.clock(), lasts))
        self.fake.send({"kind": "stops"})
        return await self.freezes(request)

    async def openings(self, _request: web.Request) -> web.Response:
        stops = self.fake.stops
        return web.json_response({"mode": stops.mode, "openings": stops.openings, "recent": stops.past})

    async def open(self, request: web.Request) -> web.Response:
        stops, body = self.fake.stops, await request.json()
        if refused := self._refused():
            return refused
        at, seconds = self.fake.clock(), int(length(body.get("for", "1h")).total_seconds())
        made = opening(_scope(body), body["reason"], self.fake.me["id"], at, seconds=seconds)
        if stops.mode == "alert":
            until = stamp(at + timedelta(seconds=seconds))
            made |= {"waits": False, "open": True, "opened_at": stamp(at), "until": until, "confirm_until": None}
        stops.openings.append(made)
        return await self._changed(request)

    async def confirm(self, request: web.Request) -> web.Response:
        scope, at = _scope(await request.json()), self.fake.clock()
        for one in self.fake.stops.openings:
            if one["scope"] == scope:
                until = stamp(at + timedelta(seconds=one["seconds"]))
                one |= {"waits": False, "open": True, "may_confirm": False, "opened_at": stamp(at), "until": until}
                one |= {"confirmed_by": self.fake.me["id"]}
        return await self._changed(request)

    async def close(self, request: web.Request) -> web.Response:
        stops, scope = self.fake.stops, _scope(await request.json())
        ended = {"ended_at": stamp(self.fake.clock()), "ended_by": self.fake.me["id"], "open": False, "waits": False}
        stops.past = [{**one, **ended} for one in stops.openings if one["scope"] == scope] + stops.past
        stops.openings = [one for one in stops.openings if one["scope"] != scope]
        return await self._changed(request)

    async def _changed(self, request: web.Request) -> web.Response:
        self.fake.send({"kind": "stops"})
        return await self.openings(request)

    def _refused(self) -> web.Response | None:
        if STEWARDS & set(self.fake.me["roles"]):
            return None
        return problem(403, "not_allowed", "It takes the role operator or admin.")


def _scope(body: Json) -> str:
    if body.get("agent"):
        return f"agent:{body['agent']}"
    return f"server:{body['server']}" if body.get("server") else "all"


class Acts:
    """What is done to agents and people."""

    def __init__(self, fake: ConsoleFake) -> None:
        self.fake = fake

    def add(self, app: web.Application) -> None:
        app.router.add_post("/api/v1/agents", self.add_agent)
        for verb in ("rotate", "revoke", "pause", "resume"):
            app.router.add_post(f"/api/v1/agents/{{name}}/{verb}", getattr(self, verb))
        app.router.add_post("/api/v1/people", self.save)
        app.router.add_post("/api/v1/people/{id}/remove", self.remove)
        app.router.add_post("/api/v1/people/{id}/token", self.token)
        app.router.add_post("/api/v1/people/{id}/away", self.away)
        app.router.add_post("/api/v1/people/{id}/back", self.back)
        app.router.add_post("/api/v1/people/{id}/login-link", self.link)

    async def add_agent(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["name"] in {one["name"] for one in self.fake.agents}:
            return problem(
                422, "invalid", f"name: there is an agent '{body['name']}' already; rotate gives a new token"
            )
        servers = body["servers"] or [one["name"] for one in self.fake.servers]
        made: Json = {"anonymous": False, "source": "added", "paused_at": None, "revoked_at": None, "tokens": []}
        self.fake.agents.append({**made, **body, "servers": servers, "last_used_at": None})
        return self._issued(self.fake.agents[-1])

    async def rotate(self, request: web.Request) -> web.Response:
        return self._issued(self._agent(request))

    async def revoke(self, request: web.Request) -> web.Response:
        agent, prefix, at = self._agent(request), (await request.json()).get("token"), stamp(self.fake.clock())
        for one in agent["tokens"]:
            if prefix in (None, one["prefix"]) and not one["revoked_at"]:
                one["revoked_at"] = at
        if prefix is None:
            agent["revoked_at"] = at
        return web.json_response({"agent": agent, "ended": 2})

    async def pause(self, request: web.Request) -> web.Response:
        agent = self._agent(request)
        agent["paused_at"] = stamp(self.fake.clock())
        return web.json_response(agent)

    async def resume(self, request: web.Request) -> web.Response:
        agent = self._agent(request)
        agent["paused_at"] = None
        return web.json_response(agent)

    async def save(self, request: web.Request) -> web.Response:
        body = await request.json()
        if any(one["id"] == body["id"] and one["source"] == "config" for one in self.fake.people):
            return problem(422, "invalid", f"id: {body['id']} is described in the configuration file; change that file")
        saved = {**body, "name": body["name"] or body["id"], "disabled": False, "source": "added", "claims": None}
        hours = saved.pop("quiet", None)
        saved["quiet"] = {"hours": hours, "tz": saved.pop("tz", None) or "UTC"} if hours else None
        saved |= {"away": None, "available_at": stamp(self.fake.clock())}
        saved.pop("tz", None)
        self.fake.people = [one for one in self.fake.people if one["id"] != body["id"]] + [saved]
        return web.json_response(saved)

    async def remove(self, request: web.Request) -> web.Response:
        self.fake.people = [one for one in self.fake.people if one["id"] != request.match_info["id"]]
        return web.Response(status=204)

    async def away(self, request: web.Request) -> web.Response:
        body = await request.json()
        return self._away(request, {"since": body["since"] or stamp(self.fake.clock()), **body})

    async def back(self, request: web.Request) -> web.Response:
        self._away(request, None)
        return web.Response(status=204)

    def _away(self, request: web.Request, away: Json | None) -> web.Response:
        for one in self.fake.people:
            if one["id"] == request.match_info["id"]:
                one["away"] = away
        return web.json_response(away)

    async def token(self, request: web.Request) -> web.Response:
        return web.json_response({"token": f"plc_person_{_made(request.match_info['id'])}"})

    async def link(self, request: web.Request) -> web.Response:
        return web.json_response({"url": f"http://127.0.0.1:8642/login#plc_login_{_made(request.match_info['id'])}"})

    def _agent(self, request: web.Request) -> Json:
        found = [one for one in self.fake.agents if one["name"] == request.match_info["name"]]
        if not found:
            raise web.HTTPNotFound
        return found[0]

    def _issued(self, agent: Json) -> web.Response:
        text = f"plc_agent_{_made(agent['name'] + str(len(agent['tokens'])))}"
        made = token(text[:18], self.fake.clock(), created_at=stamp(self.fake.clock()))
        agent["tokens"] = [made, *agent["tokens"]]
        base, servers = "http://127.0.0.1:8642/mcp", agent["servers"]
        url = f"{base}/{servers[0]}" if len(servers) == 1 else base
        return web.json_response({"agent": agent, "token": text, "expires_at": made["expires_at"], "url": url})


def _made(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:32]
