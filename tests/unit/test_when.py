"""Quiet hours, reminders and rotas: what the clocks of a zone say, to the moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.channels.slack_hours import ends
from approvals.domain import reminding
from approvals.domain.absent import Absence, available_at
from approvals.domain.model import PersonId
from approvals.domain.quiet import Quiet, held_until, quiet
from approvals.domain.rota import Groups, Plan, Shift, Turns, Weekly
from approvals.testing import samples
from approvals.testing.samples import ADA, BOB, NOW

ATHENS = ZoneInfo("Europe/Athens")
NIGHT = quiet("22:00-07:00", "Europe/Athens")
LUNCH = quiet("12:00-13:30")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        pytest.param(NIGHT, "2026-11-24T19:59", None, id="just-before"),
        pytest.param(NIGHT, "2026-11-24T20:00", "2026-11-25T05:00", id="from-ten-there"),
        pytest.param(NIGHT, "2026-11-25T04:59", "2026-11-25T05:00", id="after-midnight"),
        pytest.param(NIGHT, "2026-11-25T05:00", None, id="over-at-seven"),
        pytest.param(NIGHT, "2026-07-01T19:30", "2026-07-02T04:00", id="in-summer-an-hour-earlier"),
        pytest.param(NIGHT, "2026-10-24T20:00", "2026-10-25T05:00", id="the-night-that-is-an-hour-longer"),
        pytest.param(LUNCH, "2026-11-24T12:00", "2026-11-24T13:30", id="within-a-day"),
        pytest.param(LUNCH, "2026-11-24T13:30", None, id="and-over"),
    ],
)
def test_quiet_hours_are_what_the_clocks_there_show(hours: Quiet, now: str, until: str | None) -> None:
    assert hours.ends(at(now)) == (at(until) if until else None)


@given(start=st.times(), end=st.times(), minutes=st.integers(0, 60 * 24 * 400))
def test_what_is_held_is_told_within_a_day_and_then_not_held(start: Any, end: Any, minutes: int) -> None:
    now = NOW + timedelta(minutes=minutes)
    hours = Quiet(start=start, end=end, zone="Europe/Athens")
    until = hours.ends(now)
    if until is not None:
        assert now < until <= now + timedelta(hours=25)
        assert hours.ends(until) is None or start == end


@pytest.mark.parametrize(("severity", "waits"), [("low", True), ("medium", True), ("high", False), ("critical", False)])
def test_what_is_urgent_waits_for_no_morning(severity: str, waits: bool) -> None:
    night = at("2026-11-24T23:00")
    assert (held_until(NIGHT, severity=severity, now=night) is not None) is waits
    assert held_until(None, severity=severity, now=night) is None


@pytest.mark.parametrize(
    ("text", "zone", "why"),
    [
        ("22-07", "UTC", "are no quiet hours"),
        ("24:00-07:00", "UTC", "are no quiet hours"),
        ("07:00-07:00", "UTC", "the whole day or nothing"),
        ("22:00-07:00", "Athens", "is not a time zone"),
        ("22:00-07:00", "../etc", "is not a time zone"),
    ],
)
def test_what_are_no_quiet_hours_is_refused_in_words(text: str, zone: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        quiet(text, zone)


def test_somebody_can_be_asked_when_absence_and_night_are_over() -> None:
    night = at("2026-11-24T23:00")
    away = Absence(person=ADA.id, since=night, until=at("2026-11-26T23:30"))
    assert available_at(None, None, night) == night
    assert available_at(None, NIGHT, night) == at("2026-11-25T05:00")
    assert available_at(away, NIGHT, night) == at("2026-11-27T05:00")
    assert available_at(replace(away, since=at("2026-11-30T00:00")), None, night) == night


def test_reminders_grow_rarer_and_end() -> None:
    every, now, sent = timedelta(minutes=5), NOW + timedelta(minutes=5), 1
    moments = [5.0]
    while (later := reminding.next_after(every, sent, now)) is not None:
        now, sent = later, sent + 1
        moments.append((now - NOW) / timedelta(minutes=1))
    assert moments == [5, 15, 35, 75]


def test_one_message_tells_of_all_that_waits_and_shows_nothing_hidden() -> None:
    one = samples.request(severity="medium")
    told = reminding.told([one], inbox="https://placet.example.com/")
    assert told == (
        "1 request waits for you.\nnew_order on binance (medium), until 2026-11-24 14:17 UTC\nhttps://placet.example.com/"
    )
    many = reminding.told([one] * 12, inbox="x")
    assert many.startswith("12 requests wait for you.")
    assert "… and 2 more" in many


def plan() -> Plan:
    return Plan(
        shifts=(Shift(start=at("2026-12-24T00:00"), end=at("2026-12-25T00:00"), people=(ADA.id,)),),
        weekly=(Weekly(days=(4,), hours=quiet("20:00-08:00", "Europe/Athens"), people=(ADA.id, BOB.id)),),
        turns=(Turns(start=datetime(2026, 10, 19, 9, tzinfo=ATHENS), days=7, people=(ADA.id, BOB.id)),),
    )


@pytest.mark.parametrize(
    ("now", "who"),
    [
        pytest.param("2026-10-19T05:59", set(), id="before-the-first-turn"),
        pytest.param("2026-10-19T06:00", {ADA.id}, id="the-first-turn"),
        pytest.param("2026-10-26T06:59", {ADA.id}, id="until-nine-there-after-the-clocks-changed"),
        pytest.param("2026-10-26T07:00", {BOB.id}, id="the-next"),
        pytest.param("2026-11-02T07:00", {ADA.id}, id="round-again"),
        pytest.param("2026-11-07T03:00", {ADA.id, BOB.id}, id="the-night-that-began-on-friday"),
        pytest.param("2026-11-08T03:00", {ADA.id}, id="not-the-one-after"),
        pytest.param("2026-12-24T12:00", {ADA.id, BOB.id}, id="a-shift-beside-a-turn"),
    ],
)
def test_who_is_on_call_is_what_the_plan_says_at_that_moment(now: str, who: set[PersonId]) -> None:
    assert plan().at(at(now)) == who


def test_an_on_call_group_is_its_rota_and_nobody_else() -> None:
    groups = Groups(on_call={"oncall": plan()}, hours={"finance": LUNCH, "oncall": NIGHT})
    sneaky = replace(BOB, groups=frozenset({"oncall", "finance"}))
    first, none = at("2026-10-20T12:00"), at("2026-01-01T12:00")
    assert groups.of(ADA, first).groups == {"finance", "oncall"}
    assert groups.of(sneaky, first).groups == {"finance"}
    assert groups.of(ADA, none).groups == {"finance"}
    assert (groups.uncovered(first), groups.uncovered(none)) == ([], ["oncall"])
    assert groups.of(ADA, first).quiet == LUNCH
    assert groups.of(replace(ADA, quiet=NIGHT), first).quiet == NIGHT
    assert Groups().of(ADA, first) is ADA


@pytest.mark.parametrize(
    ("said", "until"),
    [
        pytest.param({"dnd_enabled": True, "next_dnd_start_ts": 90, "next_dnd_end_ts": 200}, 200, id="at-night"),
        pytest.param({"dnd_enabled": True, "next_dnd_start_ts": 150, "next_dnd_end_ts": 200}, None, id="not-yet"),
        pytest.param({"dnd_enabled": False, "next_dnd_start_ts": 1, "next_dnd_end_ts": 200}, None, id="off"),
        pytest.param({"snooze_enabled": True, "snooze_endtime": 300}, 300, id="paused"),
        pytest.param({"dnd_enabled": True, "next_dnd_start_ts": "1", "next_dnd_end_ts": None}, None, id="nonsense"),
        pytest.param({}, None, id="could-not-be-asked"),
    ],
)
def test_slacks_do_not_disturb_is_read_as_it_says(said: dict[str, Any], until: int | None) -> None:
    assert ends(said, 100.0) == (datetime.fromtimestamp(until, UTC) if until else None)
