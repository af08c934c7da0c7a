"""Standing grants over REST: proposed with a decision, tried before, shown, listed, given afterwards, taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.model import ApprovalRequest
from approvals.storage.engine import Database
from approvals.web import grant_models, models
from tests.fakes.web import ADA, EVE, GRACE, OTTO, VERA, Answer, Console, Session, serving

GRANT = {"arguments": {"/quantity": {"range": {"max": "10"}}}, "for": "1h", "uses": 5}


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


async def asked(console: Console, quantity: float = 1.5, **changes: Any) -> ApprovalRequest:
    """An order of this size."""
    return await console.file({"quantity": quantity, "symbol": "BTCUSDT"}, **changes)


async def decide(console: Console, who: Session, request: ApprovalRequest, **more: Any) -> Answer:
    body = {"decision": "approve", "binding": request.binding, **more}
    return await console.post(f"/api/v1/requests/{request.id}/decision", who, body)


async def given(console: Console, who: Session, **more: Any) -> dict[str, Any]:
    got = await decide(console, who, await asked(console, **more), grant=GRANT)
    assert got.status == 200, got.body
    models.RequestOut.model_validate_json(got.body)
    [made] = got.json()["grants"]
    return dict(made)


async def test_a_decision_with_a_grant_shows_what_it_let_run(console: Console) -> None:
    ada = await console.sign_in(ADA)
    made = await given(console, ada)
    assert (made["given_by"], made["names"], made["uses_left"], made["in_force"]) == ([ADA], ["Ada"], 5, True)
    assert (made["idle"], made["may_revoke"], made["budget"]) == (None, True, None)
    assert made["shape"] == [
        {"argument": "/quantity", "kind": "range", "words": "is from 0 to 10"},
        {"argument": "/symbol", "kind": "exact", "words": 'is "BTCUSDT"'},
    ]
    timeline = (await console.get(f"/api/v1/requests/{made['request']}/timeline", ada)).json()["events"]
    assert [row["event"] for row in timeline] == ["filed", "quorum_met", "grant_given"]


async def test_a_covered_call_says_which_grant_and_whose(console: Console) -> None:
    ada = await console.sign_in(ADA)
    made = await given(console, ada)
    covered = await asked(console, 3)
    shown = (await console.get(f"/api/v1/requests/{covered.id}", ada)).json()
    assert (shown["state"], shown["ground"], shown["votes"]) == ("approved", "grant", [])
    assert shown["grant"] == {"id": made["id"], "given_by": [ADA], "names": ["Ada"], "request": made["request"]}
    page = (await console.get("/api/v1/requests?state=approved", ada)).json()["requests"]
    assert [one["grant"]["names"] for one in page if one["grant"]] == [["Ada"]]
    one = await console.get(f"/api/v1/grants/{made['id']}", ada)
    grant_models.ShownGrantOut.model_validate_json(one.body)
    assert [(use["request"], use["state"]) for use in one.json()["history"]] == [(covered.id, "approved")]


async def test_a_rule_that_does_not_say_always_offers_no_grant_of_orders(console: Console) -> None:
    request, ada = await asked(console, risk="financial"), await console.sign_in(ADA)
    shown = (await console.get(f"/api/v1/requests/{request.id}", ada)).json()
    assert "grants: always" in shown["why_no_grant"]
    refused = await decide(console, ada, request, grant=GRANT)
    assert (refused.status, refused.json()["field"]) == (422, "grant")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"for": "25h"}, "grant/for"),
        ({"for": "1"}, "/grant/for"),
        ({"uses": 0}, "/grant/uses"),
        ({"uses": 101}, "grant/uses"),
        ({"arguments": {"/symbol": {"any": True}, "/quantity": {"any": True}}}, "grant/arguments"),
        ({"arguments": {"/nope": {"any": True}}}, "grant/arguments/nope"),
        ({"arguments": {"/symbol": {"prefix": "BTC"}}}, "grant/arguments/symbol"),
        ({"arguments": {"/symbol": {}}}, "grant/arguments/symbol"),
        ({"arguments": {"/symbol": {"any": True, "prefix": "BTCUS"}}}, "grant/arguments/symbol"),
        ({"arguments": {"/quantity": {"range": {"max": 1}}}}, "grant/arguments"),
        ({"budget": {"argument": "/symbol", "max": 5}}, "grant/budget/argument"),
        ({"more": 1}, "/grant/more"),
        ({"scope": "session"}, "grant/scope"),
        ({"scope": "everywhere"}, "/grant/scope"),
    ],
)
async def test_what_is_too_wide_is_named(console: Console, changes: dict[str, Any], field: str) -> None:
    request, ada = await asked(console), await console.sign_in(ADA)
    refused = await decide(console, ada, request, grant={**GRANT, **changes})
    assert (refused.status, refused.json()["field"]) == (422, field)
    tried = await console.post(f"/api/v1/requests/{request.id}/grant-preview", ada, {"grant": {**GRANT, **changes}})
    assert (tried.status, tried.json()["field"]) == (422, field)
    assert (await console.get(f"/api/v1/requests/{request.id}", ada)).json()["state"] == "pending"


@pytest.mark.parametrize("more", [{"grant": GRANT}, {"grant": None}, {"raise": "1h"}, {"arguments": {"quantity": 1}}])
async def test_many_decisions_at_once_grant_nothing_and_say_so(console: Console, more: dict[str, Any]) -> None:
    request, other, ada = await asked(console), await asked(console, 2), await console.sign_in(ADA)
    plain = [{"id": one.id, "decision": "approve", "binding": one.binding} for one in (other, request)]
    body = {"decisions": [plain[0], {**plain[1], **more}]}
    refused = await console.post("/api/v1/requests/decisions", ada, body)
    said = refused.json()
    assert (refused.status, said["code"], said["field"]) == (422, "invalid", f"/decisions/1/{next(iter(more))}")
    assert "is not taken in a decision about many" in said["detail"]
    shown = (await console.get(f"/api/v1/requests/{other.id}", ada)).json()
    assert (shown["state"], shown["votes"]) == ("pending", [])
    assert (await console.get("/api/v1/grants", ada)).json() == {"grants": [], "next_cursor": None}


async def test_a_grant_is_tried_on_earlier_calls_before_the_click(console: Console) -> None:
    ada, grace, eve = [await console.sign_in(one) for one in (ADA, GRACE, EVE)]
    for quantity in (1, 2):
        assert (await decide(console, ada, await asked(console, quantity))).status == 200
    denied = await asked(console, 3)
    assert (await decide(console, grace, denied, decision="deny")).status == 200
    await decide(console, ada, await asked(console, 400))
    request = await asked(console)
    path = f"/api/v1/requests/{request.id}/grant-preview"
    tried = await console.post(path, ada, {"grant": GRANT})
    grant_models.GrantPreviewOut.model_validate_json(tried.body)
    said = tried.json()
    assert (said["looked_at"], said["matched"], said["approved"], said["denied"]) == (4, 3, 2, 1)
    assert said["against"] == [denied.id]
    assert said["words"] == "Would have matched 3 of the last 4 calls that needed approval (1 of them was denied)."
    assert (await console.post(path, eve, {"grant": GRANT})).status == 404


async def test_grants_are_listed_to_who_may_see_them_and_taken_back(console: Console) -> None:
    ada, grace, otto = [await console.sign_in(one) for one in (ADA, GRACE, OTTO)]
    for symbol in ("BTCUSDT", "ETHUSDT", "XRPUSDT"):
        request = await console.file({"quantity": 1, "symbol": symbol})
        assert (await decide(console, ada, request, grant=GRANT)).status == 200
    page = await console.get("/api/v1/grants?limit=2", otto)
    grant_models.GrantsOut.model_validate_json(page.body)
    rest = await console.get(f"/api/v1/grants?limit=2&cursor={page.json()['next_cursor']}", otto)
    assert (len(page.json()["grants"]), len(rest.json()["grants"]), rest.json()["next_cursor"]) == (2, 1, None)
    first = page.json()["grants"][0]
    assert (first["redacted"], first["shape"][0]["words"]) == (True, "[redacted]")
    ended = await console.post(f"/api/v1/grants/{first['id']}/revoke", grace, {})
    assert (ended.status, ended.json()["ended_by"], ended.json()["in_force"]) == (200, GRACE, False)
    left = (await console.get("/api/v1/grants?in_force=1", grace)).json()["grants"]
    assert len(left) == 2
    vera, eve = await console.sign_in(VERA), await console.sign_in(EVE)
    assert (await console.post(f"/api/v1/grants/{left[0]['id']}/revoke", vera, {})).status == 403
    assert (await console.get("/api/v1/grants", eve)).json()["grants"] == []
    assert (await console.post(f"/api/v1/grants/{left[0]['id']}/revoke", eve, {})).status == 404
    assert (await console.get(f"/api/v1/grants/{left[0]['id']}", eve)).status == 404
    assert (await console.get("/api/v1/grants/nothing", ada)).status == 404
    assert (await console.get("/api/v1/grants?in_force=maybe", ada)).status == 422


async def test_a_grant_can_be_given_of_a_call_that_was_approved(console: Console) -> None:
    ada, otto = await console.sign_in(ADA), await console.sign_in(OTTO)
    request = await asked(console)
    body = {"request": request.id, "binding": request.binding, "grant": GRANT}
    early = await console.post("/api/v1/grants", ada, body)
    assert (early.status, early.json()["field"]) == (422, "request")
    await decide(console, ada, request)
    assert (await console.post("/api/v1/grants", otto, body)).status == 403
    assert (await console.post("/api/v1/grants", ada, {**body, "binding": "0"})).status == 409
    made = await console.post("/api/v1/grants", ada, body)
    grant_models.GrantOut.model_validate_json(made.body)
    assert made.json()["given_by"] == [ADA]
