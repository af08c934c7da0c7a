"""Decoys over real databases: planted among real requests, answered, disclosed, and in nobody's way."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from approvals import insights
from approvals.decoys import Planter
from approvals.domain.attention import Friction
from approvals.domain.decoys import LATEST, OFF, STORM, Decoys
from approvals.domain.fingerprint import make_call, of_tool
from approvals.domain.model import Answer, ApprovalRequest, Cause, Role, Ruled, State
from approvals.domain.quiet import Quiet
from approvals.domain.terms import Factor
from approvals.errors import NotClaimable, PolicyRefuses, Refusal, Unfit
from approvals.filing import Caps, FiledAs
from approvals.storage.agents import AgentRow, TokenRow
from approvals.storage.numbers import Period
from approvals.storage.requests import Query
from approvals.storage.tx import Tx
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB
from gateway.edits import Edits
from gateway.judge import Judge
from gateway.limits import Limits
from gateway.policy.loaders import load_policy
from gateway.policy.model import Policy
from gateway.policy.routes import ApprovalDefaults
from tests.fakes.desk import House, decision, filing, house
from tests.fakes.edits import Says

SAME = Ruled(rule="/tools/new_order/action", policy_version="v1")
OPERATOR = samples.person("otto", roles=(Role.OPERATOR,))


@dataclass(frozen=True, slots=True)
class At:
    """A desk that has a decoy follow every request."""

    house: House
    planter: Planter

    async def planted(self) -> list[ApprovalRequest]:
        """Let the time come; what waits then as a decoy."""
        self.house.clock.move(minutes=LATEST.total_seconds() / 60)
        await self.planter.plant()
        query = Query(states=frozenset({State.PENDING}))
        found = await self.house.db.read(lambda tx: tx.requests.search(query))
        return [one for one in found if one.decoy is not None]

    async def decoy(self) -> ApprovalRequest:
        await self.house.file(terms=samples.terms(timeout=timedelta(hours=2)))
        (one,) = await self.planted()
        return one

    def says(self, said: Ruled | Refusal) -> None:
        self.house.desk.edits = Says(said)


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[At]:
    async with house(database_url, people={**samples.PEOPLE, OPERATOR.id: OPERATOR}, caps=Caps(per_agent=3)) as made:
        numbers = itertools.count(900)
        planter = Planter(made.desk, lambda kind: f"{kind}_{next(numbers):026d}", chance=lambda: 0.0)
        planter.settings = Decoys(rate=0.1)
        one = At(made, planter)
        one.says(SAME)
        yield one


async def test_a_decoy_is_a_bad_copy_of_a_real_request_and_nothing_tells_it_apart(at: At) -> None:
    real = await at.house.file(terms=samples.terms(timeout=timedelta(hours=2)), justification="please")
    (decoy,) = await at.planted()
    assert json.loads(decoy.call.arguments) == {"quantity": 150.0, "symbol": "BTCUSDT"}
    same = replace(
        decoy,
        id=real.id,
        call=real.call,
        binding=real.binding,
        call_key=real.call_key,
        created_at=real.created_at,
        expires_at=real.expires_at,
        decoy=None,
    )
    assert same == real
    assert await _places(at, real) == await _places(at, decoy) != []
    (row,) = await at.house.ledger(decoy)
    assert (row.actor, row.detail) == ("agent:claude-ada", {})
    acts = [entry.act for entry in await at.house.db.read(lambda tx: tx.audit.entries())]
    assert [(act.subject, act.detail["change"]) for act in acts if act.action == "decoy.planted"] == [
        (f"request:{decoy.id}", decoy.decoy)
    ]


@pytest.mark.parametrize(
    ("answer", "state", "score"), [(Answer.DENY, State.DENIED, (1, 0)), (Answer.APPROVE, State.CANCELLED, (0, 1))]
)
async def test_an_answer_ends_it_and_is_the_reviewers_score(
    at: At, answer: Answer, state: State, score: tuple[int, int]
) -> None:
    decoy = await at.decoy()
    ended = await at.house.desk.decide(decoy.id, decision(decoy, ADA, answer=answer))
    assert ended.state is state
    assert ended.cause is (Cause.DECOY if answer is Answer.APPROVE else None)
    with pytest.raises(NotClaimable):
        await at.house.claim(ended)
    found = await _insights(at)
    (one,) = found.reviewers
    assert (one.person, one.decisions, one.decoys.seen, one.decoys.missed) == (ADA.id, 0, *score)
    assert found.count.asked == 1
    assert sum((await at.house.db.read(lambda tx: tx.decoys.totals())).values()) == 1


async def test_wanting_other_arguments_is_seeing_through_it(at: At) -> None:
    decoy = await at.decoy()
    ended = await at.house.desk.decide(
        decoy.id, replace(decision(decoy, ADA), arguments=b'{"quantity":1,"symbol":"BTCUSDT"}')
    )
    assert (ended.state, ended.cause, ended.votes, ended.call) == (State.CANCELLED, Cause.DECOY, (), decoy.call)
    assert (await _insights(at)).reviewers[0].decoys.seen == 1


async def test_of_two_who_must_approve_each_has_a_score(at: At) -> None:
    await at.house.file(terms=samples.terms(Factor(members=("group:finance",), count=2), timeout=timedelta(hours=2)))
    (decoy,) = await at.planted()
    assert (await at.house.approve(decoy, ADA)).state is State.PENDING
    assert (await at.house.deny(decoy, BOB)).state is State.DENIED
    scores = {one.person: one.decoys for one in (await _insights(at)).reviewers}
    assert (scores[ADA.id].missed, scores[BOB.id].seen) == (1, 1)


async def test_one_that_nobody_answers_counts_for_nobody(at: At) -> None:
    decoy = await at.decoy()
    at.house.clock.move(hours=3)
    await Sweeper(at.house.desk).sweep()
    ended = await at.house.now(decoy)
    assert (ended.state, ended.cause) == (State.EXPIRED, Cause.TIMED_OUT)
    assert (await _insights(at)).reviewers == []


async def test_it_takes_no_place_and_no_call_of_the_agents_finds_it(at: At) -> None:
    decoy = await at.decoy()
    for number in range(2):
        await at.house.file({"quantity": number + 2, "symbol": "X"})
    counts = await at.house.db.read(
        lambda tx: tx.requests.count_pending(agent="claude-ada", server="binance", tool="new_order")
    )
    assert counts == (3, 3, 3)
    await at.house.deny(decoy)
    same = await at.house.desk.file(filing(json.loads(decoy.call.arguments), agent="another"))
    assert same.kind is FiledAs.SAVED
    assert (await at.house.db.read(lambda tx: tx.requests.count_by_state())) == {State.PENDING: 4}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(replace(SAME, rule="/tools/new_order/approve_if/1"), id="another-rule"),
        pytest.param(replace(SAME, terms=samples.terms()), id="other-people"),
        pytest.param(PolicyRefuses(rule="/x", why="too much"), id="refused"),
    ],
)
async def test_where_the_policy_says_something_else_of_it_none_is_planted(at: At, said: Ruled | Refusal) -> None:
    at.says(said)
    await at.house.file()
    assert await at.planted() == []
    assert await at.house.db.read(lambda tx: tx.decoys.due(10)) == []


async def test_one_at_a_time_never_in_a_storm_and_none_once_switched_off(at: At) -> None:
    await at.decoy()
    await at.house.file({"quantity": 7, "symbol": "X"})
    assert len(await at.planted()) == 1
    at.house.desk.reconfigure(caps=Caps(), routes=lambda *_: [])
    (waiting,) = await at.planted()
    await at.house.deny(waiting)
    for number in range(STORM):
        await at.house.file({"quantity": 20 + number, "symbol": "X"})
    assert await at.planted() == []
    at.planter.settings = OFF
    await at.house.file({"quantity": 99, "symbol": "X"})
    assert await at.planted() == []


async def test_nobody_is_tested_in_quiet_hours(at: At) -> None:
    await at.house.file()
    at.house.people(replace(ADA, quiet=_now_quiet(at.house.clock.now)))
    assert await at.planted() == []


def _agent_comes(tx: Tx) -> None:
    tx.agents.upsert(AgentRow(name="claude-ada", owner=None, servers=(), source="added", created_at=tx.now))
    tx.agents.add_token(TokenRow(hash="h", agent="claude-ada", prefix="plc", created_at=tx.now))
    tx.agents.used("h", tx.now)


async def _beats(at: At) -> None:
    """The process that holds connections says that it lives."""
    await at.house.db.write(lambda tx: tx.replicas.heartbeat("one", tx.now))


async def _held(at: At, **changes: Any) -> ApprovalRequest:
    """A real request whose agent waits."""
    await _beats(at)
    terms = samples.terms(Factor(members=("group:finance",), count=2), timeout=timedelta(hours=2))
    return (await at.house.desk.file(filing(terms=terms, waiting=True, **changes))).request


async def _decoy_of(at: At) -> ApprovalRequest:
    at.house.clock.move(minutes=LATEST.total_seconds() / 60)
    await _beats(at)
    (decoy,) = await at.planted()
    await _beats(at)
    return await at.house.now(decoy)


async def test_its_agent_waits_for_as_long_as_that_of_the_real_one_and_leaves(at: At) -> None:
    real = await _held(at)
    at.house.clock.move(seconds=210)
    await at.house.desk.attached.detach(real.id)
    decoy = await _decoy_of(at)
    assert decoy.waiting
    at.house.clock.move(seconds=209)
    await _beats(at)
    await at.planter.plant()
    assert (await at.house.now(decoy)).waiting
    at.house.clock.move(seconds=2)
    await _beats(at)
    await at.planter.plant()
    assert not (await at.house.now(decoy)).waiting


async def test_its_agent_is_given_a_question_as_one_that_is_held(at: At) -> None:
    await _held(at)
    decoy = await _decoy_of(at)
    assert decoy.waiting
    await at.house.desk.ask(decoy.id, by=ADA.id, via="web", text="why?")
    asked = await at.house.now(decoy)
    assert (asked.waiting, asked.questions[0].told_at) == (False, at.house.clock.now)
    await at.house.desk.ask(decoy.id, by=ADA.id, via="web", text="are you there?")
    assert (await at.house.now(decoy)).questions[1].told_at is None


async def test_its_agent_goes_away_where_a_stop_sends_away_the_others(at: At) -> None:
    await _held(at)
    decoy = await _decoy_of(at)
    await at.planter.let_go()
    assert (await at.house.now(decoy)).waiting
    await at.house.db.write(_agent_comes)
    await at.house.db.write(lambda tx: tx.agents.pause("claude-ada", tx.now))
    await at.planter.let_go()
    assert not (await at.house.now(decoy)).waiting


async def test_none_comes_while_its_agent_is_not_about(at: At) -> None:
    await at.house.db.write(_agent_comes)
    await at.house.file(terms=samples.terms(timeout=timedelta(hours=8)))
    at.house.clock.move(hours=2)
    assert await at.planted() == []
    await at.house.db.write(lambda tx: tx.agents.used("h", tx.now))
    assert len(await at.planted()) == 1


async def test_a_plan_is_dropped_when_its_agent_stays_away(at: At) -> None:
    await at.house.db.write(_agent_comes)
    await at.house.file(terms=samples.terms(timeout=timedelta(hours=60)))
    at.house.clock.move(hours=30)
    assert await at.planted() == []
    await at.house.db.write(lambda tx: tx.agents.used("h", tx.now))
    assert await at.planted() == []


async def test_what_was_handed_on_has_none_since_its_record_could_not_say_how(at: At) -> None:
    real = await at.house.file(terms=samples.terms(timeout=timedelta(hours=2)))
    await at.house.desk.reassign(real.id, by=ADA.id, to=(BOB.id,))
    assert await at.planted() == []


async def test_arguments_that_no_call_could_have_are_no_answer(at: At) -> None:
    decoy = await at.decoy()
    at.says(Unfit([("/quantity", "is no number")]))
    wanted = replace(decision(decoy, ADA), arguments=b'{"quantity":"x","symbol":"BTCUSDT"}')
    with pytest.raises(Unfit):
        await at.house.desk.decide(decoy.id, wanted)
    assert (await at.house.now(decoy)).state is State.PENDING
    assert await at.house.db.read(lambda tx: tx.decoys.totals()) == {}


async def test_an_edit_that_leaves_the_bad_change_is_an_approval_of_it(at: At) -> None:
    decoy = await at.decoy()
    arguments = json.loads(decoy.call.arguments) | {"symbol": "ETHUSDT"}
    wanted = replace(decision(decoy, ADA), arguments=json.dumps(arguments).encode())
    ended = await at.house.desk.decide(decoy.id, wanted)
    assert (ended.state, [vote.reviewer for vote in ended.votes]) == (State.CANCELLED, [ADA.id])
    assert (await _insights(at)).reviewers[0].decoys.missed == 1


async def test_while_others_may_still_answer_it_no_number_tells_what_it_is(at: At) -> None:
    await _held(at)
    decoy = await _decoy_of(at)
    assert (await at.house.approve(decoy, ADA)).state is State.PENDING
    found = await _insights(at)
    assert (found.reviewers, found.count.asked, found.waiting) == ([], 2, 2)
    assert await at.house.db.read(lambda tx: tx.decoys.totals()) == {}
    assert (await at.house.db.read(lambda tx: tx.requests.count_by_state())) == {State.PENDING: 2}
    ended = await at.house.deny(decoy, BOB)
    assert not (await at.house.now(ended)).waiting
    assert (await _insights(at)).count.asked == 1


async def _places(at: At, request: ApprovalRequest) -> list[tuple[str, str]]:
    rows = await at.house.db.read(lambda tx: tx.messages.for_request(request.id))
    return [(row.channel, row.target) for row in rows]


def _now_quiet(now: datetime) -> Quiet:
    there = now.astimezone(ZoneInfo("UTC"))
    return Quiet(start=time(there.hour), end=time((there.hour + 2) % 24))


async def _insights(at: At) -> insights.Insights:
    def look(tx: Tx) -> insights.Insights:
        period = Period(start=samples.NOW - timedelta(hours=1), end=tx.now + timedelta(hours=1))
        return insights.look(tx, OPERATOR, period, Friction())

    return await at.house.db.read(look)


POLICY = """
version: "1"
default: deny
tools:
  pay:
    approve_if:
      - {conditions: [{path: args.amount, op: gt, value: 10}], approval: {reviewers: ["group:finance"]}}
      - {conditions: [{path: args.amount, op: gt, value: 1000}], approval: {reviewers: ["group:cfo"]}}
"""
TOOL = {
    "name": "pay",
    "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}, "amount": {"type": "number"}}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """The server, as far as it is judged."""

    name: str = "bank"
    policies: tuple[Policy, ...] = (load_policy(POLICY, "bank.yaml"),)


async def test_the_policy_itself_chooses_which_change_asks_the_same_people(at: At) -> None:
    fingerprint, db = of_tool(TOOL), at.house.db
    await db.write(lambda tx: tx.pins.first("bank", "pay", fingerprint, TOOL))
    at.house.desk.edits = Edits(
        db=db, judge=Judge(ApprovalDefaults()), limits=Limits(db), server=lambda _agent, _name: Bank()
    )
    call = make_call(server="bank", tool="pay", arguments={"to": "acme", "amount": 50}, tool_fingerprint=fingerprint)
    rule, version = "/tools/pay/approve_if/0", Bank().policies[0].version
    await at.house.desk.file(filing(call=call, rule=rule, policy_version=version))
    (decoy,) = await at.planted()
    assert json.loads(decoy.call.arguments) == {"to": "hjtl", "amount": 50}
    assert (decoy.rule, decoy.decoy) == (rule, "to is somebody else")
