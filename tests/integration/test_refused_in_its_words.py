"""A refusal speaks of what was tried, and of nothing that might be there for others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from approvals.acting import Actor
from approvals.desk import Desk
from approvals.domain.model import ApprovalRequest, Cause, Role
from approvals.errors import NotAllowed, NotFound
from approvals.stops import Stops, Surroundings
from approvals.testing import samples
from tests.fakes.desk import House, house

VERA = samples.person("vera", roles=(Role.VIEWER,))
Act = Callable[[Desk, str], Awaitable[ApprovalRequest]]

TRIED: dict[str, tuple[Act, str]] = {
    "comment": (
        lambda desk, id: desk.comment(id, by=VERA.id, via="web", text="?"),
        "comment on this: only its reviewers",
    ),
    "ask": (
        lambda desk, id: desk.ask(id, by=VERA.id, via="web", text="?"),
        "ask the agent about this: you do not have",
    ),
    "cancel": (
        lambda desk, id: desk.cancel(id, actor=VERA.id, cause=Cause.CANCELLED_BY_PERSON),
        "take this call back: only its reviewers",
    ),
    "extend": (
        lambda desk, id: desk.extend(id, reviewer=VERA.id, by=timedelta(minutes=1)),
        "give this more time: you do not have",
    ),
    "reassign": (lambda desk, id: desk.reassign(id, by=VERA.id, to=("bob@example.com",)), "hand this on: you do not"),
    "resolve": (lambda desk, id: desk.resolve(id, reviewer=VERA.id, ran=True), "say whether this ran: you do not"),
    "expect": (
        lambda desk, id: desk.expect(id, person=VERA.id, as_expected=True, words=None, via="web"),
        "say whether this was as expected: only its reviewers",
    ),
}


@pytest.fixture
async def at(sqlite_url: str) -> AsyncIterator[House]:
    async with house(sqlite_url, people={**samples.PEOPLE, VERA.id: VERA}) as made:
        yield made


@pytest.mark.parametrize(("act", "said"), TRIED.values(), ids=list(TRIED))
async def test_who_may_only_read_is_told_what_they_may_not_do(at: House, act: Act, said: str) -> None:
    asked = await at.file()
    with pytest.raises(NotAllowed, match=f"^You may not {said}"):
        await act(at.desk, asked.id)


async def test_who_may_not_decide_is_told_so(at: House) -> None:
    with pytest.raises(NotAllowed, match=r"^You may not decide this: you do not have the reviewer role"):
        await at.approve(await at.file(), VERA)


async def test_what_everybody_could_see_is_said_to_be_not_there_and_no_more(at: House) -> None:
    stops = Stops(at.desk, Surroundings(servers=lambda: ["binance"], targets=list, url=""))
    with pytest.raises(NotFound) as refused:
        await stops.thaw("all", actor=Actor(id="cli:root", via="cli"))
    assert str(refused.value) == "There is no freeze of every agent."
    assert (refused.value.code, refused.value.http_status) == ("not_found", 404)
