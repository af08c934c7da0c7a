"""Earlier decisions on calls like one, made of the requests that the fake has."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from approvals.domain.similar import PEOPLES, Similar, Verdict, words
from tests.fakes import console_samples as samples
from tests.fakes.console_samples import Json

if TYPE_CHECKING:
    from tests.fakes.console_api import ConsoleFake

_STATES = {"denied": "denied", "expired": "expired", "cancelled": "cancelled"}


def requests(start: datetime) -> list[Json]:
    """Three that wait: of a tool with eight earlier decisions and some other ends, with one, and with none."""
    paid = {"account": "DE89 3704", "amount": 1250, "currency": "EUR", "to": "acme"}
    held = [
        samples.sample(81, start, arguments=paid),
        samples.sample(82, start, tool="send_mail", server="mail", arguments={"to": "jo@example.net"}),
        samples.sample(83, start, tool="drop_index", server="warehouse", arguments={"index": "orders_by_day"}),
    ]
    amounts = (125, 80, 1250, 90, 60, 1250, 240)
    past = [
        samples.ended(
            90 + n, start, "succeeded", age=4000.0 * (n + 1), by=samples.BEN, arguments=paid | {"amount": amount}
        )
        for n, amount in enumerate(amounts)
    ]
    past[1]["state"] = "failed"
    past[3] |= {"arguments": paid | {"account": "FR76 3000", "amount": 90}}
    no = "Not to an account we have never paid before; ask the supplier by telephone first."
    past.append(
        samples.ended(
            97,
            start,
            "denied",
            age=9000,
            by=samples.CLEO,
            reason=no,
            arguments=paid | {"account": "MT84 MALT", "note": "x"},
        )
    )
    past += [samples.ended(98 + n, start, "expired", age=90000, cause="timed_out", arguments=paid) for n in range(2)]
    past.append(
        samples.ended(
            100,
            start,
            "denied",
            age=700,
            by=samples.ADA,
            tool="send_mail",
            server="mail",
            arguments={"to": "all@example.net"},
        )
    )
    return held + past


class Routes:
    """The one resource."""

    def __init__(self, fake: ConsoleFake) -> None:
        self.fake = fake

    def add(self, app: web.Application) -> None:
        app.router.add_get("/api/v1/requests/{id}/similar", self.show)

    async def show(self, request: web.Request) -> web.Response:
        row = self.fake.requests.get(request.match_info["id"])
        if row is None:
            raise web.HTTPNotFound
        return web.json_response(similar(row, list(self.fake.requests.values())))


def similar(row: Json, rows: list[Json]) -> Json:
    """What was decided before about calls of the same tool."""
    like = [one for one in rows if (one["server"], one["tool"]) == (row["server"], row["tool"])]
    found = [_earlier(one, row) for one in like if one["state"] != "pending" and one is not row]
    peoples = [one for one in found if one["verdict"] in PEOPLES]
    counts = Counter(one["verdict"] for one in found)
    exact = Counter(Verdict(one["verdict"]) for one in peoples if one["likeness"]["exact"])
    made = Similar(counts={Verdict(one): number for one, number in counts.items()}, exact=exact, same=(), rows=())
    found.sort(key=lambda one: one["at"], reverse=True)
    ranked = sorted(found, key=lambda one: (one not in peoples, -one["likeness"]["equal"]))
    return {
        "summary": words(made),
        "decided": len(peoples),
        "counts": {one.value: counts[one.value] for one in Verdict},
        "same": [_same(name, row, like, peoples) for name in list(row["arguments"] or {})[:6]],
        "earlier": ranked[:5],
    }


def _earlier(one: Json, row: Json) -> Json:
    own, theirs = row["arguments"] or {}, one["arguments"] or {}
    names = list({**own, **theirs})
    differs = [name for name in names if own.get(name) != theirs.get(name)]
    vote = one["votes"][-1] if one["votes"] else None
    return {
        "id": one["id"],
        "verdict": one["ground"] or _STATES.get(one["state"], "approved"),
        "state": one["state"],
        "cause": one["cause"],
        "at": one["decided_at"] or one["expires_at"],
        "agent": one["agent"],
        "owner": one["owner"],
        "edited": one["edited_from"] is not None,
        "by": [{"id": vote["reviewer"], "name": vote.get("name", vote["reviewer"])}] if vote else [],
        "reason": vote["reason"] if vote else None,
        "grant": None,
        "likeness": {
            "exact": not differs,
            "equal": len(names) - len(differs),
            "of": len(names),
            "differs": differs[:6],
            "more_differ": max(0, len(differs) - 6),
            "hidden": [],
        },
    }


def _same(name: str, row: Json, like: list[Json], peoples: list[Json]) -> Json:
    values: dict[str, Any] = {one["id"]: (one["arguments"] or {}).get(name) for one in like}
    equal = Counter(one["verdict"] for one in peoples if values[one["id"]] == row["arguments"][name])
    split = {verdict.value: equal[verdict.value] for verdict in PEOPLES}
    return {"argument": name, "equal": equal.total(), "of": len(peoples), **split}
