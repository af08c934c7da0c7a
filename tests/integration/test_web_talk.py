"""What people do around a decision, over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.storage.engine import Database
from approvals.web import models
from tests.fakes.web import ADA, EVE, GRACE, OTTO, VERA, Console, serving


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


async def test_a_reviewer_hands_a_request_on(console: Console) -> None:
    request, ada = await console.file(), await console.sign_in(ADA)
    got = await console.post(f"/api/v1/requests/{request.id}/reassign", ada, {"to": [EVE], "note": "You know it"})
    assert got.status == 200, got.body
    shown = models.RequestOut.model_validate_json(got.body)
    assert [(need.group, need.members, need.count) for need in shown.needs] == [(None, [EVE], 1)]
    assert (shown.may_decide, shown.may_reassign) == (False, False)
    eve = await console.sign_in(EVE)
    told = (await console.get(f"/api/v1/requests/{request.id}/timeline", eve)).json()["events"][-1]
    assert (told["event"], told["actor"], told["detail"]["note"]) == ("reassigned", ADA, "You know it")
    assert (await console.get(f"/api/v1/requests/{request.id}", eve)).json()["may_decide"] is True


@pytest.mark.parametrize(
    ("who", "sent", "status", "field"),
    [
        pytest.param(ADA, {"to": []}, 422, "to", id="nobody"),
        pytest.param(ADA, {"to": [VERA]}, 422, "to", id="no reviewer"),
        pytest.param(ADA, {"to": ["group:finance"]}, 422, "to", id="asked already"),
        pytest.param(ADA, {"to": [EVE], "factor": 3}, 422, "factor", id="no such factor"),
        pytest.param(ADA, {"to": [EVE], "note": "x" * 501}, 422, "note", id="a long note"),
        pytest.param(VERA, {"to": [EVE]}, 403, None, id="a viewer"),
        pytest.param(EVE, {"to": [EVE]}, 404, None, id="somebody it is not for"),
    ],
)
async def test_a_request_is_not_handed_on_like_this(
    console: Console, who: Any, sent: dict[str, Any], status: int, field: str | None
) -> None:
    request, session = await console.file(), await console.sign_in(who)
    got = await console.post(f"/api/v1/requests/{request.id}/reassign", session, sent)
    assert (got.status, got.json().get("field")) == (status, field)


async def test_a_snoozed_request_leaves_one_persons_queue_and_is_listed_apart(console: Console) -> None:
    hidden, other = await console.file(), await console.file()
    ada, grace = await console.sign_in(ADA), await console.sign_in(GRACE)

    async def listed(session: Any, query: str) -> set[str]:
        return {one["id"] for one in (await console.get(f"/api/v1/requests{query}", session)).json()["requests"]}

    got = await console.post(f"/api/v1/requests/{hidden.id}/snooze", ada, {"for": "10m"})
    assert (got.status, got.json()["snoozed_until"] is None) == (200, False)
    assert await listed(ada, "?snoozed=0") == {other.id}
    assert await listed(ada, "?snoozed=1") == {hidden.id}
    assert await listed(ada, "") == await listed(grace, "?snoozed=0") == {hidden.id, other.id}
    assert (await console.post(f"/api/v1/requests/{hidden.id}/snooze", ada, {"for": "1h"})).json()["field"] == "for"
    assert (await console.post(f"/api/v1/requests/{hidden.id}/comment", grace, {"text": "Look"})).status == 200
    assert await listed(ada, "?snoozed=0") == {hidden.id, other.id}
    await console.post(f"/api/v1/requests/{hidden.id}/snooze", ada, {"for": "10m"})
    got = await console.post(f"/api/v1/requests/{hidden.id}/snooze", ada, {"for": None})
    assert (got.status, got.json()["snoozed_until"]) == (200, None)


async def test_comments_and_questions_are_shown_with_the_request(console: Console) -> None:
    request, ada, vera = await console.file(agent="claude"), await console.sign_in(ADA), await console.sign_in(VERA)
    path = f"/api/v1/requests/{request.id}"
    got = await console.post(f"{path}/ask", ada, {"question": "Is token=abc123def456 right?"})
    assert got.status == 200, got.body
    await console.desk.answer(request.id, agent="claude", text="Yes")
    got = await console.post(f"{path}/comment", ada, {"text": "I asked"})
    shown = models.RequestOut.model_validate_json(got.body)
    assert [(one.by, one.question, one.answer, one.via) for one in shown.questions] == [
        (ADA, "Is token=abc123def456 right?", "Yes", "web")
    ]
    assert [(one.by, one.name, one.text, one.via) for one in shown.comments or ()] == [(ADA, "Ada", "I asked", "web")]
    redacted = (await console.get(path, vera)).json()
    assert "abc123def456" not in str(redacted["questions"])
    listed = (await console.get("/api/v1/requests", ada)).json()["requests"][0]
    assert (listed["questions"][0]["answer"], "comments" in listed) == ("Yes", False)
    assert (await console.post(f"{path}/ask", vera, {"question": "Why?"})).status == 403
    assert (await console.post(f"{path}/ask", ada, {"question": " "})).status == 422


async def test_an_operator_hands_on_what_is_not_theirs(console: Console) -> None:
    request, otto = await console.file(), await console.sign_in(OTTO)
    got = await console.post(f"/api/v1/requests/{request.id}/reassign", otto, {"to": [EVE], "factor": 0})
    assert (got.status, got.json()["needs"][0]["members"]) == (200, [EVE])
