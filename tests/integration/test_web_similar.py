"""Earlier decisions over REST: what each person gets to know of them, over a real desk on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from approvals import similar
from approvals.domain.destroyed import DestroyedBy
from approvals.domain.model import ApprovalRequest, Cause
from approvals.domain.similar import Verdict
from approvals.domain.terms import Factor
from approvals.storage.engine import Database
from approvals.web import models_similar
from tests.fakes.web import ADA, AUDREY, EVE, GRACE, VERA, Console, Session, serving

OPS = (Factor(members=("group:ops",)),)


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


async def decide(console: Console, who: Session, request: ApprovalRequest, answer: str, reason: str = "") -> None:
    body = {"decision": answer, "binding": request.binding, **({"reason": reason} if reason else {})}
    got = await console.post(f"/api/v1/requests/{request.id}/decision", who, body)
    assert got.status == 200, got.body


async def past(console: Console, who: Session, answer: str, arguments: Any, reason: str = "", **but: Any) -> str:
    request = await console.file(arguments, **but)
    await decide(console, who, request, answer, reason)
    return request.id


async def look(console: Console, who: Session, request: ApprovalRequest) -> Mapping[str, Any]:
    got = await console.get(f"/api/v1/requests/{request.id}/similar", who)
    assert got.status == 200, got.body
    models_similar.SimilarOut.model_validate_json(got.body)
    found: Mapping[str, Any] = got.json()
    return found


async def test_whoever_decides_sees_how_calls_like_it_were_decided(console: Console) -> None:
    ada = await console.sign_in(ADA)
    first = await console.file({"account": "DE1", "amount": 9})
    assert await look(console, ada, first) == {
        "summary": "No earlier decision of this tool.",
        "decided": 0,
        "counts": dict.fromkeys(Verdict, 0),
        "same": [
            {"argument": name, "equal": 0, "of": 0, "approved": 0, "denied": 0, "pulled_back": 0}
            for name in ("account", "amount")
        ],
        "earlier": [],
    }
    await decide(console, ada, first, "approve")
    denied = await past(console, ada, "deny", {"account": "DE1", "amount": 900}, "<b>too much</b>")
    await past(console, ada, "approve", {"account": "DE1"}, tool="other")
    taken = await console.file({"account": "DE1", "amount": 7})
    await console.desk.cancel(taken.id, actor="agent:claude", cause=Cause.CLIENT_CANCELLED)
    now = await console.file({"account": "DE1", "amount": 9}, agent="other")
    found = await look(console, ada, now)
    assert found["summary"] == (
        "Approved 1, denied 1 of the last 2 decided by people; 1 with exactly these arguments (approved 1); "
        "besides, cancelled while it waited 1."
    )
    assert found["same"][0] == {
        "argument": "account", "equal": 2, "of": 2, "approved": 1, "denied": 1, "pulled_back": 0,
    }  # fmt: skip
    assert [(one["id"], one["verdict"], one["reason"], one["likeness"]["differs"]) for one in found["earlier"]] == [
        (first.id, "approved", None, []),
        (denied, "denied", "<b>too much</b>", ["amount"]),
        (taken.id, "cancelled", None, ["amount"]),
    ]
    assert found["earlier"][1]["by"] == [{"id": ADA, "name": "Ada"}]
    # What came later was not known when the first one was decided.
    assert (await look(console, ada, first))["earlier"] == []


async def test_nobody_learns_of_a_request_that_they_may_not_see(console: Console) -> None:
    ada, eve, vera = [await console.sign_in(one) for one in (ADA, EVE, VERA)]
    await past(console, eve, "deny", {"to": "x"}, factors=OPS)
    own = await past(console, eve, "approve", {"to": "y"}, factors=OPS, owner=ADA)
    now = await console.file({"to": "x"}, agent="other")
    assert [one["id"] for one in (await look(console, ada, now))["earlier"]] == [own]
    assert (await look(console, vera, now))["decided"] == 2, "a viewer sees every request"
    assert (await console.get(f"/api/v1/requests/{now.id}/similar", eve)).status == 404, "not hers to see"
    assert (await console.get("/api/v1/requests/req_x/similar", ada)).status == 404
    # Nobody knows who reads a card: it counts what was put to everybody who is asked now.
    card = await console.db.read(lambda tx: similar.on_card(tx, now, "slack"))
    assert card == "No earlier decision of this tool."
    asked = await console.file({"to": "x"}, agent="third", factors=(*OPS, *now.terms.factors))
    assert await console.db.read(lambda tx: similar.on_card(tx, asked, "slack")) == card
    assert await console.db.read(lambda tx: similar.on_card(tx, now, "webhook:books")) is None


async def test_secrets_are_neither_shown_nor_compared_for_whoever_may_not_read_them(console: Console) -> None:
    ada, vera, audrey = [await console.sign_in(one) for one in (ADA, VERA, AUDREY)]
    await past(console, ada, "deny", {"to": "x", "password": "hunter22"}, "hunter22 is no password")
    now = await console.file({"to": "x", "password": "hunter22"}, agent="other")
    masked = await look(console, vera, now)
    (row,) = masked["earlier"]
    assert "hunter22" not in str(masked)
    assert row["likeness"] == {
        "exact": False, "equal": 1, "of": 2, "differs": [], "more_differ": 0, "hidden": ["password"],
    }  # fmt: skip
    assert "exactly" not in masked["summary"]
    assert [one["argument"] for one in masked["same"]] == ["to"]
    (row,) = (await look(console, audrey, now))["earlier"]
    assert (row["reason"], row["likeness"]["exact"]) == ("hunter22 is no password", True)


async def test_what_was_destroyed_counts_by_its_end_alone(console: Console) -> None:
    ada = await console.sign_in(ADA)
    old = await past(console, ada, "deny", {"to": "x"}, "no")
    await console.db.write(lambda tx: tx.sealed.destroy(old, DestroyedBy.RETENTION))
    found = await look(console, ada, await console.file({"to": "x"}, agent="other"))
    assert (found["summary"], found["earlier"]) == ("Denied 1, the only one decided by people.", [])


async def test_at_most_five_are_listed_however_many_there_are(console: Console) -> None:
    ada, grace = await console.sign_in(ADA), await console.sign_in(GRACE)
    for n in range(7):
        await past(console, grace, "approve", {f"name {n} {'x' * 90}{k}": k for k in range(9)})
    found = await look(console, ada, await console.file({"to": "x"}))
    assert (found["decided"], len(found["earlier"])) == (7, 5)
    like = found["earlier"][0]["likeness"]
    assert (len(like["differs"]), like["more_differ"], like["of"]) == (6, 4, 10)
    assert max(map(len, like["differs"])) < 120
