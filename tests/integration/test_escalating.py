"""Chains of escalation over real databases: taken once, by one process, told on every card, voted by whoever came."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from approvals.channels import Undeliverable
from approvals.domain.happening import Event
from approvals.domain.model import Cause, State
from approvals.domain.terms import Escalation, OnTimeout, Terms
from approvals.errors import NotAllowed
from approvals.outbox import Outbox
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.recording import RecordingChannel
from approvals.testing.samples import ADA, PEOPLE
from tests.fakes.desk import House, house
from tests.fakes.processes import at_the_line

OLGA = samples.person("olga", "oncall")
FIVE = timedelta(minutes=5)
AFTER = Escalation(after=FIVE, to=("group:oncall",))
LAST = Escalation(to=(OLGA.id,))


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url, people={**PEOPLE, OLGA.id: OLGA}) as made:
        yield made


def chain(*steps: Escalation, **changes: Any) -> Terms:
    return samples.terms(escalate=steps, **changes)


async def test_a_step_lets_others_answer_and_is_taken_once_over_a_restart(at: House) -> None:
    asked = await at.file(terms=chain(AFTER))
    with pytest.raises(NotAllowed):
        await at.approve(asked, OLGA)
    at.clock.move(minutes=5)
    assert await Sweeper(at.desk).sweep() == 1
    again = Sweeper(at.another("after the restart"))
    await again.begin()
    assert await again.sweep() == 0
    rows = [row for row in await at.ledger(asked) if row.event is Event.ESCALATED]
    assert [(row.actor, row.detail["to"], row.detail["note"]) for row in rows] == [
        ("placet", ["group:oncall"], "nobody answered")
    ]
    assert (await at.approve(await at.now(asked), OLGA)).state is State.APPROVED
    assert (await at.claim(asked)).state is State.EXECUTING


async def test_whoever_was_asked_first_may_still_answer(at: House) -> None:
    asked = await at.file(terms=chain(AFTER))
    at.clock.move(minutes=6)
    # Nobody has swept: the decision itself finds that the step was due.
    assert (await at.approve(asked, ADA)).state is State.APPROVED
    assert [row.event for row in await at.ledger(asked)][1:] == [Event.ESCALATED, Event.QUORUM_MET]


async def test_silence_goes_through_the_chain_and_then_denies(at: House) -> None:
    asked = await at.file(terms=chain(LAST, on_timeout=OnTimeout.ESCALATE))
    at.clock.move(minutes=15)
    await Sweeper(at.desk).sweep()
    waits = await at.now(asked)
    assert (waits.state, waits.expires_at) == (State.PENDING, at.clock.now + waits.terms.timeout)
    at.clock.move(minutes=15)
    await Sweeper(at.desk).sweep()
    ended = await at.now(asked)
    assert (ended.state, ended.cause) == (State.EXPIRED, Cause.TIMED_OUT)


async def test_a_deadline_that_people_moved_leaves_the_steps_where_they_are(at: House) -> None:
    asked = await at.file(terms=chain(LAST, on_timeout=OnTimeout.ESCALATE))
    await at.desk.extend(asked.id, reviewer=ADA.id, by=FIVE)
    at.clock.move(minutes=15)
    assert await Sweeper(at.desk).sweep() == 0
    at.clock.move(minutes=5)
    assert await Sweeper(at.desk).sweep() == 1
    assert (await at.now(asked)).state is State.PENDING


@pytest.mark.parametrize(
    ("elsewhere", "ends"),
    [
        pytest.param("hook:one", State.PENDING, id="shown-elsewhere"),
        pytest.param("slack:#gone", State.EXPIRED, id="and-there-neither"),
    ],
)
async def test_what_reaches_nobody_is_shown_to_others_at_once(at: House, elsewhere: str, ends: State) -> None:
    unseen = Escalation(undelivered=True, to=("group:oncall",), channels=(elsewhere,))
    # Where a request is announced follows its channels, as in the gateway.
    at.desk.reconfigure(caps=at.desk._caps, routes=lambda _, terms: [_place(word) for word in terms.channels])
    asked = await at.file(terms=chain(unseen, AFTER, channels=("slack:#money",)))
    slack, hook = RecordingChannel(), RecordingChannel()
    outbox = Outbox(desk=at.desk, channels={"slack": slack, "hook": hook}, page=str)
    slack.fail_with = [Undeliverable("not_in_channel") for _ in range(9)]
    while await outbox.deliver_due():
        pass
    after = await at.now(asked)
    assert after.state is ends
    assert after.cause is (Cause.UNDELIVERED if ends is State.EXPIRED else None)
    (row,) = [row for row in await at.ledger(asked) if row.event is Event.ESCALATED]
    assert (row.detail["to"], row.detail["note"]) == (["group:oncall"], "nobody could be reached")
    if ends is State.PENDING:
        assert "because nobody could be reached" in hook.at("one")[-1].status_line
        assert (await at.approve(after, OLGA)).state is State.APPROVED


def _place(word: str) -> tuple[str, str]:
    channel, _, target = word.partition(":")
    return channel, target


async def test_of_several_processes_one_escalates(database_url: str, at: House) -> None:
    if at.db.dialect == "sqlite":
        pytest.skip("one process writes to a SQLite file")
    asked = [await at.file({"n": n}, terms=chain(AFTER)) for n in range(12)]
    async with at_the_line([("sweep", database_url, f"process-{number}") for number in range(3)]) as racers:
        await racers.go()
    for request in asked:
        after = await at.now(request)
        assert (after.revision, after.terms.escalate) == (2, ())
        assert [row.event for row in await at.ledger(request)].count(Event.ESCALATED) == 1
