"""Dead letters: cards and events that no channel could deliver, to list and to try again. For operators.

What is tried again shows the request as it is then, so an old letter never tells something that is no longer true.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain.model import Role
from approvals.storage.messages import MessageRow
from approvals.web import body, problems
from approvals.web.listing import limit_of, one_each, open_cursor, seal_cursor
from approvals.web.models import Empty
from approvals.web.parts import PARTS
from approvals.web.problems import Problem
from approvals.web.sessions import VISITOR
from approvals.web.shape import answer, dumps

OPERATES = frozenset({Role.OPERATOR, Role.ADMIN})


@access(Access.PERSON)
async def list_dead(request: web.Request) -> web.StreamResponse:
    """What was given up, by id."""
    _check(request)
    query = one_each(request, frozenset({"limit", "cursor"}))
    limit, cursor = limit_of(query.get("limit")), query.get("cursor")
    after = open_cursor(cursor, 1)[0] if cursor else ""
    found = await request.app[PARTS].db.read(lambda tx: tx.messages.dead_ones(after=after, limit=limit + 1))
    more = seal_cursor([found[limit - 1].id]) if len(found) > limit else None
    return answer(request, dumps({"messages": [shown(row) for row in found[:limit]], "next_cursor": more}))


@access(Access.PERSON)
async def retry(request: web.Request) -> web.StreamResponse:
    """Queue one again."""
    _check(request)
    await body.read(request, Empty)
    visitor, id = request[VISITOR], request.match_info["id"]
    work = request.app[PARTS].db.write(lambda tx: tx.messages.revive(id, visitor.person.id, via=visitor.via))
    if not await work:
        raise problems.not_found("message that was given up")
    return answer(request, dumps({"queued": True}))


def shown(row: MessageRow) -> dict[str, Any]:
    """A message as JSON data."""
    return {
        "id": row.id,
        "request": row.request_id,
        "channel": row.channel,
        "target": row.target,
        "wanted_revision": row.wanted_revision,
        "shown_revision": row.shown_revision,
        "error": row.error,
    }


def _check(request: web.Request) -> None:
    if not request[VISITOR].person.roles & OPERATES:
        raise Problem(403, "not_allowed", "You may not see what was not delivered: that takes the role operator.")
