"""Freezes over REST: what is stopped, stopping it, and ending that. Everybody who is signed in may see it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain.stops import AGENT, SERVER, Freeze, scope_of
from approvals.storage.tx import Tx
from approvals.web import body, problems
from approvals.web.models_stops import FreezeIn
from approvals.web.parts import PARTS, WebParts
from approvals.web.sessions import VISITOR, Visitor, actor_of
from approvals.web.shape import View, answer, dumps, moment, view


@access(Access.PERSON)
async def show_freezes(request: web.Request) -> web.StreamResponse:
    """What is frozen now, and the last freezes."""
    return answer(request, await _standing(request.app[PARTS], request[VISITOR]))


@access(Access.PERSON)
async def freeze(request: web.Request) -> web.StreamResponse:
    """Freeze every agent, one agent or one server, or end that."""
    sent = await body.read(request, FreezeIn)
    parts, visitor = request.app[PARTS], request[VISITOR]
    if sent.agent is not None and sent.server is not None:
        raise problems.invalid("server", "name an agent or a server, not both")
    scope = scope_of(agent=sent.agent, server=sent.server)
    if sent.on:
        if sent.reason is None:
            raise problems.invalid("reason", "say why: agents and people are told it")
        lasts = body.length(sent.lasts) if sent.lasts is not None else None
        await parts.stops.freeze(scope, reason=sent.reason, lasts=lasts, actor=actor_of(visitor))
    else:
        await parts.stops.thaw(scope, actor=actor_of(visitor))
    return answer(request, await _standing(parts, visitor))


async def _standing(parts: WebParts, visitor: Visitor) -> bytes:
    def look(tx: Tx) -> bytes:
        standing, recent = tx.switches.in_force(tx.now), tx.switches.history()
        actors = {one.by for one in (*standing, *recent)} | {one.ended_by for one in recent if one.ended_by is not None}
        names = view(tx, parts.directory, visitor.person, actors)
        shown = {"freezes": standing, "recent": recent}
        return dumps({member: [_freeze(one, names) for one in rows] for member, rows in shown.items()})

    return await parts.db.read(look)


def _freeze(freeze: Freeze, names: View) -> dict[str, Any]:
    scope = freeze.scope
    return {
        "scope": scope,
        "agent": scope.removeprefix(AGENT) if scope.startswith(AGENT) else None,
        "server": scope.removeprefix(SERVER) if scope.startswith(SERVER) else None,
        "reason": freeze.reason,
        "by": freeze.by,
        "name": names.name(freeze.by),
        "at": moment(freeze.at),
        "until": moment(freeze.until),
        "ended_at": moment(freeze.ended_at),
        "ended_by": freeze.ended_by,
    }
