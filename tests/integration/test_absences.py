"""People who are away, over real databases: their delegates get what waits, and their word counts while it lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from approvals.absences import Absences
from approvals.acting import Actor
from approvals.domain.model import Cause, Person, PersonId, Role, State
from approvals.domain.terms import Factor, Terms
from approvals.errors import Invalid, NotAllowed, NotClaimable, NotFound, NotPermitted
from approvals.room import Routes
from approvals.storage.tx import Tx
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, EVE, FINANCE
from gateway.desks import reviewers
from tests.fakes.desk import House, house

ALMA = samples.person("alma", roles=(Role.ADMIN,))
MACHINE = Actor(id="cli:root", via="cli")


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url, people={**samples.PEOPLE, ALMA.id: ALMA}) as made:
        made.desk.reconfigure(caps=made.desk._caps, routes=_mails(made))
        yield made


def _mails(at: House) -> Routes:
    """A mail to each reviewer, as the gateway sends them."""

    def routes(tx: Tx, terms: Terms) -> list[tuple[str, str]]:
        people: Mapping[PersonId, Person] = at.directory.people(tx)
        return [("email", address) for address in reviewers(terms, people)]

    return routes


async def leave(at: House, who: Person = ADA, to: Person | None = EVE, by: Actor = MACHINE, **when: float) -> None:
    until = at.clock.now + timedelta(**(when or {"days": 2}))
    await Absences(at.desk).begin(who.id, until=until, to=to.id if to else None, actor=by)


async def mailed(at: House, request_id: str) -> set[str]:
    rows = await at.db.read(lambda tx: tx.messages.for_request(request_id))
    return {row.target for row in rows}


async def test_what_waits_goes_to_the_delegate_at_once_and_their_word_counts(at: House) -> None:
    asked = await at.file()
    other = await at.file({"n": 2}, terms=samples.terms(Factor(members=("group:security",))))
    assert EVE.id not in await mailed(at, asked.id)
    with pytest.raises(NotAllowed):
        await at.approve(asked, EVE)
    await leave(at)
    assert EVE.id in await mailed(at, asked.id)
    assert EVE.id not in await mailed(at, other.id)
    done = await at.approve(asked, EVE)
    assert (done.state, done.votes[0].on_behalf) == (State.APPROVED, (ADA.id,))
    assert (await at.ledger(asked))[-1].detail["for"] == [ADA.id]
    assert (await at.now(asked)).votes == done.votes


async def test_what_is_asked_meanwhile_goes_to_the_delegate_instead(at: House) -> None:
    await leave(at)
    asked = await at.file()
    assert {ADA.id, EVE.id} & await mailed(at, asked.id) == {EVE.id}
    forbidden = await at.file({"n": 2}, terms=samples.terms(delegation=False))
    assert {ADA.id, EVE.id} & await mailed(at, forbidden.id) == {ADA.id}
    with pytest.raises(NotAllowed):
        await at.approve(forbidden, EVE)


async def test_it_ends_with_the_absence_and_what_was_said_before_still_counts(at: House) -> None:
    two = samples.terms(Factor(members=(FINANCE,), count=2))
    asked, late = await at.file(terms=two), await at.file({"n": 2})
    await leave(at, minutes=5)
    await at.approve(asked, EVE)
    at.clock.move(minutes=5)
    with pytest.raises(NotAllowed):
        await at.approve(late, EVE)
    assert (await at.approve(await at.now(asked), BOB)).state is State.APPROVED
    assert (await at.claim(asked)).state is State.EXECUTING


async def test_ada_who_is_back_early_decides_alone(at: House) -> None:
    asked = await at.file()
    await leave(at)
    await Absences(at.desk).end(ADA.id, actor=Actor(id=ADA.id, via="web"))
    with pytest.raises(NotAllowed):
        await at.approve(asked, EVE)
    assert (await at.approve(asked, ADA)).state is State.APPROVED
    with pytest.raises(NotFound):
        await Absences(at.desk).end(ADA.id, actor=MACHINE)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(replace(ADA, groups=frozenset()), id="the-absent-lost-it"),
        pytest.param(replace(EVE, disabled=True), id="the-delegate-lost-it"),
    ],
)
async def test_a_right_that_either_lost_before_the_call_runs_does_not_run_it(at: House, changed: Person) -> None:
    asked = await at.file()
    await leave(at)
    await at.approve(asked, EVE)
    at.people(changed)
    with pytest.raises(NotClaimable):
        await at.claim(asked)
    ended = await at.now(asked)
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.REVOKED)


async def test_an_absence_to_come_moves_what_waits_when_it_begins_and_once(at: House) -> None:
    asked = await at.file(terms=samples.terms(timeout=timedelta(days=2)))
    tomorrow = at.clock.now + timedelta(days=1)
    await Absences(at.desk).begin(
        ADA.id, since=tomorrow, until=tomorrow + timedelta(days=1), to=EVE.id, actor=Actor(id=ADA.id, via="web")
    )
    await Sweeper(at.desk).sweep()
    assert EVE.id not in await mailed(at, asked.id)
    at.clock.move(days=1)
    other = at.another("two")
    other.reconfigure(caps=at.desk._caps, routes=_mails(at))
    await Sweeper(other).sweep()
    assert EVE.id in await mailed(at, asked.id)
    assert await at.db.read(lambda tx: tx.absences.to_move()) == []
    at.clock.move(days=1)
    await Sweeper(at.desk).tidy()
    assert await at.db.read(lambda tx: tx.absences.coming()) == []


@pytest.mark.parametrize(
    ("who", "by", "may"),
    [
        pytest.param(ADA, ADA, True, id="oneself"),
        pytest.param(ADA, ALMA, True, id="an-admin"),
        pytest.param(ADA, BOB, False, id="another-reviewer"),
        pytest.param(replace(ADA, roles=frozenset({Role.VIEWER})), ADA, False, id="oneself-without-the-role"),
    ],
)
async def test_who_may_say_that_somebody_is_away(at: House, who: Person, by: Person, may: bool) -> None:
    at.directory.replace({**samples.PEOPLE, ALMA.id: ALMA, who.id: who}, {})
    if may:
        await leave(at, by=Actor(id=by.id, via="web"))
        acts = [entry.act for entry in await at.db.read(lambda tx: tx.audit.entries())]
        assert (acts[-1].action, acts[-1].actor, acts[-1].detail["to"]) == ("person.away", by.id, EVE.id)
        return
    with pytest.raises(NotPermitted):
        await leave(at, by=Actor(id=by.id, via="web"))


async def test_bad_absences_are_refused_by_field(at: House) -> None:
    with pytest.raises(Invalid, match="their own delegate"):
        await leave(at, to=ADA)
    with pytest.raises(Invalid, match="later than now"):
        await leave(at, days=-1)
    with pytest.raises(NotFound):
        await leave(at, who=samples.person("nobody"))
