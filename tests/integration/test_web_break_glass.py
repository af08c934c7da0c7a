"""Break-glass over REST: two people, each with their own session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.break_glass import Mode
from approvals.domain.model import Person, PersonId, Role
from approvals.storage.engine import Database
from approvals.web import models_stops
from tests.fakes.keys import VAULT
from tests.fakes.web import ADA, OTTO, VERA, Console, serving
from tests.integration.test_web_live import listening

GLASS = "/api/v1/break-glass"
ALMA = PersonId("alma@example.com")


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database, mode=Mode.TWO_PEOPLE) as running:
        await running.add(Person(id=ALMA, name="Alma", roles=frozenset({Role.ADMIN})))
        yield running


async def test_one_asks_another_confirms_and_everybody_sees_it(console: Console) -> None:
    otto, alma, vera = [await console.sign_in(who) for who in (OTTO, ALMA, VERA)]
    asked = await console.post(f"{GLASS}/open", otto, {"reason": "the desk is down", "for": "2h", "server": "bank"})
    assert asked.status == 200, asked.body
    models_stops.BreakGlassOut.model_validate_json(asked.body)
    (opening,) = asked.json()["openings"]
    assert (opening["by"], opening["name"], opening["server"], opening["seconds"]) == (OTTO, "Otto", "bank", 7200)
    assert (opening["waits"], opening["open"], opening["may_confirm"]) == (True, False, False)
    assert (await console.get(GLASS, alma)).json()["openings"][0]["may_confirm"] is True
    assert (await console.get(GLASS, vera)).json()["openings"][0]["may_confirm"] is False
    async with listening(console, vera) as feed:
        await feed.next("heartbeat")
        confirmed = await console.post(f"{GLASS}/confirm", alma, {"server": "bank"})
        await feed.next("stops")
    (opening,) = confirmed.json()["openings"]
    assert (opening["waits"], opening["open"], opening["confirmed_by"]) == (False, True, ALMA)
    closed = await console.post(f"{GLASS}/close", otto, {"server": "bank"})
    assert closed.json()["openings"] == []
    assert [(one["ended_by"], one["open"]) for one in closed.json()["recent"]] == [(OTTO, False)]


async def test_what_ran_by_it_is_listed(console: Console) -> None:
    otto, alma = [await console.sign_in(who) for who in (OTTO, ALMA)]
    waiting = await console.file()
    assert (await console.get("/api/v1/requests?ground=break_glass", alma)).json()["requests"] == []
    await console.post(f"{GLASS}/open", otto, {"reason": "the desk is down"})
    await console.post(f"{GLASS}/confirm", alma, {})
    passed = await console.file(bypass=True)
    for query, found in (
        ("ground=break_glass", [passed.id]),
        ("ground=silence", []),
        ("ground=", {passed.id, waiting.id}),
    ):
        listed = (await console.get(f"/api/v1/requests?{query}", alma)).json()["requests"]
        assert type(found)(one["id"] for one in listed) == found
    both = [{"id": OTTO, "name": "Otto"}, {"id": ALMA, "name": "Alma"}]
    shown = (await console.get(f"/api/v1/requests/{passed.id}", alma)).json()
    assert shown["acted_by"] == both, "whoever confirmed stands on it beside who opened it"


@pytest.mark.parametrize(
    ("who", "act", "body", "status", "said"),
    [
        pytest.param(ADA, "open", {"reason": "r"}, 403, "operator or admin", id="a reviewer"),
        pytest.param(OTTO, "open", {}, 422, "reason", id="no reason"),
        pytest.param(OTTO, "open", {"reason": "r", "for": "9h"}, 422, "8 hours", id="too long"),
        pytest.param(OTTO, "open", {"reason": "r", "server": "shop"}, 422, "no server shop", id="no such server"),
        pytest.param(OTTO, "confirm", {}, 404, "waits to be confirmed", id="nothing to confirm"),
        pytest.param(OTTO, "close", {}, 404, "break-glass of every server", id="nothing to close"),
    ],
)
async def test_what_cannot_be_is_refused(
    console: Console, who: Any, act: str, body: dict[str, str], status: int, said: str
) -> None:
    got = await console.post(f"{GLASS}/{act}", await console.sign_in(who), body)
    assert got.status == status, got.body
    assert said in got.json()["detail"]


async def test_it_is_never_opened_unless_the_configuration_says_how(sqlite_url: str) -> None:
    async with Database.opened(sqlite_url, VAULT) as db, serving(db) as console:
        otto = await console.sign_in(OTTO)
        assert (await console.get(GLASS, otto)).json()["mode"] == "never"
        got = await console.post(f"{GLASS}/open", otto, {"reason": "r"})
        assert (got.status, "never opened here" in got.json()["detail"]) == (422, True)
