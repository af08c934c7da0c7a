"""Standing grants over REST: those in force and those that were, giving, trying and ending one.

Giving one together with an approval is part of the decision (`api`).
"""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain import backtest, grant_words, grants, quorum, shapes
from approvals.domain.backtest import Backtest
from approvals.domain.grants import Grant
from approvals.domain.model import ApprovalRequest
from approvals.domain.shapes import Scope
from approvals.errors import Refusal
from approvals.grants import Grants, Told
from approvals.storage.tx import Tx
from approvals.web import body, problems
from approvals.web.grant_models import GrantGiveIn, GrantPreviewIn, proposal_of
from approvals.web.listing import limit_of, one_each, open_time_cursor, seal_cursor, yes_or_no
from approvals.web.models import Empty
from approvals.web.parts import PARTS
from approvals.web.sessions import VISITOR
from approvals.web.shape import Raw, View, answer, dumps, join, listed, moment, view

_ID = re.compile(r"grt_[0-9A-Za-z]{1,60}")


@access(Access.PERSON)
async def list_grants(request: web.Request) -> web.StreamResponse:
    """The standing grants of requests this person may see, newest first."""
    query = one_each(request, frozenset({"in_force", "limit", "cursor"}))
    limit, parts, person = limit_of(query.get("limit")), request.app[PARTS], request[VISITOR].person
    found, more = await Grants(parts.desk).listed(
        person,
        only_in_force=yes_or_no("in_force", query.get("in_force", "")),
        limit=limit,
        after=open_time_cursor(query.get("cursor")),
    )

    def look(tx: Tx) -> Raw:
        seen_by = view(tx, parts.directory, person, (name for one in found for name in one.given_by))
        rows = listed(dumps(written(one, seen_by)) for one in found)
        next_cursor = None if more is None else seal_cursor([more[0].isoformat(), more[1]])
        return join({"grants": rows, "next_cursor": next_cursor})

    return answer(request, await parts.db.read(look))


@access(Access.PERSON)
async def show_grant(request: web.Request) -> web.StreamResponse:
    """One grant with the calls it let run."""
    parts, person = request.app[PARTS], request[VISITOR].person
    try:
        found = await Grants(parts.desk).show(_id(request), person=person)
    except Refusal as refusal:
        raise problems.of_refusal(refusal) from None
    return answer(request, await parts.db.read(lambda tx: dumps(told(found, _seen(tx, request, found.grant)))))


@access(Access.PERSON)
async def give(request: web.Request) -> web.StreamResponse:
    """Give a grant of a call that was approved already, by who could have approved it alone."""
    sent = await body.read(request, GrantGiveIn)
    parts, visitor = request.app[PARTS], request[VISITOR]
    try:
        made = await Grants(parts.desk).give(
            sent.request,
            person=visitor.person.id,
            binding=sent.binding,
            proposal=proposal_of(sent.grant),
            via=visitor.via,
        )
    except Refusal as refusal:
        raise problems.of_refusal(refusal) from None
    return answer(request, await parts.db.read(lambda tx: dumps(written(made, _seen(tx, request, made)))))


@access(Access.PERSON)
async def revoke_grant(request: web.Request) -> web.StreamResponse:
    """Take a grant back: from now on people are asked again."""
    await body.read(request, Empty)
    parts, person = request.app[PARTS], request[VISITOR].person
    try:
        ended = await Grants(parts.desk).end(_id(request), person=person.id)
    except Refusal as refusal:
        raise problems.of_refusal(refusal) from None
    return answer(request, await parts.db.read(lambda tx: dumps(written(ended, _seen(tx, request, ended)))))


@access(Access.PERSON)
async def preview(request: web.Request) -> web.StreamResponse:
    """What a grant would have matched of the last calls, before it is given."""
    sent = await body.read(request, GrantPreviewIn)
    parts, person = request.app[PARTS], request[VISITOR].person
    try:
        tried = await Grants(parts.desk).preview(
            request.match_info["id"], person=person, proposal=proposal_of(sent.grant)
        )
    except Refusal as refusal:
        raise problems.of_refusal(refusal) from None
    return answer(request, dumps(_tried(tried)))


def written(one: Grant, seen_by: View) -> dict[str, Any]:
    """A grant as this person sees it."""
    origin, full = one.origin, quorum.may_see_in_full(seen_by.person, one.origin)
    budget, places, holds = one.proposal.budget, grant_words.places(one), one.holds(seen_by.now)
    return {
        "id": one.id,
        "request": origin.id,
        "server": origin.call.server,
        "tool": origin.call.tool,
        "agent": origin.caller.agent,
        "owner": origin.caller.owner,
        "rule": origin.rule,
        "given_by": list(one.given_by),
        "names": [seen_by.name(person) for person in one.given_by],
        "at": moment(one.at),
        "until": moment(one.until),
        "uses": one.proposal.uses,
        "uses_left": one.uses_left,
        "budget": None
        if budget is None or one.budget_left is None
        else {
            "argument": budget.argument,
            "max": shapes.plainly(budget.most),
            "left": shapes.plainly(one.budget_left),
        },
        "scope": (Scope.AGENT if one.session is None else Scope.SESSION).value,
        "shape": [
            {"argument": place.argument, "kind": place.kind, "words": place.words}
            for place in (places if full else grant_words.without_values(places))
        ],
        "ended_at": moment(one.ended_at),
        "ended_by": one.ended_by,
        "ended_why": one.end(seen_by.now),
        "in_force": holds,
        "idle": grants.unfounded(one, origin, seen_by.people) if holds else None,
        "may_revoke": one.stands(seen_by.now) and quorum.may_cancel(seen_by.person, origin),
        "redacted": not full,
    }


def told(one: Told, seen_by: View) -> dict[str, Any]:
    """A grant with its uses, as this person sees it."""
    history = [
        {
            "request": use.request,
            "state": request.state.value,
            "amount": _amount(one.grant, request) if quorum.may_see_in_full(seen_by.person, request) else None,
            "at": moment(use.at),
        }
        for use, request in one.uses
    ]
    return {**written(one.grant, seen_by), "history": history}


def _amount(grant: Grant, request: ApprovalRequest) -> str | None:
    amount = shapes.amount_in(grant.proposal, request.call.arguments)
    return None if grant.proposal.budget is None or amount is None else shapes.plainly(amount)


def _tried(tried: Backtest) -> dict[str, Any]:
    counts = {what.value: tried.came_to.get(what, 0) for what in backtest.Past}
    return {
        "looked_at": tried.looked_at,
        "unreadable": tried.unreadable,
        "matched": tried.matched,
        **counts,
        "against": list(tried.against),
        "words": backtest.in_words(tried),
    }


def _seen(tx: Tx, request: web.Request, one: Grant) -> View:
    return view(tx, request.app[PARTS].directory, request[VISITOR].person, one.given_by)


def _id(request: web.Request) -> str:
    found = request.match_info["id"]
    if not _ID.fullmatch(found):
        raise problems.not_found("grant")
    return found
