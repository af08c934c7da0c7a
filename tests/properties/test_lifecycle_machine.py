"""A machine that tries every event on the pure table in every order, and looks for what must never be.

The same for the real desk over a real database, with people and clocks, is `desk_machine`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from approvals.domain import shapes
from approvals.domain.break_glass import Opening
from approvals.domain.grants import Grant
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import TABLE, NoSuchArrow, Record, Unfounded, advance
from approvals.domain.model import (
    OPEN_STATES,
    Answer,
    ApprovalRequest,
    Cause,
    Claim,
    Outcome,
    Person,
    Question,
    Ruled,
    State,
    Vote,
)
from approvals.domain.terms import Escalation, Factor, OnTimeout
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, CARL, DORA, EVE, FINANCE, NOW, SECURITY

CROWD = (ADA, BOB, CARL, DORA, EVE)
WINDOW = timedelta(seconds=30)
TO_SECURITY = Escalation(after=timedelta(minutes=5), to=(SECURITY,))
TO_ONCALL = Escalation(to=("group:oncall",), timeout=timedelta(minutes=10))
TERMS = (
    samples.terms(),
    samples.terms(Factor(members=(FINANCE,), count=2)),
    samples.terms(Factor(members=(FINANCE,)), Factor(members=(SECURITY,))),
    samples.terms(four_eyes=True),
    samples.terms(on_timeout=OnTimeout.ALLOW),
    samples.terms(on_timeout=OnTimeout.ESCALATE),
    samples.terms(escalate=(TO_SECURITY, TO_ONCALL), on_timeout=OnTimeout.ESCALATE),
    samples.terms(Factor(members=(FINANCE,), count=2), escalate=(TO_SECURITY,)),
    samples.terms(cancel_window=WINDOW),
    samples.terms(Factor(members=(FINANCE,), count=2), edit=False),
    samples.terms(grants="always"),
)
FINAL = frozenset(State) - OPEN_STATES

TRUSTED_FOR = timedelta(minutes=10)


def _up_to(most: int, uses: int) -> shapes.Proposal:
    """Calls with numbers up to this."""
    shape = {"/n": {"range": {"max": most}}}
    return shapes.read({"arguments": shape, "for_seconds": TRUSTED_FOR.total_seconds(), "uses": uses, "budget": None})


def _grant(of: ApprovalRequest, by: Person, now: datetime, *, hours: int) -> Grant:
    """A grant of just this call, in force for as long, or over since."""
    until = now + timedelta(hours=hours)
    return Grant(id="grt_1", origin=of, proposal=_up_to(9, 1), given_by=(by.id,), at=NOW, until=until)


def _opening(by: Person, now: datetime, *, hours: int) -> Opening:
    """Break-glass, open for as long, or over since."""
    until, lasts = now + timedelta(hours=hours), timedelta(hours=1)
    return Opening(id=1, scope="all", reason="r", by=by.id, at=NOW, lasts=lasts, opened_at=NOW, until=until)


class PureMachine(RuleBasedStateMachine):
    """Any event, well or badly made, at any time."""

    @initialize(given=st.sampled_from(TERMS))
    def begin(self, given: Any) -> None:
        self.request = samples.request(given=given)
        self.now = NOW
        self.records: list[Record] = []
        self.before: ApprovalRequest = self.request

    @rule(
        event=st.sampled_from(Event),
        voter=st.sampled_from(CROWD),
        answer=st.sampled_from(Answer),
        bound=st.booleans(),
        whole=st.booleans(),
        later=st.integers(-5, 30),
    )
    def happen(self, event: Event, voter: Person, answer: Answer, bound: bool, whole: bool, later: int) -> None:
        self.now += timedelta(seconds=1)
        binding = self.request.binding if bound else "0" * 64
        vote = Vote(reviewer=voter.id, answer=answer, binding=binding, via="web", at=self.now)
        happened = Happened(
            event=event,
            actor=voter.id,
            vote=vote if whole else None,
            expires_at=self.request.expires_at + timedelta(minutes=later),
            call=samples.call({"n": later}) if whole else None,
            binding=f"{later:064d}" if whole else None,
            ruled=Ruled(rule="/r", policy_version="v2") if whole else None,
            claim=Claim(holder="one", lease_until=self.now) if whole else None,
            outcome=Outcome(kind="succeeded") if whole else None,
            question=Question(by=voter.id, via="web", at=self.now, text="Why?") if whole else None,
            answer="so" if whole else None,
            opening=_opening(voter, self.now, hours=later) if whole else None,
            grant=_grant(self.request, voter, self.now, hours=later) if whole else None,
            cause=Cause.RESOLVED_RAN if whole else None,
        )
        self.before = self.request
        try:
            step = advance(self.request, happened, self.now)
        except (NoSuchArrow, Unfounded):
            return
        self.request = step.after
        self.records.append(step.record)

    @invariant()
    def it_moves_along_the_table_one_revision_at_a_time(self) -> None:
        assert self.request.revision == 1 + len(self.records)
        _follows_the_table(self.records)

    @invariant()
    def what_ended_stays_ended(self) -> None:
        if self.before.state in FINAL:
            assert self.request.state is self.before.state

    @invariant()
    def nothing_runs_without_a_yes_to_its_binding(self) -> None:
        events = [record.event for record in self.records]
        assert events.count(Event.CLAIMED) <= 1
        if Event.CLAIMED not in events:
            return
        covered = Event.COVERED in events or Event.BYPASSED in events
        silence = Event.DEFAULTED in events and self.request.terms.on_timeout is OnTimeout.ALLOW
        said_yes = [v for v in self.request.votes if v.answer is Answer.APPROVE and v.binding == self.request.binding]
        assert covered or silence or said_yes
        assert Event.VETOED not in events


def _follows_the_table(rows: list[Record]) -> None:
    state = State.PENDING
    for number, row in enumerate(rows, start=2):
        assert isinstance(row.event, Event)
        assert row.before is state
        assert TABLE[state, row.event] is row.after
        assert row.seq == number
        state = row.after


TestPureMachine = PureMachine.TestCase
TestPureMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
