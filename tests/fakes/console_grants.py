"""Standing grants for the console's fake API: shapes and a few rules."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.fakes.console_policy_routes import problem
from tests.fakes.console_samples import ADA, BEN, CLEO, Json, ended, sample, stamp, vote

if TYPE_CHECKING:
    from tests.fakes.console_api import ConsoleFake

PAYMENT = {"amount": 120.5, "currency": "EUR", "to": "acme", "memo": "Order 7731", "file": "/srv/invoices/2026/77.pdf"}
SHAPE = [
    {"argument": "/amount", "kind": "range", "words": "is from 0 to 200"},
    {"argument": "/currency", "kind": "exact", "words": 'is "EUR"'},
    {"argument": "/to", "kind": "one_of", "words": 'is one of "acme", "bolt", "cobalt"'},
    {"argument": "/memo", "kind": "any", "words": "may be anything"},
    {"argument": "/file", "kind": "prefix", "words": 'begins with "/srv/invoices/2026/"'},
]
PROPOSED = {
    "arguments": {"/amount": {"range": {"min": "0", "max": "200"}}, "/to": {"one_of": ["acme", "bolt"]}},
    "for_seconds": 14_400,
    "uses": 10,
    "budget": {"argument": "/amount", "max": "500"},
    "scope": "agent",
}
NO_SESSION = (
    "its agent has no session with Placet (its client speaks the stateless protocol), and no session is made up; "
    "bound the grant by time and uses"
)


def requests(start: datetime) -> list[Json]:
    """Calls that may be trusted: one that waits, one that somebody proposed to trust, and one that a grant let run."""
    trusted: Json = {"tool": "pay_invoice", "arguments": PAYMENT, "why_no_grant": None, "severity": "high"}
    two: Json = {
        "why_no_grant_session": NO_SESSION,
        "needs": [{"group": "finance", "count": 2, "have": 1}],
        "votes": [{**vote(CLEO, "approve", start - timedelta(seconds=12)), "grant": PROPOSED}],
    }
    by = {"id": "grt_1", "given_by": [ADA], "names": ["Ada"], "request": f"req_{71:026d}"}
    covered = ended(73, start, "succeeded", age=600, **{**trusted, "ground": "grant", "grant": by})
    return [sample(71, start, **trusted), sample(72, start, **trusted, **two), covered]


def grant(number: int, start: datetime, **fields: Any) -> Json:
    """One grant, as the API shows it."""
    return {
        "id": f"grt_{number}",
        "request": f"req_{71:026d}",
        "server": "payments",
        "tool": "pay_invoice",
        "agent": "claude-ada",
        "owner": ADA,
        "rule": "/tools/pay_invoice/approve_if/0",
        "given_by": [ADA],
        "names": ["Ada"],
        "at": stamp(start - timedelta(hours=1)),
        "until": stamp(start + timedelta(hours=3)),
        "uses": 10,
        "uses_left": 7,
        "budget": {"argument": "/amount", "max": "500", "left": "212.5"},
        "shape": SHAPE,
        "ended_at": None,
        "ended_by": None,
        "ended_why": None,
        "scope": "agent",
        "in_force": True,
        "idle": None,
        "may_revoke": True,
        "redacted": False,
        **fields,
    }


def grants(start: datetime) -> list[Json]:
    """Two in force, one of one session only, the other idle; one used up, one taken back, one whose session is over."""
    idle = "those who gave it are not enough to approve this call now"
    over: Json = {"in_force": False, "may_revoke": False}
    last = stamp(start - timedelta(hours=5))
    return [
        grant(1, start, scope="session"),
        grant(
            2, start, idle=idle, given_by=[BEN, CLEO], names=["Ben", "Cleo"], budget=None, tool="send_mail", uses_left=1
        ),
        grant(3, start, **over, uses_left=0, until=last, ended_why="used_up"),
        grant(4, start, **over, until=last, ended_at=last, ended_by=BEN, ended_why="taken_back", shape=SHAPE[1:2]),
        grant(5, start, **over, ended_at=last, ended_by="placet", ended_why="session_over", scope="session"),
    ]


def given(request: Json, said: Json, at: datetime) -> Json:
    """What a decision gives."""
    shape = [
        {
            "argument": f"/{name}",
            "kind": next(iter(said["arguments"].get(f"/{name}", {"exact": 1}))),
            "words": json.dumps(said["arguments"].get(f"/{name}", value)),
        }
        for name, value in request["arguments"].items()
    ]
    uses = {"uses": said["uses"], "uses_left": said["uses"]}
    return grant(9, at, request=request["id"], shape=shape, **uses, at=stamp(at), budget=None, scope=said["scope"])


class Routes:
    """The endpoints."""

    def __init__(self, fake: ConsoleFake) -> None:
        self._fake = fake

    def add(self, app: web.Application) -> None:
        """Put them into the application."""
        app.router.add_get("/api/v1/grants", self._list)
        app.router.add_get("/api/v1/grants/{id}", self._show)
        app.router.add_post("/api/v1/grants/{id}/revoke", self._revoke)
        app.router.add_post("/api/v1/requests/{id}/grant-preview", self._preview)

    def _one(self, request: web.Request) -> Json:
        found = [one for one in self._fake.grants if one["id"] == request.match_info["id"]]
        if not found:
            raise web.HTTPNotFound
        return found[0]

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"grants": self._fake.grants, "next_cursor": None})

    async def _show(self, request: web.Request) -> web.Response:
        one, now = self._one(request), self._fake.clock()
        used = range(one["uses"] - one["uses_left"])
        history = [
            {
                "request": f"req_{73:026d}",
                "state": "succeeded",
                "amount": "95.83",
                "at": stamp(now - timedelta(minutes=9 * n + 9)),
            }
            for n in used
        ]
        return web.json_response({**one, "history": history})

    async def _revoke(self, request: web.Request) -> web.Response:
        one = self._one(request)
        now = stamp(self._fake.clock())
        who = self._fake.me["id"]
        one.update(ended_at=now, ended_by=who, ended_why="taken_back", in_force=False, may_revoke=False)
        return web.json_response(one)

    async def _preview(self, request: web.Request) -> web.Response:
        said = (await request.json())["grant"]
        if not 1 <= said["uses"] <= 100:
            return problem(422, "invalid", "grant/uses: from 1 to 100.", field="grant/uses")
        wide = any("any" in one for one in said["arguments"].values())
        denied = f"req_{26:026d}"
        words = "Would have matched 3 of the last 88 calls that needed approval."
        if wide:
            words = "Would have matched 14 of the last 88 calls that needed approval (1 of them was denied)."
        return web.json_response(
            {
                "looked_at": 88,
                "unreadable": 0,
                "matched": 14 if wide else 3,
                "against": [denied] if wide else [],
                "words": words,
            }
        )
