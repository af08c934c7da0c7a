"""Sample numbers for the console's fake API, made by a rule so that every picture is the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from aiohttp import web

from tests.fakes.console_samples import ADA, BEN, stamp

Json = dict[str, Any]


def count(**found: int) -> Json:
    """Counts with their rates."""
    names = ("approved", "denied", "expired", "timed_out", "undelivered", "cancelled", "waiting", "not_asked")
    made: Json = {name: found.get(name, 0) for name in names}
    decided = made["approved"] + made["denied"]
    over = decided + made["expired"]
    return {
        "asked": over + made["cancelled"] + made["waiting"],
        **made,
        "approval_rate": round(made["approved"] / decided, 4) if decided else None,
        "expiry_rate": round(made["expired"] / over, 4) if over else None,
    }


def times(number: int, p50: float | None, p90: float | None) -> Json:
    return {"count": number, "p50": p50, "p90": p90}


def pace(decisions: int, too_fast: int) -> Json:
    share = round(too_fast / decisions, 4) if decisions else None
    return {"decisions": decisions, "too_fast": too_fast, "too_fast_rate": share}


def answers(expected: int, unexpected: int) -> Json:
    total = expected + unexpected
    return {
        "as_expected": expected,
        "unexpected": unexpected,
        "unexpected_rate": round(unexpected / total, 4) if total else None,
    }


def _group(kind: str, name: str, of: tuple[str, int, float, int]) -> Json:
    server, scale, p50, fast = of
    return {
        "server": server,
        kind: name,
        "requests": count(approved=scale * 6, denied=scale, expired=scale // 2, timed_out=scale // 2, cancelled=1),
        "seconds": times(scale * 7, p50, p50 * 9),
        "pace": pace(scale * 7, fast),
        "outcomes": answers(scale, scale // 4),
    }


def _reviewer(name: str, approved: int, denied: int, fast: int, p50: float, level: int) -> Json:
    decisions = approved + denied
    return {
        "reviewer": f"{name.lower()}@example.com",
        "name": name,
        "approved": approved,
        "denied": denied,
        "approval_rate": round(approved / decisions, 4),
        "seconds": times(decisions, p50, p50 * 12),
        "pace": pace(decisions, fast),
        "busiest_hour": max(3, approved // 4),
        "friction": level,
        "decoys": {"seen": 3, "missed": level, "score": round(3 / (3 + level), 4)},
    }


TOOLS = {
    "refund_payment": ("payments", 14, 42.0, 31),
    "send_mail": ("office", 9, 8.5, 48),
    "delete_rows": ("warehouse", 3, 310.0, 0),
}


def insights(now: datetime, scenario: str) -> Json:
    """The numbers of the last 30 days; of an empty house, none."""
    full = scenario != "empty"
    bars = [now.replace(hour=0, minute=0) - timedelta(days=29 - day) for day in range(30)]
    week = [round(max(0, 6 - abs(13 - place % 24)) * (1 if place // 24 < 5 else 0.2), 1) for place in range(168)]
    return {
        "from": stamp(now - timedelta(days=30)),
        "to": stamp(now),
        "server": None,
        "scope": "all",
        "requests": count(approved=156, denied=26, expired=13, timed_out=11, undelivered=2, cancelled=3, waiting=4)
        if full
        else count(),
        "seconds": times(182, 38.0, 370.0) if full else times(0, None, None),
        "pace": pace(182, 79) if full else pace(0, 0),
        "outcomes": answers(26, 6) if full else answers(0, 0),
        "waiting": 4 if full else 0,
        "oldest_wait_seconds": 840.0 if full else None,
        "rules": [_group("rule", f"/tools/{name}/approve_if/0", of) for name, of in TOOLS.items()] if full else [],
        "tools": [_group("tool", name, of) for name, of in TOOLS.items()] if full else [],
        "reviewers": [
            _reviewer("Ada", 92, 4, 74, 6.0, 2),
            _reviewer("Ben", 40, 15, 4, 55.0, 0),
            _reviewer("Cleo", 24, 7, 13, 21.0, 1),
        ]
        if full
        else [],
        "bar_seconds": 86_400,
        "history": [
            {"at": stamp(at), "requests": _bar(day) if full and at.weekday() < 5 else count()}
            for day, at in enumerate(bars)
        ],
        "load": week if full else [0.0] * 168,
        "findings": _findings() if full else [],
        "friction": {
            "mode": "raise",
            "last": 20,
            "within_seconds": 604_800,
            "confirm_at": 50,
            "type_at": 80,
            "surfaces": ["cli", "slack", "web"],
        },
    }


def _bar(day: int) -> Json:
    late = day % 5 // 3
    return count(approved=4 + day * 7 % 6, denied=day % 3, expired=late, timed_out=late, cancelled=day % 11 // 9)


def _findings() -> list[Json]:
    return [
        {
            "sign": "unread",
            "text": "74 of 96 decisions were approvals given faster than the card can be read.",
            "reviewer": "ada@example.com",
            "name": "Ada",
            "server": None,
            "rule": None,
        },
        {
            "sign": "unexpected",
            "text": "3 of 12 answers say that the outcome was not as expected.",
            "reviewer": None,
            "name": None,
            "server": "payments",
            "rule": "/tools/refund_payment/approve_if/0",
        },
    ]


def attended(rows: list[Json], now: datetime) -> list[Json]:
    """Requests as they are shown to who approves too fast, and outcomes as people spoke of them."""
    why = "You approved 18 of your last 20 calls faster than they can be read"
    said = {"person": BEN, "name": "Ben", "as_expected": False, "note": "Charged twice", "at": stamp(now)}
    found = []
    for row in rows:
        ran = row["state"] in {"succeeded", "failed", "unknown"}
        step = {"level": 2, "send": row["tool"], "why": why} if row["state"] == "pending" else None
        found.append({**row, "confirm": step, "may_say_expected": ran, "expected": [said] if ran else []})
    return found


class Fake(Protocol):
    """What of the fake is needed here."""

    @property
    def requests(self) -> dict[str, Json]:
        """By id."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time."""


class Numbers:
    """The routes of numbers and of answers about outcomes."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake

    def add(self, app: web.Application) -> None:
        app.router.add_get("/api/v1/insights", self._show)
        app.router.add_post("/api/v1/requests/{id}/expected", self._say)

    async def _show(self, _request: web.Request) -> web.Response:
        waits = any(row["state"] == "pending" for row in self._fake.requests.values())
        return web.json_response(insights(self._fake.clock(), "rich" if waits else "empty"))

    async def _say(self, request: web.Request) -> web.Response:
        row, sent = self._fake.requests[request.match_info["id"]], await request.json()
        mine = {"person": ADA, "name": "Ada", "note": None, "at": stamp(self._fake.clock()), **sent}
        others = [one for one in row.get("expected", []) if one["person"] != ADA]
        self._fake.requests[row["id"]] = after = {**row, "expected": [*others, mine]}
        return web.json_response(after)
