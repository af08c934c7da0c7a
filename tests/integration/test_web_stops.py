"""Freezes over REST: who may, what is told, and that pages hear of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.model import State
from approvals.storage.agents import AgentRow
from approvals.storage.engine import Database
from approvals.storage.tx import Tx
from approvals.web import models_stops
from tests.fakes.web import ADA, AUDREY, OTTO, VERA, Console, serving
from tests.integration.test_web_live import listening

FREEZE = "/api/v1/freeze"
ON = {"on": True, "reason": "odd calls"}


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        await running.db.write(_an_agent)
        yield running


def _an_agent(tx: Tx) -> None:
    tx.agents.upsert(AgentRow(name="claude", owner=None, servers=("bank",), source="added", created_at=tx.now))


@pytest.mark.parametrize(
    ("about", "scope"),
    [
        pytest.param({}, "all", id="everything"),
        pytest.param({"agent": "claude"}, "agent:claude", id="one agent"),
        pytest.param({"server": "bank"}, "server:bank", id="one server"),
    ],
)
async def test_a_freeze_begins_is_told_and_ends(console: Console, about: dict[str, str], scope: str) -> None:
    otto = await console.sign_in(OTTO)
    begun = await console.post(FREEZE, otto, {**ON, "for": "2h", **about})
    assert begun.status == 200, begun.body
    models_stops.FreezesOut.model_validate_json(begun.body)
    (freeze,) = begun.json()["freezes"]
    assert (freeze["scope"], freeze["agent"], freeze["server"]) == (scope, about.get("agent"), about.get("server"))
    assert (freeze["by"], freeze["name"], freeze["reason"]) == (OTTO, "Otto", "odd calls")
    assert (await console.get(FREEZE, await console.sign_in(VERA))).json() == begun.json()
    ended = await console.post(FREEZE, otto, {"on": False, **about})
    assert ended.json()["freezes"] == []
    assert [(one["scope"], one["ended_by"]) for one in ended.json()["recent"]] == [(scope, OTTO)]
    entries = await console.db.read(lambda tx: tx.audit.entries())
    assert [(e.act.action, e.act.actor, e.act.via) for e in entries if e.act.action.startswith("freeze")] == [
        ("freeze.on", OTTO, "web"),
        ("freeze.off", OTTO, "web"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        pytest.param({"on": True}, 422, "reason", id="no reason"),
        pytest.param({**ON, "for": "8d"}, 422, "for", id="too long"),
        pytest.param({**ON, "for": "soon"}, 422, "for", id="no length of time"),
        pytest.param({**ON, "agent": "claude", "server": "bank"}, 422, "server", id="both"),
        pytest.param({**ON, "agent": "nobody"}, 422, "agent", id="an agent that is not there"),
        pytest.param({**ON, "server": "shop"}, 422, "server", id="a server that is not there"),
        pytest.param({"on": False}, 404, None, id="nothing to end"),
        pytest.param({**ON, "until": "later"}, 422, "until", id="what is not known"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_field(
    console: Console, body: dict[str, Any], status: int, field: str | None
) -> None:
    got = await console.post(FREEZE, await console.sign_in(OTTO), body)
    assert got.status == status, got.body
    assert got.json().get("field", "").lstrip("/") == (field or "")
    assert (await console.get(FREEZE, await console.sign_in(OTTO))).json()["freezes"] == []


@pytest.mark.parametrize("who", [ADA, VERA, AUDREY])
async def test_only_stewards_stop_and_let_go_on(console: Console, who: Any) -> None:
    session = await console.sign_in(who)
    got = await console.post(FREEZE, session, ON)
    assert (got.status, got.json()["code"]) == (403, "not_allowed")
    await console.post(FREEZE, await console.sign_in(OTTO), ON)
    assert (await console.post(FREEZE, session, {"on": False})).status == 403


async def test_approving_in_a_freeze_says_who_why_and_until_when(console: Console) -> None:
    asked = await console.file()
    await console.post(FREEZE, await console.sign_in(OTTO), ON)
    ada, path = await console.sign_in(ADA), f"/api/v1/requests/{asked.id}/decision"
    got = await console.post(path, ada, {"decision": "approve", "binding": asked.binding})
    assert (got.status, got.json()["code"]) == (409, "stopped")
    assert "otto@example.com has frozen every agent until" in got.json()["detail"]
    assert "odd calls" in got.json()["detail"]
    denied = await console.post(path, ada, {"decision": "deny", "binding": asked.binding})
    assert denied.json()["state"] == State.DENIED


async def test_open_pages_hear_of_a_freeze(console: Console) -> None:
    otto = await console.sign_in(OTTO)
    async with listening(console, await console.sign_in(VERA)) as feed:
        await feed.next("heartbeat")
        await console.post(FREEZE, otto, ON)
        assert (await feed.next("stops"))["data"] == '{"kind":"stops"}'
        await console.post(FREEZE, otto, {"on": False})
        assert (await feed.next("stops"))["data"] == '{"kind":"stops"}'
