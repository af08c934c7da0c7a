"""Being away over REST: by oneself and by admins, shown to whom it concerns, refused by field."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from approvals.domain.model import Person, PersonId, Role
from approvals.storage.engine import Database
from approvals.web import models, models_people, models_when
from tests.fakes.web import ADA, VERA, Console, serving

PEOPLE = "/api/v1/people"
CY = PersonId("cy@example.com")


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        await running.add(Person(id=CY, name="Cy", roles=frozenset({Role.REVIEWER})))
        yield running


async def test_a_reviewer_goes_away_is_seen_to_be_and_comes_back(console: Console) -> None:
    ada, cy = await console.sign_in(ADA), await console.sign_in(CY)
    made = await console.post(f"{PEOPLE}/{ADA}/away", ada, {"until": "2d", "to": CY})
    assert made.status == 200, made.body
    models_when.AwayOut.model_validate_json(made.body)
    me = (await console.get("/api/v1/me", ada)).json()
    models.MeOut.model_validate(me)
    assert me["away"]["to"] == CY
    assert (await console.get("/api/v1/me", cy)).json()["stands_for"] == [{"id": ADA, "name": "Ada"}]
    listed = (await console.get(PEOPLE, cy)).json()
    models_people.PeopleOut.model_validate(listed)
    assert {one["id"]: one["away"] for one in listed["people"]}[ADA] == made.json()
    assert (await console.post(f"{PEOPLE}/{ADA}/back", ada, {})).status == 204
    assert (await console.get("/api/v1/me", cy)).json()["stands_for"] == []
    assert (await console.post(f"{PEOPLE}/{ADA}/back", ada, {})).status == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param({"until": "soon"}, "until", id="no-time"),
        pytest.param({"until": "2020-01-01"}, "until", id="over"),
        pytest.param({"until": "2d", "since": "x"}, "since", id="no-beginning"),
        pytest.param({"until": "2d", "to": "nobody@example.com"}, "to", id="a-stranger"),
        pytest.param({"until": "2d", "to": VERA}, "to", id="no-reviewer"),
        pytest.param({"to": CY}, "until", id="without-an-end"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(console: Console, body: dict[str, str], said: str) -> None:
    ada = await console.sign_in(ADA)
    refused = await console.post(f"{PEOPLE}/{ADA}/away", ada, body)
    assert refused.status == 422
    assert said in refused.body.decode()


async def test_nobody_but_an_admin_says_it_of_others(console: Console) -> None:
    cy = await console.sign_in(CY)
    refused = await console.post(f"{PEOPLE}/{ADA}/away", cy, {"until": "2d"})
    assert (refused.status, refused.json()["code"]) == (403, "not_allowed")
