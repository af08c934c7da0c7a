"""Chains of steps: who is asked next and when, however late anybody looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.domain import escalating
from approvals.domain.happening import Event
from approvals.domain.lifecycle import advance
from approvals.domain.model import ApprovalRequest, State
from approvals.domain.quorum import tally, why_no_authority
from approvals.domain.schedule import due, next_deadline, step_taken
from approvals.domain.terms import Escalation, Factor, OnTimeout, Terms
from approvals.storage.terms import terms_from_json, terms_to_json
from approvals.testing import samples
from approvals.testing.samples import ADA, FINANCE, NOW, SECURITY

ONCALL, BOSS = "group:oncall", "boss@example.com"
OLGA = samples.person("olga", "oncall")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


AFTER_5 = Escalation(after=minutes(5), to=(ONCALL,))
MORE_TIME = Escalation(after=minutes(15), to=(ONCALL,), timeout=minutes(10))
LAST = Escalation(to=(BOSS,))
UNSEEN = Escalation(undelivered=True, to=(BOSS,), channels=("slack:#urgent",))


def asked(*steps: Escalation, on_timeout: OnTimeout = OnTimeout.DENY, factors: tuple[Factor, ...] = ()) -> Terms:
    return samples.terms(*factors, escalate=steps, on_timeout=on_timeout)


def lived(request: ApprovalRequest, *looks: float) -> list[tuple[float, str]]:
    """What time does to a request that is looked at after so many minutes: when, and what."""
    found = []
    for look in looks:
        now = NOW + minutes(look)
        while (happened := due(request, now)) is not None:
            request = advance(request, happened, now).after
            to = ",".join(happened.step.to) if happened.step else ""
            found.append((look, f"{happened.event.value} {to}".strip()))
    return found


EVERY_MINUTE = tuple(range(60))


@pytest.mark.parametrize(
    ("terms", "looks", "happens"),
    [
        pytest.param(asked(AFTER_5), EVERY_MINUTE, [(5, "escalated group:oncall"), (15, "timed_out")], id="one-step"),
        pytest.param(asked(AFTER_5), (14.9, 15), [(14.9, "escalated group:oncall"), (15, "timed_out")], id="late"),
        pytest.param(asked(AFTER_5), (20,), [(20, "timed_out")], id="too-late-to-ask-anybody"),
        pytest.param(
            asked(MORE_TIME), EVERY_MINUTE, [(15, "escalated group:oncall"), (25, "timed_out")], id="gives-more-time"
        ),
        pytest.param(
            asked(MORE_TIME),
            (40, 49, 50),
            [(40, "escalated group:oncall"), (50, "timed_out")],
            id="came-before-the-end",
        ),
        pytest.param(
            asked(replace(AFTER_5, after=minutes(15))), EVERY_MINUTE, [(15, "timed_out")], id="no-step-at-the-end"
        ),
        pytest.param(asked(LAST), EVERY_MINUTE, [(15, "timed_out")], id="silence-denies"),
        pytest.param(
            asked(LAST, on_timeout=OnTimeout.ESCALATE),
            EVERY_MINUTE,
            [(15, "escalated boss@example.com"), (30, "timed_out")],
            id="silence-escalates-with-a-fresh-timeout",
        ),
        pytest.param(
            asked(AFTER_5, replace(LAST, timeout=minutes(3)), on_timeout=OnTimeout.ESCALATE),
            EVERY_MINUTE,
            [(5, "escalated group:oncall"), (15, "escalated boss@example.com"), (18, "timed_out")],
            id="steps-in-turn",
        ),
        pytest.param(
            asked(replace(AFTER_5, after=minutes(50)), on_timeout=OnTimeout.ESCALATE),
            EVERY_MINUTE,
            [(15, "escalated group:oncall"), (30, "timed_out")],
            id="silence-takes-a-step-before-its-time-and-once",
        ),
        pytest.param(
            asked(AFTER_5, on_timeout=OnTimeout.ALLOW),
            EVERY_MINUTE,
            [(5, "escalated group:oncall"), (15, "defaulted"), (30, "lapsed")],
            id="silence-allows-in-the-end",
        ),
        pytest.param(asked(UNSEEN), EVERY_MINUTE, [(15, "timed_out")], id="not-for-silence"),
        pytest.param(
            asked(UNSEEN, on_timeout=OnTimeout.ESCALATE), EVERY_MINUTE, [(15, "timed_out")], id="nor-at-the-timeout"
        ),
    ],
)
def test_a_chain_is_gone_through_in_order_and_then_silence_denies(
    terms: Terms, looks: tuple[float, ...], happens: list[tuple[float, str]]
) -> None:
    assert lived(samples.request(given=terms), *looks) == happens


def test_a_step_adds_people_to_each_factor_and_changes_no_count() -> None:
    two = (Factor(members=(FINANCE,), count=2), Factor(members=(SECURITY, ONCALL)))
    request = samples.request(given=asked(AFTER_5, factors=two))
    assert why_no_authority(OLGA, replace(request, terms=samples.terms())) is not None
    happened = due(request, NOW + minutes(5))
    assert happened is not None
    after = advance(request, happened, NOW + minutes(5)).after
    assert after.terms.factors == (Factor(members=(FINANCE, ONCALL), count=2), Factor(members=(SECURITY, ONCALL)))
    assert (after.terms.escalate, after.terms.called) == ((), (ONCALL,))
    assert why_no_authority(OLGA, after) is None
    assert why_no_authority(ADA, after) is None
    said = replace(after, votes=(samples.vote(after, ADA), samples.vote(after, OLGA)))
    assert [need.have for need in tally(said, {ADA.id: ADA, OLGA.id: OLGA})] == [2, 1]


def test_a_step_about_some_factors_leaves_the_others_alone() -> None:
    two = (Factor(members=(FINANCE,)), Factor(members=(SECURITY,)))
    assert escalating.widened(two, replace(AFTER_5, widens=(0,))) == (Factor(members=(FINANCE, ONCALL)), two[1])


@pytest.mark.parametrize(
    ("channels", "then"),
    [
        pytest.param(("slack",), ("slack", "slack:#urgent"), id="one-more"),
        pytest.param(
            (), ("web", "slack", "email", "webhook", "notify", "push", "slack:#urgent"), id="one-more-than-all"
        ),
    ],
)
def test_what_reaches_nobody_is_shown_elsewhere_too(channels: tuple[str, ...], then: tuple[str, ...]) -> None:
    request = samples.request(given=replace(asked(UNSEEN), channels=channels))
    step = escalating.on_undelivered(request)
    assert step == UNSEEN
    taken = step_taken(request, step, escalating.NOBODY_REACHED, NOW)
    after = advance(request, taken, NOW).after
    assert after.terms.channels == then
    assert after.expires_at == request.expires_at
    assert escalating.on_undelivered(after) is None


def test_the_card_says_who_was_asked_and_why() -> None:
    request = samples.request(given=asked(AFTER_5))
    happened = due(request, NOW + minutes(5))
    assert happened is not None
    step = advance(request, happened, NOW + minutes(5))
    assert samples.card(step.after, history=(step.record,)).status_line == (
        "Waiting until 14:17 UTC for 1 of finance or oncall; escalated to oncall at 14:07 UTC because nobody answered"
    )


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        pytest.param(asked(AFTER_5), None, id="in-time"),
        pytest.param(asked(MORE_TIME), None, id="at-the-end-with-more-time"),
        pytest.param(asked(MORE_TIME, replace(AFTER_5, after=minutes(20))), None, id="in-the-time-of-another"),
        pytest.param(asked(UNSEEN), None, id="for-the-unseen"),
        pytest.param(asked(LAST, on_timeout=OnTimeout.ESCALATE), None, id="at-the-timeout"),
        pytest.param(asked(LAST), "is never taken: give it after", id="no-moment"),
        pytest.param(asked(replace(AFTER_5, after=minutes(15))), "has ended by then", id="at-the-end"),
        pytest.param(asked(replace(MORE_TIME, after=minutes(16))), "has ended by then", id="after-the-end"),
        pytest.param(asked(on_timeout=OnTimeout.ESCALATE), "somebody to turn to", id="nobody-to-turn-to"),
        pytest.param(asked(UNSEEN, on_timeout=OnTimeout.ESCALATE), "somebody to turn to", id="only-for-the-unseen"),
    ],
)
def test_a_chain_that_cannot_be_is_told_before_any_call(terms: Terms, why: str | None) -> None:
    told = escalating.never(terms)
    assert told == [] if why is None else why in " ".join(told)


LENGTHS = st.integers(1, 60).map(minutes)
STEPS = st.builds(
    Escalation,
    to=st.sampled_from([(ONCALL,), (BOSS,), (ONCALL, BOSS)]),
    after=st.none() | LENGTHS,
    timeout=st.none() | LENGTHS,
    undelivered=st.booleans(),
    channels=st.sampled_from([(), ("email",)]),
    widens=st.sampled_from([None, (0,)]),
)
CHAINS = st.builds(
    lambda steps, on, timeout: replace(asked(*steps, on_timeout=on), timeout=timeout),
    st.lists(STEPS, max_size=4, unique=True),
    st.sampled_from(OnTimeout),
    LENGTHS,
)


@given(terms=CHAINS)
def test_terms_survive_being_saved(terms: Terms) -> None:
    assert terms_from_json(terms_to_json(terms)) == terms


@given(terms=CHAINS, looks=st.lists(st.integers(0, 400), max_size=12))
def test_no_step_is_taken_twice_and_every_chain_ends(terms: Terms, looks: list[int]) -> None:
    request, counts = samples.request(given=terms), [f.count for f in terms.factors]
    taken: list[Escalation] = []
    for look in [*sorted(looks), *range(400, 800)]:
        now: datetime = NOW + minutes(look)
        while request.state is State.PENDING and (happened := due(request, now)) is not None:
            before, request = request, advance(request, happened, now).after
            if happened.event is Event.ESCALATED:
                assert happened.step is not None
                taken.append(happened.step)
                assert set(before.terms.factors[0].members) <= set(request.terms.factors[0].members)
                assert request.expires_at >= before.expires_at
                assert request.expires_at > now
        if request.state is State.PENDING:
            at = next_deadline(request)
            assert at is not None
            assert at > now
    assert request.state is not State.PENDING
    assert len(taken) == len(set(taken)) <= len(terms.escalate)
    assert [f.count for f in request.terms.factors] == counts
    assert not any(step.undelivered for step in taken)
