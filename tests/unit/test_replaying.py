"""Recorded calls judged again: what changes, what it takes from limits, and what it asks of people."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from approvals.domain.model import Person, PersonId, Role
from gateway.cli.replay_text import text
from gateway.policy.loaders import load_policy
from gateway.policy.model import UNKNOWN_RISK, Policy, Verdict
from gateway.policy.recorded import Lost, Paid, Recorded, Request, Unkept
from gateway.policy.replayed import Replay, Tally
from gateway.policy.replaying import Assume, Change, Rejudged, Replayer, reach, shares
from gateway.policy.routes import ApprovalDefaults
from gateway.policy.workload import Days

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DEFAULTS = ApprovalDefaults(reviewers=("group:finance",))


def person(name: str, *groups: str, **more: Any) -> Person:
    given = {"roles": frozenset({Role.REVIEWER}), "groups": frozenset(groups), **more}
    return Person(id=PersonId(f"{name}@example.com"), **given)


ADA, BOB, EVE = (
    person("ada", "finance"),
    person("bob", "finance", "security"),
    person("eve", "finance", roles=frozenset()),
)
PEOPLE = {one.id: one for one in (ADA, BOB, EVE)}


def policy(tools: str, default: str = "deny") -> Policy:
    return load_policy(f'version: "1"\ndefault: {default}\ntools: {tools}\n', "p.yaml")


def call(number: int = 0, **more: Any) -> Recorded:
    """A call that was allowed and ran, one a minute."""
    at = more.pop("at", NOON + number * MINUTE)
    plain = Recorded(
        id=f"call_{number}",
        at=at,
        server="bank",
        tool="pay",
        agent="claude-ada",
        owner="ada@example.com",
        arguments={"amount": 5, "to": "acme"},
        arguments_sha256=f"{number:064}",
        risk=UNKNOWN_RISK,
        verdict=Verdict.ALLOW,
        rule="/tools/pay",
        policy_version="v1",
        counted_at=at,
        ran_at=at,
        ended_at=at,
    )
    return replace(plain, **more)


def held(number: int, state: str = "succeeded", **more: Any) -> Recorded:
    """A call that was asked about; it ran a minute later if it succeeded."""
    asked = call(number, verdict=Verdict.REQUIRE_APPROVAL, rule="/tools/pay/action", ran_at=None, ended_at=None)
    ran = asked.at + MINUTE if state == "succeeded" else None
    request = Request(id=f"req_{number}", state=state, created_at=asked.at)
    return replace(asked, **{"request": request, "ran_at": ran, "ended_at": ran, **more})


def refused(number: int = 0, verdict: Verdict = Verdict.DENY, **more: Any) -> Recorded:
    return call(number, **{"verdict": verdict, "rule": "/default", "ran_at": None, "ended_at": None, **more})


def replayed(new: Policy, calls: Sequence[Recorded], **options: Any) -> list[Rejudged]:
    replayer = Replayer(server="bank", policies=(new,), **{"begins": NOON - DAY, **options})
    found = [judged for one in calls for judged in replayer.feed(one)]
    return [*found, *replayer.end()]


def verdicts(found: Sequence[Rejudged]) -> list[str]:
    return [str(judged.verdict) for judged in found]


ALLOWS, ASKS, DENIES = policy("{pay: {}}"), policy("{pay: {action: require_approval}}"), policy("{pay: {action: deny}}")
LIMITS = policy("{pay: {limits: [{counter: c, window: day, max: 12, amount: args.amount}]}}")
OVER_ASKS = policy(
    "{pay: {limits: [{counter: c, window: day, max: 4, amount: args.amount, on_exceed: require_approval}]}}"
)
LOOKS = policy("{pay: {deny_if: [{conditions: [{path: args.to, op: eq, value: evil}]}]}}")

CHANGES = [
    ("allowed, and still", call(), ALLOWS, Change.UNCHANGED, "/tools/pay"),
    ("allowed, now asked about", call(), ASKS, Change.NEWLY_ASKED, "/tools/pay/action"),
    ("allowed, now denied", call(), DENIES, Change.NEWLY_DENIED, "/tools/pay/action"),
    ("asked about, and still", held(0), ASKS, Change.UNCHANGED, "/tools/pay/action"),
    ("asked about, now allowed", held(0), ALLOWS, Change.NEWLY_ALLOWED, "/tools/pay"),
    ("asked about, now denied", held(0), DENIES, Change.NEWLY_DENIED, "/tools/pay/action"),
    ("denied, and still", refused(), DENIES, Change.UNCHANGED, "/tools/pay/action"),
    ("denied, now asked about", refused(), ASKS, Change.NEWLY_ASKED, "/tools/pay/action"),
    ("denied, now allowed", refused(), ALLOWS, Change.NEWLY_ALLOWED, "/tools/pay"),
    (
        "limited, now denied: refused either way",
        refused(0, Verdict.RATE_LIMITED),
        DENIES,
        Change.UNCHANGED,
        "/tools/pay/action",
    ),
    ("limited, now allowed", refused(0, Verdict.RATE_LIMITED), ALLOWS, Change.NEWLY_ALLOWED, "/tools/pay"),
    ("no room in a limit that asks", call(), OVER_ASKS, Change.NEWLY_ASKED, "/tools/pay/limits/0"),
    ("not named", call(tool="read"), ALLOWS, Change.NEWLY_DENIED, "/default"),
    ("stopped by its arguments", call(ran_at=None, stopped="invalid_arguments"), ALLOWS, Change.STOPPED, ""),
    ("nobody kept what no rule looks at", call(arguments=Lost.NOT_KEPT), ASKS, Change.NEWLY_ASKED, "/tools/pay/action"),
    ("nobody kept what a rule looks at", call(arguments=Lost.NOT_KEPT), LOOKS, Change.NOT_JUDGED, ""),
    ("nobody kept what a limit counts", call(arguments=Lost.NOT_KEPT), LIMITS, Change.NOT_JUDGED, ""),
]


@pytest.mark.parametrize(
    ("one", "new", "change", "rule"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_a_call_changes_as_the_other_policy_says(one: Recorded, new: Policy, change: Change, rule: str) -> None:
    [judged] = replayed(new, [one])
    assert (judged.change, judged.rule) == (change, rule)


THREE = [call(0), call(1), call(2)]
FULL = ["allow", "allow", "rate_limited"]
EARLY = [held(0), call(1, at=NOON + timedelta(seconds=30)), call(2)]
ROOM: list[tuple[str, list[Recorded], dict[str, Any], list[str]]] = [
    ("what runs takes room, and what has none takes nothing", THREE, {}, FULL),
    ("what was denied and would run takes room too", [refused(0), refused(1), call(2)], {}, FULL),
    ("what could not be sent takes none", [call(0, ran_at=None), call(1), call(2)], {}, ["allow"] * 3),
    ("a window that is over counts no more", [call(0), call(1), call(2, at=NOON + DAY)], {}, ["allow"] * 3),
    ("calls before the period take room, and are not told", THREE, {"begins": NOON + 2 * MINUTE}, ["rate_limited"]),
    ("a held call would have run when it came", EARLY, {}, FULL),
]


@pytest.mark.parametrize(("calls", "options", "wanted"), [row[1:] for row in ROOM], ids=[row[0] for row in ROOM])
def test_limits_count_what_would_have_run(calls: list[Recorded], options: dict[str, Any], wanted: list[str]) -> None:
    assert verdicts(replayed(LIMITS, calls, **options)) == wanted


BOTH = policy("{pay: {action: require_approval, limits: [{counter: c, window: day, max: 9, amount: args.amount}]}}")
ASSUMED = [
    ("people said yes: it ran", [call(0), call(1)], Assume.APPROVED, ["require_approval", "rate_limited"]),
    ("people said no: it did not", [call(0), call(1)], Assume.DENIED, ["require_approval"] * 2),
    ("what people denied then did not run", [held(0, "denied"), call(1)], Assume.APPROVED, ["require_approval"] * 2),
    ("what people approved then ran then", [held(0), call(2)], Assume.DENIED, ["require_approval", "rate_limited"]),
]


@pytest.mark.parametrize(("calls", "assume", "wanted"), [row[1:] for row in ASSUMED], ids=[row[0] for row in ASSUMED])
def test_what_people_would_have_said_is_assumed(calls: list[Recorded], assume: Assume, wanted: list[str]) -> None:
    assert verdicts(replayed(BOTH, calls, assume=assume)) == wanted


def test_a_call_that_came_back_for_its_request_is_counted_once() -> None:
    first = held(0)
    found = replayed(ALLOWS, [first, replace(first, id="call_1", at=first.at + MINUTE)])
    assert [judged.change for judged in found] == [Change.NEWLY_ALLOWED, Change.CAME_BACK]


def test_an_answer_that_the_server_had_asked_for_is_no_call_of_its_own() -> None:
    [judged] = replayed(LIMITS, [call(0, came_back=True, ran_at=None)])
    assert judged.change is Change.CAME_BACK


def test_the_same_call_made_again_at_once_joins_the_request_it_would_newly_have_made() -> None:
    same = [call(number, arguments_sha256="0" * 64) for number in (0, 1, 9)]
    assert [judged.spec is not None for judged in replayed(ASKS, same)] == [True, False, True]


SHARED = policy("{pay: {limits: [{counter: c, window: day, max: 2, scope: agent}]}}")


def test_calls_of_other_servers_take_from_budgets_that_servers_share() -> None:
    [own] = replayed(SHARED, [call(0)])
    assert own.change is Change.UNCHANGED
    [use] = Replayer(server="bank", policies=(SHARED,), begins=NOON)._limits.items()
    paid = Paid(keys=((use[0], '[["agent", "claude-ada"]]'),), amount=Decimal(1))
    elsewhere = [call(number, server="shop", paid=(paid,)) for number in (0, 1)]
    [judged] = replayed(SHARED, [*elsewhere, call(2)])
    assert judged.verdict is Verdict.RATE_LIMITED


def test_an_agents_own_layers_judge_its_calls_too() -> None:
    agents = {"claude-ada": (replace(DENIES, name="ada.yaml"),)}
    found = replayed(ALLOWS, [call(0), call(1, agent="other")], agents=agents)
    assert [judged.change for judged in found] == [Change.NEWLY_DENIED, Change.UNCHANGED]


def test_what_nobody_can_judge_pays_what_it_paid_then() -> None:
    [(counter, _)] = Replayer(server="bank", policies=(LIMITS,), begins=NOON)._limits.items()
    paid = Paid(keys=((counter, '[["grant", "bank", "claude-ada"]]'),), amount=Decimal(11))
    found = replayed(LIMITS, [call(0, arguments=Lost.NOT_OPENED, paid=(paid,)), call(1)])
    assert [judged.change for judged in found] == [Change.NOT_JUDGED, Change.NEWLY_DENIED]


@pytest.mark.parametrize(
    ("new", "back", "shared"),
    [
        pytest.param(ALLOWS, DAY, False, id="no limits: only requests that were open"),
        pytest.param(LIMITS, timedelta(hours=36), False, id="a day: since midnight"),
        pytest.param(SHARED, timedelta(hours=36), True, id="an agent's own budget is shared by servers"),
    ],
)
def test_a_replay_reads_as_far_back_as_its_counters_reach(new: Policy, back: timedelta, shared: bool) -> None:
    assert reach([new], NOON) <= NOON - back
    assert shares([new]) is shared


def test_what_passes_is_told_with_why_no_rule_stopped_it() -> None:
    new = policy("{pay: {approve_if: [{conditions: [{path: args.amount, op: gt, value: 20}]}]}}")
    [judged] = replayed(new, [held(0)])
    assert judged.why == "args.amount 5 is not > 20"


LOOKING: list[tuple[str, Any]] = [
    ("in", lambda a: "x" in a),
    ("item", lambda a: a["x"]),
    ("get", lambda a: a.get("x")),
    ("iteration", lambda a: list(a)),
    ("length", lambda a: len(a)),
    ("truth", lambda a: bool(a)),
]


@pytest.mark.parametrize("look", [row[1] for row in LOOKING], ids=[row[0] for row in LOOKING])
def test_whoever_looks_at_unkept_arguments_leaves_a_trace(look: Any) -> None:
    unkept = Unkept()
    assert not unkept.read
    with contextlib.suppress(KeyError):
        look(unkept)
    assert unkept.read


def report(new: Policy, calls: Sequence[Recorded], examples: int = 2) -> Replay:
    tally = Tally(people=PEOPLE, defaults=DEFAULTS, examples=examples)
    for judged in replayed(new, calls):
        tally.add(judged)
    return tally.replay(server="bank", version="v2", since=NOON, until=NOON + 2 * DAY, assume=Assume.APPROVED)


def test_a_report_says_what_gets_looser_and_which_of_it_people_had_denied() -> None:
    found = report(ALLOWS, [held(0), held(1, "denied"), held(2), call(3)])
    assert (found.calls, found.count(Change.NEWLY_ALLOWED), found.count(Change.UNCHANGED)) == (4, 3, 1)
    [group] = found.groups
    assert (group.calls, group.denied_by_people, len(group.examples)) == (3, 1, 2)
    assert "(1 of them people had denied)" in text(found)
    assert json.loads(json.dumps(found.as_json()))["changes"][0]["now"] == {
        "verdict": "allow", "rule": "/tools/pay", "policy": "p.yaml",
    }  # fmt: skip


def test_a_report_counts_approvals_per_day_and_reviewer() -> None:
    found = report(ASKS, [call(0), call(1), call(2), call(3, at=NOON + DAY)])
    assert (found.predicted.requests, found.predicted.per_day, found.predicted.busy_day) == (4, 2.0, 3)
    assert found.predicted.busiest == (date(2026, 11, 24), 3)
    assert [(one.reviewer, one.load.per_day, one.share_per_day) for one in found.reviewers] == [
        ("ada@example.com", 2.0, 1.0),
        ("bob@example.com", 2.0, 1.0),
    ]
    assert found.before.requests == 0


FOUR_EYES = policy("{pay: {action: require_approval, approval: {four_eyes: true}}}")
TWO = policy("{pay: {action: require_approval, approval: {factors: [{group: security, count: 2}]}}}")
BOTH_GROUPS = policy(
    "{pay: {action: require_approval, approval: {factors: [{group: security, count: 1}, {group: finance, count: 1}]}}}"
)
WHO = [
    ("the owner does not decide where four eyes are asked for", FOUR_EYES, {"bob@example.com": 1.0}, 0),
    ("too few people", TWO, {"bob@example.com": 1.0}, 1),
    (
        "who stands for two factors does a part of each",
        BOTH_GROUPS,
        {"bob@example.com": 1.5, "ada@example.com": 0.5},
        0,
    ),
]


@pytest.mark.parametrize(("new", "shares_", "out_of_reach"), [row[1:] for row in WHO], ids=[row[0] for row in WHO])
def test_a_request_reaches_those_who_may_decide_it(new: Policy, shares_: dict[str, float], out_of_reach: int) -> None:
    found = report(new, [call(0)])
    days = Days(first=NOON.date(), last=(NOON + 2 * DAY).date(), length=2 * DAY)
    assert {one.reviewer: one.share_per_day * days.count for one in found.reviewers} == shares_
    assert found.out_of_reach == out_of_reach


def test_nothing_recorded_is_said_to_be_nothing() -> None:
    found = report(ASKS, [])
    assert "Nothing was recorded in that time." in text(found)
    assert (found.predicted.requests, found.predicted.busiest) == (0, None)


def test_a_secret_in_a_reason_is_not_told() -> None:
    new = policy("{pay: {require: [{conditions: [{path: args.password, op: eq, value: x}]}]}}")
    found = report(new, [call(0, arguments={"password": "hunter2-hunter2"})])
    assert "hunter2" not in text(found) + json.dumps(found.as_json())


def test_what_runs_at_a_time_is_counted_as_long_as_it_ran() -> None:
    one_at_a_time = policy("{pay: {limits: [{counter: c, window: inflight, max: 1}]}}")
    long = replace(call(0), ended_at=NOON + 3 * MINUTE)
    found = replayed(one_at_a_time, [long, call(2), call(4)])
    assert verdicts(found) == ["allow", "rate_limited", "allow"]
