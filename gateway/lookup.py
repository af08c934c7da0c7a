"""Names: which tools an agent sees on a path, and which server and tool a called name means.

On `/mcp/{server}` a server's own names stand as they are. On `/mcp` they are `{server}__{tool}`, unless the
agent has exactly one server. A name is found by looking the catalogues up, never by splitting it, so that
`a__b` + `c` is not taken for `a` + `b__c` (security.md 2c.9). One server that is down does not hide the others,
and one that is slow does not hold them up: its last list is given, or it is left out until it has answered.
"""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from approvals.domain.model import Caller
from gateway.callers import Callers
from gateway.catalog import NOWHERE, Catalog, Place, Tool
from gateway.judge import Judge
from gateway.paging import Shown
from gateway.policy import justifying
from gateway.policy.evaluate import listing
from gateway.servers import Server, Servers
from gateway.upstreams import NoAnswer, RpcError, Unsent, nothing
from gateway.work import PATIENCE_SECONDS, Work, enough

log = logging.getLogger(__name__)

SEPARATOR = "__"
INVALID_PARAMS = -32602
UNREACHABLE = 1
"""Our own code for a list that cannot be had: outside the ranges of JSON-RPC and MCP (protocol.md 1.1)."""
Listed = Sequence[Tool] | str
"""What a server lists, or why that cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A called name, resolved."""

    server: Server
    tool: Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """The server a name points to cannot be asked. `tool` is the name on that server."""

    server: Server
    tool: str
    why: str


class Lookup:
    """Resolves names for one caller at a time."""

    def __init__(
        self,
        *,
        servers: Servers,
        catalog: Catalog,
        callers: Callers,
        judge: Judge,
        work: Work,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._servers, self._catalog, self._callers, self._judge = servers, catalog, callers, judge
        self._work, self._patience = work, patience
        self.on_late: Callable[[], None] = nothing
        """Called when a server that was not waited for has answered with something else than was given for it."""

    def servers(self, caller: Caller, server: str | None) -> list[Server]:
        """The servers a path gives this caller, under the caller's own layers too."""
        names = [n for n in self._callers.servers(caller.agent) if server is None or n == server]
        return [found for name in names if (found := self._servers.seen_by(caller.agent, name)) is not None]

    def every(self) -> list[Server]:
        """Every server there is, whoever may use it."""
        return list(self._servers)

    async def tools(self, caller: Caller, server: str | None, place: Place = NOWHERE) -> Sequence[Shown] | RpcError:
        """Every tool a call of which could be allowed or asked about, named as on this path."""
        asked = self.servers(caller, server)
        answers = await self._lists(asked, place)
        down = [f"{one.name}: {answer}" for one, answer in zip(asked, answers, strict=True) if isinstance(answer, str)]
        for line in down:
            log.warning("tools of a server cannot be listed: %s", line)
        if down and len(down) == len(asked):
            return RpcError(code=UNREACHABLE, message="No server can be reached: " + "; ".join(down)[:1000])
        prefixed = server is None and len(asked) > 1
        await self._judge.meet(tool for answer in answers if not isinstance(answer, str) for tool in answer)
        return [
            Shown(server=one.name, name=tool.name, listing=self._shown(one, tool, one.name if prefixed else None))
            for one, answer in zip(asked, answers, strict=True)
            if not isinstance(answer, str)
            for tool in answer
            if listing(one.policies, tool.name, self._judge.risk(tool).kind)
        ]

    def _shown(self, server: Server, tool: Tool, prefix: str | None) -> dict[str, Any]:
        """A tool as agents see it: with a field for their reason, where a rule of it may ask for one."""
        shown, risk = _named(tool, prefix), self._judge.risk(tool).kind
        word = justifying.asked(server.policies, tool.name, risk)
        if word is None:
            return shown
        return justifying.with_field(shown, word, required=justifying.always(server.policies, tool.name, risk))

    async def find(
        self, caller: Caller, server: str | None, name: str, place: Place = NOWHERE
    ) -> Found | Down | RpcError:
        """What a called name means on this path."""
        asked = self.servers(caller, server)
        prefixed = server is None and len(asked) > 1
        down: Down | None = None
        found: list[Found] = []
        for one in asked:
            own = _own_name(one, name, prefixed=prefixed)
            if own is None:
                continue
            try:
                tool = await self._catalog.tool(one.name, own, place=place)
            except (Unsent, NoAnswer) as err:
                down = Down(server=one, tool=own, why=str(err))
                continue
            if tool is not None:
                found.append(Found(server=one, tool=tool))
        if len(found) == 1 and found[0].tool.unusable is None:
            return found[0]
        if len(found) == 1:
            return RpcError(
                code=INVALID_PARAMS, message=f"The tool {name!r} cannot be called: {found[0].tool.unusable}."
            )
        if found:
            names = ", ".join(one.server.name for one in found)
            return RpcError(code=INVALID_PARAMS, message=f"{name!r} names a tool of several servers: {names}.")
        return down or RpcError(
            code=INVALID_PARAMS,
            message=f"There is no tool {name[:128]!r} here. tools/list gives the names that can be called.",
        )

    async def _lists(self, asked: Sequence[Server], place: Place) -> list[Listed]:
        # Jobs of the service: an agent that leaves, or does not wait, ends no asking that others may wait for.
        jobs = [self._work.run(self._list(one, place)) for one in asked]
        await enough(jobs, patience=self._patience, good=lambda listed: not isinstance(listed, str))
        return [job.result() if job.done() else self._instead(one, job) for one, job in zip(asked, jobs, strict=True)]

    def _instead(self, server: Server, job: Future[Listed]) -> Listed:
        """What is given for a server that is not waited for."""
        last = self._catalog.last(server.name)
        given: Listed = last if last is not None else f"it has not answered for {self._patience:g} seconds"
        job.add_done_callback(partial(self._came_late, given))
        return given

    def _came_late(self, given: Listed, job: Future[Listed]) -> None:
        if not job.cancelled() and not isinstance(job.result(), str) and job.result() != given:
            self.on_late()

    async def _list(self, server: Server, place: Place) -> Listed:
        try:
            return await self._catalog.tools(server.name, place=place)
        except (Unsent, NoAnswer) as err:
            return str(err)
        except KeyError:
            return "it was taken out of the configuration"


def _own_name(server: Server, name: str, *, prefixed: bool) -> str | None:
    if not prefixed:
        return name
    prefix = server.name + SEPARATOR
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def _named(tool: Tool, server: str | None) -> dict[str, Any]:
    return tool.listing() if server is None else {**tool.listing(), "name": server + SEPARATOR + tool.name}
