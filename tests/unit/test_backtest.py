"""What a proposed grant would have matched of earlier calls: which count, as what, and which do not count at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain import backtest, shapes
from approvals.domain.backtest import Backtest, Past
from approvals.domain.destroyed import Destroyed, DestroyedBy
from approvals.domain.fingerprint import canonical, make_call
from approvals.domain.model import ApprovalRequest, Ground, Overrun, State
from approvals.domain.terms import Factor
from approvals.testing import samples
from approvals.testing.samples import ADA, NOW, SECURITY

LATER = NOW + timedelta(minutes=1)
SHAPE = {"/quantity": {"range": {"max": 10}}}
PROPOSAL = shapes.read({"arguments": SHAPE, "for_seconds": 3600, "uses": 3, "budget": None})
OVER = Overrun(counter="c", scope="s", name="paid", most="1", to="2", words="per day")
OFFERED = samples.terms(grants="always")


def call(quantity: Any = 5, *, id: str = "req_past", given: Any = None, **changes: Any) -> ApprovalRequest:
    """An earlier call that people approved, and that ran."""
    arguments = {"quantity": quantity, "symbol": "BTCUSDT"}
    made = samples.request(arguments, id=id, given=given or OFFERED, state=State.SUCCEEDED, decided_at=LATER)
    return replace(made, **changes)


MODEL = call(2, id="req_model", state=State.PENDING, decided_at=None)


def tried(*past: ApprovalRequest) -> Backtest:
    return backtest.held_against(PROPOSAL, MODEL, past, by=ADA)


def edited(before: Any, after: Any, **changes: Any) -> ApprovalRequest:
    """A call whose quantity somebody changed."""
    return call(after, edited_from=canonical({"quantity": before, "symbol": "BTCUSDT"}), **changes)


@pytest.mark.parametrize(
    ("one", "what"),
    [
        pytest.param(call(), Past.APPROVED, id="approved"),
        pytest.param(call(state=State.DENIED), Past.DENIED, id="denied"),
        pytest.param(edited(5, 1), Past.EDITED, id="edited-to-something-that-fits-too"),
        pytest.param(edited(5, 99), Past.EDITED, id="edited-out-of-the-shape"),
        pytest.param(edited(5, 1, state=State.DENIED), Past.DENIED, id="edited-and-then-denied"),
        pytest.param(
            edited(5, 1, state=State.PENDING, decided_at=None), Past.EDITED, id="edited-and-others-are-awaited"
        ),
        pytest.param(call(state=State.EXPIRED, decided_at=None), Past.UNANSWERED, id="nobody-answered"),
        pytest.param(call(ground=Ground.GRANT), Past.NOBODY_ASKED, id="another-grant-spoke-for-it"),
        pytest.param(call(state=State.PENDING, decided_at=None), Past.WAITING, id="it-waits"),
        pytest.param(
            call(state=State.PENDING, decided_at=None, decoy="receiver"), Past.WAITING, id="a-test-that-waits-is-as-any"
        ),
    ],
)
def test_what_became_of_a_call_that_fits(one: ApprovalRequest, what: Past) -> None:
    found = tried(one)
    assert (found.looked_at, found.matched, found.came_to[what]) == (1, 1, 1)
    assert found.against == ((one.id,) if what in {Past.DENIED, Past.EDITED} else ())


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(call(11), id="out-of-its-shape"),
        pytest.param(edited(11, 5), id="what-was-asked-did-not-fit-though-what-ran-did"),
        pytest.param(call(rule="/tools/new_order/approve_if/0"), id="another-rule-asked"),
        pytest.param(call(over=(OVER,)), id="it-went-over-a-limit"),
        pytest.param(call(given=samples.terms(grants="never")), id="its-rule-said-never"),
        pytest.param(
            call(
                call=make_call(
                    server="binance",
                    tool="new_order",
                    arguments={"quantity": 5, "symbol": "BTCUSDT"},
                    tool_fingerprint="f" * 64,
                    meta={"x": 1},
                )
            ),
            id="something-else-was-sent-beside-it",
        ),
    ],
)
def test_what_the_grant_would_not_have_spoken_for_does_not_match(one: ApprovalRequest) -> None:
    found = tried(one)
    assert (found.looked_at, found.matched, found.against) == (1, 0, ())


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(MODEL, id="the-very-call"),
        pytest.param(call(call=replace(call().call, tool_fingerprint="e" * 64)), id="the-tool-was-another"),
        pytest.param(call(state=State.DENIED, decoy="receiver"), id="a-test-that-was-told-of"),
    ],
)
def test_what_is_no_earlier_call_is_not_looked_at(one: ApprovalRequest) -> None:
    assert tried(one) == replace(tried(), unreadable=0)


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(
            call(destroyed=Destroyed(at=LATER, by=DestroyedBy.RETENTION), state=State.DENIED),
            id="its-words-were-destroyed",
        ),
        pytest.param(
            call(given=replace(OFFERED, factors=(Factor(members=(SECURITY,)),))), id="it-is-not-theirs-to-read"
        ),
    ],
)
def test_what_nobody_can_say_is_counted_apart_and_said(one: ApprovalRequest) -> None:
    found = tried(one, call(id="req_other"))
    assert (found.looked_at, found.unreadable, found.matched, found.against) == (1, 1, 1, ())
    assert "1 more cannot be read" in backtest.in_words(found)


def test_what_a_rule_redacts_is_compared_as_it_is() -> None:
    hides = replace(OFFERED, redact=(("quantity",),))
    assert tried(call(5, given=hides), call(11, id="req_b", given=hides)).matched == 1


def test_no_more_than_the_last_two_hundred_are_looked_at() -> None:
    assert tried(*(call(id=f"req_{n}") for n in range(250))).looked_at == backtest.LOOKED_AT


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (Backtest(looked_at=0), "There is no earlier call of this tool by this agent to try it on."),
        (
            Backtest(looked_at=0, unreadable=3),
            "There is no earlier call of this tool by this agent to try it on; 3 more cannot be read.",
        ),
        (Backtest(looked_at=1), "Would not have matched the last call that needed approval."),
        (Backtest(looked_at=1, came_to={Past.APPROVED: 1}), "Would have matched the last call that needed approval."),
        (
            Backtest(looked_at=9, unreadable=2, came_to={Past.APPROVED: 4, Past.DENIED: 1, Past.EDITED: 2}),
            "Would have matched 7 of the last 9 calls that needed approval "
            "(1 of them was denied, 2 of them were edited); 2 more cannot be read.",
        ),
    ],
)
def test_it_is_said_in_one_sentence(test: Backtest, words: str) -> None:
    assert backtest.in_words(test) == words
