"""Raised budgets over REST: asked for with a decision, shown with the request, listed, and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.model import ApprovalRequest, Overrun
from approvals.domain.terms import Terms
from approvals.storage.engine import Database
from approvals.web import models, raise_models
from tests.fakes.web import ADA, EVE, GRACE, OTTO, VERA, Answer, Console, Session, serving

OVER = Overrun(counter="paid/day", scope='[["agent", "a"]]', name="paid", most="100", to="220", words="per day")


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


async def decide(console: Console, who: Session, request: ApprovalRequest, **more: Any) -> Answer:
    body = {"decision": "approve", "binding": request.binding, **more}
    return await console.post(f"/api/v1/requests/{request.id}/decision", who, body)


async def test_a_request_shows_what_it_goes_over_and_what_was_raised(console: Console) -> None:
    request, ada = await console.file(over=(OVER,)), await console.sign_in(ADA)
    shown = (await console.get(f"/api/v1/requests/{request.id}", ada)).json()
    assert shown["over"] == [{"limit": "paid", "max": "100", "to": "220", "words": "per day"}]
    assert (shown["may_raise"], shown["raises"]) == (True, [])
    got = await decide(console, ada, request, **{"raise": "1h"})
    models.RequestOut.model_validate_json(got.body)
    after = got.json()
    assert (after["state"], after["votes"][0]["raise_seconds"]) == ("approved", 3600)
    [made] = after["raises"]
    assert (made["limit"], made["max"], made["to"], made["names"]) == ("paid", "100", "220", ["Ada"])
    assert (made["in_force"], made["may_revoke"], made["ended_at"]) == (True, True, None)


async def test_an_ordinary_request_goes_over_nothing_and_raises_nothing(console: Console) -> None:
    request, ada = await console.file(), await console.sign_in(ADA)
    shown = (await console.get(f"/api/v1/requests/{request.id}", ada)).json()
    assert (shown["over"], shown["may_raise"], shown["raises"]) == ([], False, [])
    refused = await decide(console, ada, request, **{"raise": "1h"})
    assert (refused.status, refused.json()["field"]) == (422, "raise")
    assert "nothing to raise" in refused.json()["detail"]


@pytest.mark.parametrize("lasts", ["", "1", "1w", "0h", "-1h", 3600, "25h", "30s"])
async def test_a_time_that_is_none_is_refused(console: Console, lasts: Any) -> None:
    request, ada = await console.file(over=(OVER,)), await console.sign_in(ADA)
    refused = await decide(console, ada, request, **{"raise": lasts})
    assert (refused.status, refused.json()["field"]) == (422, "raise")
    assert (await console.get("/api/v1/raises", ada)).json() == {"raises": [], "next_cursor": None}


async def test_raises_are_listed_to_who_may_see_their_requests_and_taken_back(console: Console) -> None:
    ada, grace, otto = [await console.sign_in(one) for one in (ADA, GRACE, OTTO)]
    for _ in range(3):
        assert (await decide(console, ada, await console.file(over=(OVER,)), **{"raise": "2h"})).status == 200
    page = await console.get("/api/v1/raises?limit=2", otto)
    raise_models.RaisesOut.model_validate_json(page.body)
    rest = await console.get(f"/api/v1/raises?limit=2&cursor={page.json()['next_cursor']}", otto)
    assert (len(page.json()["raises"]), len(rest.json()["raises"]), rest.json()["next_cursor"]) == (2, 1, None)
    first = page.json()["raises"][0]
    ended = await console.post(f"/api/v1/raises/{first['id']}/revoke", grace, {})
    assert (ended.status, ended.json()["ended_by"], ended.json()["in_force"]) == (200, GRACE, False)
    left = (await console.get("/api/v1/raises?in_force=1", grace)).json()["raises"]
    assert [one["id"] for one in left] == [page.json()["raises"][1]["id"], rest.json()["raises"][0]["id"]]
    timeline = (await console.get(f"/api/v1/requests/{first['request']}/timeline", ada)).json()["events"]
    assert [row["event"] for row in timeline] == ["filed", "quorum_met", "budgets_raised", "raise_ended"]


async def test_who_has_no_part_in_it_sees_or_ends_nothing(console: Console) -> None:
    made = await decide(console, await console.sign_in(ADA), await console.file(over=(OVER,)), **{"raise": "1h"})
    [one] = made.json()["raises"]
    vera, eve = await console.sign_in(VERA), await console.sign_in(EVE)
    [seen] = (await console.get("/api/v1/raises", vera)).json()["raises"]
    assert (seen["id"], seen["may_revoke"]) == (one["id"], False)
    assert (await console.post(f"/api/v1/raises/{one['id']}/revoke", vera, {})).status == 403
    assert (await console.get("/api/v1/raises", eve)).json()["raises"] == []
    assert (await console.post(f"/api/v1/raises/{one['id']}/revoke", eve, {})).status == 404
    assert (await console.post("/api/v1/raises/rse_none/revoke", vera, {})).status == 404
    assert (await console.post("/api/v1/raises/nothing/revoke", vera, {})).status == 404


@pytest.mark.parametrize("query", ["in_force=maybe", "cursor=x", "cursor=WyJhIiwiYiJd", "limit=0", "q=x"])
async def test_a_question_that_is_none_is_refused(console: Console, query: str) -> None:
    assert (await console.get(f"/api/v1/raises?{query}", await console.sign_in(ADA))).status == 422


async def test_a_rule_without_standing_permission_offers_no_raise(console: Console) -> None:
    request, ada = await console.file(over=(OVER,)), await console.sign_in(ADA)
    never = Terms(factors=request.terms.factors, grants="never")
    await console.db.write(lambda tx: tx.requests.set_terms(request.id, never))
    shown = (await console.get(f"/api/v1/requests/{request.id}", ada)).json()
    assert (len(shown["over"]), shown["may_raise"]) == (1, False)
