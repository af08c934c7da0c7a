"""`GET /api/v1/folds/{fold}`: requests that wait and are alike, as one table for one person.

A row is a request with its binding; `POST /api/v1/requests/decisions` decides rows, each by itself, and only those
it names: what joins later has been on no screen. Which requests are alike is stored with them (`domain.folding`).
A page that has rows on the screen names them (`shown`): those that have ended stay in the table, so that what it says
of all rows is true of each that is shown, and each says what became of it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain import folding, quorum
from approvals.domain.folding import ABSENT, Table
from approvals.domain.hushing import hushed
from approvals.domain.model import ApprovalRequest, State
from approvals.domain.redact import redact_value
from approvals.storage.tx import Tx
from approvals.web import problems
from approvals.web.api import step_for
from approvals.web.listing import one_each
from approvals.web.models import MAX_BULK
from approvals.web.parts import PARTS, WebParts
from approvals.web.sessions import VISITOR, Visitor
from approvals.web.shape import (
    View,
    answer,
    dumps,
    may_approve,
    moment,
    needed,
    stop_of,
    text_of,
    view,
    voted,
    why_not,
)

ROWS_MOST = MAX_BULK
"""What can be decided at once; the oldest come first."""
SHOWN_MOST = 2 * MAX_BULK
_FOLD = re.compile(rf"{folding.PREFIX}[0-9a-f]{{32}}")


@access(Access.PERSON)
async def show_fold(request: web.Request) -> web.StreamResponse:
    """The table of one group; 404 when nothing of it waits that this person may see."""
    fold, parts, visitor = request.match_info["fold"], request.app[PARTS], request[VISITOR]
    shown, found = _shown(request), None
    if _FOLD.fullmatch(fold):
        found = await parts.db.read(lambda tx: _look(tx, parts, visitor, fold, shown))
    if found is None:
        raise problems.unseen(visitor.person, "group")
    return answer(request, found)


def _shown(request: web.Request) -> list[str]:
    ids = [one for one in one_each(request, frozenset({"shown"})).get("shown", "").split(",") if one]
    if len(ids) > SHOWN_MOST:
        raise problems.invalid("shown", f"names more than {SHOWN_MOST} requests")
    return ids


def _look(tx: Tx, parts: WebParts, visitor: Visitor, fold: str, shown: list[str]) -> bytes | None:
    person, snoozed = visitor.person, tx.snoozes.of(visitor.person.id)

    def seen(one: ApprovalRequest) -> bool:
        return quorum.may_see(person, one) and not (one.id in snoozed and snoozed[one.id].hides(one, tx.now))

    waiting = [one.request.id for one in tx.outlines.pending(fold=fold) if seen(one.request)]
    found = tx.requests.of_fold(fold, list(dict.fromkeys((*waiting[:ROWS_MOST], *shown))))
    rows = sorted((one for one in found if seen(one)), key=lambda one: (one.created_at, one.id))
    more = len(waiting) - sum(row.state is State.PENDING for row in rows)
    if not rows:
        return None
    voters = (name for row in rows for name in quorum.named_in(row.votes))
    seen_by = view(tx, parts.directory, person, voters)
    full = [quorum.may_see_in_full(person, row) for row in rows]
    made = folding.table([_arguments(row, full=whole) for row, whole in zip(rows, full, strict=True)])
    return dumps(
        {
            **_head(rows[0], fold),
            "redacted": not all(full),
            "common": [{"path": path, "value": value} for path, value in made.common],
            "columns": list(made.columns),
            "left_out": made.left_out,
            "rows": _rows(rows, made, seen_by),
            "more": more,
            "confirm": next(
                (step for row in rows if row.state is State.PENDING and (step := step_for(tx, parts, visitor, row))),
                None,
            ),
        }
    )


def _arguments(request: ApprovalRequest, *, full: bool) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.call.arguments)
    return found if full else redact_value(found, request.terms.redact)


def _head(first: ApprovalRequest, fold: str) -> dict[str, Any]:
    return {
        "fold": fold,
        "server": first.call.server,
        "tool": first.call.tool,
        "rule": first.rule,
        "rule_reason": first.rule_reason,
        "risk": first.risk,
        "severity": first.severity,
    }


def _rows(requests: list[ApprovalRequest], made: Table, seen_by: View) -> list[dict[str, Any]]:
    return [_row(one, cells, seen_by) for one, cells in zip(requests, made.rows, strict=True)]


def _row(request: ApprovalRequest, cells: tuple[Any, ...], seen_by: View) -> dict[str, Any]:
    full, refused = quorum.may_see_in_full(seen_by.person, request), why_not(request, seen_by)
    request = request if full else hushed(request)
    return {
        "id": request.id,
        "binding": request.binding if full else None,
        "revision": request.revision,
        "state": request.state.value,
        "cause": request.cause.value if request.cause else None,
        "votes": [voted(vote, seen_by, full=full) for vote in request.votes],
        "agent": request.caller.agent,
        "owner": request.caller.owner,
        "justification": text_of(request.justification, full=full),
        "over": [one.words for one in request.over],
        "created_at": moment(request.created_at),
        "expires_at": moment(request.expires_at),
        "needs": [needed(need) for need in quorum.tally(request, seen_by.people)],
        "waiting": request.waiting,
        "may_decide": request.state is State.PENDING and refused is None,
        "may_approve": may_approve(request, seen_by),
        "why_not": refused,
        "stopped": stop_of(request, seen_by),
        "cells": [None if value is ABSENT else {"value": value} for value in cells],
    }
