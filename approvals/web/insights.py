"""Numbers over REST, and what people say of outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from approvals import insights
from approvals.access import Access, access
from approvals.domain import numbers
from approvals.domain.fatigue import Finding
from approvals.domain.numbers import Count, Times
from approvals.insights import Group, Insights, Reviewer
from approvals.storage.decoys import Score
from approvals.storage.numbers import Period
from approvals.storage.tx import Tx
from approvals.web.listing import one_each
from approvals.web.parts import PARTS, WebParts
from approvals.web.problems import invalid
from approvals.web.sessions import VISITOR
from approvals.web.shape import View, answer, dumps, moment, view

USUAL = timedelta(days=30)
LONGEST = timedelta(days=400)
_KNOWN = frozenset({"from", "to", "server"})
TEXT_MAX = 200


@access(Access.PERSON)
async def show_insights(request: web.Request) -> web.StreamResponse:
    """How people decide: everybody's numbers for operators, admins and auditors, for others their own."""
    query = one_each(request, _KNOWN)
    parts, person = request.app[PARTS], request[VISITOR].person

    def look(tx: Tx) -> bytes:
        period = _period(query, tx.now)
        found = insights.look(tx, person, period, parts.desk.friction)
        people = {one.person for one in found.reviewers} | {one.reviewer for one in found.findings if one.reviewer}
        return dumps(_written(found, parts, view(tx, parts.directory, person, people)))

    return answer(request, await parts.db.read(look))


def _period(query: dict[str, str], now: datetime) -> Period:
    end = _moment("to", query["to"]) if query.get("to") else now + timedelta(microseconds=1)
    start = _moment("from", query["from"]) if query.get("from") else end - USUAL
    if start >= end:
        raise invalid("from", "must be before `to`")
    if end - start > LONGEST:
        raise invalid("from", f"at most {LONGEST.days} days at a time")
    server = query.get("server") or None
    if server is not None and (len(server) > TEXT_MAX or not server.isprintable()):
        raise invalid("server", "is no name of a server")
    return Period(start=start, end=end, server=server)


def _moment(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 2000 <= found.year < 2200:
        raise invalid(name, "must be a time with its zone, like 2026-11-24T10:00:00Z")
    return found.astimezone(UTC)


def _written(found: Insights, parts: WebParts, names: View) -> dict[str, Any]:
    period, friction = found.period, parts.desk.friction
    oldest = (names.now - found.oldest).total_seconds() if found.oldest is not None else None
    return {
        "from": moment(period.start),
        "to": moment(period.end),
        "server": period.server,
        "scope": "all" if found.of_all else "own",
        "requests": _count(found.count),
        "seconds": _times(found.times),
        "pace": _pace(found.decisions, found.too_fast),
        "outcomes": _answers(found.expected, found.unexpected),
        "waiting": found.waiting,
        "oldest_wait_seconds": oldest,
        "rules": [_group(one, "rule") for one in found.rules],
        "tools": [_group(one, "tool") for one in found.tools],
        "reviewers": [_reviewer(one, names) for one in found.reviewers],
        "bar_seconds": int(found.width.total_seconds()),
        "history": [{"at": moment(bar.at), "requests": _count(bar.count)} for bar in found.bars],
        "load": list(found.load),
        "findings": _findings(found.findings, names),
        "friction": {
            "mode": friction.mode.value,
            "last": friction.last,
            "within_seconds": int(friction.within.total_seconds()),
            "confirm_at": friction.confirm_at,
            "type_at": friction.type_at,
            "surfaces": sorted(friction.surfaces),
        },
    }


def _count(count: Count) -> dict[str, Any]:
    return {**asdict(count), "approval_rate": count.approval_rate, "expiry_rate": count.expiry_rate}


def _times(times: Times) -> dict[str, Any]:
    return {"count": times.count, "p50": times.p50, "p90": times.p90}


def _pace(decisions: int, too_fast: int) -> dict[str, Any]:
    return {"decisions": decisions, "too_fast": too_fast, "too_fast_rate": numbers.rate(too_fast, decisions)}


def _answers(expected: int, unexpected: int) -> dict[str, Any]:
    share = numbers.rate(unexpected, expected + unexpected)
    return {"as_expected": expected, "unexpected": unexpected, "unexpected_rate": share}


def _group(one: Group, kind: str) -> dict[str, Any]:
    return {
        "server": one.server,
        kind: one.name,
        "requests": _count(one.count),
        "seconds": _times(one.times),
        "pace": _pace(one.decisions, one.too_fast),
        "outcomes": _answers(one.expected, one.unexpected),
    }


def _reviewer(one: Reviewer, names: View) -> dict[str, Any]:
    return {
        "reviewer": one.person,
        "name": names.name(one.person),
        "approved": one.approved,
        "denied": one.decisions - one.approved,
        "approval_rate": numbers.rate(one.approved, one.decisions),
        "seconds": _times(one.times),
        "pace": _pace(one.decisions, one.too_fast),
        "busiest_hour": one.busiest,
        "friction": one.level,
        "decoys": {"seen": one.decoys.seen, "missed": one.decoys.missed, "score": _score(one.decoys)},
    }


def _score(decoys: Score) -> float | None:
    return numbers.rate(decoys.seen, decoys.seen + decoys.missed)


def _findings(found: Sequence[Finding], names: View) -> list[dict[str, Any]]:
    return [
        {
            "sign": one.sign.value,
            "text": one.text,
            "reviewer": one.reviewer,
            "name": names.name(one.reviewer) if one.reviewer is not None else None,
            "server": one.server,
            "rule": one.rule,
        }
        for one in found
    ]
