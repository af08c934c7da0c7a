"""Votes over REST that are refused leave an entry in the audit, whichever check refused them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from approvals.domain.model import ApprovalRequest, Person, PersonId, Role
from approvals.storage.engine import Database
from tests.fakes.web import ADA, Answer, Console, Session, serving

SEB = PersonId("seb@example.com")
"""A reviewer whom nothing of the shop asks."""


@pytest.fixture
async def console(database: Database) -> AsyncIterator[Console]:
    async with serving(database) as running:
        await running.add(Person(id=SEB, name="Seb", roles=frozenset({Role.REVIEWER}), groups=frozenset({"security"})))
        yield running


async def send(console: Console, who: Session, request: ApprovalRequest, *, bulk: bool, **body: Any) -> Answer:
    said = {"decision": "deny", "binding": request.binding, **body}
    if bulk:
        items = {"decisions": [{"id": request.id, **said}]}
        return await console.post("/api/v1/requests/decisions", who, items)
    return await console.post(f"/api/v1/requests/{request.id}/decision", who, said)


def problem(got: Answer, *, bulk: bool) -> tuple[int, str]:
    shown = got.json()["results"][0] if bulk else got.json()
    return shown["status"], shown["code"]


async def refused(console: Console) -> list[tuple[str, str]]:
    entries = await console.db.read(lambda tx: tx.audit.newest(action="request.vote_refused"))
    return [(str(one.act.actor), str(one.act.detail["code"])) for one in entries]


@pytest.mark.parametrize("bulk", [pytest.param(False, id="one"), pytest.param(True, id="in bulk")])
@pytest.mark.parametrize(
    "reason",
    [
        pytest.param("x" * 501, id="a reason over length"),
        pytest.param("x" * 5_000, id="far over length"),
        pytest.param("no\x00", id="a null"),
        pytest.param("no\x1b[31m", id="a terminal's colours"),
        pytest.param("no\ud800", id="half a surrogate pair"),
    ],
)
async def test_a_vote_with_a_bad_reason_is_refused_on_record(console: Console, reason: str, bulk: bool) -> None:
    request, ada = await console.file(), await console.sign_in(ADA)
    got = await send(console, ada, request, bulk=bulk, reason=reason)
    assert problem(got, bulk=bulk) == (422, "invalid")
    assert reason not in got.json().values()
    assert await refused(console) == [(ADA, "invalid")]
    still = await console.get(f"/api/v1/requests/{request.id}", ada)
    assert (still.json()["state"], still.json()["votes"]) == ("pending", [])


@pytest.mark.parametrize("bulk", [pytest.param(False, id="one"), pytest.param(True, id="in bulk")])
async def test_the_vote_of_somebody_who_was_not_asked_is_on_record_and_tells_them_nothing(
    console: Console, bulk: bool
) -> None:
    request, seb = await console.file(), await console.sign_in(SEB)
    got = await send(console, seb, request, bulk=bulk)
    made_up = await send(console, seb, request, bulk=bulk, binding="0" * 64)
    assert problem(got, bulk=bulk) == problem(made_up, bulk=bulk) == (404, "not_found")
    assert got.body == made_up.body
    assert await refused(console) == [(SEB, "not_allowed")], "who names no binding has not seen the request"
    await send(console, await console.sign_in(ADA), request, bulk=False)
    ended = await send(console, seb, request, bulk=bulk)
    assert ended.body == made_up.body, "not even that it was decided"
    assert await refused(console) == [(SEB, "already_decided"), (SEB, "not_allowed")]
