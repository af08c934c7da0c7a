"""Grants that are bound to a session of the agent's client: what they cover, when they end, and what they never do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain import shapes
from approvals.domain.grants import End
from approvals.domain.lifecycle import Note
from approvals.domain.model import ApprovalRequest, Cause, Ground, State
from approvals.domain.shapes import Proposal, Scope
from approvals.domain.terms import Factor
from approvals.errors import Invalid, NotClaimable
from approvals.filing import Filing
from approvals.grants import Grants
from approvals.storage.requests import LIVE_FOR
from approvals.sweeper import FORGET_SESSIONS, Sweeper
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, FINANCE
from tests.fakes.desk import LEASE, House, filing, house, returned

MINE, OTHER = "a" * 32, "b" * 32
TWO = samples.terms(Factor(members=(FINANCE,), count=2))


@pytest.fixture
async def home(database_url: str) -> AsyncIterator[House]:
    async with house(database_url) as built:
        await Sweeper(built.desk).begin()
        yield built


def wanted(**changes: Any) -> Proposal:
    shape = {"/amount": {"range": {"max": 100}}}
    said = {"arguments": shape, "for_seconds": 3600, "uses": 5, "budget": None, "scope": "session"}
    return shapes.read(said | changes)


def call_in(session: str | None, amount: int, **changes: Any) -> Filing:
    return filing({"amount": amount, "to": "acme"}, session=session, **changes)


async def filed(home: House, session: str | None, amount: int, **changes: Any) -> ApprovalRequest:
    return (await home.desk.file(call_in(session, amount, **changes))).request


async def claimed(home: House, request: ApprovalRequest, session: str | None) -> ApprovalRequest:
    return await home.desk.claim(request.id, binding=request.binding, lease=LEASE, session=session)


async def given(home: House, session: str = MINE, **changes: Any) -> ApprovalRequest:
    asked = await home.approve(await filed(home, session, 10), grant=wanted(**changes))
    await claimed(home, asked, session)
    done = await home.desk.settle(asked.id, returned())
    await home.desk.told(done.id)
    return done


async def the_grant(home: House) -> Any:
    return (await Grants(home.desk).listed(ADA))[0][0]


async def test_only_calls_over_the_very_session_are_covered(home: House) -> None:
    await given(home)
    covered = await filed(home, MINE, 20)
    assert (covered.state, covered.ground) == (State.APPROVED, Ground.GRANT)
    assert await home.now(covered) == covered
    assert covered.covered is not None
    assert covered.covered.scope is Scope.SESSION
    assert (await claimed(home, covered, MINE)).state is State.EXECUTING
    assert (await filed(home, OTHER, 21)).state is State.PENDING
    assert (await filed(home, None, 22)).state is State.PENDING
    assert (await the_grant(home)).used == 1


async def test_a_grant_for_all_sessions_is_told_apart(home: House) -> None:
    await given(home, scope="agent")
    assert (await the_grant(home)).session is None
    for session, amount in ((OTHER, 21), (None, 22)):
        covered = await filed(home, session, amount)
        assert (await claimed(home, covered, OTHER)).state is State.EXECUTING


async def test_it_ends_with_its_session_and_says_so(home: House) -> None:
    origin = await given(home)
    waiting = await filed(home, MINE, 20)
    assert await Grants(home.desk).session_over(MINE) == 1
    assert await Grants(home.desk).session_over(MINE) == 0
    grant = await the_grant(home)
    assert (grant.end(home.clock.now), grant.ended_by) == (End.SESSION_OVER, "placet")
    # What it had let through and was not sent does not run, not even over what claims to be its session.
    with pytest.raises(NotClaimable):
        await claimed(home, waiting, MINE)
    assert (await home.now(waiting)).cause is Cause.REVOKED
    assert (await filed(home, MINE, 21)).state is State.PENDING
    (row,) = [row for row in await home.ledger(origin) if row.event is Note.GRANT_ENDED]
    assert (row.actor, row.detail["note"]) == ("placet", "the session it was bound to is over")
    acts = await home.db.read(lambda tx: tx.audit.newest(request=origin.id))
    assert "request.grant_ended" in {entry.act.action for entry in acts}


async def test_the_end_of_one_session_ends_no_other_grant(home: House) -> None:
    await given(home)
    await filed(home, OTHER, 500)
    assert await Grants(home.desk).session_over(OTHER) == 0
    assert await Grants(home.desk).session_over("c" * 32) == 0
    assert (await filed(home, MINE, 20)).state is State.APPROVED


@pytest.mark.parametrize("who", [pytest.param(OTHER, id="another-session"), pytest.param(None, id="nobody")])
async def test_who_joins_a_covered_call_does_not_run_it_and_does_not_end_it(home: House, who: str | None) -> None:
    await given(home)
    covered = await filed(home, MINE, 20)
    joined = await home.desk.file(call_in(who, 20))
    assert joined.request.id == covered.id
    with pytest.raises(NotClaimable) as refused:
        await claimed(home, covered, who)
    assert refused.value.fields["request"].state is State.APPROVED
    assert (await claimed(home, covered, MINE)).state is State.EXECUTING


async def test_a_call_without_a_session_gets_none_and_nothing_wider(home: House) -> None:
    request = await filed(home, None, 10)
    for act in (
        home.approve(request, grant=wanted()),
        Grants(home.desk).preview(request.id, person=ADA, proposal=wanted()),
    ):
        with pytest.raises(Invalid, match="no session is made up") as refused:
            await act
        assert refused.value.fields["field"] == "grant/scope"
    assert (await home.now(request)).state is State.PENDING
    approved = await home.approve(request)
    with pytest.raises(Invalid, match="no session is made up"):
        await Grants(home.desk).give(request.id, person=ADA.id, binding=approved.binding, proposal=wanted())
    assert (await Grants(home.desk).listed(ADA))[0] == []


async def test_no_grant_is_bound_to_a_session_that_is_over(home: House) -> None:
    request = await filed(home, MINE, 10)
    await Grants(home.desk).session_over(MINE)
    with pytest.raises(Invalid, match="is over"):
        await home.approve(request, grant=wanted())
    approved = await home.approve(request)
    with pytest.raises(Invalid, match="is over"):
        await Grants(home.desk).give(request.id, person=ADA.id, binding=approved.binding, proposal=wanted())
    # A later call that still came in over it opens it for nobody.
    assert (await filed(home, MINE, 11)).state is State.PENDING
    assert not await home.db.read(lambda tx: tx.agent_sessions.is_open(MINE))


async def test_several_givers_must_want_the_same_scope(home: House) -> None:
    first = await home.approve(await filed(home, MINE, 10, terms=TWO), grant=wanted())
    both = await home.approve(first, BOB, grant=wanted(scope="agent"))
    assert both.state is State.APPROVED
    assert (await Grants(home.desk).listed(ADA))[0] == []


async def test_the_sessions_of_a_process_that_is_gone_are_over(home: House) -> None:
    await given(home)
    two = Sweeper(home.another("two"))
    await two.beat()
    assert (await the_grant(home)).ended_at is None
    home.clock.move(seconds=LIVE_FOR.total_seconds() + 1)
    await two.beat()
    assert (await the_grant(home)).end(home.clock.now) is End.SESSION_OVER


async def test_a_clean_stop_ends_the_sessions_of_its_process(home: House) -> None:
    await given(home)
    await Sweeper(home.desk).leave()
    assert (await the_grant(home)).end(home.clock.now) is End.SESSION_OVER


async def test_what_the_process_does_not_have_any_more_is_over(home: House) -> None:
    await given(home)
    assert await Grants(home.desk).sessions_left(lambda: {MINE}) == 0
    assert await Grants(home.desk).sessions_left(lambda: {OTHER}) == 1
    assert await Grants(home.another("two")).sessions_left(frozenset) == 0


async def test_sessions_that_ended_long_ago_are_forgotten(home: House) -> None:
    await filed(home, MINE, 10)
    await filed(home, OTHER, 11)
    await Grants(home.desk).session_over(MINE)
    home.clock.move(seconds=(FORGET_SESSIONS + timedelta(days=1)).total_seconds())
    await Sweeper(home.desk).tidy()
    assert await home.db.read(lambda tx: tx.agent_sessions.open_of("one")) == {OTHER}
    assert not await home.db.read(lambda tx: tx.agent_sessions.is_open(MINE))


async def test_a_preview_looks_at_the_calls_of_this_session_alone(home: House) -> None:
    for session, amount in ((MINE, 20), (OTHER, 30), (None, 40)):
        await home.approve(await filed(home, session, amount))
    request = await filed(home, MINE, 10)
    preview = Grants(home.desk).preview
    assert (await preview(request.id, person=ADA, proposal=wanted())).matched == 1
    assert (await preview(request.id, person=ADA, proposal=wanted(scope="agent"))).matched == 3


async def test_the_key_of_a_session_comes_back_with_its_request_and_is_not_printed(home: House) -> None:
    request = await home.now(await filed(home, MINE, 20))
    assert request.caller.session == MINE
    assert MINE not in repr(request)
