"""Handing a request on and putting it out of sight, through the desk, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from approvals.domain.happening import Event
from approvals.domain.model import PersonId, Role, State
from approvals.domain.terms import Factor
from approvals.errors import Invalid, NotAllowed, NotFound, Refusal
from approvals.room import Telling
from approvals.storage.requests import Query
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, SECURITY
from tests.fakes.desk import LEASE, House, house

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
TWO_AND_ONE = samples.terms(Factor(members=(FINANCE,), count=2), Factor(members=(SECURITY,)))


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url, people={**samples.PEOPLE, OTTO.id: OTTO}) as made:
        yield made


async def test_who_comes_decides_and_who_went_does_not(at: House) -> None:
    asked = await at.file(agent="claude-ada")
    handed = await at.desk.reassign(asked.id, by=ADA.id, to=(CARL.id,), note="  on leave ")
    assert handed.terms.factors == (Factor(members=(CARL.id,)),)
    assert handed.terms.called == (CARL.id,), "whoever it is handed to is told in person"
    assert (handed.state, handed.revision, handed.binding, handed.expires_at) == (
        State.PENDING,
        2,
        asked.binding,
        asked.expires_at,
    )
    row = (await at.ledger(asked))[-1]
    assert (row.event, row.actor, row.detail["note"]) == (Event.REASSIGNED, ADA.id, "on leave")
    assert row.detail["factors"] == [{"members": [CARL.id], "count": 1}]
    with pytest.raises(NotAllowed, match="routed to carl"):
        await at.approve(handed, ADA)
    assert (await at.approve(handed, CARL)).state is State.APPROVED


async def test_who_handed_it_on_reads_how_it_ends_and_is_told_but_decides_nothing(at: House) -> None:
    at.desk.reconfigure(
        caps=at.desk._caps,
        routes=at.desk._routes,
        telling=Telling(people=lambda _, one: [("slack", f"@{one}")], page=lambda id: f"https://here/{id}"),
    )
    asked, other = await at.file({"n": 1}), await at.file({"n": 2})
    await at.desk.reassign(asked.id, by=ADA.id, to=(CARL.id,))
    assert await at.desk.get(asked.id, ADA) is not None
    assert await at.desk.get(asked.id, EVE) is None
    assert {one.id for one in await at.desk.search(Query(), ADA)} == {asked.id, other.id}
    for act in (
        at.approve(asked, ADA),
        at.deny(asked, ADA),
        at.desk.comment(asked.id, by=ADA.id, via="web", text="?"),
        at.desk.reassign(asked.id, by=ADA.id, to=(BOB.id,)),
    ):
        with pytest.raises(NotAllowed):
            await act
    await at.deny(asked, CARL)
    ended = await at.now(asked)
    assert ended.handed_by == (ADA.id,)
    assert await at.desk.get(asked.id, ADA) == ended
    (told,) = await at.db.write(lambda tx: tx.alerts.take_due("test", LEASE, 10))
    assert told.target == f"@{ADA.id}"
    assert "was denied by a reviewer" in told.text


async def test_votes_of_those_who_went_count_no_more(at: House) -> None:
    asked = await at.file(terms=samples.terms(Factor(members=(FINANCE,), count=2)))
    await at.approve(asked, ADA)
    handed = await at.desk.reassign(asked.id, by=BOB.id, to=(SECURITY,))
    assert [need.have for need in await at.db.read(lambda tx: at.desk.room(tx).needs(handed))] == [0]
    assert (await at.approve(handed, CARL)).state is State.PENDING
    assert (await at.approve(handed, DORA)).state is State.APPROVED


async def test_an_operator_names_the_factor_or_gives_all_away(at: House) -> None:
    asked = await at.file(terms=TWO_AND_ONE)
    handed = await at.desk.reassign(asked.id, by=OTTO.id, to=(EVE.id,), factor=1)
    assert handed.terms.factors == (Factor(members=(FINANCE,), count=2), Factor(members=(EVE.id,)))
    handed = await at.desk.reassign(asked.id, by=OTTO.id, to=(FINANCE, EVE.id))
    assert [factor.count for factor in handed.terms.factors] == [2, 1]


@pytest.mark.parametrize(
    ("by", "to", "factor", "kind", "why"),
    [
        pytest.param(ADA.id, ("nobody@example.com",), None, Invalid, "nobody who is known", id="unknown person"),
        pytest.param(ADA.id, (EVE.id,), None, Invalid, "2 people are needed", id="fewer than the count"),
        pytest.param(ADA.id, (SECURITY,), 1, NotAllowed, "another group", id="a factor of others"),
        pytest.param(ADA.id, (SECURITY,), 7, Invalid, "there are 2", id="a factor that is not there"),
        pytest.param(EVE.id, (EVE.id,), None, NotFound, "no request", id="somebody it is not for"),
    ],
)
async def test_what_cannot_be_handed_on_stays_as_it_was(
    at: House, by: PersonId, to: tuple[str, ...], factor: int | None, kind: type[Refusal], why: str
) -> None:
    asked = await at.file(terms=TWO_AND_ONE)
    with pytest.raises(kind, match=why):
        await at.desk.reassign(asked.id, by=by, to=to, factor=factor)
    assert await at.now(asked) == asked


async def test_handing_on_never_approves_by_votes_that_were_given_for_another_place(at: House) -> None:
    asked = await at.file(terms=samples.terms(Factor(members=(FINANCE,)), Factor(members=(SECURITY,))))
    await at.approve(asked, ADA)
    with pytest.raises(Invalid, match="nobody would be asked any more"):
        await at.desk.reassign(asked.id, by=CARL.id, to=(ADA.id,))


async def test_a_snooze_is_one_persons_and_ends_with_its_time_or_a_change(at: House) -> None:
    asked = await at.file(terms=TWO_AND_ONE)
    await at.desk.snooze(asked.id, by=ADA.id, lasts=timedelta(minutes=10))

    async def hidden_from(person: PersonId) -> bool:
        request = await at.now(asked)
        held = await at.db.read(lambda tx: tx.snoozes.of(person))
        return request.id in held and held[request.id].hides(request, at.clock.now)

    assert (await hidden_from(ADA.id), await hidden_from(BOB.id)) == (True, False)
    assert await at.now(asked) == asked
    at.clock.move(minutes=10)
    assert not await hidden_from(ADA.id)
    await at.desk.snooze(asked.id, by=ADA.id, lasts=timedelta(minutes=4))
    assert await hidden_from(ADA.id)
    await at.approve(asked, BOB)
    assert not await hidden_from(ADA.id)
    with pytest.raises(Invalid, match="5 minutes that are left"):
        await at.desk.snooze(asked.id, by=ADA.id, lasts=timedelta(minutes=5))
    await at.desk.snooze(asked.id, by=ADA.id, lasts=timedelta(minutes=4))
    await at.desk.snooze(asked.id, by=ADA.id, lasts=None)
    assert not await hidden_from(ADA.id)
