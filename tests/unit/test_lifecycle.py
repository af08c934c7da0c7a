"""The table of states, walked whole: every pair of state and event either has its arrow or is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from approvals.domain import lifecycle, shapes
from approvals.domain.break_glass import Opening
from approvals.domain.grants import Grant
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import TABLE, Effect, NoSuchArrow, Note, Unfounded, advance
from approvals.domain.model import (
    OPEN_STATES,
    Answer,
    ApprovalRequest,
    Cause,
    Claim,
    Ground,
    Outcome,
    Question,
    Ruled,
    State,
)
from approvals.domain.terms import Escalation, Factor, OnTimeout
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, NOW

STEP = Escalation(after=timedelta(minutes=5), to=("group:oncall",))
SILENCE_ALLOWS = samples.terms(on_timeout=OnTimeout.ALLOW, escalate=(STEP,), grants="always")
ASKED = Question(by=BOB.id, via="slack", at=NOW, text="Why so many?")
BASE = samples.request(given=SILENCE_ALLOWS, questions=(ASKED,))
YES = samples.vote(BASE, ADA)
NO = samples.vote(BASE, BOB, Answer.DENY, reason="too much")
OPENING = Opening(
    id=7,
    scope="server:binance",
    reason="the desk is down",
    by="otto@example.com",
    at=NOW,
    lasts=timedelta(hours=1),
    confirmed_by="alma@example.com",
    opened_at=NOW,
    until=NOW + timedelta(hours=1),
)
GRANT = Grant(
    id="grt_sample",
    origin=BASE,
    proposal=shapes.read({"arguments": {}, "for_seconds": 3600, "uses": 1, "budget": None}),
    given_by=(ADA.id,),
    at=NOW,
    until=NOW + timedelta(hours=1),
)
ONCALL = (Factor(members=("group:oncall",)),)
EDITED_CALL = samples.call({"quantity": 1})
RULED = Ruled(rule="/tools/new_order/approve_if/0", policy_version="v2", rule_reason="small", severity="low")
QUESTION = Question(by=ADA.id, via="web", at=NOW, text="Which ticket?")
GOOD: dict[Event, dict[str, Any]] = {
    Event.VOTED: {"vote": YES},
    Event.EDITED: {"call": EDITED_CALL, "binding": "b" * 64, "ruled": RULED},
    Event.EXTENDED: {"expires_at": BASE.expires_at + timedelta(minutes=15)},
    Event.ESCALATED: {"factors": ONCALL, "step": STEP},
    Event.REASSIGNED: {"factors": ONCALL},
    Event.ASKED: {"question": QUESTION},
    Event.ANSWERED: {"answer": "ticket 5521"},
    Event.QUORUM_MET: {"vote": YES},
    Event.DEFAULTED: {"cause": Cause.SILENCE_ALLOWS},
    Event.COVERED: {"grant": GRANT},
    Event.BYPASSED: {"opening": OPENING, "actor": OPENING.by},
    Event.VETOED: {"vote": NO},
    Event.DISCLOSED: {"vote": YES},
    Event.TIMED_OUT: {},
    Event.UNDELIVERED: {},
    Event.CANCELLED: {"cause": Cause.REVOKED},
    Event.CLAIMED: {"claim": Claim(holder="one", lease_until=NOW + timedelta(minutes=5))},
    Event.LAPSED: {},
    Event.RETURNED: {"outcome": Outcome(kind="succeeded", result=b"{}")},
    Event.RAISED: {"outcome": Outcome(kind="failed", error="no"), "cause": Cause.UNSENT},
    Event.LOST: {"outcome": Outcome(kind="unknown"), "cause": Cause.LEASE_LOST},
    Event.RESOLVED: {"cause": Cause.RESOLVED_RAN},
}


def happened(event: Event, **changes: Any) -> Happened:
    return Happened(**({"event": event, "actor": "placet"} | GOOD[event] | changes))


def in_state(state: State, **changes: Any) -> ApprovalRequest:
    return replace(BASE, state=state, **changes)


def test_the_life_has_nine_states_twenty_two_events_and_twenty_three_arrows() -> None:
    assert (len(State), len(Event), len(TABLE)) == (9, 22, 23)
    assert {event for _, event in TABLE} == set(Event)
    assert {state for state, _ in TABLE} == {*OPEN_STATES, State.UNKNOWN}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_pair_of_state_and_event_moves_along_its_arrow_or_is_refused(state: State, event: Event) -> None:
    before = in_state(state, decoy="bad" if event is Event.DISCLOSED else None)
    target = TABLE.get((state, event))
    if target is None:
        with pytest.raises(NoSuchArrow, match=f"{event} cannot happen while {state}"):
            advance(before, happened(event), NOW)
        return
    step = advance(before, happened(event), NOW)
    assert step.before is before
    assert step.after.state is target
    assert step.after.revision == before.revision + 1
    assert (step.record.seq, step.record.before, step.record.after) == (step.after.revision, state, target)
    asks = {Effect.ANNOUNCE} if event in {Event.EDITED, Event.ESCALATED, Event.REASSIGNED} else set()
    assert set(step.effects) == {Effect.REVISE, Effect.WAKE} | asks


@pytest.mark.parametrize("event", [Event.ESCALATED, Event.REASSIGNED])
def test_whoever_is_asked_anew_is_whose_word_counts_from_then_on(event: Event) -> None:
    step = advance(BASE, happened(event), NOW)
    assert step.after.terms.factors == ONCALL
    assert step.record.detail["factors"] == [{"members": ["group:oncall"], "count": 1}]


@pytest.mark.parametrize(
    ("event", "changes", "why"),
    [
        pytest.param(Event.QUORUM_MET, {"vote": None}, "no vote to approve", id="approval-without-a-yes"),
        pytest.param(Event.REASSIGNED, {"factors": ()}, "no factors", id="reassigned-to-nobody"),
        pytest.param(Event.ESCALATED, {"factors": ()}, "no factors", id="escalated-to-nobody"),
        pytest.param(
            Event.ESCALATED, {"step": replace(STEP, after=None)}, "no step that is left", id="escalated-off-the-chain"
        ),
        pytest.param(Event.QUORUM_MET, {"vote": NO}, "no vote to approve", id="approval-by-a-no"),
        pytest.param(
            Event.QUORUM_MET, {"vote": replace(YES, binding="other")}, "another binding", id="approval-of-another-call"
        ),
        pytest.param(Event.VOTED, {"vote": None}, "no vote to approve", id="vote-without-a-vote"),
        pytest.param(Event.VETOED, {"vote": YES}, "no vote to deny", id="veto-by-a-yes"),
        pytest.param(Event.VETOED, {"vote": replace(NO, binding="")}, "another binding", id="veto-of-another-call"),
        pytest.param(Event.EXTENDED, {"expires_at": BASE.expires_at}, "not later", id="extended-by-nothing"),
        pytest.param(Event.EXTENDED, {"expires_at": None}, "not later", id="extended-without-a-time"),
        pytest.param(Event.EDITED, {"binding": None}, "no new call", id="edited-without-its-binding"),
        pytest.param(Event.EDITED, {"ruled": None}, "no new call", id="edited-without-asking-the-policy"),
        pytest.param(Event.EDITED, {"call": BASE.call}, "the arguments are the same", id="edited-into-itself"),
        pytest.param(
            Event.EDITED, {"call": samples.call({"quantity": 1}, tool="withdraw")}, "another call", id="another-tool"
        ),
        pytest.param(
            Event.EDITED, {"call": replace(EDITED_CALL, meta=b'{"a":1}')}, "another call", id="edited-beside-arguments"
        ),
        pytest.param(Event.ASKED, {"question": None}, "no question", id="asked-nothing"),
        pytest.param(Event.ANSWERED, {"answer": ""}, "no answer", id="answered-nothing"),
        pytest.param(Event.COVERED, {"grant": None}, "no grant", id="covered-by-nothing"),
        pytest.param(Event.COVERED, {"grant": replace(GRANT, until=NOW)}, "it is over", id="covered-too-late"),
        pytest.param(
            Event.COVERED,
            {"grant": replace(GRANT, origin=samples.request({"quantity": 2}))},
            "is new",
            id="covered-by-a-grant-of-another-shape",
        ),
        pytest.param(Event.BYPASSED, {"opening": None}, "no break-glass", id="bypassed-by-nothing"),
        pytest.param(
            Event.BYPASSED, {"opening": replace(OPENING, until=NOW)}, "no break-glass", id="bypassed-too-late"
        ),
        pytest.param(
            Event.BYPASSED, {"opening": replace(OPENING, until=None)}, "no break-glass", id="bypassed-unconfirmed"
        ),
        pytest.param(
            Event.BYPASSED, {"opening": replace(OPENING, ended_at=NOW)}, "no break-glass", id="bypassed-when-closed"
        ),
        pytest.param(
            Event.BYPASSED, {"opening": replace(OPENING, scope="server:files")}, "is about", id="bypassed-elsewhere"
        ),
        pytest.param(Event.BYPASSED, {"actor": "placet"}, "somebody else", id="bypassed-by-nobody"),
    ],
)
def test_an_event_that_does_not_carry_its_reason_is_refused(event: Event, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Unfounded, match=why):
        advance(BASE, happened(event, **changes), NOW)


@pytest.mark.parametrize(
    ("state", "event", "field"),
    [
        (State.APPROVED, Event.CLAIMED, "claim"),
        (State.PENDING, Event.CANCELLED, "cause"),
        (State.EXECUTING, Event.RETURNED, "outcome"),
        (State.EXECUTING, Event.LOST, "outcome"),
    ],
)
def test_an_ending_without_its_content_is_refused(state: State, event: Event, field: str) -> None:
    with pytest.raises(Unfounded, match=f"no {field}"):
        advance(in_state(state), happened(event, **{field: None}), NOW)


def test_silence_allows_only_where_the_rule_says_so() -> None:
    for on_timeout in (OnTimeout.DENY, OnTimeout.ESCALATE):
        asked = samples.request(given=samples.terms(on_timeout=on_timeout))
        with pytest.raises(Unfounded, match="does not say that silence allows"):
            advance(asked, happened(Event.DEFAULTED), NOW)


def test_a_resolution_must_say_whether_it_ran() -> None:
    with pytest.raises(Unfounded, match="whether it ran"):
        advance(in_state(State.UNKNOWN), happened(Event.RESOLVED, cause=Cause.REVOKED), NOW)


def test_an_edit_voids_the_votes_and_keeps_the_first_arguments() -> None:
    voted = advance(BASE, happened(Event.VOTED), NOW).after
    edited = advance(voted, happened(Event.EDITED), NOW).after
    assert edited.votes == ()
    assert (edited.call, edited.binding) == (EDITED_CALL, "b" * 64)
    assert (edited.rule, edited.policy_version, edited.severity) == (RULED.rule, "v2", "low")
    again = advance(edited, happened(Event.EDITED, call=samples.call({"quantity": 2}), binding="c" * 64), NOW).after
    assert again.edited_from == BASE.call.arguments
    assert again.call_key == BASE.call_key
    back = advance(again, happened(Event.EDITED, call=BASE.call, binding="d" * 64), NOW).after
    assert back.edited_from is None


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(replace(BASE, terms=replace(BASE.terms, edit=False)), id="where-the-rule-forbids-it"),
        pytest.param(
            replace(BASE, call=replace(BASE.call, meta=b'{"placet/answer":""}')), id="an-answer-to-a-question"
        ),
    ],
)
def test_what_is_decided_as_it_is_cannot_be_edited(request_: ApprovalRequest) -> None:
    with pytest.raises(Unfounded, match="nothing of it is edited"):
        advance(request_, happened(Event.EDITED), NOW)


def test_an_edited_call_is_under_the_terms_that_the_policy_asks_of_it_and_loses_nobody_who_waits() -> None:
    waits = replace(BASE.terms, execute_on_approve=True, redact=(("key",),))
    asked = replace(samples.terms(Factor(members=("group:cfo",))), four_eyes=True)
    ruled = replace(RULED, terms=asked, redact=(("note",),))
    edited = advance(replace(BASE, terms=waits), happened(Event.EDITED, ruled=ruled), NOW).after
    assert edited.terms == replace(asked, execute_on_approve=True, redact=(("key",), ("note",)))


def test_each_answer_is_for_the_oldest_question_that_is_open() -> None:
    asked = advance(BASE, happened(Event.ASKED), NOW).after
    later = NOW + timedelta(minutes=1)
    once = advance(asked, happened(Event.ANSWERED, answer="two for each order"), later).after
    assert [(one.answer, one.answered_at) for one in once.questions] == [("two for each order", later), (None, None)]
    assert lifecycle.open_question(once) == QUESTION
    twice = advance(once, happened(Event.ANSWERED), later).after
    assert (twice.questions[1].answer, lifecycle.open_question(twice)) == ("ticket 5521", None)
    with pytest.raises(Unfounded, match="no answer to a question that is open"):
        advance(twice, happened(Event.ANSWERED), later)
    assert lifecycle.open_question(replace(asked, state=State.EXPIRED)) is None


def test_an_approval_can_be_collected_for_as_long_as_its_terms_say() -> None:
    approved = advance(BASE, happened(Event.QUORUM_MET), NOW).after
    assert approved.decided_at == NOW
    assert approved.collect_by == NOW + BASE.terms.collect_within
    assert lifecycle.decided_by(approved) == ADA.id


def test_a_settled_request_holds_no_claim() -> None:
    running = in_state(State.EXECUTING, claim=Claim(holder="one", lease_until=NOW))
    for event in (Event.RETURNED, Event.RAISED, Event.LOST):
        assert advance(running, happened(event), NOW).after.claim is None


def test_the_record_of_a_vote_tells_the_whole_vote() -> None:
    detail = advance(BASE, happened(Event.VETOED), NOW).record.detail
    assert detail == {"decision": "deny", "reason": "too much", "via": "slack", "binding": BASE.binding}


def test_the_ending_of_a_ledger_is_the_row_that_left_the_open_states() -> None:
    voted = advance(BASE, happened(Event.VOTED), NOW)
    ended = advance(voted.after, happened(Event.CANCELLED), NOW + timedelta(minutes=1))
    late = lifecycle.late(ended.after, happened(Event.RETURNED), NOW + timedelta(minutes=2))
    rows = [lifecycle.filed(BASE), voted.record, ended.record, late]
    assert lifecycle.ending(rows) is ended.record
    assert lifecycle.ending(rows[:2]) is None
    assert lifecycle.actor_of(rows, Event.VOTED) is voted.record
    assert (rows[0].event, rows[0].before, rows[0].after) == (Note.FILED, None, State.PENDING)
    assert late.detail["event"] == "returned"


def test_what_break_glass_let_through_says_so_for_ever() -> None:
    step = advance(BASE, happened(Event.BYPASSED, cause=Cause.BREAK_GLASS), NOW)
    assert (step.after.ground, step.after.cause, step.after.votes) == (Ground.BREAK_GLASS, Cause.BREAK_GLASS, ())
    assert dict(step.record.detail) == {
        "break_glass": 7,
        "confirmed_by": "alma@example.com",
        "until": "2026-11-24T15:02:00+00:00",
        "note": "the desk is down",
        "cause": "break_glass",
    }
    running = advance(step.after, happened(Event.CLAIMED), NOW).after
    ended = advance(running, happened(Event.RETURNED), NOW).after
    assert (running.ground, ended.ground) == (Ground.BREAK_GLASS, Ground.BREAK_GLASS)


def test_votes_stand_on_no_other_ground() -> None:
    assert advance(BASE, happened(Event.QUORUM_MET), NOW).after.ground is None
    assert advance(BASE, happened(Event.DEFAULTED), NOW).after.ground is Ground.SILENCE
