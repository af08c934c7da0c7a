"""The desk over real databases: each refusal in its order, each change with its ledger row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Note
from approvals.domain.model import Answer, Cause, Person, Role, State
from approvals.domain.terms import Factor, OnTimeout
from approvals.errors import (
    AlreadyDecided,
    Expired,
    Invalid,
    NotAllowed,
    NotClaimable,
    NotFound,
    Refusal,
    StaleBinding,
)
from approvals.storage import tables
from approvals.storage.requests import Query
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, SECURITY
from tests.fakes.desk import LEASE, House, decision, house, returned

TWO = samples.terms(Factor(members=(FINANCE,), count=2))
TWO_AND_ONE = samples.terms(Factor(members=(FINANCE,), count=2), Factor(members=(SECURITY,)))
NOBODY = samples.person("nobody", roles=())


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url) as made:
        yield made


async def test_a_yes_is_saved_with_its_vote_its_ledger_row_and_its_deadline(at: House) -> None:
    asked = await at.file()
    at.clock.move(minutes=2)
    given = await at.approve(asked, reason="  fine  ")
    assert (given.state, given.revision, given.decided_at) == (State.APPROVED, 2, at.clock.now)
    assert given.collect_by == at.clock.now + asked.terms.collect_within
    assert [(v.reviewer, v.answer, v.reason, v.via) for v in given.votes] == [(ADA.id, Answer.APPROVE, "fine", "web")]
    assert await at.now(asked) == given
    assert [(r.event, r.actor, r.seq) for r in await at.ledger(asked)] == [
        (Note.FILED, "agent:claude-ada", 1),
        (Event.QUORUM_MET, ADA.id, 2),
    ]


async def test_a_no_is_final_and_carries_its_reason(at: House) -> None:
    asked = await at.file()
    refused = await at.deny(asked, reason="not today\r\nask again")
    assert (refused.state, refused.votes[0].reason) == (State.DENIED, "not today\nask again")


async def test_the_second_answer_is_told_who_was_first_and_what_is_true_now(at: House) -> None:
    asked = await at.file()
    await at.approve(asked, BOB)
    for answer in Answer:
        with pytest.raises(AlreadyDecided, match=r"Already approved by Bob at 2026-11-24 14:02:00 UTC") as told:
            await at.desk.decide(asked.id, decision(asked, ADA, answer=answer))
        assert told.value.fields["request"] == await at.now(asked)


async def test_in_its_cancel_window_nobody_runs_it_and_whoever_may_take_it_back_pulls_it(at: House) -> None:
    terms = replace(samples.terms(), cancel_window=timedelta(seconds=30))
    first, second = await at.approved({"n": 1}, terms=terms), await at.approved({"n": 2}, terms=terms)
    at.clock.move(seconds=29.9)
    for desk in (at.desk, at.another("two")):
        with pytest.raises(NotClaimable) as told:
            await desk.claim(first.id, binding=first.binding, lease=LEASE)
        assert told.value.fields["request"] == first
    pulled = await at.desk.cancel(second.id, actor=BOB.id, cause=Cause.CANCELLED_BY_PERSON)
    assert pulled.state is State.CANCELLED
    at.clock.move(seconds=0.1)
    assert (await at.claim(first)).state is State.EXECUTING
    with pytest.raises(NotClaimable):
        await at.claim(second)


async def test_pressing_twice_changes_nothing(at: House) -> None:
    asked = await at.file()
    await at.approve(asked)
    with pytest.raises(AlreadyDecided, match="by Ada"):
        await at.approve(asked)
    assert (await at.now(asked)).revision == 2


@pytest.mark.parametrize("binding", ["", "0" * 64, None], ids=["missing", "made-up", "of-another-request"])
async def test_a_decision_must_name_the_binding_that_stands(at: House, binding: str | None) -> None:
    asked, other = await at.file(), await at.file({"quantity": 2})
    with pytest.raises(StaleBinding) as told:
        await at.approve(asked, binding=other.binding if binding is None else binding)
    assert told.value.fields["request"] == asked
    assert (await at.now(asked)).votes == ()


@pytest.mark.parametrize(
    ("offset", "refusal"),
    [(-1, None), (0, Expired), (1, Expired)],
    ids=["a-millisecond-before", "at-the-deadline", "a-millisecond-after"],
)
async def test_the_deadline_is_the_databases(at: House, offset: int, refusal: type[Refusal] | None) -> None:
    asked = await at.file()
    at.clock.now = asked.expires_at + timedelta(milliseconds=offset)
    if refusal is None:
        assert (await at.approve(asked)).state is State.APPROVED
        return
    with pytest.raises(refusal, match="without a decision") as told:
        await at.approve(asked)
    ended = await at.now(asked)
    assert (ended.state, ended.cause, ended.votes) == (State.EXPIRED, Cause.TIMED_OUT, ())
    assert told.value.fields["request"] == ended
    with pytest.raises(Expired):
        await at.deny(asked)


async def test_what_silence_allowed_says_so_to_the_late_reviewer(at: House) -> None:
    asked = await at.file(terms=samples.terms(on_timeout=OnTimeout.ALLOW))
    at.clock.move(minutes=15)
    with pytest.raises(AlreadyDecided, match="approved by nobody"):
        await at.deny(asked)
    assert (await at.now(asked)).cause is Cause.SILENCE_ALLOWS


@pytest.mark.parametrize(
    ("who", "why"),
    [
        pytest.param(EVE, "routed to finance", id="another-group"),
        pytest.param(CARL, "routed to finance", id="a-factor-of-another-rule"),
        pytest.param(replace(EVE, roles=frozenset({Role.ADMIN})), "reviewer role", id="admin-only"),
        pytest.param(NOBODY, "reviewer role", id="nobody-we-know"),
    ],
)
async def test_who_may_not_decide_is_told_why_and_nothing_changes(at: House, who: Person, why: str) -> None:
    at.people(who) if who is not NOBODY else None
    asked = await at.file()
    with pytest.raises(NotAllowed, match=why):
        await at.approve(asked, who)
    assert await at.now(asked) == asked


async def test_the_owner_may_not_decide_under_four_eyes_whatever_their_roles(at: House) -> None:
    at.people(replace(ADA, roles=frozenset(Role)))
    asked = await at.file(terms=samples.terms(four_eyes=True), owner=ADA.id)
    for answer in Answer:
        with pytest.raises(NotAllowed, match="four-eyes"):
            await at.desk.decide(asked.id, decision(asked, ADA, answer=answer))
    assert (await at.approve(asked, BOB)).state is State.APPROVED


async def test_not_there_and_may_not_see_are_the_same_answer(at: House) -> None:
    asked = await at.file()
    texts = set()
    for request_id in (asked.id, "req_nothing"):
        acts: list[Any] = [
            at.desk.decide(request_id, replace(decision(asked, EVE), binding="guessed")),
            at.desk.extend(request_id, reviewer=EVE.id, by=timedelta(minutes=1)),
            at.desk.cancel(request_id, actor=EVE.id, cause=Cause.CANCELLED_BY_PERSON),
            at.desk.cancel(request_id, actor="agent:somebody", cause=Cause.CLIENT_CANCELLED),
            at.desk.resolve(request_id, reviewer=EVE.id, ran=True),
        ]
        for act in acts:
            with pytest.raises(NotFound) as told:
                await act
            texts.add(str(told.value))
        assert await at.desk.get(request_id, EVE) is None
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        pytest.param("x" * 501, "at most 500 characters", id="too-long"),
        pytest.param("a\x1b[31mred", r"U\+001B", id="escape-code"),
        pytest.param("a\x00", r"U\+0000", id="nul"),
        pytest.param("a\ud800", r"U\+D800", id="lone-surrogate"),
    ],
)
async def test_a_reason_is_bounded_and_without_control_characters(at: House, reason: str, why: str) -> None:
    asked = await at.file()
    with pytest.raises(Invalid, match=why) as told:
        await at.deny(asked, reason=reason)
    assert told.value.fields["field"] == "reason"
    assert (await at.now(asked)).state is State.PENDING


async def test_two_of_a_group_are_two_people(at: House) -> None:
    asked = await at.file(terms=TWO)
    first = await at.approve(asked, ADA, via="slack")
    assert (first.state, len(first.votes)) == (State.PENDING, 1)
    with pytest.raises(NotAllowed, match="already voted"):
        await at.approve(first, ADA, via="web")
    assert (await at.approve(first, BOB)).state is State.APPROVED


async def test_every_factor_must_be_met(at: House) -> None:
    asked = await at.file(terms=TWO_AND_ONE)
    assert (await at.approve(asked, ADA)).state is State.PENDING
    assert (await at.approve(asked, BOB)).state is State.PENDING
    assert (await at.approve(asked, CARL)).state is State.APPROVED


async def test_a_no_wins_over_an_unfinished_quorum_even_by_one_who_said_yes(at: House) -> None:
    for denier in (ADA, DORA):
        asked = await at.file({"n": denier.name}, terms=TWO)
        await at.approve(asked, ADA)
        assert (await at.deny(asked, denier)).state is State.DENIED


async def test_a_vote_of_somebody_who_lost_the_right_no_longer_counts(at: House) -> None:
    asked = await at.file(terms=TWO)
    await at.approve(asked, ADA)
    at.people(replace(ADA, groups=frozenset()))
    assert (await at.approve(asked, BOB)).state is State.PENDING
    assert (await at.approve(asked, DORA)).state is State.APPROVED


async def test_a_claim_is_given_once(at: House) -> None:
    given = await at.approved()
    running = await at.claim(given)
    assert (running.state, running.claim and running.claim.holder) == (State.EXECUTING, "one")
    assert running.claim is not None
    assert running.claim.lease_until == at.clock.now + LEASE
    with pytest.raises(NotClaimable, match="it is executing") as told:
        await at.another("two").claim(given.id, binding=given.binding, lease=LEASE)
    assert told.value.fields["request"] == running


async def test_of_fifty_claims_at_once_one_wins(at: House) -> None:
    given = await at.approved()
    desks = [at.another(f"replica-{n}") for n in range(50)]
    claims = (desk.claim(given.id, binding=given.binding, lease=LEASE) for desk in desks)
    results = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert all(isinstance(result, NotClaimable) for result in results if isinstance(result, BaseException))


async def test_of_many_answers_at_once_one_ends_it_and_the_rest_are_told_which(at: House) -> None:
    asked = await at.file()
    people = [samples.person(f"p{n}", "finance") for n in range(20)]
    at.people(*people)
    answers = [Answer.APPROVE, Answer.DENY] * 10
    acts = (at.desk.decide(asked.id, decision(asked, p, answer=a)) for p, a in zip(people, answers, strict=True))
    results = await asyncio.gather(*acts, return_exceptions=True)
    ended = await at.now(asked)
    assert [r for r in results if not isinstance(r, BaseException)] == [ended]
    winner = next(p for p in people if p.id == ended.votes[0].reviewer)
    losers = [r for r in results if isinstance(r, BaseException)]
    assert all(isinstance(r, AlreadyDecided) and f"{ended.state} by {winner.name} " in str(r) for r in losers)


@pytest.mark.parametrize("state", ["pending", "denied", "expired", "cancelled", "succeeded"])
async def test_only_an_approval_can_be_claimed(at: House, state: str) -> None:
    asked = await at.file()
    if state == "denied":
        await at.deny(asked)
    elif state == "expired":
        at.clock.move(minutes=15)
    elif state == "cancelled":
        await at.desk.cancel(asked.id, actor="placet", cause=Cause.FROZEN)
    elif state == "succeeded":
        await at.approve(asked)
        await at.claim(asked)
        await at.desk.settle(asked.id, returned())
    with pytest.raises(NotClaimable, match=f"it is {state}"):
        await at.claim(asked)


async def test_a_claim_must_name_the_binding(at: House) -> None:
    given = await at.approved()
    with pytest.raises(StaleBinding):
        await at.desk.claim(given.id, binding="0" * 64, lease=LEASE)
    assert (await at.now(given)).state is State.APPROVED


@pytest.mark.parametrize(
    "changed",
    [replace(ADA, disabled=True), replace(ADA, roles=frozenset()), replace(ADA, groups=frozenset())],
    ids=["disabled", "demoted", "left-the-group"],
)
async def test_an_approval_dies_with_the_right_of_who_gave_it(at: House, changed: Person) -> None:
    given = await at.approved()
    at.people(changed)
    with pytest.raises(NotClaimable, match="it is cancelled"):
        await at.claim(given)
    ended = await at.now(given)
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.REVOKED)


async def test_a_saved_call_that_was_altered_never_runs(at: House) -> None:
    given = await at.approved()
    other = samples.call({"quantity": 1_000_000})

    def tamper(tx: Any) -> None:
        sealed = tx.cells(given.id).seal(tables.requests.c.arguments, other.arguments)
        tx.conn.execute(tables.requests.update().values(arguments=sealed, arguments_sha256=other.arguments_sha256))

    await at.db.write(tamper)
    with pytest.raises(NotClaimable):
        await at.claim(given)
    assert (await at.now(given)).cause is Cause.ALTERED


async def test_what_silence_allowed_needs_no_votes_to_be_claimed(at: House) -> None:
    asked = await at.file(terms=samples.terms(on_timeout=OnTimeout.ALLOW))
    at.clock.move(minutes=15)
    assert (await at.claim(asked)).state is State.EXECUTING


async def test_an_approval_not_collected_in_time_lapses(at: House) -> None:
    given = await at.approved()
    at.clock.move(minutes=15)
    with pytest.raises(NotClaimable, match="it is expired"):
        await at.claim(given)
    with pytest.raises(AlreadyDecided, match="approved by Ada"):
        await at.deny(given)
    assert (await at.now(given)).cause is Cause.NOT_COLLECTED


async def test_a_result_settles_what_we_claimed(at: House) -> None:
    running = await at.running()
    settled = await at.desk.settle(running.id, returned(b'{"content":[1]}'))
    assert (settled.state, settled.claim) == (State.SUCCEEDED, None)
    assert (await at.now(running)).outcome == settled.outcome


async def test_a_result_after_the_lease_was_lost_is_evidence_and_not_state(at: House) -> None:
    running = await at.running()
    at.clock.move(minutes=6)
    lost = await at.desk.apply(
        running.id, Happened(event=Event.LOST, actor="placet", cause=Cause.LEASE_LOST, outcome=returned().outcome)
    )
    assert lost is not None
    assert lost.state is State.UNKNOWN
    after = await at.desk.settle(running.id, returned())
    assert after == lost
    last = (await at.ledger(running))[-1]
    assert (last.event, last.before, last.after) == (Note.LATE, State.UNKNOWN, State.UNKNOWN)
    assert last.detail["outcome"] == "succeeded"


async def test_another_replicas_result_is_evidence_only(at: House) -> None:
    running = await at.running()
    await at.another("two").settle(running.id, returned())
    assert (await at.now(running)).state is State.EXECUTING


async def test_only_an_unknown_outcome_is_resolved_and_nothing_runs_again(at: House) -> None:
    running = await at.running()
    with pytest.raises(Invalid, match="only a call of unknown outcome"):
        await at.desk.resolve(running.id, reviewer=ADA.id, ran=True)
    at.clock.move(minutes=5)
    resolved = await at.desk.resolve(running.id, reviewer=ADA.id, ran=False, note="looked it up")
    assert (resolved.state, resolved.cause) == (State.UNKNOWN, Cause.RESOLVED_DID_NOT_RUN)
    with pytest.raises(NotClaimable, match="it is unknown"):
        await at.claim(running)


async def test_an_extension_moves_the_deadline_and_keeps_the_binding(at: House) -> None:
    asked = await at.file()
    later = await at.desk.extend(asked.id, reviewer=ADA.id, by=timedelta(minutes=30))
    assert (later.expires_at, later.binding) == (asked.expires_at + timedelta(minutes=30), asked.binding)
    at.clock.move(minutes=20)
    assert (await at.approve(asked)).state is State.APPROVED


@pytest.mark.parametrize("by", [timedelta(0), timedelta(minutes=-1), timedelta(hours=25)])
async def test_an_extension_has_bounds(at: House, by: timedelta) -> None:
    asked = await at.file()
    with pytest.raises(Invalid, match="at most 24 hours"):
        await at.desk.extend(asked.id, reviewer=ADA.id, by=by)


async def test_a_request_waits_for_seven_days_at_most(at: House) -> None:
    asked = await at.file()
    for _ in range(6):
        await at.desk.extend(asked.id, reviewer=ADA.id, by=timedelta(hours=24))
    with pytest.raises(Invalid, match="7 days"):
        await at.desk.extend(asked.id, reviewer=ADA.id, by=timedelta(hours=24))


async def test_who_may_extend(at: House) -> None:
    at.people(replace(EVE, roles=frozenset({Role.OPERATOR})), replace(CARL, roles=frozenset({Role.VIEWER})))
    asked = await at.file()
    with pytest.raises(NotAllowed):
        await at.desk.extend(asked.id, reviewer=CARL.id, by=timedelta(minutes=1))
    assert (await at.desk.extend(asked.id, reviewer=EVE.id, by=timedelta(minutes=1))).revision == 2


@pytest.mark.parametrize(
    ("actor", "cause"),
    [
        ("agent:claude-ada", Cause.CLIENT_CANCELLED),
        ("owner@example.com", Cause.CANCELLED_BY_PERSON),
        ("ada@example.com", Cause.CANCELLED_BY_PERSON),
        ("placet", Cause.POLICY_CHANGED),
    ],
)
async def test_a_call_not_yet_sent_can_be_taken_back(at: House, actor: str, cause: Cause) -> None:
    at.people(samples.person("owner", roles=()))
    for request in (
        await at.file({"n": 1}, owner="owner@example.com"),
        await at.approved({"n": 2}, owner="owner@example.com"),
    ):
        ended = await at.desk.cancel(request.id, actor=actor, cause=cause, note="changed my mind")
        assert (ended.state, ended.cause) == (State.CANCELLED, cause)
        with pytest.raises(AlreadyDecided, match="Already cancelled by"):
            await at.approve(request)
        told = (await at.now(request)).told_at is not None
        assert told is (cause is Cause.CLIENT_CANCELLED)


async def test_a_call_already_sent_cannot_be_taken_back(at: House) -> None:
    running = await at.running()
    with pytest.raises(AlreadyDecided, match="approved by Ada"):
        await at.desk.cancel(running.id, actor="placet", cause=Cause.FROZEN)
    assert (await at.now(running)).state is State.EXECUTING


async def test_time_ends_nothing_that_was_extended_meanwhile(at: House) -> None:
    asked = await at.file()
    timed_out = Happened(event=Event.TIMED_OUT, actor="placet")
    await at.desk.extend(asked.id, reviewer=ADA.id, by=timedelta(minutes=15))
    at.clock.move(minutes=16)
    assert await at.desk.apply(asked.id, timed_out) is None
    at.clock.move(minutes=15)
    ended = await at.desk.apply(asked.id, timed_out)
    assert ended is not None
    assert ended.state is State.EXPIRED
    assert await at.desk.apply(asked.id, timed_out) is None
    assert await at.desk.apply("req_nothing", timed_out) is None


async def test_a_person_finds_what_they_may_see_and_only_that(at: House) -> None:
    for n in range(7):
        terms = samples.terms(Factor(members=(SECURITY if n % 2 else FINANCE,)))
        await at.file({"n": n}, terms=terms)
        at.clock.move(seconds=1)
    assert len(await at.desk.search(Query(), ADA)) == 4
    assert len(await at.desk.search(Query(), CARL)) == 3
    assert len(await at.desk.search(Query(), DORA)) == len(await at.desk.search(Query())) == 7
    assert await at.desk.search(Query(), EVE) == []
    first = await at.desk.search(Query(limit=2), ADA)
    rest = await at.desk.search(Query(limit=2, after=(first[-1].created_at, first[-1].id)), ADA)
    assert len({r.id for r in first + rest}) == 4
    assert all(FINANCE in r.terms.factors[0].members for r in first + rest)
