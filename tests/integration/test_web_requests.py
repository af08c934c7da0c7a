"""The requests part of the REST contract, over a real desk: what is shown to whom, and what decisions do."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Note
from approvals.domain.model import ApprovalRequest, Cause, Outcome, Person, PersonId, Role, State
from approvals.domain.terms import Factor
from approvals.storage.engine import Database
from approvals.web import models, models_people
from tests.fakes.keys import VAULT
from tests.fakes.web import ADA, AUDREY, EVE, GRACE, OTTO, VERA, Answer, Clock, Console, Session, serving

OWNER = PersonId("owner@example.com")


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(sqlite_url: str, clock: Clock) -> AsyncIterator[Console]:
    async with Database.opened(sqlite_url, VAULT, clock=clock) as db, serving(db) as running:
        yield running


async def decide(console: Console, who: Session, request: ApprovalRequest, answer: str, **but: Any) -> Answer:
    body = {"decision": answer, "binding": request.binding, **but}
    sent = {name: value for name, value in body.items() if value is not ...}
    return await console.post(f"/api/v1/requests/{request.id}/decision", who, sent)


async def run(console: Console, request: ApprovalRequest, event: Event, outcome: Outcome) -> ApprovalRequest:
    """Execute an approved request, by the executor's own methods of the desk."""
    await console.desk.claim(request.id, binding=request.binding, lease=timedelta(minutes=1))
    cause = Cause.NO_ANSWER if event is Event.LOST else None
    return await console.desk.settle(request.id, Happened(event=event, actor="placet", outcome=outcome, cause=cause))


async def test_a_request_is_shown_as_the_contract_says(console: Console) -> None:
    request = await console.file({"to": "acme", "amount": 50, "big": 9007199254740991})
    got = await console.get(f"/api/v1/requests/{request.id}", await console.sign_in(ADA))
    assert got.status == 200
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    models.RequestOut.model_validate_json(got.body)
    shown = got.json()
    assert shown["arguments"] == {"to": "acme", "amount": 50, "big": 9007199254740991}
    assert request.call.arguments in got.body, "the stored bytes themselves"
    assert shown["needs"] == [{"group": "finance", "members": ["group:finance"], "count": 1, "have": 0}]
    assert shown["client"] == {"name": "claude-code", "version": "2.1"}
    expected: dict[str, Any] = {
        "id": request.id,
        "state": "pending",
        "cause": None,
        "revision": 1,
        "binding": request.binding,
        "may_decide": True,
        "why_not": None,
        "redacted": False,
        "waiting": False,
        "votes": [],
        "outcome": None,
        "deliveries": [],
    }
    assert {name: shown[name] for name in expected} == expected


async def test_an_approval_is_recorded_once_and_the_second_is_told_who_and_when(console: Console) -> None:
    request = await console.file()
    ada, grace = await console.sign_in(ADA), await console.sign_in(GRACE)
    got = await decide(console, ada, request, "approve", reason="fine by me")
    assert (got.status, got.json()["state"]) == (200, "approved")
    [vote] = got.json()["votes"]
    assert (vote["reviewer"], vote["name"], vote["via"], vote["reason"]) == (ADA, "Ada", "web", "fine by me")
    late = await decide(console, grace, request, "deny")
    assert late.status == 409
    problem = late.json()
    assert (problem["code"], problem["by"], problem["state"]) == ("already_decided", "Ada", "approved")
    assert problem["at"] in problem["detail"]
    assert problem["request"]["state"] == "approved"
    models.ProblemOut.model_validate_json(late.body)


async def test_of_many_decisions_at_once_one_counts_and_all_others_are_told_the_same(console: Console) -> None:
    request = await console.file()
    people = [await console.sign_in(who) for who in (ADA, GRACE)]
    answers = ("approve", "deny")
    got = await asyncio.gather(*(decide(console, people[n % 2], request, answers[n % 2]) for n in range(10)))
    assert sorted(one.status for one in got) == [200] + [409] * 9
    winner = next(one.json()["state"] for one in got if one.status == 200)
    losers = [one.json() for one in got if one.status == 409]
    assert {(one["code"], one["state"], one["request"]["state"]) for one in losers} == {
        ("already_decided", winner, winner)
    }


@pytest.mark.parametrize(
    "binding",
    [
        pytest.param(..., id="none"),
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param("0" * 64, id="another"),
    ],
)
async def test_a_decision_without_the_current_binding_gets_the_current_request(console: Console, binding: Any) -> None:
    request = await console.file()
    got = await decide(console, await console.sign_in(ADA), request, "approve", binding=binding)
    assert (got.status, got.json()["code"]) == (409, "stale_binding")
    assert got.json()["request"]["binding"] == request.binding
    assert (await console.desk.get(request.id)).state is State.PENDING  # type: ignore[union-attr]


async def test_another_requests_binding_does_not_do(console: Console) -> None:
    one, other = await console.file(), await console.file()
    got = await decide(console, await console.sign_in(ADA), one, "approve", binding=other.binding)
    assert (got.status, got.json()["code"]) == (409, "stale_binding")


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 409), (1, 409)], ids=["before", "at", "after"])
async def test_the_deadline_is_judged_when_the_decision_is_saved(
    timed: Console, clock: Clock, seconds: int, status: int
) -> None:
    request = await timed.file()
    ada = await timed.sign_in(ADA)
    clock.forward(seconds=15 * 60 + seconds)
    got = await decide(timed, ada, request, "approve")
    assert got.status == status
    if status == 409:
        assert (got.json()["code"], got.json()["request"]["state"]) == ("expired", "expired")


async def test_who_may_see_but_not_decide_is_told_why_before_and_after_trying(console: Console) -> None:
    mine = await console.file(owner=ADA, four_eyes=True)
    ada, otto = await console.sign_in(ADA), await console.sign_in(OTTO)
    for who, why in ((ada, "four-eyes"), (otto, "reviewer role")):
        shown = (await console.get(f"/api/v1/requests/{mine.id}", who)).json()
        assert shown["may_decide"] is False
        assert why in shown["why_not"]
        got = await decide(console, who, mine, "approve", binding=mine.binding)
        assert (got.status, got.json()["code"]) == (403, "not_allowed")
        assert why in got.json()["why"]


async def test_what_may_not_be_seen_is_not_there_whatever_is_tried(console: Console) -> None:
    request = await console.file()
    eve = await console.sign_in(EVE)
    actions = ["decision", "extend", "cancel", "comment", "resolve"]
    bodies: dict[str, Any] = {
        "decision": {"decision": "approve", "binding": request.binding},
        "comment": {"text": "hi"},
        "resolve": {"ran": True, "note": "n"},
    }
    for id_ in (request.id, "req_" + "0" * 32, "req_%00", "%2e%2e", "x" * 5_000):
        got = [
            await console.get(f"/api/v1/requests/{id_}", eve),
            await console.get(f"/api/v1/requests/{id_}/timeline", eve),
        ]
        got += [await console.post(f"/api/v1/requests/{id_}/{name}", eve, bodies.get(name, {})) for name in actions]
        assert {one.status for one in got} == {404}
        assert len({one.body for one in got}) == 1, "the same answer for not yours and not there"
    bulk = {"decisions": [{"id": request.id, "decision": "approve", "binding": request.binding}]}
    assert (await console.post("/api/v1/requests/decisions", eve, bulk)).json()["results"][0]["status"] == 404
    assert (await console.get("/api/v1/requests", eve)).json() == {"requests": [], "next_cursor": None}
    assert (await console.desk.get(request.id)).revision == 1  # type: ignore[union-attr]


async def test_a_viewer_gets_no_secret_and_no_hash_to_guess_it_from(console: Console) -> None:
    request = await console.file({"to": "acme", "password": "hunter2"}, justification="password: hunter2")
    vera, audrey = await console.sign_in(VERA), await console.sign_in(AUDREY)
    for path in (f"/api/v1/requests/{request.id}", "/api/v1/requests", f"/api/v1/requests/{request.id}/timeline"):
        got = await console.get(path, vera)
        assert got.status == 200
        for secret in ("hunter2", request.call.arguments_sha256, request.binding):
            assert secret.encode() not in got.body
    shown = (await console.get(f"/api/v1/requests/{request.id}", vera)).json()
    assert shown["redacted"] is True
    assert shown["arguments"]["to"] == "acme"
    full = (await console.get(f"/api/v1/requests/{request.id}", audrey)).json()
    assert (full["redacted"], full["arguments"]["password"]) == (False, "hunter2")


async def test_the_result_of_a_call_is_shown_in_its_own_bytes_but_redacted_for_a_viewer(console: Console) -> None:
    request = await console.file()
    ada, vera = await console.sign_in(ADA), await console.sign_in(VERA)
    await decide(console, ada, request, "approve")
    result = b'{"content":[{"type":"text","text":"token=hunter2secret"}],"n":1.10,"huge":1e999}'
    await run(console, request, Event.RETURNED, Outcome(kind="succeeded", result=result))
    got = await console.get(f"/api/v1/requests/{request.id}", ada)
    assert result in got.body
    assert got.json()["outcome"]["kind"] == "succeeded"
    redacted = await console.get(f"/api/v1/requests/{request.id}", vera)
    models.RequestOut.model_validate_json(redacted.body)
    assert b"hunter2secret" not in redacted.body


async def test_a_bulk_decision_judges_each_item_by_its_own_binding(console: Console) -> None:
    good, stale, gone = await console.file(), await console.file(), await console.file()
    ada, grace = await console.sign_in(ADA), await console.sign_in(GRACE)
    await decide(console, grace, gone, "deny")
    items = [
        {"id": good.id, "decision": "approve", "binding": good.binding},
        {"id": stale.id, "decision": "approve", "binding": good.binding},
        {"id": gone.id, "decision": "approve", "binding": gone.binding},
        {"id": "req_nothere", "decision": "deny", "binding": "b"},
        {"id": good.id, "decision": "approve", "binding": good.binding},
    ]
    got = await console.post("/api/v1/requests/decisions", ada, {"decisions": items})
    assert got.status == 200
    models.BulkOut.model_validate_json(got.body)
    results = got.json()["results"]
    assert [(one["id"], one["status"], one.get("code")) for one in results] == [
        (good.id, 200, None),
        (stale.id, 409, "stale_binding"),
        (gone.id, 409, "already_decided"),
        ("req_nothere", 404, "not_found"),
        (good.id, 409, "already_decided"),
    ]
    assert results[0]["request"]["state"] == "approved"
    assert (results[2]["by"], results[2]["request"]["state"]) == ("Grace", "denied")


async def test_two_votes_are_needed_where_the_rule_says_two(console: Console) -> None:
    request = await console.file(factors=(Factor(members=("group:finance", ADA), count=2),))
    ada, grace = await console.sign_in(ADA), await console.sign_in(GRACE)
    first = (await decide(console, ada, request, "approve")).json()
    assert (first["state"], first["may_decide"], first["why_not"]) == ("pending", False, "you have already voted")
    assert first["needs"] == [{"group": None, "members": ["group:finance", ADA], "count": 2, "have": 1}]
    assert (await decide(console, grace, request, "approve")).json()["state"] == "approved"


async def test_each_reader_is_told_what_their_own_approval_would_complete(console: Console) -> None:
    boss = Person(
        id=PersonId("boss@example.com"), roles=frozenset({Role.REVIEWER}), groups=frozenset({"finance", "security"})
    )
    await console.add(boss)
    finance, security = Factor(members=("group:finance",)), Factor(members=("group:security",))
    request = await console.file(factors=(finance, security))
    readers = {person: await console.sign_in(person) for person in (boss.id, ADA, GRACE, VERA)}

    async def told(who: PersonId, field: str = "needs_after") -> list[int] | None:
        shown = (await console.get(f"/api/v1/requests/{request.id}", readers[who])).json()
        return None if shown[field] is None else [need["have"] for need in shown[field]]

    assert await told(boss.id) == [1, 1], "in both groups: one click and it is approved"
    assert await told(ADA) == [1, 0]
    assert await told(VERA) is None, "who only reads is promised nothing"
    await decide(console, readers[ADA], request, "approve")
    assert await told(ADA) is None
    assert await told(GRACE) == [2, 0], "her group has its vote already"
    assert await told(GRACE, "needs_after_edit") == [1, 0], "an edit voids what Ada said"
    assert await told(boss.id) == [2, 1]
    assert (await decide(console, readers[GRACE], request, "approve")).json()["state"] == "pending"
    assert (await decide(console, readers[boss.id], request, "approve")).json()["state"] == "approved"


async def test_a_decision_by_token_is_recorded_as_made_over_the_api(console: Console) -> None:
    person = Person(id=PersonId("bot@example.com"), roles=frozenset({Role.REVIEWER}), groups=frozenset({"finance"}))
    await console.add(person)
    bearer = {"Authorization": f"Bearer {await console.person_token(person.id)}"}
    request = await console.file()
    body = {"decision": "approve", "binding": request.binding}
    got = await console.send("POST", f"/api/v1/requests/{request.id}/decision", headers=bearer, json_body=body)
    assert (got.status, got.json()["votes"][0]["via"]) == (200, "api")


async def test_extending_moves_the_deadline_and_keeps_the_binding(console: Console) -> None:
    request = await console.file()
    got = await console.post(f"/api/v1/requests/{request.id}/extend", await console.sign_in(ADA), {"by": "30m"})
    assert got.status == 200
    after = await console.desk.get(request.id)
    assert after is not None
    assert after.expires_at == request.expires_at + timedelta(minutes=30)
    assert got.json()["binding"] == request.binding


@pytest.mark.parametrize("by", ["25h", "999999d"])
async def test_extending_too_far_is_refused_by_name(console: Console, by: str) -> None:
    request = await console.file()
    got = await console.post(f"/api/v1/requests/{request.id}/extend", await console.sign_in(ADA), {"by": by})
    assert (got.status, got.json()["field"]) == (422, "by")


async def test_a_call_can_be_taken_back_before_it_runs(console: Console) -> None:
    request = await console.file()
    got = await console.post(f"/api/v1/requests/{request.id}/cancel", await console.sign_in(OTTO), {"note": "wrong"})
    assert (got.status, got.json()["state"], got.json()["cause"]) == (200, "cancelled", "cancelled_by_person")
    assert got.json()["acted_by"] == [{"id": OTTO, "name": "Otto"}]
    (row,) = (await console.get("/api/v1/requests?state=cancelled", await console.sign_in(GRACE))).json()["requests"]
    assert row["acted_by"] == [{"id": OTTO, "name": "Otto"}], "in the history, too"
    late = await decide(console, await console.sign_in(ADA), request, "approve")
    assert (late.status, late.json()["code"], late.json()["by"]) == (409, "already_decided", "Otto")


async def test_a_viewer_may_not_take_a_call_back(console: Console) -> None:
    request = await console.file()
    got = await console.post(f"/api/v1/requests/{request.id}/cancel", await console.sign_in(VERA), {})
    assert got.status == 403


async def test_an_unknown_outcome_is_noted_and_never_run_again(console: Console) -> None:
    request = await console.file()
    ada = await console.sign_in(ADA)
    await decide(console, ada, request, "approve")
    await run(console, request, Event.LOST, Outcome(kind="unknown", error="the connection broke"))
    got = await console.post(f"/api/v1/requests/{request.id}/resolve", ada, {"ran": True, "note": "seen in the books"})
    assert (got.status, got.json()["state"], got.json()["cause"]) == (200, "unknown", "resolved_ran")


async def test_a_comment_and_every_step_are_in_the_timeline(console: Console) -> None:
    request = await console.file()
    ada = await console.sign_in(ADA)
    got = await console.post(f"/api/v1/requests/{request.id}/comment", ada, {"text": "asked them by phone"})
    assert (got.status, got.json()["revision"]) == (200, 1)
    await decide(console, ada, request, "deny", reason="no order")
    answer = await console.get(f"/api/v1/requests/{request.id}/timeline", ada)
    models.TimelineOut.model_validate_json(answer.body)
    rows = [(one["event"], one["from"], one["to"], one["actor"], one["name"]) for one in answer.json()["events"]]
    assert rows == [
        ("filed", None, "pending", "agent:claude", "agent:claude"),
        ("commented", "pending", "pending", ADA, "Ada"),
        ("vetoed", "pending", "denied", ADA, "Ada"),
    ]
    assert answer.json()["events"][1]["detail"] == {"note": "asked them by phone", "via": "web"}


@pytest.mark.parametrize("who", [VERA, AUDREY])
async def test_who_only_reads_writes_nothing_to_the_ledger(console: Console, who: PersonId) -> None:
    request = await console.file()
    reader = await console.sign_in(who)
    bodies = {
        "comment": {"text": "me too"},
        "cancel": {"note": "stop"},
        "extend": {"by": "15m"},
        "resolve": {"ran": True, "note": "it ran"},
        "decision": {"decision": "deny", "binding": request.binding},
    }
    for name, body in bodies.items():
        got = await console.post(f"/api/v1/requests/{request.id}/{name}", reader, body)
        assert (got.status, got.json()["code"]) == (403, "not_allowed"), name
    assert [row.event for row in await console.desk.timeline(request.id)] == [Note.FILED]


async def test_an_operator_may_comment_on_what_others_decide(console: Console) -> None:
    request = await console.file()
    otto = await console.sign_in(OTTO)
    assert (await console.post(f"/api/v1/requests/{request.id}/comment", otto, {"text": "known"})).status == 200


@pytest.mark.parametrize("blank", ["", " ", "\n\t \n"])
async def test_a_comment_of_nothing_is_refused(console: Console, blank: str) -> None:
    request = await console.file()
    ada = await console.sign_in(ADA)
    got = await console.post(f"/api/v1/requests/{request.id}/comment", ada, {"text": blank})
    assert (got.status, got.json()["field"]) == (422, "text")
    got = await console.post(f"/api/v1/requests/{request.id}/resolve", ada, {"ran": True, "note": blank})
    assert (got.status, got.json()["field"]) == (422, "note")
    assert [row.event for row in await console.desk.timeline(request.id)] == [Note.FILED]


async def test_the_list_is_paged_without_losing_or_repeating_a_row(console: Console) -> None:
    filed = [(await console.file()).id for _ in range(7)]
    ada = await console.sign_in(ADA)
    for order, expected in (("newest", filed[::-1]), ("oldest", filed)):
        found: list[str] = []
        cursor = ""
        for _ in range(10):
            page = (await console.get(f"/api/v1/requests?limit=3&order={order}{cursor}", ada)).json()
            found += [one["id"] for one in page["requests"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found == expected


async def test_a_page_that_holds_just_all_has_no_next_one(console: Console) -> None:
    for _ in range(3):
        await console.file()
    page = (await console.get("/api/v1/requests?limit=3", await console.sign_in(ADA))).json()
    models.RequestsOut.model_validate_json(json.dumps(page))
    assert (len(page["requests"]), page["next_cursor"]) == (3, None)


async def test_a_page_is_bounded_in_bytes_too(console: Console) -> None:
    for number in range(6):
        await console.file({"number": number, "text": "x" * 1_000_000})
    ada = await console.sign_in(ADA)
    first = await console.get("/api/v1/requests", ada)
    assert len(first.body) < 5_000_000
    rest = await console.get(f"/api/v1/requests?cursor={first.json()['next_cursor']}", ada)
    assert len(first.json()["requests"]) + len(rest.json()["requests"]) == 6


async def test_filters_narrow_the_list(console: Console) -> None:
    pay = await console.file(tool="pay", agent="claude")
    ship = await console.file(tool="ship", agent="cursor", server="depot", owner=ADA)
    ada = await console.sign_in(ADA)
    await decide(console, ada, pay, "deny")
    ops = await console.file(tool="drop", factors=(Factor(members=("group:ops",)),))
    audrey = await console.sign_in(AUDREY)

    async def ids(query: str, who: Session = audrey) -> set[str]:
        return {one["id"] for one in (await console.get(f"/api/v1/requests?{query}", who)).json()["requests"]}

    assert await ids("") == {pay.id, ship.id, ops.id}
    assert await ids("state=denied") == {pay.id}
    assert await ids("state=denied,pending") == {pay.id, ship.id, ops.id}
    assert await ids("state=denied&state=approved") == {pay.id}
    assert await ids("server=depot") == {ship.id}
    assert await ids("tool=pay&agent=claude") == {pay.id}
    assert await ids("q=SHI") == {ship.id}
    assert await ids("q=%25") == set(), "a percent sign is text, not a wildcard"
    assert await ids("mine=1", ada) == {pay.id, ship.id}
    assert await ids("mine=1") == set()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("state=open", "state"),
        ("mine=maybe", "mine"),
        ("ground=votes", "ground"),
        ("order=random", "order"),
        ("cursor=x", "cursor"),
        ("cursor=WzEsMl0", "cursor"),
        ("cursor=WyJ5ZXN0ZXJkYXkiLCJyZXFfMSJd", "cursor"),
        ("q=a%00b", "q"),
        (f"tool={'t' * 201}", "tool"),
        ("sort=asc", "sort"),
    ],
)
async def test_a_wrong_parameter_is_a_422_that_names_it(timed: Console, query: str, field: str) -> None:
    got = await timed.get(f"/api/v1/requests?{query}", await timed.sign_in(ADA))
    assert (got.status, got.json()["field"]) == (422, field)


async def test_an_unchanged_request_or_list_is_a_304_and_a_changed_one_is_not(console: Console) -> None:
    request = await console.file()
    ada = await console.sign_in(ADA)
    for path in (f"/api/v1/requests/{request.id}", "/api/v1/requests"):
        tag = (await console.get(path, ada)).headers["ETag"]
        again = await console.get(path, ada, If_None_Match=tag)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    one = (await console.get(f"/api/v1/requests/{request.id}", ada)).headers["ETag"]
    assert one.startswith('"1-')
    await console.desk.attached.attach(request.id)
    await console.db.write(lambda tx: tx.replicas.heartbeat("test", tx.now))
    waiting = await console.get(f"/api/v1/requests/{request.id}", ada, If_None_Match=one)
    assert (waiting.status, waiting.json()["waiting"], waiting.json()["revision"]) == (200, True, 1)


@pytest.mark.parametrize("path", ["receipt", "grants"])
async def test_what_is_not_built_is_not_there(timed: Console, path: str) -> None:
    request = await timed.file()
    got = await timed.post(f"/api/v1/requests/{request.id}/{path}", await timed.sign_in(ADA), {})
    assert (got.status, got.json()["code"]) == (404, "not_found")


async def test_the_lists_of_people_and_agents_are_not_for_viewers(console: Console) -> None:
    ada, vera = await console.sign_in(ADA), await console.sign_in(VERA)
    people = await console.get("/api/v1/people?limit=4", ada)
    models_people.PeopleOut.model_validate_json(people.body)
    more = await console.get(f"/api/v1/people?cursor={people.json()['next_cursor']}", ada)
    listed = [one["id"] for one in people.json()["people"] + more.json()["people"]]
    assert listed == sorted([ADA, AUDREY, EVE, GRACE, OTTO, VERA])
    agents = await console.get("/api/v1/agents", ada)
    models_people.AgentsOut.model_validate_json(agents.body)
    assert agents.json() == {"agents": [], "next_cursor": None}
    for path in ("/api/v1/people", "/api/v1/agents"):
        assert (await console.get(path, vera)).status == 403
    me = await console.get("/api/v1/me", vera)
    models.MeOut.model_validate_json(me.body)
    assert me.json()["features"] == {"agents": False, "people": False}


async def test_hostile_text_comes_back_as_the_same_data_and_nothing_else(console: Console) -> None:
    text = "</script>\u202e\u200b<!channel>\x7f"
    request = await console.file({"a": text}, justification=text)
    got = await console.get(f"/api/v1/requests/{request.id}", await console.sign_in(ADA))
    assert got.json()["justification"] == text
    assert got.json()["arguments"] == {"a": text}
    assert got.headers["X-Content-Type-Options"] == "nosniff"
