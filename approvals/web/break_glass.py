"""Break-glass over REST: what is open or asked for, opening, confirming and closing it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.acting import STEWARDS
from approvals.domain.break_glass import Opening
from approvals.domain.stops import SERVER, scope_of
from approvals.storage.tx import Tx
from approvals.web import body
from approvals.web.models_stops import OpenIn, OpeningIn
from approvals.web.parts import PARTS, WebParts
from approvals.web.sessions import VISITOR, Visitor, actor_of
from approvals.web.shape import View, answer, dumps, moment, view


@access(Access.PERSON)
async def show_openings(request: web.Request) -> web.StreamResponse:
    """Where break-glass is open or asked for, and the last openings."""
    return answer(request, await _standing(request.app[PARTS], request[VISITOR]))


@access(Access.PERSON)
async def open_glass(request: web.Request) -> web.StreamResponse:
    """Ask for break-glass; where an alert is enough, it is open then."""
    sent = await body.read(request, OpenIn)
    parts, visitor = request.app[PARTS], request[VISITOR]
    lasts = body.length(sent.lasts) if sent.lasts is not None else None
    await parts.break_glass.open(scope_of(server=sent.server), reason=sent.reason, lasts=lasts, actor=actor_of(visitor))
    return answer(request, await _standing(parts, visitor))


@access(Access.PERSON)
async def confirm(request: web.Request) -> web.StreamResponse:
    """Open what somebody else has asked for."""
    sent = await body.read(request, OpeningIn)
    parts, visitor = request.app[PARTS], request[VISITOR]
    await parts.break_glass.confirm(scope_of(server=sent.server), actor=actor_of(visitor))
    return answer(request, await _standing(parts, visitor))


@access(Access.PERSON)
async def close(request: web.Request) -> web.StreamResponse:
    """Close break-glass, or take back what was asked for."""
    sent = await body.read(request, OpeningIn)
    parts, visitor = request.app[PARTS], request[VISITOR]
    await parts.break_glass.close(scope_of(server=sent.server), actor=actor_of(visitor))
    return answer(request, await _standing(parts, visitor))


async def _standing(parts: WebParts, visitor: Visitor) -> bytes:
    def look(tx: Tx) -> bytes:
        recent = tx.openings.history()
        standing = [one for one in tx.openings.standing() if one.is_open(tx.now) or one.waits(tx.now)]
        names = view(tx, parts.directory, visitor.person, {one.by for one in (*standing, *recent)})
        shown = {"openings": standing, "recent": recent}
        rows = {member: [_opening(one, names) for one in found] for member, found in shown.items()}
        return dumps({"mode": parts.break_glass.mode.value, **rows})

    return await parts.db.read(look)


def _opening(opening: Opening, names: View) -> dict[str, Any]:
    scope, waits, person = opening.scope, opening.waits(names.now), names.person
    return {
        "scope": scope,
        "server": scope.removeprefix(SERVER) if scope.startswith(SERVER) else None,
        "reason": opening.reason,
        "by": opening.by,
        "name": names.name(opening.by),
        "at": moment(opening.at),
        "seconds": round(opening.lasts.total_seconds()),
        "waits": waits,
        "open": opening.is_open(names.now),
        "may_confirm": waits and bool(person.roles & STEWARDS) and person.id != opening.by,
        "confirm_until": moment(opening.confirm_until),
        "confirmed_by": opening.confirmed_by,
        "opened_at": moment(opening.opened_at),
        "until": moment(opening.until),
        "ended_at": moment(opening.ended_at),
        "ended_by": opening.ended_by,
    }
