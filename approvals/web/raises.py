"""Raised budgets over REST: what is in force, what was, and taking one back. Raising is part of a decision (`api`)."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain import quorum
from approvals.domain.hushing import hush_of
from approvals.domain.model import ApprovalRequest
from approvals.domain.raising import Raise
from approvals.domain.redact import redact_text
from approvals.errors import Refusal
from approvals.raises import Raises
from approvals.storage.tx import Tx
from approvals.web import body, problems
from approvals.web.listing import limit_of, one_each, open_time_cursor, seal_cursor, yes_or_no
from approvals.web.models import Empty
from approvals.web.parts import PARTS
from approvals.web.sessions import VISITOR
from approvals.web.shape import Raw, View, answer, dumps, join, listed, moment, view

_ID = re.compile(r"rse_[0-9A-Za-z]{1,60}")


@access(Access.PERSON)
async def list_raises(request: web.Request) -> web.StreamResponse:
    """The raised budgets of requests this person may see, newest first."""
    query = one_each(request, frozenset({"in_force", "limit", "cursor"}))
    limit, parts, person = limit_of(query.get("limit")), request.app[PARTS], request[VISITOR].person
    found, more = await Raises(parts.desk).listed(
        person,
        only_in_force=yes_or_no("in_force", query.get("in_force", "")),
        limit=limit,
        after=open_time_cursor(query.get("cursor")),
    )
    names = {name for one in found for name in one.one.by}

    def look(tx: Tx) -> Raw:
        seen_by = view(tx, parts.directory, person, names)
        rows = listed(dumps(written(one.one, one.request, seen_by)) for one in found)
        next_cursor = None if more is None else seal_cursor([more[0].isoformat(), more[1]])
        return join({"raises": rows, "next_cursor": next_cursor})

    return answer(request, await parts.db.read(look))


@access(Access.PERSON)
async def revoke(request: web.Request) -> web.StreamResponse:
    """Take a raise back before its time."""
    await body.read(request, Empty)
    id_, parts, person = request.match_info["id"], request.app[PARTS], request[VISITOR].person
    if not _ID.fullmatch(id_):
        raise problems.not_found("raise")
    try:
        ended = await Raises(parts.desk).end(id_, person=person)
    except Refusal as refusal:
        raise problems.of_refusal(refusal) from None
    seen_by = await parts.db.read(lambda tx: view(tx, parts.directory, person, ended.one.by))
    return answer(request, dumps(written(ended.one, ended.request, seen_by)))


def _words(one: Raise, request: ApprovalRequest, seen_by: View) -> str:
    if quorum.may_see_in_full(seen_by.person, request):
        return one.over.words
    return redact_text(hush_of(request).text(one.over.words))


def written(one: Raise, request: ApprovalRequest, seen_by: View) -> dict[str, Any]:
    """A raise as this person sees it."""
    return {
        "id": one.id,
        "limit": one.over.name,
        "max": one.over.most,
        "to": one.over.to,
        "words": _words(one, request, seen_by),
        "request": one.request,
        "server": request.call.server,
        "tool": request.call.tool,
        "agent": request.caller.agent,
        "by": list(one.by),
        "names": [seen_by.name(person) for person in one.by],
        "at": moment(one.at),
        "until": moment(one.until),
        "ended_at": moment(one.ended_at),
        "ended_by": one.ended_by,
        "in_force": one.holds(seen_by.now),
        "may_revoke": one.holds(seen_by.now) and quorum.may_cancel(seen_by.person, request),
    }
