"""`GET /api/v1/queue`: what waits for people, with calls that are alike as one entry, page by page to the end.

Groups are made before pages are cut, so that a flood of calls is one entry that counts all of them, and what else waits
stays in sight (`domain.queue`). Only the requests that stand for the entries of a page are read as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from approvals.access import Access, access
from approvals.domain import folding, queue, quorum
from approvals.domain.model import ApprovalRequest, Person
from approvals.domain.queue import Alike, Entry, Order, Place, Waiting
from approvals.storage.tx import Tx
from approvals.web.listing import (
    PAGE_BYTES,
    YES_NO,
    check_text,
    choice,
    cursor_of,
    is_mine,
    limit_of,
    one_each,
    seal_cursor,
)
from approvals.web.parts import PARTS, WebParts
from approvals.web.sessions import VISITOR
from approvals.web.shape import Raw, View, answer, dumps, join, listed, moment, view, write

EXACT = ("server", "tool", "agent", "risk")
_KNOWN = frozenset({*EXACT, "mine", "snoozed", "q", "order", "limit", "cursor"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a client wants of what waits. `snoozed`: what they have put out of their sight, or the rest."""

    exact: tuple[tuple[str, str], ...]
    mine: bool
    snoozed: bool
    q: str
    order: Order
    limit: int
    after: Place | None


@access(Access.PERSON)
async def show_queue(request: web.Request) -> web.StreamResponse:
    """A page of what waits that this person may see; calls that are alike are one entry with their number."""
    wanted, parts, person = _wanted(request), request.app[PARTS], request[VISITOR].person
    return answer(request, await parts.db.read(lambda tx: _look(tx, parts, person, wanted)))


def _wanted(request: web.Request) -> Wanted:
    query = one_each(request, _KNOWN)
    for name in (*EXACT, "q"):
        check_text(name, query.get(name, ""))
    return Wanted(
        exact=tuple((name, query[name]) for name in EXACT if query.get(name)),
        mine=choice("mine", query.get("mine", ""), YES_NO),
        snoozed=choice("snoozed", query.get("snoozed", ""), YES_NO),
        q=query.get("q", ""),
        order=choice("order", query.get("order", "newest"), {order.value: order for order in Order}),
        limit=limit_of(query.get("limit")),
        after=cursor_of(query.get("cursor")),
    )


def _look(tx: Tx, parts: WebParts, person: Person, wanted: Wanted) -> bytes:
    waiting = _waiting(tx, person, wanted)
    # What somebody snoozed they snoozed one by one, and the table of a group leaves it out.
    folds = folding.OFF if wanted.snoozed else parts.desk.folding
    found = queue.entries(waiting, folding=folds, order=wanted.order)
    rest = queue.after(found, wanted.after, wanted.order)
    page = rest[: wanted.limit]
    rows = {str(one.id): one for one in tx.requests.these([entry.first.id for entry in page])}
    seen_by = _view(tx, parts, person, list(rows.values()))
    written: list[bytes] = []
    size = 0
    for entry in page:
        text = _entry(entry, rows[entry.first.id], seen_by)
        size += len(text)
        if written and size > PAGE_BYTES:
            break
        written.append(text)
    last = rest[len(written) - 1] if 0 < len(written) < len(rest) else None
    return join(
        {
            "entries": listed(written),
            "next_cursor": _cursor(last, wanted.order),
            "waiting": sum(one.fits for one in waiting),
        }
    )


def _waiting(tx: Tx, person: Person, wanted: Wanted) -> list[Waiting]:
    snoozed = tx.snoozes.of(person.id)
    saying = tx.outlines.saying(wanted.q) if wanted.q else None

    def fits(one: ApprovalRequest) -> bool:
        named = {"server": one.call.server, "tool": one.call.tool, "agent": one.caller.agent, "risk": one.risk}
        exact = all(named[name] == value for name, value in wanted.exact)
        return exact and (saying is None or one.id in saying) and (not wanted.mine or is_mine(person, one))

    return [
        Waiting(
            id=one.id,
            fold=outline.fold,
            agent=one.caller.agent,
            created_at=one.created_at,
            expires_at=one.expires_at,
            fits=fits(one),
            mine=tx.now < one.expires_at and quorum.why_not(person, one) is None,
        )
        for outline in tx.outlines.pending()
        if quorum.may_see(person, one := outline.request)
        and wanted.snoozed is (one.id in snoozed and snoozed[one.id].hides(one, tx.now))
    ]


def _view(tx: Tx, parts: WebParts, person: Person, rows: Sequence[ApprovalRequest]) -> View:
    voters = (one for row in rows for one in quorum.named_in(row.votes))
    return view(tx, parts.directory, person, voters, snoozed=tx.snoozes.of(person.id))


def _entry(entry: Entry, request: ApprovalRequest, seen_by: View) -> Raw:
    group = None if entry.group is None else _group(entry.group)
    return join({"request": write(request, seen_by, {"acted_by": []}), "group": Raw(dumps(group))})


def _group(one: Alike) -> dict[str, Any]:
    return {
        "fold": one.fold,
        "count": one.count,
        "alike": one.alike,
        "mine": one.mine,
        "agents": list(one.agents),
        "agents_count": one.agents_count,
        "expires_at": moment(one.expires_at),
    }


def _cursor(last: Entry | None, order: Order) -> str | None:
    if last is None:
        return None
    at, id_ = queue.place(last.first, order)
    return seal_cursor([at.isoformat(), id_])
