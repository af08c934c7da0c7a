"""Freezes and pauses against the rows: what is stopped cannot be approved, claimed, or let run by silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.acting import Actor
from approvals.desk import Desk
from approvals.domain.happening import Event
from approvals.domain.model import ApprovalRequest, Cause, Role, State
from approvals.domain.terms import OnTimeout
from approvals.errors import Invalid, NotClaimable, NotFound, NotPermitted, Refusal, Stopped
from approvals.stops import Stops, Surroundings
from approvals.storage.agents import AgentRow
from approvals.storage.tx import Tx
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.samples import BOB
from tests.fakes.desk import LEASE, House, house

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
ALMA = samples.person("alma", roles=(Role.ADMIN,))
TARGETS, URL = [("slack", "#money"), ("recording", "here")], "https://placet.test/stops"
BY_OTTO, ON_THE_MACHINE = Actor(id=OTTO.id, via="web"), Actor(id="cli:root", via="cli")
SCOPES = [
    pytest.param("all", id="everything"),
    pytest.param("agent:claude-ada", id="its agent"),
    pytest.param("server:binance", id="its server"),
]
OTHERS = [pytest.param("agent:other", id="another agent"), pytest.param("server:files", id="another server")]


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    people = {**samples.PEOPLE, OTTO.id: OTTO, ALMA.id: ALMA}
    async with house(database_url, people=people) as made:
        await made.db.write(_two_agents)
        yield made


def _two_agents(tx: Tx) -> None:
    for name in ("claude-ada", "other"):
        tx.agents.upsert(AgentRow(name=name, owner=None, servers=("binance",), source="added", created_at=tx.now))


def stops(desk: Desk) -> Stops:
    return Stops(desk, Surroundings(servers=lambda: ["binance", "files"], targets=lambda: TARGETS, url=URL))


async def frozen(at: House, scope: str = "all", lasts: timedelta | None = timedelta(hours=1), **but: Any) -> int:
    _, ended = await stops(at.desk).freeze(scope, reason="incident", lasts=lasts, actor=but.get("actor", BY_OTTO))
    return ended


async def acts(at: House) -> list[tuple[str, str, str | None]]:
    """What the audit has of freezes, oldest first."""
    entries = await at.db.read(lambda tx: tx.audit.entries())
    return [(e.act.action, e.act.actor, e.act.subject) for e in entries if e.act.action.startswith("freeze")]


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_request_waits_through_a_freeze_and_can_only_be_denied(at: House, scope: str) -> None:
    asked, other = await at.file({"n": 1}), await at.file({"n": 2})
    assert await frozen(at, scope) == 0
    with pytest.raises(Stopped, match=r"otto@example\.com has frozen .*“incident”.* You may still deny it"):
        await at.approve(asked)
    assert (await at.now(asked)).state is State.PENDING
    assert (await at.deny(other)).state is State.DENIED
    await stops(at.desk).thaw(scope, actor=BY_OTTO)
    assert (await at.approve(asked)).state is State.APPROVED


@pytest.mark.parametrize("scope", SCOPES)
async def test_what_was_approved_and_has_not_run_ends_with_the_freeze(at: House, scope: str) -> None:
    approved, running = await at.approved({"n": 1}), await at.running({"n": 2})
    assert await frozen(at, scope) == 1
    ended = await at.now(approved)
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.FROZEN)
    row = (await at.ledger(approved))[-1]
    assert (row.event, row.actor, row.detail["note"]) == (Event.CANCELLED, OTTO.id, "incident")
    assert (await at.now(running)).state is State.EXECUTING


@pytest.mark.parametrize("scope", OTHERS)
async def test_what_a_freeze_is_not_about_goes_on(at: House, scope: str) -> None:
    approved = await at.approved({"n": 1})
    assert await frozen(at, scope) == 0
    assert (await at.claim(approved)).state is State.EXECUTING
    assert (await at.approved({"n": 2})).state is State.APPROVED


async def test_nothing_is_claimed_from_the_commit_of_a_freeze_on_by_whichever_process(at: House) -> None:
    """Approved in the moment of the freeze, so that the freeze did not find it: the claim itself looks."""
    approved = await at.approved()
    await at.db.write(lambda tx: tx.switches.freeze("all", reason="r", by=OTTO.id, at=tx.now))
    with pytest.raises(NotClaimable) as refused:
        await at.another("two").claim(approved.id, binding=approved.binding, lease=LEASE)
    ended: ApprovalRequest = refused.value.fields["request"]
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.FROZEN)


async def test_a_freeze_and_claims_at_once_leave_nothing_approved(at: House) -> None:
    approved = [await at.approved({"n": number}) for number in range(12)]
    claims = (at.claim(one) for one in approved)
    done = await asyncio.gather(*claims, frozen(at), return_exceptions=True)
    assert all(not isinstance(one, BaseException) or isinstance(one, Refusal) for one in done)
    states = [(await at.now(one)).state for one in approved]
    assert set(states) <= {State.EXECUTING, State.CANCELLED}
    assert states.count(State.EXECUTING) == sum(isinstance(one, ApprovalRequest) for one in done)


@pytest.mark.parametrize("how", ["ended", "ran out"])
async def test_a_yes_that_crossed_with_a_freeze_does_not_run_when_it_is_over(at: House, how: str) -> None:
    crossed = await at.approved({"n": 1})
    # As if the approval had been committed while the freeze looked for what it ends.
    await at.db.write(
        lambda tx: tx.switches.freeze("all", reason="r", by=OTTO.id, at=tx.now, until=tx.now + timedelta(minutes=2))
    )
    at.clock.move(minutes=1 if how == "ended" else 2)
    if how == "ended":
        await stops(at.desk).thaw("all", actor=BY_OTTO)
    else:
        after = await at.approved({"n": 2})
        await stops(at.desk).end_due()
        assert (await at.now(after)).state is State.APPROVED, "the freeze was over when it was approved"
    ended = await at.now(crossed)
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.FROZEN)


@pytest.mark.parametrize("stop", ["freeze", "pause"])
async def test_silence_allows_nothing_that_is_stopped(at: House, stop: str) -> None:
    asked = await at.file(terms=samples.terms(on_timeout=OnTimeout.ALLOW))
    await (frozen(at) if stop == "freeze" else at.db.write(lambda tx: tx.agents.pause("claude-ada", tx.now)))
    at.clock.move(minutes=16)
    await Sweeper(at.desk).sweep()
    ended = await at.now(asked)
    assert (ended.state, ended.cause) == (State.EXPIRED, Cause.TIMED_OUT)


async def test_silence_allows_again_once_the_freeze_is_over(at: House) -> None:
    asked = await at.file(terms=samples.terms(on_timeout=OnTimeout.ALLOW))
    await frozen(at, lasts=timedelta(minutes=5))
    at.clock.move(minutes=16)
    await Sweeper(at.desk).sweep()
    assert (await at.now(asked)).state is State.APPROVED


async def test_an_approval_outlives_a_pause_and_is_not_given_in_one(at: House) -> None:
    approved, asked = await at.approved({"n": 1}), await at.file({"n": 2})
    await at.db.write(lambda tx: tx.agents.pause("claude-ada", tx.now))
    with pytest.raises(NotClaimable):
        await at.claim(approved)
    assert (await at.now(approved)).state is State.APPROVED
    with pytest.raises(Stopped, match="the agent claude-ada is paused"):
        await at.approve(asked)
    await at.db.write(lambda tx: tx.agents.resume("claude-ada"))
    assert (await at.claim(approved)).state is State.EXECUTING
    assert (await at.approve(asked)).state is State.APPROVED


async def test_a_call_of_a_revoked_agent_is_not_claimed(at: House) -> None:
    approved = await at.approved()
    await at.db.write(lambda tx: tx.agents.revoke("claude-ada", tx.now))
    with pytest.raises(NotClaimable):
        await at.claim(approved)
    ended = await at.now(approved)
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.REVOKED)


async def test_a_freeze_replaces_the_one_before_of_its_scope_and_no_other(at: House) -> None:
    await frozen(at, "server:files")
    await frozen(at, "all")
    await frozen(at, "all", timedelta(hours=3), actor=ON_THE_MACHINE)
    standing = await stops(at.desk).in_force()
    assert [(one.scope, one.by, one.until - at.clock.now) for one in standing] == [
        ("server:files", OTTO.id, timedelta(hours=1)),
        ("all", "cli:root", timedelta(hours=3)),
    ]
    assert await acts(at) == [
        ("freeze.on", OTTO.id, "freeze:server:files"),
        ("freeze.on", OTTO.id, "freeze:all"),
        ("freeze.off", "cli:root", "freeze:all"),
        ("freeze.on", "cli:root", "freeze:all"),
    ]


async def test_a_freeze_ends_by_itself_and_that_is_written_down_once(at: House) -> None:
    await frozen(at, lasts=timedelta(minutes=5))
    assert await stops(at.desk).end_due() == []
    at.clock.move(minutes=5)
    assert await stops(at.desk).in_force() == []
    two = [stops(at.desk), stops(at.another("two"))]
    ended = [one for found in await asyncio.gather(*(each.end_due() for each in two)) for one in found]
    assert [(one.scope, one.ended_by, one.ended_at) for one in ended] == [("all", "placet", at.clock.now)]
    assert (await acts(at))[-1] == ("freeze.ran_out", "placet", "freeze:all")
    with pytest.raises(NotFound, match="freeze of every agent"):
        await stops(at.desk).thaw("all", actor=BY_OTTO)


async def test_without_a_time_a_freeze_is_as_long_as_one_may_be(at: House) -> None:
    await frozen(at, lasts=None)
    (standing,) = await stops(at.desk).in_force()
    assert standing.until - at.clock.now == timedelta(days=7)


@pytest.mark.parametrize(
    ("scope", "reason", "lasts", "why"),
    [
        pytest.param("agent:nobody", "r", None, "there is no agent nobody", id="an agent that is not there"),
        pytest.param("server:bank", "r", None, "there is no server bank", id="a server that is not there"),
        pytest.param("all", "  ", None, "say why", id="no reason"),
        pytest.param("all", "x" * 501, None, "at most 500", id="a novel"),
        pytest.param("all", "r\x00", None, "U\\+0000", id="a control character"),
        pytest.param("all", "r", timedelta(days=8), "at most 7 days", id="too long"),
        pytest.param("all", "r", timedelta(seconds=1), "at least a minute", id="too short"),
    ],
)
async def test_a_freeze_that_would_stop_nothing_or_says_nothing_is_refused(
    at: House, scope: str, reason: str, lasts: timedelta | None, why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        await stops(at.desk).freeze(scope, reason=reason, lasts=lasts, actor=BY_OTTO)
    assert await stops(at.desk).in_force() == []


async def test_stopping_takes_a_steward(at: House) -> None:
    for actor in (Actor(id=BOB.id, via="web"), Actor(id="nobody@example.com", via="cli")):
        with pytest.raises(NotPermitted, match="operator or admin"):
            await frozen(at, actor=actor)
    await frozen(at, actor=Actor(id=ALMA.id, via="web"))
    with pytest.raises(NotPermitted):
        await stops(at.desk).thaw("all", actor=Actor(id=BOB.id, via="web"))
    assert (await stops(at.desk).thaw("all", actor=ON_THE_MACHINE)).by == ALMA.id
