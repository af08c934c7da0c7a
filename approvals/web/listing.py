"""The list of requests: its filters, its pages, and what of it one person may see.

A page is bounded in rows and in bytes, and so is the work for one answer: a filter that only we can
judge (visibility, `mine`) reads on through the table, but not for ever. A page may therefore be short, or
even empty, though `next_cursor` says that there is more.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from aiohttp import web

from approvals.access import Access, access
from approvals.domain import quorum
from approvals.domain.model import ApprovalRequest, Ground, Person, State
from approvals.domain.snoozing import Snooze
from approvals.storage.requests import Cursor, Query
from approvals.storage.tx import Tx
from approvals.web.parts import PARTS, WebParts
from approvals.web.problems import invalid
from approvals.web.sessions import VISITOR
from approvals.web.shape import Raw, answer, doers, dumps, join, listed, view, write

T = TypeVar("T")

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
TEXT_MAX = 200
PAGE_BYTES = 4 * 1024 * 1024
READS_MAX = 20
"""So many pages of the table are read for one answer at most."""

_EXACT = ("server", "tool", "agent", "risk")
_KNOWN = frozenset({*_EXACT, "state", "ground", "mine", "snoozed", "q", "order", "limit", "cursor"})
_STATES = frozenset(state.value for state in State)
_GROUNDS: dict[str, str | None] = {"": None, **{ground.value: ground.value for ground in Ground}}
YES_NO = {"": False, "0": False, "false": False, "1": True, "true": True}
_EITHER = YES_NO | {"": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a client wants listed. `mine`: they may decide it, have voted on it or handed it on, or own its agent.

    `snoozed`: only what they have put out of their sight (True), only the rest (False), or both (None).
    """

    query: Query
    mine: bool
    snoozed: bool | None


@access(Access.PERSON)
async def list_requests(request: web.Request) -> web.StreamResponse:
    """A page of the requests this person may see."""
    asked, parts, person = asked_for(request), request.app[PARTS], request[VISITOR].person
    body = await parts.db.read(lambda tx: _page(tx, parts, person, asked))
    return answer(request, body)


def asked_for(request: web.Request) -> Asked:
    """The query string as a query.

    Raises:
        Problem: 422 naming the parameter.
    """
    query = one_each(request, _KNOWN)
    for name in (*_EXACT, "q"):
        check_text(name, query.get(name, ""))
    return Asked(
        mine=choice("mine", query.get("mine", ""), YES_NO),
        snoozed=choice("snoozed", query.get("snoozed", ""), _EITHER),
        query=Query(
            states=_states(request.query.getall("state", [])),
            q=query.get("q") or None,
            limit=limit_of(query.get("limit")),
            after=cursor_of(query.get("cursor")),
            oldest_first=choice("order", query.get("order", "newest"), {"newest": False, "oldest": True}),
            server=query.get("server") or None,
            tool=query.get("tool") or None,
            agent=query.get("agent") or None,
            risk=query.get("risk") or None,
            ground=choice("ground", query.get("ground", ""), _GROUNDS),
        ),
    )


def one_each(request: web.Request, known: frozenset[str]) -> dict[str, str]:
    """The query's parameters, each known and (but for `state`) given once.

    Raises:
        Problem: 422 naming the parameter.
    """
    found: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in known:
            raise invalid(name[:TEXT_MAX], "there is no such parameter here")
        if name in found and name != "state":
            raise invalid(name, "is given twice")
        found[name] = value
    return found


def limit_of(text: str | None) -> int:
    """How many rows a page may have.

    Raises:
        Problem: 422.
    """
    if text is None:
        return LIMIT_DEFAULT
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LIMIT_MAX):
        raise invalid("limit", f"must be a number from 1 to {LIMIT_MAX}")
    return int(text)


def seal_cursor(parts: list[str]) -> str:
    """A place in a list as opaque text."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def open_cursor(text: str, count: int) -> list[str]:
    """The place that `seal_cursor` wrote.

    Raises:
        Problem: 422, it is not one of ours.
    """
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        found = None
    if not isinstance(found, list) or len(found) != count or not all(isinstance(part, str) for part in found):
        raise invalid("cursor", "is not one that we gave out")
    return found


def open_time_cursor(text: str | None) -> Cursor | None:
    """The place `[time, id]` that `seal_cursor` wrote.

    Raises:
        Problem: 422, it is not one of ours.
    """
    if text is None:
        return None
    at, id_ = open_cursor(text, 2)
    try:
        return datetime.fromisoformat(at), id_
    except ValueError as err:
        raise invalid("cursor", "is not one that we gave out") from err


def yes_or_no(name: str, text: str) -> bool:
    """A parameter that is 1 or 0, and 0 where it is not given.

    Raises:
        Problem: 422.
    """
    if text not in YES_NO:
        raise invalid(name, "must be 1 or 0")
    return YES_NO[text]


def _page(tx: Tx, parts: WebParts, person: Person, asked: Asked) -> Raw:
    snoozed = tx.snoozes.of(person.id)
    rows, more = _collect(tx, person, asked, snoozed)
    voters = (one for row in rows for one in quorum.named_in(row.votes))
    givers = (one for row in rows if row.covered is not None for one in row.covered.given_by)
    acted = tx.doers.of(row.id for row in rows)
    actors = (one for row in rows for one in acted.get(row.id, ()))
    seen_by = view(tx, parts.directory, person, (*voters, *givers, *actors), snoozed=snoozed)
    written: list[Raw] = []
    size = 0
    for row in rows:
        text = write(row, seen_by, {"acted_by": doers(acted.get(row.id, ()), seen_by)})
        size += len(text)
        if written and size > PAGE_BYTES:
            return _body(written, _place(rows[len(written) - 1]))
        written.append(text)
    return _body(written, more)


def _collect(
    tx: Tx, person: Person, asked: Asked, snoozed: Mapping[str, Snooze]
) -> tuple[list[ApprovalRequest], Cursor | None]:
    """The rows of a page, and the place where the next one begins (None: that was all)."""
    limit, query = asked.query.limit, replace(asked.query, limit=LIMIT_MAX)

    def wanted(one: ApprovalRequest) -> bool:
        hidden = one.id in snoozed and snoozed[one.id].hides(one, tx.now)
        return asked.snoozed in {None, hidden} and (not asked.mine or is_mine(person, one))

    found: list[ApprovalRequest] = []
    for _ in range(READS_MAX):
        page = tx.requests.search(query)
        for position, row in enumerate(page):
            if not quorum.may_see(person, row) or not wanted(row):
                continue
            found.append(row)
            if len(found) == limit:
                last = position == len(page) - 1 and len(page) < query.limit
                return found, None if last else _place(row)
        if len(page) < query.limit:
            return found, None
        query = replace(query, after=_place(page[-1]))
    return found, query.after


def is_mine(person: Person, request: ApprovalRequest) -> bool:
    """May they decide it, had they a part in it, or is it their agent's?"""
    if request.caller.owner == person.id or quorum.had_a_part(person, request):
        return True
    return request.state is State.PENDING and quorum.why_not(person, request) is None


def _body(rows: list[Raw], more: Cursor | None) -> Raw:
    cursor = seal_cursor([more[0].isoformat(), more[1]]) if more is not None else None
    return join({"requests": listed(rows), "next_cursor": Raw(dumps(cursor))})


def _place(row: ApprovalRequest) -> Cursor:
    return row.created_at, row.id


def cursor_of(text: str | None) -> Cursor | None:
    """The place that a page ended at; None: the beginning.

    Raises:
        Problem: 422, it is not one of ours.
    """
    if not text:
        return None
    at, id_ = open_cursor(text, 2)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise invalid("cursor", "is not one that we gave out")
    check_text("cursor", id_)
    return moment, id_


def _states(sent: list[str]) -> frozenset[State]:
    names = [name for text in sent for name in text.split(",") if name]
    wrong = [name for name in names if name not in _STATES]
    if wrong:
        raise invalid("state", f"{wrong[0][:40]!r} is not one of {', '.join(State)}")
    return frozenset(State(name) for name in names)


def choice(name: str, text: str, options: Mapping[str, T]) -> T:
    """What a parameter stands for.

    Raises:
        Problem: 422 with the words it may have.
    """
    if text not in options:
        raise invalid(name, f"must be one of {', '.join(option for option in options if option)}")
    return options[text]


def check_text(name: str, text: str) -> None:
    """Refuse a text that no name can be.

    Raises:
        Problem: 422.
    """
    if len(text) > TEXT_MAX:
        raise invalid(name, f"is longer than {TEXT_MAX} characters")
    if any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise invalid(name, "has a control character in it")
