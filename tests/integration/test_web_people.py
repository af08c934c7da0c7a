"""What admins do to people over REST: added ones only, tokens and links shown once, everything in the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.model import Person, PersonId, Role
from approvals.storage.engine import Database
from approvals.web import models_people
from tests.fakes.web import ADA, AUDREY, OTTO, VERA, Console, Session, serving

PEOPLE = "/api/v1/people"
ALMA = PersonId("alma@example.com")
CY = {"id": "Cy@Example.com", "name": "Cy", "roles": ["reviewer"], "groups": ["finance"], "slack": ["U0CY"]}


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        await running.add(Person(id=ALMA, name="Alma", roles=frozenset({Role.ADMIN})))
        yield running


@pytest.fixture
async def alma(console: Console) -> Session:
    return await console.sign_in(ALMA)


async def test_a_person_is_added_changed_and_removed(console: Console, alma: Session) -> None:
    made = await console.post(PEOPLE, alma, CY)
    assert made.status == 200, made.body
    models_people.ListedPersonOut.model_validate_json(made.body)
    asked = {**CY, "id": "cy@example.com"}
    told = {"disabled": False, "source": "added", "away": None, "claims": None, "quiet": None}
    assert {**made.json(), "available_at": None} == {**asked, **told, "available_at": None}
    rested = await console.post(PEOPLE, alma, {**CY, "quiet": "22:00-07:00", "tz": "Europe/Athens"})
    assert rested.json()["quiet"] == {"hours": "22:00-07:00", "tz": "Europe/Athens"}
    for wrong in ({"quiet": "22-7"}, {"quiet": "22:00-07:00", "tz": "Nowhere"}):
        assert (await console.post(PEOPLE, alma, {**CY, **wrong})).status == 422
    await console.post(PEOPLE, alma, {**CY, "groups": ["ops"]})
    listed = {one["id"]: one for one in (await console.get(PEOPLE, alma)).json()["people"]}
    assert listed["cy@example.com"]["groups"] == ["ops"]
    assert listed[ADA]["source"] == "config"
    cy = await console.sign_in(PersonId("cy@example.com"))
    gone = await console.post(f"{PEOPLE}/cy@example.com/remove", alma, {})
    assert gone.status == 204
    assert (await console.get("/api/v1/me", cy)).status == 401, "their sessions end"
    assert (await console.post(f"{PEOPLE}/cy@example.com/remove", alma, {})).status == 404
    acts = [e.act for e in await console.db.read(lambda tx: tx.audit.entries()) if e.act.actor == ALMA]
    assert [(act.action, act.subject, act.via) for act in acts if act.action != "person.signed_in"] == [
        ("person.added", "person:cy@example.com", "web"),
        ("person.added", "person:cy@example.com", "web"),
        ("person.added", "person:cy@example.com", "web"),
        ("person.removed", "person:cy@example.com", "web"),
    ]


async def test_a_token_and_a_link_are_made_and_work(console: Console, alma: Session) -> None:
    await console.post(PEOPLE, alma, CY)
    first = (await console.post(f"{PEOPLE}/cy@example.com/token", alma, {})).json()["token"]
    second = (await console.post(f"{PEOPLE}/Cy@Example.com/token", alma, {})).json()["token"]
    for token, status in ((first, 401), (second, 200)):
        assert (await console.get("/api/v1/me", Authorization=f"Bearer {token}")).status == status
    url = (await console.post(f"{PEOPLE}/{ADA}/login-link", alma, {})).json()["url"]
    assert url.startswith(f"{console.url}/login#plc_login_")
    used = await console.login(url.partition("#")[2])
    assert used.json()["person"]["id"] == ADA


@pytest.mark.parametrize("who", [ADA, VERA, AUDREY, OTTO])
@pytest.mark.parametrize("act", ["", f"/{ALMA}/remove", f"/{ALMA}/token", f"/{ALMA}/login-link"])
async def test_only_admins_do_anything_to_people(console: Console, who: Any, act: str) -> None:
    got = await console.post(PEOPLE + act, await console.sign_in(who), CY if not act else {})
    assert (got.status, got.json()["code"]) == (403, "not_allowed")
    assert "that takes the admin role" in got.json()["detail"]


@pytest.mark.parametrize(
    ("act", "body", "said"),
    [
        pytest.param("", {**CY, "id": ADA}, "configuration file", id="who is in the configuration"),
        pytest.param("", {**CY, "id": "cy at home"}, "not an e-mail address", id="no address"),
        pytest.param("", {**CY, "slack": ["cy"]}, "not a Slack user id", id="no Slack id"),
        pytest.param("", {**CY, "roles": ["king"]}, "roles", id="no role"),
        pytest.param(f"/{ADA}/remove", {}, "configuration file", id="removing who is in the configuration"),
        pytest.param(f"/{ADA}/token", {}, "configuration file", id="a token for who is in the configuration"),
        pytest.param(f"/{ALMA}/remove", {}, "cannot remove yourself", id="removing oneself"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_field(
    console: Console, alma: Session, act: str, body: dict[str, Any], said: str
) -> None:
    got = await console.post(PEOPLE + act, alma, body)
    assert got.status == 422, got.body
    assert said in got.json()["detail"]
