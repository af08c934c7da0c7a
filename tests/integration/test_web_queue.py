"""What waits as one list over REST: a flood hides nothing, counts are true, pages go on to the end; both databases."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.terms import Factor
from approvals.storage.engine import Database
from approvals.web import models_queue
from tests.fakes.web import ADA, EVE, GRACE, VERA, Console, Session, serving


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        yield running


async def queue(console: Console, who: Session, query: str = "") -> Any:
    got = await console.get(f"/api/v1/queue{query}", who)
    assert got.status == 200, got.body
    models_queue.QueueOut.model_validate_json(got.body)
    return got.json()


def brief(answer: Any) -> list[tuple[str, int]]:
    return [(one["request"]["tool"], one["group"]["count"] if one["group"] else 1) for one in answer["entries"]]


@pytest.mark.pain(18, 20)
async def test_a_flood_is_one_entry_and_what_else_waits_stays_in_sight(console: Console) -> None:
    ada = await console.sign_in(ADA)
    await console.file({"order": "A-1"}, tool="refund")
    for number in range(120):
        await console.file({"to": f"c{number}"}, agent=f"agent-{number % 4}")
    await console.file({"to": "IBAN"}, tool="wire")
    whole = await queue(console, ada)
    assert (brief(whole), whole["waiting"], whole["next_cursor"]) == (
        [("wire", 1), ("pay", 120), ("refund", 1)],
        122,
        None,
    )
    group = whole["entries"][1]["group"]
    assert (group["mine"], group["alike"], group["agents_count"]) == (120, 120, 4)
    table = (await console.get(f"/api/v1/folds/{group['fold']}", ada)).json()
    assert (len(table["rows"]), table["more"]) == (100, 20)
    first = await queue(console, ada, "?limit=2")
    assert brief(first) == [("wire", 1), ("pay", 120)]
    assert brief(await queue(console, ada, f"?limit=2&cursor={first['next_cursor']}")) == [("refund", 1)]
    of_one = (await queue(console, ada, "?agent=agent-1"))["entries"][0]["group"]
    assert (of_one["count"], of_one["alike"]) == (30, 120), "what fits, of all that the table will show"


async def test_the_queue_shows_each_person_what_they_may_see_and_filters_it(console: Console) -> None:
    ada, eve, vera, grace = [await console.sign_in(one) for one in (ADA, EVE, VERA, GRACE)]
    mail = await console.file({"to": "x"}, tool="mail", owner=EVE, justification="for ticket 5521")
    ops = await console.file({"to": "y"}, factors=(Factor(members=("group:ops",)),))
    assert [one["request"]["id"] for one in (await queue(console, ada))["entries"]] == [mail.id]
    assert [one["request"]["id"] for one in (await queue(console, eve))["entries"]] == [ops.id, mail.id]
    assert (await queue(console, vera))["waiting"] == 2
    assert (await queue(console, vera, "?mine=1"))["waiting"] == 0
    for query in ("?q=5521", "?q=MAIL", "?tool=mail", f"?q={mail.id}"):
        assert [one["request"]["id"] for one in (await queue(console, eve, query))["entries"]] == [mail.id], query
    assert (await queue(console, eve, "?risk=read"))["entries"] == []
    await console.post(f"/api/v1/requests/{mail.id}/snooze", grace, {"for": "5m"})
    assert [(await queue(console, grace, f"?snoozed={word}"))["waiting"] for word in ("", "0", "1")] == [0, 0, 1]
    vote = {"decision": "deny", "binding": mail.binding}
    await console.post(f"/api/v1/requests/{mail.id}/decision", ada, vote)
    assert (await queue(console, ada))["entries"] == []


@pytest.mark.parametrize("query", ["order=best", "limit=0", "cursor=x", "state=pending", "mine=maybe", "q=%00"])
async def test_what_cannot_be_asked_is_refused(console: Console, query: str) -> None:
    assert (await console.get(f"/api/v1/queue?{query}", await console.sign_in(ADA))).status == 422


async def test_what_ends_first_comes_first_over_pages(console: Console) -> None:
    ada = await console.sign_in(ADA)
    calls = [await console.file(timeout=timedelta(minutes=n), tool=f"tool{n}") for n in (30, 10, 20)]
    seen, cursor, page = [], "", {}
    for _ in calls:
        page = await queue(console, ada, f"?order=ends&limit=1{cursor}")
        seen.append(page["entries"][0]["request"]["tool"])
        cursor = f"&cursor={page['next_cursor']}"
    assert (seen, page["next_cursor"]) == (["tool10", "tool20", "tool30"], None)
