"""What entries in shadow would have done to recorded calls, and when they are ready to count."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.cli.policy_shadow import text
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import UNKNOWN_RISK, Facts, Policy, Verdict
from gateway.policy.recorded import Recorded, Request
from gateway.policy.shadowing import InShadow, ShadowTally, Would

START = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def policy(tools: str, default: str = "deny") -> Policy:
    return load_policy(f'version: "1"\ndefault: {default}\ntools: {tools}\n', "p.yaml")


LARGE = '{pay: {}, "p*": {mode: shadow, deny_if: [{conditions: [{path: args.amount, op: gt, value: 5}]}]}}'
ASKS = policy('{pay: {}, "p*": {mode: shadow, action: require_approval}}')
DENIES_LARGE = policy(LARGE)
NAMES = policy("{pay: {mode: shadow}}")
BOTH = policy('{pay: {action: require_approval}, "p*": {mode: shadow, action: deny}}')


def call(under: Policy, number: int = 0, amount: int = 9, **more: Any) -> Recorded:
    """A call as the journal would have it, an hour after the last one. What was allowed ran well."""
    at = START + number * HOUR
    facts = Facts(server="s", tool="pay", arguments={"amount": amount}, agent="ada", now=at)
    ruling = evaluate(under, facts)
    request = None
    if ruling.verdict is Verdict.REQUIRE_APPROVAL:
        request = Request(id=more.pop("request", f"req_{number}"), state=more.pop("state", "succeeded"), created_at=at)
    given: dict[str, Any] = {"ran_well": ruling.verdict is not Verdict.DENY, **more}
    return Recorded(
        id=f"call_{number}", at=at, server="s", tool="pay", agent="ada", owner=None, arguments=facts.arguments,
        arguments_sha256="", risk=UNKNOWN_RISK, verdict=ruling.verdict, rule=ruling.rule,
        policy_version=ruling.policy_version, counted_at=at, request=request,
        shadow=tuple(one.as_json() for one in ruling.shadow), **given,
    )  # fmt: skip


def counted(under: Policy, *calls: Recorded, examples: int = 2) -> InShadow:
    tally = ShadowTally([under], examples=examples)
    for one in calls:
        tally.add(one)
    [entry] = tally.entries
    return entry


WOULD = [
    ("deny what ran", DENIES_LARGE, call(DENIES_LARGE), {Would.DENY: 1}),
    ("nothing to what its rule lets pass", DENIES_LARGE, call(DENIES_LARGE, amount=1), {}),
    ("ask about what ran", ASKS, call(ASKS), {Would.ASK: 1}),
    ("deny what was asked about", BOTH, call(BOTH), {Would.DENY: 1}),
    ("allow what was denied by default", NAMES, call(NAMES), {Would.ALLOW: 1}),
]


@pytest.mark.parametrize(("under", "one", "would"), [row[1:] for row in WOULD], ids=[row[0] for row in WOULD])
def test_an_entry_in_shadow_would_do(under: Policy, one: Recorded, would: dict[Would, int]) -> None:
    entry = counted(under, one)
    assert (entry.seen, dict(entry.would)) == (1, would)


def test_what_was_refused_anyway_would_not_have_changed() -> None:
    denied = policy('{pay: {action: deny}, "p*": {mode: shadow, action: deny}}')
    assert not counted(denied, call(denied)).would


def test_a_call_that_came_back_for_its_request_is_counted_once() -> None:
    entry = counted(BOTH, call(BOTH, 0, request="req_1"), call(BOTH, 1, request="req_1"))
    assert entry.seen == 1


def test_what_people_denied_too_is_told_and_is_no_surprise() -> None:
    entry = counted(BOTH, call(BOTH, state="denied", ran_well=False))
    [(case, cases)] = entry.sorted()
    assert (case.would, cases.denied_by_people, entry.last_surprise) == (Would.DENY, 1, None)


def test_an_entry_is_ready_after_quiet_days_with_enough_calls() -> None:
    quiet = [call(DENIES_LARGE, number, amount=1) for number in range(30)]
    entry = counted(DENIES_LARGE, *quiet)
    assert not entry.ready(START + 6 * DAY, 7)
    assert entry.ready(START + 7 * DAY, 7)
    assert not counted(DENIES_LARGE, *quiet[:19]).ready(START + 30 * DAY, 7)


def test_a_call_that_ran_well_and_would_not_have_starts_the_count_anew() -> None:
    entry = counted(DENIES_LARGE, *(call(DENIES_LARGE, number, amount=1 + 8 * (number == 20)) for number in range(30)))
    assert entry.last_surprise == START + 20 * HOUR
    assert not entry.ready(START + 7 * DAY, 7)
    assert entry.ready(START + 8 * DAY, 7)


def test_the_report_names_rules_and_calls_and_says_what_to_do() -> None:
    loud = counted(DENIES_LARGE, *(call(DENIES_LARGE, number) for number in range(25)))
    said = "\n".join(text({"s": (loud,)}, START + 9 * DAY, 7))
    assert "saw 25 calls; would have denied 25" in said
    assert "pay by ada: denied by /tools/p*/deny_if/0" in said
    assert "args.amount 9 is > 5: call_0 (11-02 12:00), call_1 (11-02 13:00)" in said
    assert "ready to count" in said
    value = json.loads(json.dumps(loud.as_json(START + 9 * DAY, 7)))
    assert (value["would"]["deny"], value["cases"][0]["calls"], value["ready"]) == (25, 25, True)
    assert "No policy has an entry in shadow" in "\n".join(text({"s": ()}, START, 7))
