"""Approving with other arguments, over real databases: who may, what it does to votes and terms, what is kept of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.fingerprint import canonical
from approvals.domain.happening import Event
from approvals.domain.lifecycle import Note
from approvals.domain.model import Answer, ApprovalRequest, Decision, Overrun, Person, Role, Ruled, State, ToolCall
from approvals.domain.terms import Factor
from approvals.errors import AlreadyDecided, Invalid, NotAllowed, PolicyRefuses, Refusal, StaleBinding, Unfit
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, EVE, FINANCE, SECURITY
from tests.fakes.desk import House, decision, house
from tests.fakes.edits import RULED, Says

TWO = samples.terms(Factor(members=(FINANCE,), count=2))
SMALL = {"quantity": 1, "symbol": "BTCUSDT"}


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url) as made:
        made.desk.edits = Says()
        yield made


def edit(request: ApprovalRequest, by: Person, arguments: Any = SMALL, **changes: Any) -> Decision:
    return replace(decision(request, by), arguments=canonical(arguments), **changes)


async def test_an_edit_and_the_editors_vote_are_one_act_that_approves_the_edited_call(at: House) -> None:
    asked = await at.file()
    done = await at.desk.decide(asked.id, edit(asked, ADA))
    assert (done.state, done.revision, json.loads(done.call.arguments)) == (State.APPROVED, 3, SMALL)
    assert done.edited_from == asked.call.arguments
    assert (done.call_key, done.rule, done.policy_version, done.severity) == (asked.call_key, RULED.rule, "v2", "low")
    assert [(v.reviewer, v.binding) for v in done.votes] == [(ADA.id, done.binding)]
    assert done.binding != asked.binding
    ledger = await at.ledger(asked)
    assert [(r.event, r.actor) for r in ledger] == [
        (Note.FILED, "agent:claude-ada"), (Event.EDITED, ADA.id), (Event.QUORUM_MET, ADA.id),
    ]  # fmt: skip
    assert ledger[1].detail["changes"] == [{"path": "/quantity", "from": 1.5, "to": 1}]
    claimed = await at.claim(done)
    assert json.loads(claimed.call.arguments) == SMALL


async def test_the_same_call_made_again_finds_the_edited_request(at: House) -> None:
    asked = await at.file(terms=TWO)
    edited = await at.desk.decide(asked.id, edit(asked, ADA))
    assert (await at.file(terms=TWO)).id == asked.id
    assert (await at.now(asked)).binding == edited.binding


async def test_earlier_votes_are_void_and_the_others_vote_on_what_they_see_now(at: House) -> None:
    asked = await at.file(terms=TWO)
    await at.approve(asked, BOB)
    edited = await at.desk.decide(asked.id, edit(asked, ADA))
    assert (edited.state, [v.reviewer for v in edited.votes]) == (State.PENDING, [ADA.id])
    with pytest.raises(StaleBinding):
        await at.approve(asked, BOB)
    done = await at.approve(edited, BOB)
    assert (done.state, [v.reviewer for v in done.votes]) == (State.APPROVED, [ADA.id, BOB.id])


async def test_a_second_edit_keeps_the_agents_own_arguments_and_both_differences(at: House) -> None:
    asked = await at.file(terms=TWO)
    once = await at.desk.decide(asked.id, edit(asked, ADA))
    twice = await at.desk.decide(asked.id, edit(once, BOB, {"quantity": 1}))
    assert (twice.state, twice.edited_from) == (State.PENDING, asked.call.arguments)
    edits = [r for r in await at.ledger(asked) if r.event is Event.EDITED]
    assert [(r.actor, [c["path"] for c in r.detail["changes"]]) for r in edits] == [
        (ADA.id, ["/quantity"]), (BOB.id, ["/symbol"]),
    ]  # fmt: skip
    back = await at.desk.decide(asked.id, edit(twice, ADA, json.loads(asked.call.arguments)))
    assert back.edited_from is None
    assert back.call == asked.call


async def test_the_same_arguments_written_otherwise_are_a_plain_approval(at: House) -> None:
    terms = replace(samples.terms(), edit=False)
    asked = await at.file(terms=terms)
    done = await at.desk.decide(asked.id, edit(asked, ADA, {"symbol": "BTCUSDT", "quantity": 1.50}))
    assert (done.state, done.edited_from, done.binding) == (State.APPROVED, None, asked.binding)


async def test_new_terms_count_and_an_editor_who_is_not_asked_has_only_said_what_it_should_be(at: House) -> None:
    security = replace(samples.terms(Factor(members=(SECURITY,))), four_eyes=False)
    at.desk.edits = Says(replace(RULED, terms=security, over=(OVER,)))
    asked = await at.file()
    edited = await at.desk.decide(asked.id, edit(asked, ADA))
    assert (edited.state, edited.votes, edited.terms, edited.over) == (State.PENDING, (), security, (OVER,))
    with pytest.raises(NotAllowed, match="it is routed to security"):
        await at.approve(edited, BOB)
    assert (await at.approve(edited, CARL)).state is State.APPROVED


OVER = Overrun(counter="paid/day", scope="[]", name="paid", most="100", to="220", words="per day")


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        pytest.param(
            Unfit([("/quantity", '"x" is not of type "number"'), ("/z", "no")]),
            Unfit,
            "/arguments/quantity: ",
            id="schema",
        ),
        pytest.param(
            PolicyRefuses(rule="/tools/new_order/deny_if/0", why="Too much."), PolicyRefuses, "Too much.", id="policy"
        ),
    ],
)
async def test_what_the_schema_or_the_policy_refuses_changes_nothing_and_is_on_record(
    at: House, said: Refusal, kind: type[Refusal], words: str
) -> None:
    at.desk.edits = Says(said)
    asked = await at.file()
    with pytest.raises(kind, match=words):
        await at.desk.decide(asked.id, edit(asked, ADA, {"quantity": "x"}))
    assert await at.now(asked) == asked
    audit = await at.db.read(lambda tx: tx.audit.newest(request=asked.id, action="request.vote_refused"))
    assert [entry.act.detail["code"] for entry in audit] == [said.code]


@pytest.mark.parametrize(
    ("by", "terms", "changes", "kind", "words"),
    [
        pytest.param(EVE, {}, {}, NotAllowed, "routed to finance", id="somebody-who-is-not-asked"),
        pytest.param(ADA, {"four_eyes": True}, {}, NotAllowed, "four-eyes", id="the-agents-owner-under-four-eyes"),
        pytest.param(ADA, {"edit": False}, {}, NotAllowed, "edit: false", id="where-the-rule-forbids-it"),
        pytest.param(ADA, {}, {"answer": Answer.DENY}, Invalid, "only an approval", id="with-a-denial"),
        pytest.param(ADA, {}, {"binding": "0" * 64}, StaleBinding, "changed since", id="of-what-stands-no-more"),
        pytest.param(ADA, {}, {"reason": "x" * 501}, Invalid, "at most 500", id="with-too-long-a-reason"),
    ],
)
async def test_nobody_learns_what_would_fit_who_could_not_approve(
    at: House, by: Person, terms: dict[str, Any], changes: dict[str, Any], kind: type[Refusal], words: str
) -> None:
    says = Says()
    at.desk.edits = says
    asked = await at.file(terms=replace(samples.terms(), **terms), owner=ADA.id)
    with pytest.raises(kind, match=words):
        await at.desk.decide(asked.id, edit(asked, by, **changes))
    assert await at.now(asked) == asked
    assert says.asked == [] or "reason" in changes


async def test_who_was_first_is_told_to_an_editor_too(at: House) -> None:
    asked = await at.file()
    await at.approve(asked, BOB)
    with pytest.raises(AlreadyDecided, match="Already approved by Bob"):
        await at.desk.decide(asked.id, edit(asked, ADA))


async def test_where_nobody_can_check_arguments_none_are_taken(at: House) -> None:
    at.desk.edits = None
    asked = await at.file()
    with pytest.raises(Invalid, match="nobody can check them here"):
        await at.desk.decide(asked.id, edit(asked, ADA))


async def test_an_editor_who_lost_the_right_meanwhile_changes_nothing(at: House) -> None:
    class Slow(Says):
        async def ruled(self, request: ApprovalRequest, call: ToolCall) -> Ruled:
            at.people(replace(ADA, roles=frozenset({Role.VIEWER})))
            return await super().ruled(request, call)

    at.desk.edits = Slow()
    asked = await at.file()
    with pytest.raises(NotAllowed, match="reviewer role"):
        await at.desk.decide(asked.id, edit(asked, ADA))
    assert await at.now(asked) == asked


async def test_the_audit_keeps_no_secret_that_an_edit_took_out(at: House) -> None:
    asked = await at.file({"quantity": 1, "password": "hunter2"})
    at.clock.move(seconds=1)
    await at.desk.decide(asked.id, edit(asked, ADA, {"quantity": 1, "password": "*"}))
    (entry,) = await at.db.read(lambda tx: tx.audit.newest(request=asked.id, action="request.edited"))
    assert entry.act.via == "web"
    (change,) = entry.act.detail["changes"]
    assert change == {"path": "/password", "from": "[redacted]", "to": "[redacted]", "secret": True}


async def test_a_request_that_ran_out_is_not_edited(at: House) -> None:
    asked = await at.file(terms=replace(samples.terms(), timeout=timedelta(minutes=1)))
    at.clock.move(minutes=2)
    with pytest.raises(Refusal, match="Too late"):
        await at.desk.decide(asked.id, edit(asked, ADA))
