"""What operators and admins do to agents over REST: the same acts as `placet agents`, with the same checks.

They are here and not in `approvals.web`, because which servers there are, and whether agents come with keys of ours at
all, is the configuration's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field

from approvals.access import Access, Handler, access
from approvals.desk import Desk
from approvals.storage.tx import Tx
from approvals.web import body
from approvals.web.bodies import Model, Name, Time
from approvals.web.models import Empty
from approvals.web.models_people import AgentOut
from approvals.web.people import agent_body
from approvals.web.routes import Endpoint
from approvals.web.sessions import VISITOR, actor_of
from approvals.web.shape import answer, dumps, moment
from gateway.agents import Agents, Issued, agents_of
from gateway.reload import Reloader

ONE = "/api/v1/agents/{name}"


class AgentIn(Model):
    """An agent to add. `owner` is the human behind it; no `servers` means every one that is configured."""

    name: Name
    owner: Annotated[Name, Field(max_length=254)]
    servers: list[Name] = Field(default=[], max_length=200)


class IssuedOut(Model):
    """An agent with a new token, which is shown only now. `url` is where it calls."""

    agent: AgentOut
    token: str
    expires_at: Time
    url: str


class RevokeIn(Model):
    """What to revoke: one `token`, by its prefix, or the whole agent for good."""

    token: Name | None = None


class RevokedOut(Model):
    """The agent, and how many of its calls that had not been sent ended with it."""

    agent: AgentOut
    ended: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleAgents:
    """Makes the endpoints over the configuration in force."""

    reloader: Reloader
    desk: Desk

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The routes, for the table of the people's side."""
        return (
            _post("/api/v1/agents", self.add_agent, takes=AgentIn, gives=IssuedOut),
            _post(f"{ONE}/rotate", self.rotate_agent, gives=IssuedOut),
            _post(f"{ONE}/revoke", self.revoke_agent, takes=RevokeIn, gives=RevokedOut),
            _post(f"{ONE}/pause", self.pause_agent, gives=AgentOut),
            _post(f"{ONE}/resume", self.resume_agent, gives=AgentOut),
        )

    async def add_agent(self, request: web.Request) -> web.StreamResponse:
        """Add an agent and give it its first token, shown only in this answer."""
        sent = await body.read(request, AgentIn)
        known = tuple(self.reloader.settings.servers)
        issued = await self._acts().add(
            sent.name, owner=sent.owner, servers=sent.servers, known=known, actor=actor_of(request[VISITOR])
        )
        return await self._issued(request, issued)

    async def rotate_agent(self, request: web.Request) -> web.StreamResponse:
        """Give an agent a new token, shown only in this answer; the old one works a day longer."""
        await body.read(request, Empty)
        return await self._issued(request, await self._acts().rotate(_name(request), actor=actor_of(request[VISITOR])))

    async def revoke_agent(self, request: web.Request) -> web.StreamResponse:
        """End an agent for good, or one of its tokens, and its calls that were not sent."""
        sent = await body.read(request, RevokeIn)
        ended = await self._acts().revoke(_name(request), actor=actor_of(request[VISITOR]), token=sent.token)
        return answer(request, dumps({"agent": await self._agent(request, _name(request)), "ended": ended}))

    async def pause_agent(self, request: web.Request) -> web.StreamResponse:
        """Refuse an agent's calls until it is resumed; what waits for people goes on waiting."""
        await body.read(request, Empty)
        await self._acts().pause(_name(request), actor=actor_of(request[VISITOR]))
        return answer(request, dumps(await self._agent(request, _name(request))))

    async def resume_agent(self, request: web.Request) -> web.StreamResponse:
        """Take a paused agent's calls again."""
        await body.read(request, Empty)
        await self._acts().resume(_name(request), actor=actor_of(request[VISITOR]))
        return answer(request, dumps(await self._agent(request, _name(request))))

    def _acts(self) -> Agents:
        return agents_of(self.desk, self.reloader.settings)

    async def _issued(self, request: web.Request, issued: Issued) -> web.StreamResponse:
        base = f"{self.reloader.settings.public_url}/mcp"
        shown = {
            "agent": await self._agent(request, issued.agent),
            "token": issued.token,
            "expires_at": moment(issued.expires_at),
            "url": f"{base}/{issued.servers[0]}" if len(issued.servers) == 1 else base,
        }
        return answer(request, dumps(shown))

    async def _agent(self, request: web.Request, name: str) -> dict[str, Any]:
        person = request[VISITOR].person

        def look(tx: Tx) -> dict[str, Any]:
            row = tx.agents.get(name)
            return agent_body(row, tx.agents.tokens(name), person) if row is not None else {}

        return await self.desk.db.read(look)


def _post(path: str, handler: Handler, *, takes: type[Model] = Empty, gives: type[Model]) -> Endpoint:
    access(Access.PERSON)(handler)
    refuses = (404,) if "{name}" in path else ()
    return Endpoint(method="POST", path=path, handler=handler, takes=takes, gives=gives, refuses=refuses)


def _name(request: web.Request) -> str:
    return request.match_info["name"]
