"""Percentiles, rates, the forecast of a week, and signs of fatigue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.domain import expecting, fatigue, numbers
from approvals.domain.fatigue import OfReviewer, OfRule, Sign
from approvals.domain.lifecycle import Note, note
from approvals.domain.model import Cause, State
from approvals.domain.numbers import Count
from approvals.testing import samples

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tally", "p50", "p90"),
    [
        pytest.param({}, None, None, id="nothing"),
        pytest.param({1000: 1}, 1, 1, id="one"),
        pytest.param({1000: 1, 3000: 1}, 1, 3, id="nearest rank: no time that never was"),
        pytest.param({1000: 5, 2000: 4, 60_000: 1}, 1, 2, id="ten"),
        pytest.param({1000: 89, 5000: 11}, 1, 5, id="a hundred"),
    ],
)
def test_percentiles_are_times_that_were_measured(tally: dict[int, int], p50: float | None, p90: float | None) -> None:
    found = numbers.times(tally)
    assert (found.count, found.p50, found.p90) == (sum(tally.values()), p50, p90)


@given(st.integers(min_value=0, max_value=2**31 - 1))
def test_rounding_is_off_by_a_twentieth_at_most_and_leaves_few(ms: int) -> None:
    found = numbers.rounded(ms)
    assert abs(found - ms) <= ms / 20
    assert numbers.rounded(found) == found


def test_a_power_of_ten_has_thirty_five_times() -> None:
    assert len({numbers.rounded(ms) for ms in range(1_000, 10_000)} - {10_000}) == 35


def test_rates_are_of_what_could_have_been() -> None:
    count = Count(asked=10, approved=6, denied=2, expired=2, cancelled=3)
    assert (count.approval_rate, count.expiry_rate) == (0.75, 0.2)
    assert (Count().approval_rate, Count().expiry_rate) == (None, None)


@pytest.mark.parametrize(
    ("days", "seconds"),
    [
        pytest.param(1, 3_600, id="hours"),
        pytest.param(7, 21_600, id="quarters of a day"),
        pytest.param(30, 86_400, id="days"),
        pytest.param(365, 604_800, id="weeks"),
    ],
)
def test_there_are_neither_few_bars_nor_many(days: int, seconds: int) -> None:
    width = numbers.width(MONDAY, MONDAY + timedelta(days=days))
    assert width == timedelta(seconds=seconds)
    assert 20 <= timedelta(days=days) / width <= 110


def test_the_forecast_is_of_the_same_hours_of_the_weeks_before_and_the_newer_count_more() -> None:
    now = MONDAY + timedelta(days=1, hours=10, minutes=30)
    nine = now.replace(hour=9, minute=0)
    hours = {nine: 8, nine - timedelta(weeks=1): 8, nine - timedelta(weeks=2): 2}
    found = numbers.forecast(hours, since=nine - timedelta(weeks=2), now=now)
    assert len(found) == 168
    assert 5 < found[24 + 9] < 8
    assert [place for place, each in enumerate(found) if each] == [24 + 9]


def test_weeks_before_the_first_request_count_for_nothing() -> None:
    now = MONDAY + timedelta(hours=12)
    found = numbers.forecast({MONDAY + timedelta(hours=9): 6}, since=MONDAY + timedelta(hours=9), now=now)
    assert (found[9], sum(found)) == (6, 6)
    assert set(numbers.forecast({}, since=None, now=now)) == {0.0}


def a_rule(expected: int = 0, unexpected: int = 0, **count: int) -> OfRule:
    return OfRule(server="s", rule="/r", count=Count(**count), expected=expected, unexpected=unexpected)


@pytest.mark.parametrize(
    ("one", "signs"),
    [
        pytest.param({"decisions": 19, "approved": 19, "too_fast": 19, "busiest": 29}, [], id="too few to say"),
        pytest.param({"busiest": 30}, [Sign.BURST], id="many at once"),
        pytest.param({"decisions": 20, "approved": 20}, [Sign.ALWAYS_YES], id="never a no"),
        pytest.param({"decisions": 20, "approved": 19, "too_fast": 10}, [Sign.UNREAD], id="not read"),
        pytest.param({"decisions": 40, "approved": 20, "too_fast": 19}, [], id="nothing to see"),
    ],
)
def test_reviewers_show_when_it_is_too_much(one: dict[str, int], signs: list[Sign]) -> None:
    nothing = {"decisions": 0, "approved": 0, "too_fast": 0, "busiest": 0}
    found = fatigue.findings([OfReviewer(reviewer="a", **{**nothing, **one})], [])
    assert [finding.sign for finding in found] == signs


@pytest.mark.parametrize(
    ("one", "signs"),
    [
        pytest.param(a_rule(approved=20), [Sign.ALWAYS_APPROVED], id="asks for what is always fine"),
        pytest.param(a_rule(approved=19), [], id="too few"),
        pytest.param(a_rule(approved=2, expired=3, undelivered=1), [Sign.LEFT_TO_EXPIRE], id="nobody answers"),
        pytest.param(a_rule(4, 1), [Sign.UNEXPECTED], id="not what was expected"),
        pytest.param(a_rule(9, 1), [], id="mostly as expected"),
    ],
)
def test_rules_show_when_they_ask_for_the_wrong_things(one: OfRule, signs: list[Sign]) -> None:
    assert [finding.sign for finding in fatigue.findings([], [one])] == signs


def test_each_person_has_one_answer_about_an_outcome_the_newest() -> None:
    ran = samples.request(state=State.SUCCEEDED)
    said = [("ada", True, None), ("bob", False, "Wrong account"), ("ada", False, "I see")]
    history = [
        note(
            ran,
            Note.EXPECTATION,
            actor=who,
            at=samples.NOW + timedelta(seconds=place),
            before=ran.state,
            detail={"as_expected": yes, "note": words},
        )
        for place, (who, yes, words) in enumerate(said)
    ]
    found = expecting.answers(history)
    assert [(one.person, one.as_expected, one.note) for one in found] == [
        ("ada", False, "I see"),
        ("bob", False, "Wrong account"),
    ]


@pytest.mark.parametrize("state", list(State))
def test_only_what_ran_is_asked_about(state: State) -> None:
    asked = expecting.is_asked(samples.request(state=state))
    assert asked is (state in {State.SUCCEEDED, State.FAILED, State.UNKNOWN})
    assert not expecting.is_asked(samples.request(state=State.FAILED, cause=Cause.UNSENT))
