"""`GET /api/v1/requests/{id}/similar`: what was decided before about calls like one.

A resource of its own, so that a request is shown without waiting for it. What is written of an earlier request goes by
what the asking person may read of that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from approvals import similar
from approvals.access import Access, access
from approvals.directory import Directory
from approvals.domain import quorum
from approvals.domain import similar as domain
from approvals.domain.hushing import hushed
from approvals.domain.model import Answer, ApprovalRequest, Person, PersonId
from approvals.domain.plain import shorten
from approvals.domain.similar import NAMED, PEOPLES, Earlier, Likeness, Same, Verdict
from approvals.storage.tx import Tx
from approvals.web.api import visible
from approvals.web.parts import PARTS
from approvals.web.sessions import VISITOR
from approvals.web.shape import View, answer, dumps, moment, text_of, view

NAME_SHOWN = 80


@access(Access.PERSON)
async def show_similar(request: web.Request) -> web.StreamResponse:
    """What was decided before."""
    found = await visible(request)
    parts, person = request.app[PARTS], request[VISITOR].person
    return answer(request, await parts.db.read(lambda tx: dumps(written(tx, parts.directory, found, person))))


def written(tx: Tx, directory: Directory, request: ApprovalRequest, person: Person) -> dict[str, Any]:
    """The `Similar` of the contract, for one person."""
    found = similar.seen_by(tx, request, person)
    whole = [(one, earlier) for one in found.rows if (earlier := tx.requests.get(one.past.request.id)) is not None]
    names = view(tx, directory, person, (by for _, earlier in whole for by in _by(earlier)))
    return {
        "summary": domain.words(found),
        "decided": found.decided,
        "counts": {one.value: found.counts.get(one, 0) for one in Verdict},
        "same": [_same(one) for one in found.same],
        "earlier": [_earlier(one, earlier, names) for one, earlier in whole],
    }


def _same(one: Same) -> dict[str, Any]:
    counts: Mapping[str, int] = {verdict.value: one.counts.get(verdict, 0) for verdict in PEOPLES}
    return {"argument": _name(one.argument), "equal": sum(counts.values()), "of": one.of, **counts}


def _earlier(one: Earlier, request: ApprovalRequest, names: View) -> dict[str, Any]:
    full = quorum.may_see_in_full(names.person, request)
    request = request if full else hushed(request)
    said = request.votes[-1].reason if request.votes and one.verdict in PEOPLES else None
    return {
        "id": request.id,
        "verdict": one.verdict.value,
        "state": request.state.value,
        "cause": request.cause.value if request.cause else None,
        "at": moment(one.past.at),
        "agent": request.caller.agent,
        "owner": request.caller.owner,
        "edited": request.edited_from is not None,
        "by": [{"id": by, "name": names.name(by)} for by in _by(request)],
        "reason": text_of(said, full=full),
        "grant": request.covered.grant if request.covered is not None else None,
        "likeness": None if one.likeness is None else _likeness(one.likeness),
    }


def _likeness(one: Likeness) -> dict[str, Any]:
    return {
        "exact": one.is_exact,
        "equal": one.equal,
        "of": one.of,
        "differs": [_name(name) for name in one.differs[:NAMED]],
        "more_differ": max(0, len(one.differs) - NAMED),
        "hidden": [_name(name) for name in one.hidden[:NAMED]],
    }


def _by(request: ApprovalRequest) -> list[PersonId]:
    """Whose word it was: of the deniers the one who ended it, of the approvers all, of a grant its givers."""
    if request.covered is not None:
        return list(request.covered.given_by)
    verdict = domain.verdict_of(request)
    if verdict not in PEOPLES:
        return []
    wanted = Answer.DENY if verdict is Verdict.DENIED else Answer.APPROVE
    return list(dict.fromkeys(vote.reviewer for vote in request.votes if vote.answer is wanted))


def _name(name: str) -> str:
    return shorten(name, NAME_SHOWN)
