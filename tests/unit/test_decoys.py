"""Decoys, the pure part: what is changed, where one can stand, and that none can ever run."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain.audit import Act, Entry
from approvals.domain.decoys import (
    LATEST,
    SOONEST,
    Decoys,
    Plan,
    Seen,
    Template,
    changes,
    delay,
    seen,
    waits_for,
    why_not,
)
from approvals.domain.happening import NEVER_OF_A_DECOY, Event, Happened
from approvals.domain.lifecycle import TABLE, NoSuchArrow, Unfounded, advance
from approvals.domain.model import Answer, Cause, Claim, Decision, State
from approvals.domain.receipt import has_receipt, statement
from approvals.domain.terms import Escalation, OnTimeout
from approvals.testing import samples
from approvals.testing.samples import ADA, NOW
from approvals.web.shape import View, write

LAST = Entry(
    seq=1,
    act=Act(action="request.cancelled", actor="placet", at=NOW),
    detail_sha256="0" * 64,
    prev="0" * 64,
    hash="1" * 64,
)
DECOY = samples.request(decoy="quantity is 100 times what was asked for before")


@pytest.mark.parametrize(
    ("risk", "arguments", "bad"),
    [
        pytest.param("financial", {"amount": 12.5}, {"amount": 1250.0}, id="an-amount"),
        pytest.param("financial", {"amount": "12.50"}, {"amount": "1250.00"}, id="an-amount-as-text"),
        pytest.param("write", {"to": "bob@acme.com"}, {"to": "bob@mail-forwarding.example"}, id="a-mail-address"),
        pytest.param(
            "write", {"hook": "https://acme.com/in"}, {"hook": "https://collect.data-upload.example/in"}, id="a-host"
        ),
        pytest.param("write", {"file": "/srv/notes"}, {"file": "/etc/shadow"}, id="a-path"),
        pytest.param("destructive", {"path": "/srv/old"}, {"path": "/"}, id="a-path-to-delete"),
        pytest.param("destructive", {"table": "orders_2019"}, {"table": "*"}, id="a-name-to-delete"),
        pytest.param("financial", {"account": "DE12 ab"}, {"account": "KL89 hi"}, id="somebody-else"),
        pytest.param(
            "financial", {"lines": [{"price": 3}, {"price": 4}]}, {"lines": [{"price": 300}, {"price": 4}]}, id="deep"
        ),
    ],
)
def test_a_plainly_bad_change_is_found(risk: str, arguments: dict[str, Any], bad: dict[str, Any]) -> None:
    found = changes(samples.request(arguments, risk=risk), arguments, Decoys(), 0.0)
    assert [one.arguments for one in found] == [bad]


@pytest.mark.parametrize(("amount", "much"), [(19.99, "1999"), (0.07, "7"), (1.234, "123.4"), (3, "300")])
def test_an_amount_is_written_as_somebody_would(amount: float, much: str) -> None:
    (bad,) = changes(samples.request({"amount": amount}), {"amount": amount}, Decoys(), 0.0)
    assert json.dumps(bad.arguments["amount"]) == much


@pytest.mark.parametrize(
    ("original", "left_after", "lasts"),
    [
        pytest.param({"waiting": True}, 50, None, id="its-agent-comes-back-each-time"),
        pytest.param({}, 210, 210, id="its-agent-left-when-its-hold-was-over"),
        pytest.param({}, 3, 3, id="its-agent-gave-up-early"),
        pytest.param({"state": State.DENIED, "decided_at": NOW}, 3, 50, id="its-agent-was-answered-before"),
        pytest.param({"state": State.DENIED, "decided_at": NOW}, 90, 90, id="the-answer-came-late"),
        pytest.param({}, None, 50, id="nobody-saw-it-leave"),
        pytest.param({"state": State.DENIED, "decided_at": NOW}, 0, 0, id="its-agent-never-waited"),
    ],
)
def test_its_agent_seems_to_wait_as_the_real_one_would(
    original: dict[str, Any], left_after: int | None, lasts: int | None
) -> None:
    request = samples.request(created_at=NOW, **original)
    left_at = None if left_after is None else NOW + timedelta(seconds=left_after)
    plan = Plan(request=request.id, due_at=NOW, left_at=left_at)
    found = waits_for(request, plan, hold=timedelta(seconds=50))
    assert found == (None if lasts is None else timedelta(seconds=lasts))


@pytest.mark.parametrize(
    "arguments", [{}, {"on": True}, {"note": "hello"}, {"amount": 0}, {"to": None}, {"amount": ""}]
)
def test_where_nothing_is_plainly_bad_nothing_is_changed(arguments: dict[str, Any]) -> None:
    assert changes(samples.request(arguments, risk="write"), arguments, Decoys(), 0.0) == []


def test_the_changes_of_the_configuration_come_first_and_chance_turns_the_rest() -> None:
    arguments = {"amount": 1, "to": "a@b.com"}
    known = Template(server="bin*", tool="new_*", argument="to", value="x@y.com")
    other = replace(known, tool="old_*")
    decoys = Decoys(rate=0.1, templates=(other, known, replace(known, value="a@b.com")))
    first, *rest = changes(samples.request(arguments), arguments, decoys, 0.0)
    assert first.arguments == {"amount": 1, "to": "x@y.com"}
    turned = changes(samples.request(arguments), arguments, decoys, 0.6)
    assert (turned[0], turned[1:]) == (first, rest[::-1])


def test_what_was_changed_is_said_without_a_value() -> None:
    for one in changes(samples.request(), {"amount": 77123, "to": "secret@b.com"}, Decoys(), 0.0):
        assert "77123" not in one.change
        assert "secret" not in one.change


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(DECOY, id="a-decoy"),
        pytest.param(samples.request(terms=samples.terms(on_timeout=OnTimeout.ALLOW)), id="silence-allows"),
        pytest.param(
            samples.request(terms=samples.terms(escalate=(Escalation(to=("group:x",), after=timedelta(minutes=1)),))),
            id="a-chain",
        ),
        pytest.param(samples.request(terms=samples.terms(self_service=True)), id="the-agents-user-is-asked"),
        pytest.param(samples.request(edited_from=b"{}"), id="edited"),
    ],
)
def test_of_some_requests_no_decoy_is_made(request_: Any) -> None:
    assert why_not(request_) is not None
    assert why_not(samples.request()) is None


def test_it_comes_a_while_after() -> None:
    assert (delay(0.0), delay(0.999) < LATEST) == (SOONEST, True)


@pytest.mark.parametrize(
    ("answer", "arguments", "did"),
    [
        (Answer.DENY, None, Seen.DENIED),
        (Answer.APPROVE, None, Seen.APPROVED),
        (Answer.APPROVE, DECOY.call.arguments, Seen.APPROVED),
        (Answer.APPROVE, b'{"quantity":1}', Seen.CHANGED),
        (Answer.APPROVE, b"{}", Seen.CHANGED),
        (Answer.APPROVE, b'{"quantity":1.5,"symbol":"another"}', Seen.APPROVED),
        (Answer.DENY, b'{"quantity":1}', Seen.DENIED),
    ],
)
def test_what_a_reviewer_did_with_it(answer: Answer, arguments: bytes | None, did: Seen) -> None:
    decision = Decision(reviewer=ADA.id, answer=answer, binding="b", via="web", arguments=arguments)
    assert seen(decision, DECOY) is did


def test_nothing_leads_a_decoy_to_a_run() -> None:
    """From where it begins, over every arrow that a decoy may take: never approved, so never executing."""
    reached, look = {State.PENDING}, [State.PENDING]
    while look:
        state = look.pop()
        for (before, event), after in TABLE.items():
            if before is state and event not in NEVER_OF_A_DECOY and after not in reached:
                reached.add(after)
                look.append(after)
    assert reached == {State.PENDING, State.DENIED, State.EXPIRED, State.CANCELLED}


@pytest.mark.parametrize("event", sorted(NEVER_OF_A_DECOY))
@pytest.mark.parametrize("state", [State.PENDING, State.APPROVED, State.EXECUTING])
def test_what_leads_to_a_run_is_refused_whatever_the_row_says(event: Event, state: State) -> None:
    claim = Claim(holder="one", lease_until=NOW)
    happened = Happened(event=event, actor=ADA.id, vote=samples.vote(DECOY, ADA), claim=claim)
    with pytest.raises((Unfounded, NoSuchArrow)):
        advance(replace(DECOY, state=state, decided_at=NOW), happened, NOW)


def test_an_approved_decoy_is_disclosed_and_a_real_request_never() -> None:
    real, vote = samples.request(), samples.vote(DECOY, ADA)
    ended = advance(DECOY, Happened(event=Event.DISCLOSED, actor=ADA.id, vote=vote), NOW).after
    assert (ended.state, ended.cause, ended.votes) == (State.CANCELLED, Cause.DECOY, (vote,))
    assert has_receipt(ended)
    with pytest.raises(Unfounded, match="no decoy"):
        advance(real, Happened(event=Event.DISCLOSED, actor=ADA.id, vote=samples.vote(real, ADA)), NOW)
    no = samples.vote(DECOY, ADA, Answer.DENY)
    with pytest.raises(Unfounded, match="no vote to approve"):
        advance(DECOY, Happened(event=Event.DISCLOSED, actor=ADA.id, vote=no), NOW)


def test_its_card_is_that_of_any_request_until_it_has_ended() -> None:
    real = replace(DECOY, decoy=None)
    assert samples.card(DECOY) == samples.card(real)
    denied = replace(DECOY, state=State.DENIED, votes=(samples.vote(DECOY, ADA, Answer.DENY),), decided_at=NOW)
    line = samples.card(denied).status_line
    assert "test of attention" in line
    assert line.endswith("Ada denied it: well seen")
    assert json.loads(samples.card(denied).arguments) == json.loads(DECOY.call.arguments)


def test_rest_says_it_only_once_it_has_ended() -> None:
    view = View(person=ADA, people={ADA.id: ADA}, now=NOW)
    assert write(DECOY, view) == write(replace(DECOY, decoy=None), view)
    ended = replace(DECOY, state=State.EXPIRED, cause=Cause.TIMED_OUT)
    assert json.loads(write(ended, view))["decoy"] == DECOY.decoy


def test_its_receipt_says_what_it_was() -> None:
    ended = replace(DECOY, state=State.CANCELLED, cause=Cause.DECOY, decided_at=NOW)
    certified = json.loads(statement(ended, salt="00" * 16, last=LAST))["predicate"]
    assert (certified["decoy"], certified["outcome"]) == (DECOY.decoy, None)
    assert "decoy" not in json.loads(statement(replace(ended, decoy=None), salt="00" * 16, last=LAST))["predicate"]
