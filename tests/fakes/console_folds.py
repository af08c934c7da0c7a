"""Requests that are alike, for the console's fake API: a storm of them, their table by the real folding, and bulk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web

from approvals.domain import folding
from approvals.domain.folding import ABSENT
from approvals.domain.queue import Entry, Order, Waiting, entries
from tests.fakes import console_samples as samples
from tests.fakes.console_samples import Json

FOLD = "fold_" + "5" * 32
ROWS_MOST = 100
_AGENTS = ("nightly-ada", "nightly-ben", "nightly-cleo")


def storm(start: datetime, count: int = 7) -> list[Json]:
    """Refunds of three agents that one rule holds, one of them hostile, beside a call that stands alone."""
    rows = [one(start, number) for number in range(1, count + 1)]
    rows[3]["arguments"]["note"] = samples.HOSTILE_NOTE
    rows[4]["may_decide"], rows[4]["why_not"] = False, "you have already voted"
    return [*rows, samples.sample(90, start, age=20, tool="send_mail", risk="write", severity="medium")]


def one(start: datetime, number: int) -> Json:
    """One of them."""
    arguments = {"amount": 20 * number, "currency": "EUR", "to": f"customer-{number:03d}", "note": "Night run"}
    agent = _AGENTS[number % len(_AGENTS)]
    return samples.sample(number, start, age=200 - number, agent=agent, arguments=arguments, fold=FOLD)


class FoldRoutes:
    """Their routes over one fake."""

    def __init__(self, fake: Any) -> None:
        self._fake = fake

    def add(self, app: web.Application) -> None:
        """Put them into an application."""
        app.router.add_get("/api/v1/queue", self._queue)
        app.router.add_get("/api/v1/folds/{fold}", self._show)
        app.router.add_post("/api/v1/requests/decisions", self._decide)

    async def _show(self, request: web.Request) -> web.Response:
        fold, shown = request.match_info["fold"], request.query.get("shown", "").split(",")
        rows: list[Json] = [
            row
            for row in self._fake.requests.values()
            if row["fold"] == fold and (row["state"] == "pending" or row["id"] in shown)
        ]
        rows.sort(key=lambda row: (row["created_at"], row["id"]))
        if not rows:
            raise web.HTTPNotFound
        late = [row["id"] for row in rows if row["state"] == "pending"][ROWS_MOST:]
        more = [id_ for id_ in late if id_ not in shown]
        rows = [row for row in rows if row["id"] not in more]
        made = folding.table([row["arguments"] for row in rows])
        head = {name: rows[0][name] for name in ("fold", "server", "tool", "rule", "rule_reason", "risk", "severity")}
        common = [{"path": path, "value": value} for path, value in made.common]
        drawn = [_row(row, cells) for row, cells in zip(rows, made.rows, strict=True)]
        table = {"common": common, "columns": list(made.columns), "left_out": made.left_out, "rows": drawn}
        return web.json_response({**head, **table, "redacted": False, "more": len(more), "confirm": None})

    async def _queue(self, request: web.Request) -> web.Response:
        query, fake = request.query, self._fake
        rows = {row["id"]: row for row in fake.requests.values() if row["state"] == "pending"}
        order = Order(query.get("order", "newest"))
        waiting = [] if query.get("snoozed") == "1" else [_waiting(row, query) for row in rows.values()]
        found = entries(waiting, folding=folding.Folding(start=fake.fold_from), order=order)
        begin, limit = int(query.get("cursor") or 0), int(query.get("limit") or 50)
        page = [_entry(entry, rows[entry.first.id]) for entry in found[begin : begin + limit]]
        rest = str(begin + limit) if len(found) > begin + limit else None
        return web.json_response({"entries": page, "next_cursor": rest, "waiting": sum(one.fits for one in waiting)})

    async def _decide(self, request: web.Request) -> web.Response:
        results = [_decided(self._fake, item) for item in (await request.json())["decisions"]]
        return web.json_response({"results": results})


def _decided(fake: Any, item: Json) -> Json:
    row = fake.requests[item["id"]]
    if row["state"] != "pending":
        by = row["votes"][-1]
        detail = f"Already {row['state']} by {by['reviewer']} at {by['at']}."
        return {"id": item["id"], "status": 409, "code": "already_decided", "detail": detail, "request": row}
    if item["binding"] != row["binding"]:
        return {"id": item["id"], "status": 409, "code": "stale_binding", "detail": "This call changed."}
    vote = samples.vote(samples.ADA, item["decision"], fake.clock(), reason=item.get("reason"))
    return {"id": item["id"], "status": 200, "request": fake.record(item["id"], vote)}


def matches(row: Json, query: Mapping[str, str]) -> bool:
    """Does a request fit the filters of a list?"""
    exact = ("state", "server", "tool", "agent", "ground", "risk")
    if any(query.get(name) and row[name] != query[name] for name in exact):
        return False
    if query.get("mine") and not row["may_decide"]:
        return False
    return query.get("q", "").lower() in json.dumps(row).lower()


def _waiting(row: Json, query: Mapping[str, str]) -> Waiting:
    times = {name: datetime.fromisoformat(row[name]) for name in ("created_at", "expires_at")}
    fits, mine = matches(row, query), row["may_decide"]
    return Waiting(id=row["id"], fold=row["fold"], agent=row["agent"], fits=fits, mine=mine, **times)


def _entry(entry: Entry, row: Json) -> Json:
    group = asdict(entry.group) | {"expires_at": samples.stamp(entry.group.expires_at)} if entry.group else None
    return {"request": row, "group": group}


def _row(row: Json, cells: tuple[Any, ...]) -> Json:
    kept = ("id", "binding", "revision", "agent", "owner", "justification", "over", "created_at", "expires_at")
    more = ("needs", "waiting", "may_decide", "may_approve", "stopped", "state", "cause", "votes")
    values = [None if value is ABSENT else {"value": json.loads(json.dumps(value))} for value in cells]
    return {name: row[name] for name in (*kept, *more)} | {"why_not": row.get("why_not"), "cells": values}
