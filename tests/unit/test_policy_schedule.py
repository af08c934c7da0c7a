"""Schedules: within the hours an entry holds, outside them its tool is denied, and the agent is told when it opens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Facts, Policy, Verdict


def policy(schedule: str, more: str = "") -> Policy:
    return load_policy(f'version: "1"\ndefault: deny\ntools: {{a: {{schedule: {schedule}{more}}}}}\n', "p.yaml")


def facts(at: str, tool: str = "a") -> Facts:
    return Facts(server="s", tool=tool, arguments={}, agent="x", now=datetime.fromisoformat(at))


def problems(schedule: str) -> str:
    with pytest.raises(PolicyErrors) as caught:
        policy(schedule)
    return str(caught.value)


OFFICE = "{days: [mon, tue, wed, thu, fri], hours: 08:00-18:00, tz: Europe/Athens}"
NIGHT = "{days: [fri], hours: 22:00-06:00, tz: Europe/Athens}"
ROWS = [
    (OFFICE, "2026-11-24T08:00:00Z", True, "a Tuesday at ten in Athens"),
    (OFFICE, "2026-11-24T06:00:00Z", True, "the minute it opens"),
    (OFFICE, "2026-11-24T05:59:59Z", False, "a second before it opens"),
    (OFFICE, "2026-11-24T15:59:59Z", True, "the last second"),
    (OFFICE, "2026-11-24T16:00:00Z", False, "its end is not in it"),
    (OFFICE, "2026-11-21T10:00:00Z", False, "a Saturday"),
    (OFFICE, "2026-11-22T23:00:00Z", False, "a Monday in Athens, at one in the night"),
    (NIGHT, "2026-11-27T20:30:00Z", True, "Friday night"),
    (NIGHT, "2026-11-28T03:59:00Z", True, "Saturday morning belongs to Friday"),
    (NIGHT, "2026-11-28T04:00:00Z", False, "Saturday, after its end"),
    (NIGHT, "2026-11-28T20:30:00Z", False, "Saturday night"),
    (NIGHT, "2026-11-27T03:00:00Z", False, "Friday morning belongs to Thursday"),
    ("{hours: 18:00-24:00}", "2026-11-24T23:59:59Z", True, "to the end of the day"),
    ("{hours: 18:00-24:00}", "2026-11-25T00:00:00Z", False, "not into the next"),
    ("{hours: 18:00-00:00}", "2026-11-24T23:59:59Z", True, "to midnight, written as the start of the next day"),
    ("{hours: [08:00-12:00, 13:00-17:00]}", "2026-11-24T12:30:00Z", False, "the break"),
    ("{hours: [08:00-12:00, 13:00-17:00]}", "2026-11-24T13:30:00Z", True, "after the break"),
    ("{days: [sun]}", "2026-11-22T00:00:00Z", True, "a whole day from its start"),
    ("{days: [sun]}", "2026-11-22T23:59:59Z", True, "a whole day to its end"),
    # In Athens clocks go from 03:00 to 04:00 on 29 March 2026, and from 04:00 back to 03:00 on 25 October 2026.
    ("{hours: 03:30-05:00, tz: Europe/Athens}", "2026-03-29T00:59:00Z", False, "02:59, just before the skipped hour"),
    ("{hours: 03:30-05:00, tz: Europe/Athens}", "2026-03-29T01:00:00Z", True, "04:00: 03:30 never came"),
    ("{hours: 03:00-04:00, tz: Europe/Athens}", "2026-03-29T01:00:00Z", False, "the skipped hour never comes"),
    ("{hours: 03:00-04:00, tz: Europe/Athens}", "2026-10-25T00:30:00Z", True, "the repeated hour, the first time"),
    ("{hours: 03:00-04:00, tz: Europe/Athens}", "2026-10-25T01:30:00Z", True, "the repeated hour, the second time"),
    ("{hours: 03:00-04:00, tz: Europe/Athens}", "2026-10-25T02:00:00Z", False, "after both"),
]


@pytest.mark.parametrize(("schedule", "at", "opened"), [row[:3] for row in ROWS], ids=[row[3] for row in ROWS])
def test_a_tool_may_be_called_within_its_hours_only(schedule: str, at: str, opened: bool) -> None:
    ruling = evaluate(policy(schedule), facts(at))
    expected = (Verdict.ALLOW, "/tools/a") if opened else (Verdict.DENY, "/tools/a/schedule")
    assert (ruling.verdict, ruling.rule) == expected


OPENS = [
    (OFFICE, "2026-11-24T16:00:00Z", "now it is Tue 18:00 there, and it opens Wed 25 Nov 2026 08:00"),
    (OFFICE, "2026-11-20T17:00:00Z", "it opens Mon 23 Nov 2026 08:00"),
    (NIGHT, "2026-11-28T05:00:00Z", "it is open fri 22:00-06:00 (Europe/Athens); now it is Sat 07:00 there"),
    (NIGHT, "2026-11-28T05:00:00Z", "it opens Fri 04 Dec 2026 22:00"),
    ("{days: [mon], hours: [13:00-14:00, 08:00-12:00]}", "2026-11-23T12:30:00Z", "it opens Mon 23 Nov 2026 13:00"),
    ("{days: [mon]}", "2026-11-24T00:00:00Z", "it opens Mon 30 Nov 2026 00:00"),
    ("{hours: 12:00-13:00, tz: America/New_York}", "0001-01-01T00:00:00Z", "may not be called now: it is open"),
    ("{hours: 12:00-13:00}", "9999-12-31T14:00:00Z", "may not be called now: it is open every day 12:00-13:00 (UTC)"),
]


@pytest.mark.parametrize(("schedule", "at", "said"), OPENS)
def test_outside_its_hours_the_agent_is_told_when_it_opens(schedule: str, at: str, said: str) -> None:
    assert said in (evaluate(policy(schedule), facts(at)).reason or "")


def test_a_schedule_only_narrows() -> None:
    closed, opened = facts("2026-11-24T22:00:00Z"), facts("2026-11-24T10:00:00Z")
    asks, denies = policy(OFFICE, ", action: require_approval"), policy(OFFICE, ", action: deny")
    assert evaluate(asks, closed).verdict is Verdict.DENY
    assert evaluate(asks, opened).verdict is Verdict.REQUIRE_APPROVAL
    assert evaluate(denies, closed).verdict is evaluate(denies, opened).verdict is Verdict.DENY
    text = '{"a*": {schedule: {hours: "08:00-18:00"}}, a: {schedule: {hours: "12:00-24:00"}}}'
    both = load_policy(f'version: "1"\ndefault: deny\ntools: {text}\n', "p.yaml")
    verdicts = [evaluate(both, facts(f"2026-11-24T{hour}:00:00Z")).verdict for hour in ("10", "14", "20")]
    assert verdicts == [Verdict.DENY, Verdict.ALLOW, Verdict.DENY]


def test_a_tool_is_listed_though_it_is_closed_now() -> None:
    assert listing(policy(OFFICE), "a")


def test_a_schedule_in_shadow_closes_nothing() -> None:
    text = f'version: "1"\ndefault: allow\ntools: {{a: {{schedule: {OFFICE}, mode: shadow}}}}\n'
    ruling = evaluate(load_policy(text, "p.yaml"), facts("2026-11-24T22:00:00Z"))
    assert ruling.verdict is Verdict.ALLOW
    assert any(one.why.startswith("shadow: it would deny: it is open") for one in ruling.trace)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("{}", "a schedule has days, hours, or both (at /tools/a/schedule)"),
        ("{days: [monday]}", "p.yaml:3:31: 'monday' is not a day; did you mean 'mon'? (at /tools/a/schedule/days/0)"),
        ("{days: [MON]}", "'MON' is not a day; did you mean 'mon'?"),
        ("{days: [mon, mon]}", "'mon' stands twice"),
        ("{days: [montag]}", "did you mean 'mon'?"),
        ("{days: [x]}", "'x' is not a day; one of mon, tue, wed"),
        ("{days: []}", "at least 1"),
        ("{hours: []}", "at least 1"),
        ("{hours: 8-18}", "'8-18' are no hours; write 08:00-18:00"),
        ("{hours: 08:00-25:00}", "they go from 00:00 to 24:00"),
        ("{hours: 08:00-24:01}", "they go from 00:00 to 24:00"),
        ("{hours: 24:00-06:00}", "they go from 00:00 to 24:00"),
        ("{hours: 08:60-18:00}", "they go from 00:00 to 24:00"),
        ("{hours: 08:00-08:00}", "is no time at all; the whole day is 00:00-24:00"),
        ("{days: [mon], tz: Europe/Athen}", "'Europe/Athen' is not a time zone; did you mean 'Europe/Athens'?"),
        ("{days: [mon], tz: europe/athens}", "did you mean 'Europe/Athens'?"),
        ("{days: [mon], tz: ../etc/passwd}", "'../etc/passwd' is not a time zone"),
        ("{days: [mon], tz: /etc/localtime}", "is not a time zone"),
        ("{days: [mon], tz: xyzzy}", "write it like Europe/Athens, or UTC"),
        ("{day: [mon]}", "unknown key 'day'; did you mean 'days'?"),
    ],
)
def test_a_schedule_that_means_nothing_is_refused_in_words(schedule: str, said: str) -> None:
    assert said in problems(schedule)


def test_every_minute_of_a_week_is_in_one_half_or_the_other() -> None:
    day, night = policy("{hours: 06:30-21:15}"), policy("{hours: 21:15-06:30}")
    for minute in range(0, 7 * 24 * 60, 5):
        now = datetime.fromtimestamp(1_764_000_000 - 1_764_000_000 % 60 + minute * 60, UTC)
        given: dict[str, Any] = {"server": "s", "tool": "a", "arguments": {}, "agent": "x", "now": now}
        verdicts = {evaluate(each, Facts(**given)).verdict for each in (day, night)}
        assert verdicts == {Verdict.ALLOW, Verdict.DENY}
