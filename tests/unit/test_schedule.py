"""What time alone does, to the microsecond."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from approvals.domain.happening import Event
from approvals.domain.lifecycle import advance
from approvals.domain.model import ApprovalRequest, Cause, Claim, State
from approvals.domain.schedule import due, next_deadline
from approvals.domain.terms import OnTimeout
from approvals.testing import samples
from approvals.testing.samples import ADA, NOW

TICK = timedelta(microseconds=1)
PENDING = samples.request()
ALLOWING = samples.request(given=samples.terms(on_timeout=OnTimeout.ALLOW))
ESCALATING = samples.request(given=samples.terms(on_timeout=OnTimeout.ESCALATE))
APPROVED = replace(PENDING, state=State.APPROVED, collect_by=NOW + timedelta(minutes=15))
RUNNING = replace(PENDING, state=State.EXECUTING, claim=Claim(holder="one", lease_until=NOW + timedelta(minutes=5)))


@pytest.mark.parametrize(
    ("request_", "at", "event", "cause"),
    [
        pytest.param(PENDING, PENDING.expires_at, Event.TIMED_OUT, Cause.TIMED_OUT, id="silence-ends-it"),
        pytest.param(ALLOWING, ALLOWING.expires_at, Event.DEFAULTED, Cause.SILENCE_ALLOWS, id="silence-allows-by-rule"),
        pytest.param(ESCALATING, ESCALATING.expires_at, Event.TIMED_OUT, Cause.TIMED_OUT, id="escalated-to-silence"),
        pytest.param(APPROVED, NOW + timedelta(minutes=15), Event.LAPSED, Cause.NOT_COLLECTED, id="not-collected"),
        pytest.param(RUNNING, NOW + timedelta(minutes=5), Event.LOST, Cause.LEASE_LOST, id="lease-lost"),
    ],
)
def test_a_deadline_is_past_the_moment_it_is_reached(
    request_: ApprovalRequest, at: datetime, event: Event, cause: Cause
) -> None:
    assert next_deadline(request_) == at
    assert due(request_, at - TICK) is None
    for moment in (at, at + TICK, at + timedelta(days=400)):
        happened = due(request_, moment)
        assert happened is not None
        assert (happened.event, happened.cause, happened.actor) == (event, cause, "placet")
        assert advance(request_, happened, moment).after.cause == cause


@pytest.mark.parametrize(
    "state", [State.DENIED, State.EXPIRED, State.CANCELLED, State.SUCCEEDED, State.FAILED, State.UNKNOWN]
)
def test_time_does_nothing_to_what_has_ended(state: State) -> None:
    ended = replace(PENDING, state=state, collect_by=NOW)
    assert due(ended, NOW + timedelta(days=400)) is None
    assert next_deadline(replace(ended, claim=None)) in (None, ended.collect_by)


def test_votes_do_not_stop_the_clock() -> None:
    voted = replace(PENDING, votes=(samples.vote(PENDING, ADA),))
    happened = due(voted, voted.expires_at)
    assert happened is not None
    assert happened.event is Event.TIMED_OUT
