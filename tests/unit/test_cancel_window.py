"""The cancel window: what is approved runs no sooner than its rule says, whoever would run it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.domain import cancel_window
from approvals.domain.break_glass import Opening
from approvals.domain.happening import Event, Happened
from approvals.domain.lifecycle import Unfounded, advance
from approvals.domain.model import ApprovalRequest, Cause, Claim, Ground, State
from approvals.domain.terms import OnTimeout
from approvals.testing import samples
from approvals.testing.samples import ADA, NOW
from gateway.protocol import answers

WINDOW = timedelta(seconds=30)
TERMS = replace(samples.terms(), cancel_window=WINDOW, on_timeout=OnTimeout.ALLOW)
ASKED = samples.request(given=TERMS)
OPENING = Opening(
    id=7, scope="all", reason="r", by=ADA.id, at=NOW, lasts=WINDOW, opened_at=NOW, until=NOW + timedelta(hours=1)
)


def approved(by: Event = Event.QUORUM_MET, at: datetime = NOW) -> ApprovalRequest:
    carried: dict[Event, dict[str, Any]] = {
        Event.QUORUM_MET: {"vote": samples.vote(ASKED, ADA)},
        Event.DEFAULTED: {"cause": Cause.SILENCE_ALLOWS},
        Event.BYPASSED: {"opening": OPENING, "cause": Cause.BREAK_GLASS},
    }
    return advance(ASKED, Happened(event=by, actor=ADA.id, **carried[by]), at).after


def claims(request: ApprovalRequest, at: datetime) -> State:
    claim = Claim(holder="one", lease_until=at + WINDOW)
    return advance(request, Happened(event=Event.CLAIMED, actor="placet", claim=claim), at).after.state


@pytest.mark.parametrize("by", [Event.QUORUM_MET, Event.DEFAULTED])
def test_what_people_or_their_silence_let_run_is_claimed_when_the_window_is_over_and_not_before(by: Event) -> None:
    request = approved(by)
    for early in (timedelta(0), timedelta(seconds=29.999999)):
        assert cancel_window.is_open(request, NOW + early)
        with pytest.raises(Unfounded, match="its cancel window is open"):
            claims(request, NOW + early)
    assert not cancel_window.is_open(request, NOW + WINDOW)
    assert claims(request, NOW + WINDOW) is State.EXECUTING


def test_what_nobody_was_asked_about_has_no_window() -> None:
    request = approved(Event.BYPASSED)
    assert request.ground is Ground.BREAK_GLASS
    assert claims(request, NOW) is State.EXECUTING


def test_the_time_to_collect_it_counts_from_the_end_of_the_window() -> None:
    request = approved()
    assert request.collect_by == NOW + WINDOW + TERMS.collect_within
    assert cancel_window.runs_at(request) == NOW + WINDOW


def test_until_it_runs_it_can_be_pulled_back() -> None:
    pulled = Happened(event=Event.CANCELLED, actor=ADA.id, cause=Cause.CANCELLED_BY_PERSON)
    ended = advance(approved(), pulled, NOW + timedelta(seconds=10)).after
    assert (ended.state, ended.cause) == (State.CANCELLED, Cause.CANCELLED_BY_PERSON)
    assert cancel_window.runs_at(ended) is None


def test_the_card_says_when_it_runs_and_can_be_pulled_back_until_then() -> None:
    waits = samples.card(replace(approved(), waiting=True))
    assert "runs at 14:02:30 UTC unless somebody pulls it back" in waits.status_line
    assert waits.can_be_pulled_back
    gone = samples.card(approved())
    assert "waits until 14:17 UTC for its agent, from 14:02:30 UTC on" in gone.status_line
    running = advance(
        approved(),
        Happened(event=Event.CLAIMED, actor="placet", claim=Claim(holder="one", lease_until=NOW)),
        NOW + WINDOW,
    ).after
    assert not samples.card(running).can_be_pulled_back


def test_the_agent_is_told_when_it_runs() -> None:
    said = answers.about(approved(), url="https://placet.example.com/r")
    assert isinstance(said, bytes)
    assert b"It runs 30 seconds after that, at 2026-11-24T14:02:30Z, and not sooner" in said
