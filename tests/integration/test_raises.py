"""A budget raised by the people who approved a call over it: for a while, for that budget, and taken back at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.lifecycle import Note
from approvals.domain.model import Answer, ApprovalRequest, Person, Role, State
from approvals.domain.terms import Factor
from approvals.errors import Invalid, NotAllowed, NotFound
from approvals.raises import Raises
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, FINANCE
from gateway.limits import Limits, overruns
from gateway.policy.budgets import Reservation
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse
from gateway.policy.standings import Exceeded
from tests.fakes.desk import House, decision, house

HOUR = timedelta(hours=1)
OTTO = samples.person("otto", roles=(Role.OPERATOR,))
LIMIT = (
    "{counter: paid, window: week, max: 100, amount: args.amount, scope: [agent, args.to], on_exceed: require_approval}"
)


def uses(amount: int, to: str = "acme", limit: str = LIMIT) -> tuple[LimitUse, ...]:
    policy = load_policy(f'version: "1"\ndefault: deny\ntools: {{pay: {{limits: [{limit}]}}}}\n', "p.yaml")
    arguments = {"amount": amount, "to": to}
    return evaluate(policy, Facts(server="s", tool="pay", agent="a", now=samples.NOW, arguments=arguments)).limits


@pytest.fixture
async def home(database_url: str) -> AsyncIterator[House]:
    async with house(database_url) as built:
        built.people(OTTO)
        yield built


async def asked(home: House, amount: int = 120, to: str = "acme", **changes: Any) -> ApprovalRequest:
    """A call that goes over the budget, filed as the gateway files it."""
    over = await Limits(home.db).check(uses(amount, to))
    assert isinstance(over, Exceeded)
    return await home.file({"amount": amount, "to": to}, over=overruns(over), **changes)


async def approve(home: House, request: ApprovalRequest, by: Person = ADA, raise_for: timedelta | None = HOUR) -> Any:
    return await home.approve(request, by, raise_for=raise_for)


async def takes(home: House, amount: int, to: str = "acme") -> bool:
    return isinstance(await Limits(home.db).reserve(uses(amount, to)), Reservation)


async def test_a_request_says_what_it_goes_over_and_what_a_raise_would_allow(home: House) -> None:
    assert await takes(home, 90)
    request = await home.now(await asked(home, 20))
    [over] = request.over
    assert (over.name, over.most, over.to) == ("paid", "100", "210")
    assert over.words == "per week for each agent and args.to"
    assert "acme" not in over.scope


async def test_an_approval_with_a_raise_lets_more_calls_through_for_its_time(home: House) -> None:
    request = await approve(home, await asked(home))
    assert request.state is State.APPROVED
    assert await takes(home, 150)
    assert await takes(home, 70)
    assert not await takes(home, 1)
    assert not await takes(home, 101, "bolt"), "another budget of the same limit is not raised"
    home.clock.move(minutes=59)
    room = await Limits(home.db).check(uses(1))
    assert [str(room.standings[0].max), str(room.standings[0].used)] == ["220", "220"]
    home.clock.move(minutes=1)
    after = await Limits(home.db).check(uses(1))
    assert [str(after.standings[0].max), str(after.standings[0].remaining)] == ["100", "0"]


async def test_what_is_raised_can_be_raised_further(home: House) -> None:
    await approve(home, await asked(home))
    assert await takes(home, 220)
    higher = await approve(home, await asked(home, 50))
    assert (higher.over[0].most, higher.over[0].to) == ("100", "370")
    assert await takes(home, 150)
    assert not await takes(home, 1)


async def test_an_approval_alone_raises_nothing(home: House) -> None:
    await approve(home, await asked(home), raise_for=None)
    assert not await takes(home, 101)


async def test_everybody_who_approves_must_want_the_raise_and_the_shortest_time_counts(home: House) -> None:
    two = samples.terms(Factor(members=(FINANCE,), count=2))
    first = await approve(home, await asked(home, terms=two), raise_for=2 * HOUR)
    assert first.state is State.PENDING
    assert first.votes[0].raise_for == 2 * HOUR
    assert not await takes(home, 101)
    done = await approve(home, first, BOB, HOUR)
    assert done.state is State.APPROVED
    [listed] = (await Raises(home.desk).listed(ADA))[0]
    assert (listed.one.by, listed.one.until) == ((ADA.id, BOB.id), home.clock.now + HOUR)
    other = await approve(home, await asked(home, 400, terms=two))
    await approve(home, other, BOB, None)
    assert len((await Raises(home.desk).listed(ADA))[0]) == 1


async def test_a_word_that_no_longer_counts_stands_in_no_raises_way(home: House) -> None:
    two = samples.terms(Factor(members=(FINANCE,), count=2))
    first = await approve(home, await asked(home, terms=two), raise_for=None)
    home.people(OTTO, samples.person("ada"))
    second = await approve(home, first, BOB)
    assert second.state is State.PENDING
    await approve(home, second, samples.DORA)
    assert await takes(home, 150)


@pytest.mark.parametrize(
    ("changes", "answer", "lasts", "why"),
    [
        ({}, Answer.DENY, HOUR, "only an approval raises a budget"),
        ({"over": ()}, Answer.APPROVE, HOUR, "there is nothing to raise"),
        ({"terms": samples.terms(grants="never")}, Answer.APPROVE, HOUR, "grants: never"),
        ({}, Answer.APPROVE, timedelta(hours=25), "at most 24 hours"),
        ({}, Answer.APPROVE, timedelta(seconds=59), "at least a minute"),
    ],
)
async def test_a_raise_that_cannot_be_is_refused_and_nothing_is_decided(
    home: House, changes: dict[str, Any], answer: Answer, lasts: timedelta, why: str
) -> None:
    over = {} if "over" in changes else {"over": (await asked(home, 500)).over}
    request = await home.file({"n": 1}, **{**over, **changes})
    with pytest.raises(Invalid, match=why) as refused:
        await home.desk.decide(request.id, decision(request, ADA, answer=answer, raise_for=lasts))
    assert refused.value.fields["field"] == "raise"
    assert (await home.now(request)).state is State.PENDING


async def test_a_raise_is_taken_back_at_once_in_every_process(home: House) -> None:
    await approve(home, await asked(home), raise_for=HOUR)
    raises = Raises(home.another("two"))
    [listed] = (await raises.listed(CARL, only_in_force=True))[0] or (await raises.listed(BOB, only_in_force=True))[0]
    ended = await raises.end(listed.one.id, person=BOB)
    assert (ended.one.ended_by, ended.one.holds(home.clock.now)) == (BOB.id, False)
    assert not await takes(home, 101)
    assert (await raises.listed(BOB, only_in_force=True))[0] == []
    again = await raises.end(listed.one.id, person=ADA)
    assert again.one == ended.one


async def test_who_has_no_part_in_it_takes_no_raise_back(home: House) -> None:
    await approve(home, await asked(home))
    raises = Raises(home.desk)
    [listed] = (await raises.listed(OTTO))[0]
    viewer = samples.person("vera", roles=(Role.VIEWER,))
    home.people(OTTO, viewer)
    with pytest.raises(NotAllowed):
        await raises.end(listed.one.id, person=viewer)
    with pytest.raises(NotFound):
        await raises.end(listed.one.id, person=CARL)
    with pytest.raises(NotFound):
        await raises.end("rse_none", person=OTTO)
    assert (await raises.listed(CARL))[0] == []
    assert (await raises.end(listed.one.id, person=OTTO)).one.ended_by == OTTO.id


async def test_the_ledger_has_the_raise_and_its_end(home: House) -> None:
    request = await approve(home, await asked(home))
    [listed] = (await Raises(home.desk).listed(ADA))[0]
    await Raises(home.desk).end(listed.one.id, person=BOB)
    ledger = await home.ledger(request)
    assert [row.detail["raise_seconds"] for row in ledger if "raise_seconds" in row.detail] == [3600]
    rows = [row for row in ledger if row.event in {Note.BUDGETS_RAISED, Note.RAISE_ENDED}]
    assert [(row.event, row.actor, row.after) for row in rows] == [
        (Note.BUDGETS_RAISED, ADA.id, State.APPROVED),
        (Note.RAISE_ENDED, BOB.id, State.APPROVED),
    ]
    assert rows[0].detail["budgets"] == [{"limit": "paid", "from": "100", "to": "220"}]
    assert rows[0].detail["until"] == (home.clock.now + HOUR).isoformat()


async def test_pages_of_raises_go_on_where_the_last_one_ended(home: House) -> None:
    for amount in (120, 130, 140):
        home.clock.move(seconds=1)
        await approve(home, await asked(home, amount, f"payee {amount}"))
    raises = Raises(home.desk)
    first, more = await raises.listed(ADA, limit=2)
    rest, end = await raises.listed(ADA, limit=2, after=more)
    assert [one.one.over.to for one in (*first, *rest)] == ["240", "230", "220"]
    assert end is None


async def test_asking_what_would_be_knows_of_raises(home: House) -> None:
    await approve(home, await asked(home))
    standing = await Limits(home.db).standing(uses(150), home.clock.now)
    assert not isinstance(standing.check(uses(150), home.clock.now), Exceeded)
