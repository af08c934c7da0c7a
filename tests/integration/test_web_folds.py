"""Requests that are alike as one table over REST, and deciding its rows: over a real desk on both databases."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.model import ApprovalRequest
from approvals.domain.terms import Factor
from approvals.storage.engine import Database
from approvals.web import models, models_folds
from tests.fakes.web import ADA, EVE, GRACE, VERA, Console, Session, serving


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


async def fold_of(console: Console, who: Session, request: ApprovalRequest) -> str:
    shown = (await console.get(f"/api/v1/requests/{request.id}", who)).json()
    return str(shown["fold"])


async def table(console: Console, who: Session, fold: str) -> Any:
    got = await console.get(f"/api/v1/folds/{fold}", who)
    assert got.status == 200, got.body
    models_folds.FoldOut.model_validate_json(got.body)
    return got.json()


def verdicts(table: Any, answer: str, *rows: int) -> Any:
    picked = [table["rows"][at] for at in rows] or table["rows"]
    return {"decisions": [{"id": row["id"], "decision": answer, "binding": row["binding"]} for row in picked]}


async def test_a_storm_is_one_table_and_one_request_decides_the_rows_that_were_shown(console: Console) -> None:
    ada, grace = await console.sign_in(ADA), await console.sign_in(GRACE)
    agents = ("night", "day")
    storm = [
        await console.file({"to": f"c{n}", "amount": n, "currency": "EUR"}, agent=agents[n % 2], waiting=True)
        for n in range(4)
    ]
    other = await console.file({"to": "c9"}, tool="mail")
    fold = await fold_of(console, ada, storm[0])
    assert await fold_of(console, ada, other) != fold
    assert (await console.get("/api/v1/me", ada)).json()["fold_from"] == 3
    shown = await table(console, ada, fold)
    assert shown["common"] == [{"path": "/currency", "value": "EUR"}]
    assert shown["columns"] == ["/amount", "/to"]
    assert [(row["id"], row["agent"], [cell["value"] for cell in row["cells"]]) for row in shown["rows"]] == [
        (one.id, agents[n % 2], [n, f"c{n}"]) for n, one in enumerate(storm)
    ]
    joined = await console.file({"to": "c4", "amount": 4, "currency": "EUR"})
    assert await fold_of(console, ada, joined) == fold
    await console.post("/api/v1/requests/decisions", grace, verdicts(shown, "deny", 3))
    got = await console.post("/api/v1/requests/decisions", ada, verdicts(shown, "approve"))
    models.BulkOut.model_validate_json(got.body)
    results = got.json()["results"]
    assert [one["status"] for one in results] == [200, 200, 200, 409]
    assert (results[3]["code"], results[3]["by"]) == ("already_decided", "Grace")
    left = await table(console, ada, fold)
    assert [row["id"] for row in left["rows"]] == [joined.id], "what no screen had shown still waits"
    assert (await console.desk.get(joined.id)).votes == ()  # type: ignore[union-attr]
    await console.post("/api/v1/requests/decisions", ada, verdicts(left, "deny"))
    assert (await console.get(f"/api/v1/folds/{fold}", ada)).status == 404, "nothing of it waits any more"


async def test_rows_that_are_shown_stay_when_they_end_so_that_what_differed_still_does(console: Console) -> None:
    ada, grace = await console.sign_in(ADA), await console.sign_in(GRACE)
    calls = [await console.file({"to": f"c{n}", "currency": "EUR"}) for n in range(3)]
    other = await console.file({"to": "c9"}, tool="mail")
    fold = await fold_of(console, ada, calls[0])
    shown = await table(console, ada, fold)
    await console.post("/api/v1/requests/decisions", grace, verdicts(shown, "deny", 0, 1))
    named = f"{fold}?shown={','.join(one.id for one in (*calls, other))}"
    left = await table(console, ada, named)
    assert (left["common"], left["columns"]) == ([{"path": "/currency", "value": "EUR"}], ["/to"])
    rows = [(row["id"], row["state"], row["may_decide"], row["cells"][0]["value"]) for row in left["rows"]]
    denied = [(one.id, "denied", False, f"c{n}") for n, one in enumerate(calls[:2])]
    assert rows == [*denied, (calls[2].id, "pending", True, "c2")]
    assert [vote["name"] for vote in left["rows"][0]["votes"]] == ["Grace"]
    assert (await table(console, ada, fold))["columns"] == [], "alone it differs from nothing"
    await console.post("/api/v1/requests/decisions", ada, verdicts(left, "deny", 2))
    assert [row["state"] for row in (await table(console, ada, named))["rows"]] == ["denied"] * 3
    much = ",".join(["req_1"] * 201)
    assert (await console.get(f"/api/v1/folds/{fold}?shown={much}", ada)).status == 422
    eve = await console.sign_in(EVE)
    assert (await console.get(f"/api/v1/folds/{named}", eve)).status == 404, "not hers to see, ended or not"


async def test_a_table_shows_each_person_what_they_may_see(console: Console) -> None:
    vera, eve = await console.sign_in(VERA), await console.sign_in(EVE)
    ada = await console.sign_in(ADA)
    alike = [await console.file({"to": "c", "password": f"hunter{n}"}) for n in range(3)]
    fold = await fold_of(console, ada, alike[0])
    masked = await table(console, vera, fold)
    assert masked["redacted"]
    assert "hunter" not in str(masked)
    assert (masked["columns"], [row["binding"] for row in masked["rows"]]) == ([], [None] * 3)
    assert not any(row["may_decide"] for row in masked["rows"])
    assert (await table(console, ada, fold))["columns"] == ["/password"]
    assert (await console.get(f"/api/v1/folds/{fold}", eve)).status == 404, "not hers to see"
    assert (await console.get("/api/v1/folds/fold_x", ada)).status == 404


async def test_a_request_leaves_its_group_when_other_people_are_asked(console: Console) -> None:
    ada = await console.sign_in(ADA)
    first, second = await console.file(), await console.file()
    fold = await fold_of(console, ada, first)
    body = {"to": [GRACE]}
    got = await console.post(f"/api/v1/requests/{second.id}/reassign", ada, body)
    assert got.status == 200, got.body
    assert [row["id"] for row in (await table(console, ada, fold))["rows"]] == [first.id]


@pytest.mark.parametrize(
    "more", [{"arguments": {"to": "x"}}, {"raise": "1h"}, {"grant": {}}], ids=["edits", "raises", "grants"]
)
async def test_in_bulk_nothing_is_edited_raised_or_granted(console: Console, more: dict[str, Any]) -> None:
    request, ada = await console.file(), await console.sign_in(ADA)
    item = {"id": request.id, "decision": "approve", "binding": request.binding, **more}
    got = await console.post("/api/v1/requests/decisions", ada, {"decisions": [item]})
    assert got.status == 422
    assert (await console.desk.get(request.id)).votes == ()  # type: ignore[union-attr]


async def test_rows_of_which_two_are_needed_stay_in_the_table_with_their_count(console: Console) -> None:
    ada, grace = await console.sign_in(ADA), await console.sign_in(GRACE)
    factors = (Factor(members=("group:finance",), count=2),)
    first = await console.file(factors=factors)
    await console.file(factors=factors)
    fold = await fold_of(console, ada, first)
    shown = await table(console, ada, fold)
    await console.post("/api/v1/requests/decisions", ada, verdicts(shown, "approve"))
    again = await table(console, ada, fold)
    assert [(row["needs"][0]["have"], row["why_not"]) for row in again["rows"]] == [(1, "you have already voted")] * 2
    got = await console.post(
        "/api/v1/requests/decisions", grace, verdicts(await table(console, grace, fold), "approve")
    )
    assert [one["request"]["state"] for one in got.json()["results"]] == ["approved"] * 2
