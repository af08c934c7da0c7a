"""Numbers, the step for who decides too fast, and answers about outcomes, over REST on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.attention import Friction
from approvals.domain.happening import Event, Happened
from approvals.domain.model import ApprovalRequest, Outcome, Person, PersonId, Role
from approvals.filing import Caps
from approvals.storage.engine import Database
from approvals.web import models, models_insights
from tests.fakes.keys import VAULT
from tests.fakes.web import ADA, AUDREY, EVE, GRACE, OTTO, VERA, Answer, Clock, Console, Session, serving

QUICK = Friction(last=5)
DORA = PersonId("dora@example.com")


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def console(database_url: str, clock: Clock) -> AsyncIterator[Console]:
    async with Database.opened(database_url, VAULT, clock=clock) as db, serving(db) as running:
        running.desk.reconfigure(caps=Caps(per_agent=1_000), routes=lambda *_: [], friction=QUICK)
        yield running


async def decide(console: Console, who: Session, request: ApprovalRequest, **more: Any) -> Answer:
    body = {"decision": "approve", "binding": request.binding, **more}
    return await console.post(f"/api/v1/requests/{request.id}/decision", who, body)


async def numbers(console: Console, who: Session, query: str = "") -> Any:
    got = await console.get(f"/api/v1/insights{query}", who)
    assert got.status == 200, got.body
    models_insights.InsightsOut.model_validate_json(got.body)
    return got.json()


async def ran(console: Console, clock: Clock, who: Session, **but: Any) -> ApprovalRequest:
    request = await console.file(**but)
    clock.forward(seconds=60)
    assert (await decide(console, who, request)).status == 200
    await console.desk.claim(request.id, binding=request.binding, lease=timedelta(minutes=5))
    outcome = Outcome(kind="succeeded", result=b'{"content":[]}', started_at=clock.now, finished_at=clock.now)
    return await console.desk.settle(request.id, Happened(event=Event.RETURNED, actor="placet", outcome=outcome))


async def test_the_numbers_are_of_everybody_for_operators_and_of_oneself_for_reviewers(
    console: Console, clock: Clock
) -> None:
    ada, grace, otto = [await console.sign_in(one) for one in (ADA, GRACE, OTTO)]
    for seconds, who, answer in (
        (10, ada, "approve"),
        (20, ada, "approve"),
        (40, grace, "deny"),
        (600, ada, "approve"),
    ):
        request = await console.file(tool="pay" if who is ada else "refund")
        await console.get(f"/api/v1/requests/{request.id}", who)
        clock.forward(seconds=seconds)
        assert (await decide(console, who, request, decision=answer)).status == 200
    left = await console.file(server="shop")
    clock.forward(hours=1)
    await console.desk.apply(left.id, Happened(event=Event.TIMED_OUT, actor="placet"))
    await console.file(server="shop", timeout=timedelta(hours=2))
    clock.forward(minutes=5)

    found = await numbers(console, otto)
    asked = found["requests"]
    assert (asked["asked"], asked["approved"], asked["denied"], asked["timed_out"], asked["waiting"]) == (6, 3, 1, 1, 1)
    assert (asked["approval_rate"], asked["expiry_rate"]) == (0.75, 0.2)
    assert (found["seconds"], found["scope"]) == ({"count": 4, "p50": 20.0, "p90": 600.0}, "all")
    assert (found["waiting"], found["oldest_wait_seconds"]) == (1, 300.0)
    assert [(one["server"], one["tool"], one["requests"]["asked"]) for one in found["tools"]] == [
        ("bank", "pay", 3),
        ("shop", "pay", 2),
        ("bank", "refund", 1),
    ]
    assert [(one["reviewer"], one["approved"], one["denied"]) for one in found["reviewers"]] == [
        (ADA, 3, 0),
        (GRACE, 0, 1),
    ]
    assert sum(bar["requests"]["asked"] for bar in found["history"]) == 6
    assert len(found["load"]) == 168
    assert [one["tool"] for one in (await numbers(console, otto, "?server=shop"))["tools"]] == ["pay"]

    own = await numbers(console, grace)
    assert (own["scope"], own["requests"]["asked"], own["requests"]["denied"]) == ("own", 1, 1)
    assert [one["reviewer"] for one in own["reviewers"]] == [GRACE]
    assert (await numbers(console, await console.sign_in(AUDREY)))["scope"] == "all"
    assert (await numbers(console, await console.sign_in(VERA)))["requests"]["asked"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2026-11-24T10:00:00", "from"),
        ("to=2026-11-24", "to"),
        ("from=2026-11-24T10:00:00Z&to=2026-11-24T10:00:00Z", "from"),
        ("from=2020-01-01T00:00:00Z", "from"),
        ("server=a%07", "server"),
        ("days=3", "days"),
    ],
)
async def test_a_time_that_is_none_is_refused(console: Console, query: str, field: str) -> None:
    refused = await console.get(f"/api/v1/insights?{query}", await console.sign_in(OTTO))
    assert (refused.status, refused.json()["field"]) == (422, field)


async def test_who_approves_too_fast_again_and_again_has_to_type_the_name_until_they_take_their_time(
    console: Console, clock: Clock
) -> None:
    ada = await console.sign_in(ADA)
    for _ in range(5):
        request = await console.file()
        clock.forward(seconds=1)
        assert (await decide(console, ada, request)).status == 200
    request = await console.file(tool="refund")
    shown = (await console.get(f"/api/v1/requests/{request.id}", ada)).json()
    assert (shown["confirm"]["level"], shown["confirm"]["send"]) == (2, "refund")
    assert shown["confirm"]["why"] == "You approved 5 of your last 5 calls faster than they can be read"
    for said in ({}, {"confirm": "yes"}, {"confirm": ""}):
        refused = await decide(console, ada, request, **said)
        problem = refused.json()
        assert (refused.status, problem["code"], problem["field"], problem["send"]) == (
            409,
            "confirm_needed",
            "confirm",
            "refund",
        )
    bulk = {"decisions": [{"id": request.id, "decision": "approve", "binding": request.binding}]}
    [one] = (await console.post("/api/v1/requests/decisions", ada, bulk)).json()["results"]
    assert (one["status"], one["code"], one["send"]) == (409, "confirm_needed", "refund")
    # Others are not asked, and a no takes nothing.
    grace = await console.sign_in(GRACE)
    assert (await console.get(f"/api/v1/requests/{request.id}", grace)).json()["confirm"] is None
    clock.forward(seconds=30)
    assert (await decide(console, ada, request, confirm="refund")).status == 200
    request = await console.file()
    assert (await decide(console, ada, request, decision="deny")).status == 200
    request = await console.file()
    step = (await console.get(f"/api/v1/requests/{request.id}", ada)).json()["confirm"]
    assert (step["level"], step["send"]) == (1, "yes")
    clock.forward(seconds=30)
    assert (await decide(console, ada, request, confirm="yes")).status == 200
    request = await console.file()
    assert (await console.get(f"/api/v1/requests/{request.id}", ada)).json()["confirm"] is None
    [mine] = (await numbers(console, ada))["reviewers"]
    assert (mine["pace"], mine["friction"]) == ({"decisions": 8, "too_fast": 5, "too_fast_rate": 0.625}, 0)


async def test_a_refused_approval_is_on_record_and_a_programs_token_is_not_held_up(
    console: Console, clock: Clock
) -> None:
    await console.add(Person(id=DORA, name="Dora", roles=frozenset({Role.REVIEWER}), groups=frozenset({"finance"})))
    dora = await console.sign_in(DORA)
    for _ in range(5):
        await decide(console, dora, await console.file())
    request = await console.file()
    assert (await decide(console, dora, request)).status == 409
    [refused] = await console.db.read(lambda tx: tx.audit.newest(action="request.vote_refused"))
    assert (refused.act.actor, refused.act.detail["code"]) == (DORA, "confirm_needed")
    decision = {"decision": "approve", "binding": request.binding}
    headers = {"Authorization": f"Bearer {await console.person_token(DORA)}"}
    got = await console.send("POST", f"/api/v1/requests/{request.id}/decision", headers=headers, json_body=decision)
    assert got.status == 200


async def test_decisions_given_together_are_one_moment(console: Console, clock: Clock) -> None:
    ada, otto = await console.sign_in(ADA), await console.sign_in(OTTO)
    filed = [await console.file() for _ in range(8)]
    clock.forward(minutes=2)
    bulk = {"decisions": [{"id": one.id, "decision": "approve", "binding": one.binding} for one in filed]}
    results = (await console.post("/api/v1/requests/decisions", ada, bulk)).json()["results"]
    assert {one["status"] for one in results} == {200}
    assert (await numbers(console, otto))["pace"] == {"decisions": 8, "too_fast": 0, "too_fast_rate": 0.0}


async def test_reviewers_and_the_owner_say_whether_the_outcome_was_as_expected(console: Console, clock: Clock) -> None:
    ada, grace, eve, otto = [await console.sign_in(one) for one in (ADA, GRACE, EVE, OTTO)]
    done = await ran(console, clock, ada, owner=EVE)
    path = f"/api/v1/requests/{done.id}"
    answers = ((ada, True, None), (grace, False, "Wrong account"), (eve, True, None), (ada, False, "I see"))
    for who, yes, words in answers:
        got = await console.post(f"{path}/expected", who, {"as_expected": yes, "note": words})
        assert got.status == 200
    shown = await console.get(path, ada)
    models.RequestOut.model_validate_json(shown.body)
    said = [(one["name"], one["as_expected"], one["note"]) for one in shown.json()["expected"]]
    assert said == [("Ada", False, "I see"), ("Grace", False, "Wrong account"), ("Eve", True, None)]
    assert shown.json()["may_say_expected"] is True
    assert (await console.get(path, otto)).json()["may_say_expected"] is False
    assert (await console.post(f"{path}/expected", otto, {"as_expected": True})).status == 403
    found = await numbers(console, otto)
    assert found["outcomes"] == {"as_expected": 1, "unexpected": 2, "unexpected_rate": 0.6667}
    assert found["rules"][0]["outcomes"]["unexpected"] == 2
    timeline = (await console.get(f"{path}/timeline", ada)).json()["events"]
    assert [row["event"] for row in timeline][-4:] == ["expectation"] * 4
    acts = await console.db.read(lambda tx: tx.audit.newest(request=done.id, limit=4))
    assert {entry.act.action for entry in acts} == {"request.expectation"}


async def test_there_is_nothing_to_say_of_what_did_not_run(console: Console) -> None:
    ada, request = await console.sign_in(ADA), await console.file()
    path = f"/api/v1/requests/{request.id}/expected"
    refused = await console.post(path, ada, {"as_expected": True})
    assert (refused.status, refused.json()["field"]) == (422, "state")
    for wrong in (
        {},
        {"as_expected": "yes"},
        {"as_expected": True, "note": "x" * 501},
        {"as_expected": True, "note": "\x07"},
    ):
        assert (await console.post(path, ada, wrong)).status == 422
    unknown = await console.post("/api/v1/requests/req_nothing/expected", ada, {"as_expected": True})
    assert unknown.status == 404
