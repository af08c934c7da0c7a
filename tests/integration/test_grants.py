"""Standing grants over a real store: given by everybody who approves, used once a call, looked at again each time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.absences import Absences
from approvals.acting import Actor
from approvals.domain import shapes
from approvals.domain.happening import Event
from approvals.domain.lifecycle import Note
from approvals.domain.model import ApprovalRequest, Cause, Ground, Person, Role, State
from approvals.domain.shapes import Proposal
from approvals.domain.terms import Factor
from approvals.errors import Invalid, NotAllowed, NotClaimable, NotFound, StaleBinding
from approvals.filing import Caps
from approvals.grants import Grants
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, SECURITY
from tests.fakes.desk import House, filing, house, make_desk, returned

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
TWO = samples.terms(Factor(members=(FINANCE,), count=2))
HOUR = 3600


def wanted(uses: int = 5, **changes: Any) -> Proposal:
    """Payments to the same payee of up to 100 each."""
    shape = {"/amount": {"range": {"max": 100}}}
    return shapes.read({"arguments": shape, "for_seconds": HOUR, "uses": uses, "budget": None} | changes)


@pytest.fixture
async def home(database_url: str) -> AsyncIterator[House]:
    async with house(database_url) as built:
        built.people(OTTO)
        yield built


def pay(amount: Any, to: str = "acme") -> dict[str, Any]:
    return {"amount": amount, "to": to}


async def given(home: House, proposal: Proposal | None = None, **changes: Any) -> ApprovalRequest:
    """A payment of 10, approved with a grant, and done."""
    asked = await home.approve(await home.file(pay(10), **changes), grant=proposal or wanted())
    await home.claim(asked)
    done = await home.desk.settle(asked.id, returned())
    await home.desk.told(done.id)
    return done


async def done(home: House, request: ApprovalRequest) -> None:
    await home.claim(request)
    await home.desk.settle(request.id, returned())
    await home.desk.told(request.id)


async def the_grant(home: House, by: Person = ADA) -> Any:
    return (await Grants(home.desk).listed(by))[0][0]


async def test_a_call_of_the_shape_runs_without_asking_anybody(home: House) -> None:
    origin = await given(home)
    covered = await home.file(pay(99.5))
    assert (covered.state, covered.ground, covered.votes) == (State.APPROVED, Ground.GRANT, ())
    assert covered.covered is not None
    assert (covered.covered.given_by, covered.covered.request) == ((ADA.id,), origin.id)
    assert await home.db.read(lambda tx: tx.messages.for_request(covered.id)) == []
    ledger = await home.ledger(covered)
    assert [row.event for row in ledger] == [Note.FILED, Event.COVERED]
    assert ledger[1].detail == {"grant": covered.covered.grant, "given_by": [ADA.id], "given_with": origin.id}
    await done(home, covered)
    told = await Grants(home.desk).show(covered.covered.grant, person=ADA)
    assert [(one.id, one.state) for _, one in told.uses] == [(covered.id, State.SUCCEEDED)]
    assert (told.grant.used, told.grant.uses_left) == (1, 4)


async def test_each_use_is_told_under_the_card_that_the_grant_was_given_with(home: House) -> None:
    origin = await given(home)
    cards = await home.db.read(lambda tx: tx.messages.for_request(origin.id))
    card = next(one for one in cards if one.channel == "slack")
    await home.db.write(lambda tx: tx.messages.done(card.id, {"channel": "C1", "ts": "1.2"}, 1))
    covered = await home.file(pay(20))
    [line] = await home.db.write(lambda tx: tx.alerts.take_due("one", timedelta(minutes=1), 9))
    assert (line.channel, line.target) == ("slack", "C1/1.2")
    assert f"(4 of 5 left). {covered.id}" in line.text
    assert origin.id != covered.id


async def test_what_is_outside_of_it_is_asked_about(home: House) -> None:
    await given(home)
    for arguments in (pay(100.5), pay(5, "bolt"), pay("5"), {**pay(5), "note": ""}):
        assert (await home.file(arguments)).state is State.PENDING
    assert (await home.file(pay(5), agent="other")).state is State.PENDING
    assert (await home.file(pay(6), rule="/tools/new_order/approve_if/1")).state is State.PENDING
    changed = replace(samples.call(pay(7)), tool_fingerprint="0" * 64)
    assert (await home.file(call=changed)).state is State.PENDING
    assert (await the_grant(home)).used == 0


async def test_an_approval_alone_grants_nothing(home: House) -> None:
    await home.approved(pay(10))
    assert (await home.file(pay(20))).state is State.PENDING
    assert (await Grants(home.desk).listed(ADA))[0] == []


async def test_two_calls_at_once_take_one_use(home: House) -> None:
    await given(home, wanted(uses=1))
    other = home.another("two")
    calls = [samples.call(pay(amount)) for amount in (20, 30)]
    found = await asyncio.gather(
        *(desk.file(filing(call=call)) for desk, call in zip((home.desk, other), calls, strict=True))
    )
    assert sorted(one.request.state for one in found) == [State.APPROVED, State.PENDING]
    assert (await the_grant(home)).uses_left == 0


async def test_a_sum_is_not_gone_over_by_calls_at_once(home: House) -> None:
    await given(home, wanted(uses=50, budget={"argument": "/amount", "max": "100.5"}))
    desks = [home.desk, home.another("two")]
    amounts = [30, 30.25, 31, 32, 40.25, 10.25]
    found = await asyncio.gather(
        *(desks[n % 2].file(filing(call=samples.call(pay(amount)))) for n, amount in enumerate(amounts))
    )
    grant = await the_grant(home)
    ran = [one.request for one in found if one.request.state is State.APPROVED]
    assert grant.used == len(ran) > 0
    assert sum(json.loads(one.call.arguments)["amount"] for one in ran) == 100.5 - float(grant.budget_left) <= 100.5


async def test_everybody_who_approves_must_want_the_same_grant(home: House) -> None:
    first = await home.approve(await home.file(pay(10), terms=TWO), grant=wanted())
    assert (first.state, first.votes[0].grant) == (State.PENDING, wanted())
    assert (await home.file(pay(11), terms=TWO)).state is State.PENDING
    both = await home.approve(first, BOB, grant=wanted())
    assert both.state is State.APPROVED
    assert (await the_grant(home)).given_by == (ADA.id, BOB.id)
    assert (await home.file(pay(12), terms=TWO)).state is State.APPROVED


@pytest.mark.parametrize("second", [None, wanted(uses=4)])
async def test_where_they_differ_the_one_call_is_approved_and_they_are_told(home: House, second: Any) -> None:
    first = await home.approve(await home.file(pay(10), terms=TWO), grant=wanted())
    both = await home.approve(first, BOB, grant=second)
    assert both.state is State.APPROVED
    assert (await home.file(pay(11), terms=TWO)).state is State.PENDING
    notes = [row for row in await home.ledger(both) if row.event is Note.GRANT_NOT_GIVEN]
    assert "only this one call is approved" in notes[0].detail["note"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda home: home.people(OTTO, samples.person("ada")), id="left-the-group"),
        pytest.param(lambda home: home.people(OTTO, replace(ADA, disabled=True)), id="disabled"),
        pytest.param(lambda home: home.people(OTTO, replace(ADA, roles=frozenset())), id="no-longer-a-reviewer"),
    ],
)
async def test_a_grant_of_who_may_no_longer_decide_speaks_for_nothing_until_they_may(home: House, change: Any) -> None:
    await given(home)
    waiting = await home.file(pay(20))
    assert waiting.state is State.APPROVED
    change(home)
    assert (await home.file(pay(21))).state is State.PENDING
    with pytest.raises(NotClaimable) as refused:
        await home.claim(waiting)
    ended = refused.value.fields["request"]
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.REVOKED)
    home.people(OTTO)
    assert (await home.file(pay(22))).state is State.APPROVED


async def test_four_eyes_are_asked_for_again_with_each_use(home: House) -> None:
    await given(home)
    eyes = samples.terms(four_eyes=True)
    assert (await home.file(pay(20), terms=eyes, owner=ADA.id)).state is State.PENDING
    assert (await home.file(pay(21), terms=eyes, owner=BOB.id)).state is State.APPROVED


async def test_a_rule_that_has_become_stricter_is_asked_about(home: House) -> None:
    await given(home)
    assert (await home.file(pay(20), terms=TWO)).state is State.PENDING
    assert (await home.file(pay(21), terms=samples.terms(grants="never"))).state is State.PENDING
    assert (await home.file(pay(22), risk="financial")).state is State.PENDING
    assert (await home.file(pay(23))).state is State.APPROVED


async def test_a_grant_ends_by_time_by_uses_and_by_hand(home: House) -> None:
    await given(home, wanted(uses=2))
    await done(home, await home.file(pay(20)))
    home.clock.move(minutes=59)
    late = await home.file(pay(21))
    assert late.state is State.APPROVED
    assert (await home.file(pay(22))).state is State.PENDING
    home.clock.move(minutes=2)
    with pytest.raises(NotClaimable):
        await home.claim(late)
    await given(home, wanted(uses=3), terms=samples.terms(grants="always"))
    ended = await Grants(home.another("two")).end((await the_grant(home)).id, person=BOB.id)
    assert ended.ended_by == BOB.id
    assert (await home.file(pay(23))).state is State.PENDING
    again = await Grants(home.desk).end(ended.id, person=ADA.id)
    assert again == ended


@pytest.mark.parametrize("uses", [5, 1])
async def test_a_covered_call_does_not_run_once_its_grant_is_taken_back(home: House, uses: int) -> None:
    """Also where it took the last use: a grant that is used up has calls that were not sent yet."""
    await given(home, wanted(uses=uses))
    covered = await home.file(pay(20))
    await Grants(home.desk).end((await the_grant(home)).id, person=OTTO.id)
    with pytest.raises(NotClaimable):
        await home.claim(covered)
    assert (await home.now(covered)).cause is Cause.REVOKED


async def test_a_freeze_lets_no_grant_speak(home: House) -> None:
    await given(home)
    now = home.clock.now
    await home.db.write(
        lambda tx: tx.switches.freeze("all", reason="r", by=OTTO.id, at=now, until=now + timedelta(hours=1))
    )
    assert (await home.file(pay(20))).state is State.PENDING


async def test_a_covered_call_takes_no_place_in_the_queue(home: House) -> None:
    await given(home)
    home.desk = make_desk(home.db, home.directory, holder="three", ids=home.ids, caps=Caps(per_agent=1))
    assert (await home.file(pay(500))).state is State.PENDING
    assert (await home.file(pay(20))).state is State.APPROVED


@pytest.mark.parametrize(
    ("terms", "changes", "field", "why"),
    [
        ({"grants": "never"}, {}, "grant", "grants: never"),
        ({"grants": "barred"}, {}, "grant", "calls the tool destructive"),
        ({}, {"risk": "financial"}, "grant", "financial tool"),
        ({}, {"severity": "critical"}, "grant", "critical severity"),
    ],
)
async def test_a_grant_that_is_not_on_offer_is_refused_and_nothing_is_decided(
    home: House, terms: dict[str, Any], changes: dict[str, Any], field: str, why: str
) -> None:
    request = await home.file(pay(10), terms=samples.terms(**terms), **changes)
    with pytest.raises(Invalid, match=why) as refused:
        await home.approve(request, grant=wanted())
    assert refused.value.fields["field"] == field
    assert (await home.now(request)).state is State.PENDING
    acts = await home.db.read(lambda tx: tx.audit.newest(request=request.id))
    assert acts[0].act.action == "request.vote_refused"


async def test_a_shape_that_is_too_wide_is_refused_by_the_name_of_its_place(home: House) -> None:
    request = await home.file(pay(10))
    for proposal, field in (
        (wanted(uses=101), "grant/uses"),
        (wanted(for_seconds=90_000), "grant/for"),
        (wanted(arguments={"/amount": {"any": True}, "/to": {"any": True}}), "grant/arguments"),
        (wanted(arguments={"/memo": {"any": True}}), "grant/arguments/memo"),
    ):
        with pytest.raises(Invalid) as refused:
            await home.approve(request, grant=proposal)
        assert refused.value.fields["field"] == field


async def test_a_denial_grants_nothing(home: House) -> None:
    with pytest.raises(Invalid, match="only an approval"):
        await home.deny(await home.file(pay(10)), grant=wanted())


async def test_who_could_have_approved_alone_may_give_a_grant_afterwards(home: House) -> None:
    request = await home.approved(pay(10))
    grants = Grants(home.desk)
    with pytest.raises(StaleBinding):
        await grants.give(request.id, person=ADA.id, binding="0" * 64, proposal=wanted())
    with pytest.raises(NotFound):
        await grants.give(request.id, person=EVE.id, binding=request.binding, proposal=wanted())
    with pytest.raises(NotAllowed, match="reviewer role"):
        await grants.give(request.id, person=OTTO.id, binding=request.binding, proposal=wanted())
    acts = [one.act for one in await home.db.read(lambda tx: tx.audit.newest(action="grant.refused"))]
    assert [(act.actor, act.detail["code"]) for act in acts][-1] == (ADA.id, "stale_binding")
    assert {act.request for act in acts} == {request.id}
    made = await grants.give(request.id, person=BOB.id, binding=request.binding, proposal=wanted())
    assert made.given_by == (BOB.id,)
    assert (await home.file(pay(20))).state is State.APPROVED
    more = await grants.give(request.id, person=BOB.id, binding=request.binding, proposal=wanted())
    assert more.id != made.id


async def test_one_of_several_gives_no_grant_afterwards(home: House) -> None:
    request = await home.approve(await home.approve(await home.file(pay(10), terms=TWO)), BOB)
    with pytest.raises(NotAllowed, match="more people than you"):
        await Grants(home.desk).give(request.id, person=ADA.id, binding=request.binding, proposal=wanted())
    waiting = await home.file(pay(11))
    with pytest.raises(Invalid, match="that people have approved"):
        await Grants(home.desk).give(waiting.id, person=ADA.id, binding=waiting.binding, proposal=wanted())


async def test_a_covered_call_is_no_model_for_another_grant(home: House) -> None:
    await given(home)
    covered = await home.file(pay(20))
    with pytest.raises(Invalid, match="that people have approved"):
        await Grants(home.desk).give(covered.id, person=ADA.id, binding=covered.binding, proposal=wanted())


async def test_who_has_no_part_in_it_takes_no_grant_back(home: House) -> None:
    await given(home)
    grant = await the_grant(home)
    home.people(OTTO, samples.person("vera", roles=(Role.VIEWER,)))
    with pytest.raises(NotAllowed):
        await Grants(home.desk).end(grant.id, person=samples.person("vera").id)
    with pytest.raises(NotFound):
        await Grants(home.desk).end(grant.id, person=CARL.id)
    with pytest.raises(NotFound):
        await Grants(home.desk).end("grt_none", person=OTTO.id)


async def test_the_ledger_and_the_audit_have_the_grant_and_its_end(home: House) -> None:
    origin = await given(home)
    grant = await the_grant(home)
    await Grants(home.desk).end(grant.id, person=DORA.id)
    rows = [row for row in await home.ledger(origin) if row.event in {Note.GRANT_GIVEN, Note.GRANT_ENDED}]
    assert [(row.event, row.actor) for row in rows] == [(Note.GRANT_GIVEN, ADA.id), (Note.GRANT_ENDED, DORA.id)]
    assert rows[0].detail["proposal"] == shapes.written(wanted())
    acts = await home.db.read(lambda tx: tx.audit.newest(request=origin.id))
    assert {"request.grant_given", "request.grant_ended"} <= {entry.act.action for entry in acts}


async def test_a_proposal_is_tried_on_earlier_calls_and_denials_count_against_it(home: House) -> None:
    for amount in (20, 30, 500):
        await home.approved(pay(amount))
    denied = await home.deny(await home.file(pay(40)))
    await home.file(pay(50))
    await home.approved(pay(10, "bolt"))
    await home.approved(pay(60), agent="other")
    request = await home.file(pay(10))
    tried = await Grants(home.desk).preview(request.id, person=BOB, proposal=wanted())
    assert (tried.looked_at, tried.matched, tried.against) == (6, 4, (denied.id,))
    assert {what.value: n for what, n in tried.came_to.items() if n} == {"approved": 2, "denied": 1, "waiting": 1}
    with pytest.raises(NotAllowed):
        await Grants(home.desk).preview(request.id, person=OTTO, proposal=wanted())


async def test_pages_of_grants_go_on_where_the_last_one_ended(home: House) -> None:
    request = await home.approved(pay(10))
    for uses in (1, 2, 3):
        home.clock.move(seconds=1)
        proposal = wanted(uses=uses)
        await Grants(home.desk).give(request.id, person=ADA.id, binding=request.binding, proposal=proposal)
    first, more = await Grants(home.desk).listed(ADA, limit=2)
    rest, end = await Grants(home.desk).listed(ADA, limit=2, after=more)
    assert [one.proposal.uses for one in (*first, *rest)] == [3, 2, 1]
    assert end is None
    home.clock.move(hours=1)
    assert (await Grants(home.desk).listed(ADA, only_in_force=True))[0] == []


async def test_a_delegates_grant_speaks_while_the_absence_lasts(home: House) -> None:
    acts = Absences(home.desk)
    ada = Actor(id=ADA.id, via="web")
    await acts.begin(ADA.id, until=home.clock.now + timedelta(minutes=30), to=EVE.id, actor=ada)
    origin = await home.approve(await home.file(pay(10)), EVE, grant=wanted())
    assert origin.votes[0].on_behalf == (ADA.id,)
    assert (await the_grant(home, EVE)).given_by == (EVE.id,)
    covered, late = await home.file(pay(20)), await home.file(pay(21))
    assert (covered.state, late.state) == (State.APPROVED, State.APPROVED)
    await done(home, covered)
    await acts.end(ADA.id, actor=ada)
    assert (await home.file(pay(22))).state is State.PENDING
    with pytest.raises(NotClaimable):
        await home.claim(late)
    assert (await home.now(late)).cause is Cause.REVOKED


async def test_a_delegate_may_give_a_grant_afterwards_too(home: House) -> None:
    request = await home.approved(pay(10))
    until = home.clock.now + timedelta(minutes=30)
    await Absences(home.desk).begin(ADA.id, until=until, to=EVE.id, actor=Actor(id=ADA.id, via="web"))
    made = await Grants(home.desk).give(request.id, person=EVE.id, binding=request.binding, proposal=wanted())
    assert made.given_by == (EVE.id,)
    assert (await home.file(pay(20))).state is State.APPROVED


FINANCE_AND_SECURITY = samples.terms(Factor(members=(FINANCE,)), Factor(members=(SECURITY,)))


@pytest.mark.parametrize("leaver", [0, 1], ids=["the-first", "the-second"])
@pytest.mark.parametrize(
    ("terms", "givers"),
    [
        pytest.param(TWO, (ADA, BOB), id="two-of-finance"),
        pytest.param(FINANCE_AND_SECURITY, (ADA, CARL), id="one-each"),
    ],
)
async def test_a_grant_of_two_ends_with_the_word_of_either(
    home: House, terms: Any, givers: tuple[Person, Person], leaver: int
) -> None:
    asked = await home.approve(await home.file(pay(10), terms=terms), givers[0], grant=wanted(uses=50))
    await home.approve(asked, givers[1], grant=wanted(uses=50))
    gone = givers[leaver]
    ways: list[Person | None] = [
        replace(gone, groups=frozenset({"other"})),
        replace(gone, roles=frozenset({Role.VIEWER})),
        replace(gone, disabled=True),
        None,
    ]
    for number, changed in enumerate(ways):
        waiting = await home.file(pay(20 + number), terms=terms)
        assert waiting.state is State.APPROVED
        assert waiting.covered is not None
        assert waiting.covered.given_by == (givers[0].id, givers[1].id)
        people = {one: who for one, who in samples.PEOPLE.items() if one != gone.id}
        home.directory.replace(people if changed is None else people | {gone.id: changed}, {})
        assert (await home.file(pay(40 + number), terms=terms)).state is State.PENDING
        with pytest.raises(NotClaimable):
            await home.claim(waiting)
        assert (await home.now(waiting)).cause is Cause.REVOKED
        home.people(OTTO)
    assert (await home.file(pay(60), terms=terms)).state is State.APPROVED


async def test_whoever_counts_at_the_end_gives_it_and_must_have_wanted_the_same(home: House) -> None:
    """Of three who approved, the word of the first does not count any more when the third gives theirs."""
    asked = await home.approve(await home.file(pay(10), terms=TWO), ADA, grant=wanted(uses=9))
    home.people(OTTO, replace(ADA, groups=frozenset()))
    asked = await home.approve(asked, BOB, grant=wanted())
    assert asked.state is State.PENDING
    assert (await home.approve(asked, DORA, grant=wanted())).state is State.APPROVED
    assert (await the_grant(home, BOB)).given_by == (BOB.id, DORA.id)
    home.people(OTTO)
    assert (await home.file(pay(11), terms=TWO)).state is State.APPROVED
