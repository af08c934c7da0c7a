"""On-call files: read as written, refused with their line, and gaps that are nobody."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.config import ConfigErrors, changed, load_config
from gateway.rotas import plan_of
from gateway.rotas_ical import rota_of

PLAN = """
tz: Europe/Athens
shifts:
  - {from: 2026-12-24T00:00, to: 2026-12-25T00:00, people: [Bob@Example.com]}
weekly:
  - {days: [fri], hours: "20:00-08:00", people: [ada@example.com]}
rotation:
  - {starts: 2026-11-23T09:00, days: 7, people: [ada@example.com, bob@example.com]}
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_plan_is_read_in_its_zone() -> None:
    plan, problems = plan_of(PLAN, "oncall.yaml")
    assert problems == []
    assert plan is not None
    assert plan.at(at("2026-11-23T07:00")) == {"ada@example.com"}
    assert plan.at(at("2026-12-23T23:00")) == {"bob@example.com", "ada@example.com"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("tz: Athens\nweekly: [{hours: '08:00-18:00', people: [a@x]}]", 1, "is not a time zone"),
        ("tz: UTC", 1, "nobody is ever on call"),
        ("shifts:\n  - {from: 2026-12-24, to: 2026-12-23, people: [a@x]}", 2, "ends after it begins"),
        ("shifts:\n  - {from: soon, to: 2026-12-23, people: [a@x]}", 2, "is no moment"),
        ("weekly:\n  - hours: '8-18'\n    people: [a@x]", 2, "are no hours"),
        ("weekly:\n  - days: [fri, sunday]\n    hours: '08:00-18:00'\n    people: [a@x]", 2, "is not a day"),
        ("rotation:\n  - starts: 2026-12-24\n    people: [ada]", 3, "is not an e-mail address"),
        ("rotation:\n  - starts: 2026-12-24\n    people: []", 3, "at least 1"),
        ("shift: []", 1, "shift"),
    ],
)
def test_what_is_wrong_in_a_plan_is_told_with_its_line(text: str, line: int, said: str) -> None:
    plan, problems = plan_of(text, "oncall.yaml")
    assert plan is None
    assert any(problem.line == line and said in str(problem) for problem in problems), [str(p) for p in problems]


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//y//EN
BEGIN:VEVENT
UID:one
DTSTART;TZID=Europe/Athens:20261123T090000
DTEND;TZID=Europe/Athens:20261130T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:On call
ATTENDEE;CN=Ada:mailto:Ada@Example.com
END:VEVENT
BEGIN:VEVENT
UID:two
DTSTART;TZID=Europe/Athens:20261130T090000
DTEND;TZID=Europe/Athens:20261207T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
EXDATE;TZID=Europe/Athens:20261214T090000
SUMMARY:bob@example.com is on call
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("now", "who"),
    [
        pytest.param("2026-11-23T06:59", set(), id="before"),
        pytest.param("2026-11-23T07:00", {"ada@example.com"}, id="by-attendee"),
        pytest.param("2026-11-30T07:00", {"bob@example.com"}, id="by-title"),
        pytest.param("2026-12-08T12:00", {"ada@example.com"}, id="the-next-time"),
        pytest.param("2026-12-15T12:00", set(), id="taken-out-is-nobody"),
        pytest.param("2027-07-06T12:00", {"ada@example.com"}, id="far-away-in-summer"),
    ],
)
def test_a_calendar_says_who_is_on_call(now: str, who: set[str]) -> None:
    rota, problems = rota_of(CALENDAR, "oncall.ics")
    assert problems == []
    assert rota is not None
    assert rota.at(at(now)) == who


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("nonsense", 1, "no calendar"),
        ("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", 1, "no event"),
        (CALENDAR.replace("bob@example.com is", "Bob is"), 12, "nobody is invited"),
    ],
)
def test_what_is_wrong_in_a_calendar_is_told(text: str, line: int, said: str) -> None:
    rota, problems = rota_of(text, "oncall.ics")
    assert rota is None
    assert [(problem.line, said in problem.message) for problem in problems] == [(line, True)]


CONFIG = """
servers: {}
people:
  ada@example.com: {roles: [reviewer], groups: [finance], tz: Europe/Athens, quiet: "22:00-07:00"}
  bob@example.com: {roles: [reviewer]}
groups: {finance: {quiet: "12:00-13:00"}}
oncall: {oncall: {file: oncall.yaml}}
approvals: {reviewers: ["group:oncall"]}
"""


def test_the_configuration_reads_hours_and_rotas_and_notices_a_changed_file(tmp_path: Path) -> None:
    (tmp_path / "oncall.yaml").write_text(PLAN)
    (tmp_path / "placet.yaml").write_text(CONFIG)
    settings = load_config(tmp_path / "placet.yaml", {})
    ada = settings.groups.of(settings.people["ada@example.com"], at("2026-11-24T12:00"))  # type: ignore[index]  # a word
    assert sorted(ada.groups) == ["finance", "oncall"]
    assert str(ada.quiet) == "22:00-07:00 Europe/Athens"
    assert not changed(settings)
    (tmp_path / "oncall.yaml").write_text(PLAN.replace("days: 7", "days: 14"))
    os.utime(tmp_path / "oncall.yaml", ns=(1, 1))
    assert changed(settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(("oncall.yaml}", "gone.yaml}"), "cannot read the file", id="no-file"),
        pytest.param(('"22:00-07:00"', '"22-7"'), "are no quiet hours", id="no-hours"),
        pytest.param(("tz: Europe/Athens", "tz: Europe/Athen"), "is not a time zone", id="no-zone"),
        pytest.param(("{roles: [reviewer]}", "{roles: [reviewer], groups: [oncall]}"), "filled by its", id="two-sides"),
    ],
)
def test_what_is_wrong_around_a_rota_is_told(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    (tmp_path / "oncall.yaml").write_text(PLAN)
    (tmp_path / "placet.yaml").write_text(CONFIG.replace(*change))
    with pytest.raises(ConfigErrors, match=said):
        load_config(tmp_path / "placet.yaml", {})
