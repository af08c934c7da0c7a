"""What people may see and do of the gateway itself, beside requests: its servers, their tools, and a reload.

The REST endpoints of contract.md 4 that `approvals` cannot know. Their rights are roles, read anew for each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from approvals.access import Access, access
from approvals.desk import Desk
from approvals.domain.model import Role
from approvals.web import body
from approvals.web.bodies import Model
from approvals.web.models import Empty
from approvals.web.problems import Problem
from approvals.web.routes import Endpoint
from approvals.web.sessions import VISITOR
from approvals.web.shape import answer, dumps
from gateway.catalog import Catalog, Tool
from gateway.console_tools import ToolsOut, tools_out
from gateway.pins import accept
from gateway.policy.layers import version_of
from gateway.reload import Reloader
from gateway.servers import Server, Servers
from gateway.upstreams import NoAnswer, Unsent
from gateway.work import Work

SEES = frozenset({Role.REVIEWER, Role.OPERATOR, Role.ADMIN, Role.AUDITOR})
RELOADS = frozenset({Role.OPERATOR, Role.ADMIN})
PATIENCE_SECONDS = 3.0
"""How long the page of servers waits for their tools."""


class ServerOut(Model):
    """One upstream server. `tools` counts those that can be used, null while they are not known."""

    name: str
    transport: str
    up: bool | None
    error: str | None
    tools: int | None
    policy: str | None
    policy_version: str | None


class ServersOut(Model):
    """Every server."""

    servers: list[ServerOut]
    next_cursor: str | None


class AcceptIn(Model):
    """The definition that was looked at, by its fingerprint."""

    fingerprint: str = Field(max_length=64)


class AcceptOut(Model):
    """The tool is accepted."""

    accepted: bool


class ReloadOut(Model):
    """Whether the configuration on disk is in force now, and if not, why."""

    reloaded: bool
    difference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Makes the endpoints over the running parts."""

    servers: Servers
    catalog: Catalog
    reloader: Reloader
    desk: Desk
    work: Work
    patience: float = PATIENCE_SECONDS

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The routes, for the table of the people's side."""
        access(Access.PERSON)(self.list_servers)
        access(Access.PERSON)(self.list_tools)
        access(Access.PERSON)(self.reload)
        access(Access.PERSON)(self.accept)
        return (
            _get("/api/v1/servers", self.list_servers, ServersOut),
            _get("/api/v1/servers/{name}/tools", self.list_tools, ToolsOut, refuses=(404, 503)),
            Endpoint(
                method="POST",
                path="/api/v1/servers/{name}/tools/{tool}/accept",
                handler=self.accept,
                takes=AcceptIn,
                gives=AcceptOut,
                refuses=(404,),
            ),
            Endpoint(
                method="POST",
                path="/api/v1/reload",
                handler=self.reload,
                takes=Empty,
                gives=ReloadOut,
            ),
        )

    async def list_servers(self, request: web.Request) -> web.StreamResponse:
        """The upstream servers, whether they answer, and the policy in force for each."""
        _check(request, SEES, "see the servers: a viewer reads requests only")
        # Jobs of the service: what is not waited for here goes on, and the catalogue knows it the next time.
        jobs = [(server, self.work.run(self._listed(server))) for server in self.servers]
        if jobs:
            await asyncio.wait([job for _, job in jobs], timeout=self.patience)
        late = f"it has not answered for {self.patience:g} seconds; the page shows its tools once it has"
        shown = [self._server(server, job.result() if job.done() else late) for server, job in jobs]
        return answer(request, dumps({"servers": shown, "next_cursor": None}))

    async def list_tools(self, request: web.Request) -> web.StreamResponse:
        """Every tool of a server with its risk and evidence, the rule that stands for it, and one to begin with."""
        _check(request, SEES, "see the servers: a viewer reads requests only")
        server = self.servers.get(request.match_info["name"])
        if server is None:
            raise Problem(404, "not_found", "There is no server of that name.")
        try:
            usable = await self.catalog.tools(server.name)
        except (Unsent, NoAnswer) as err:
            raise Problem(503, "upstream_unavailable", f"The tools are not known: {err}.") from err
        pins = await self.desk.db.read(lambda tx: tx.pins.of(server.name))
        tools = [*usable, *self.catalog.withheld(server.name)]
        return answer(request, dumps({"tools": await tools_out(server, tools, pins), "next_cursor": None}))

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Accept a changed tool as the `fingerprint` says; agents may call it again."""
        _check(request, RELOADS, "accept a tool: that takes the operator or admin role")
        sent = await body.read(request, AcceptIn)
        server, tool = request.match_info["name"], request.match_info["tool"]
        person = request[VISITOR].person
        await accept(self.desk, server, tool, fingerprint=sent.fingerprint, by=person.id)
        self.catalog.outdate(server)
        return answer(request, dumps({"accepted": True}))

    async def reload(self, request: web.Request) -> web.StreamResponse:
        """Take over the configuration on disk; a bad one changes nothing and says why."""
        _check(request, RELOADS, "reload: that takes the operator or admin role")
        await body.read(request, Empty)
        done = await self.reloader.reload()
        return answer(request, dumps({"reloaded": done, "difference": self.reloader.difference}))

    async def _listed(self, server: Server) -> Sequence[Tool] | str:
        try:
            return await self.catalog.tools(server.name)
        except (Unsent, NoAnswer) as err:
            return str(err)
        except KeyError:
            return "it was taken out of the configuration"

    def _server(self, server: Server, listed: Sequence[Tool] | str) -> dict[str, Any]:
        settings = self.reloader.settings.servers.get(server.name)
        http = settings is not None and settings.url is not None
        return {
            "name": server.name,
            "transport": "http" if http else "stdio",
            "up": server.upstream.up,
            "error": listed if isinstance(listed, str) else server.upstream.trouble,
            "tools": None if isinstance(listed, str) else len(listed),
            "policy": ", ".join(policy.name for policy in server.policies) or None,
            "policy_version": version_of(server.policies) if server.policies else None,
        }


def _get(path: str, handler: Any, gives: type[BaseModel], *, refuses: tuple[int, ...] = ()) -> Endpoint:
    return Endpoint(method="GET", path=path, handler=handler, gives=gives, refuses=refuses)


def _check(request: web.Request, roles: frozenset[Role], what: str) -> None:
    if not request[VISITOR].person.roles & roles:
        raise Problem(403, "not_allowed", f"You may not {what}.")
