"""Entries in shadow: they change no verdict, and the ruling says what they would have done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import load_policy
from gateway.policy.looking import MOST_LOOKS, TOO_MUCH
from gateway.policy.model import Facts, Policy, Ruling, Verdict

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, Verdict.DENY


def policy(tools: str, default: str = "deny", more: str = "") -> Policy:
    return load_policy(f'version: "1"\ndefault: {default}\n{more}tools: {tools}\n', "p.yaml")


def ruling(judged: Policy | list[Policy], arguments: dict[str, Any] | None = None, tool: str = "a") -> Ruling:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return evaluate(judged, Facts(server="s", tool=tool, arguments=arguments or {}, agent="x", now=now))


BIG = "[{conditions: [{path: args.n, op: gt, value: 5}]}]"
ROWS: list[tuple[str, str, dict[str, Any], Verdict, Verdict, list[tuple[str, Verdict]], str]] = [
    # tools, default, arguments, verdict, would, shadow, id
    (
        '{"*": {}, a: {action: deny, mode: shadow}}',
        "deny",
        {},
        ALLOW,
        DENY,
        [("/tools/a/action", DENY)],
        "a deny",
    ),
    (
        '{"*": {}, a: {action: hide, mode: shadow}}',
        "deny",
        {},
        ALLOW,
        DENY,
        [("/tools/a/action", DENY)],
        "a hide",
    ),
    (
        '{"*": {}, a: {action: require_approval, mode: shadow}}',
        "deny",
        {},
        ALLOW,
        ASK,
        [("/tools/a/action", ASK)],
        "a question to people",
    ),
    (
        f'{{"*": {{}}, a: {{approve_if: {BIG}, mode: shadow}}}}',
        "deny",
        {"n": 6},
        ALLOW,
        ASK,
        [("/tools/a", ALLOW), ("/tools/a/approve_if/0", ASK)],
        "an approve_if that holds",
    ),
    (
        f'{{"*": {{}}, a: {{approve_if: {BIG}, mode: shadow}}}}',
        "deny",
        {"n": 5},
        ALLOW,
        ALLOW,
        [("/tools/a", ALLOW)],
        "an approve_if that does not hold",
    ),
    (
        f'{{"*": {{}}, a: {{deny_if: {BIG}, mode: shadow}}}}',
        "deny",
        {},
        ALLOW,
        DENY,
        [("/tools/a", ALLOW), ("/tools/a/deny_if/0", DENY)],
        "a deny_if that cannot be judged",
    ),
    (
        "{a: {mode: shadow}}",
        "deny",
        {},
        DENY,
        ALLOW,
        [("/tools/a", ALLOW)],
        "an allowance that would replace the default",
    ),
    (
        "{a: {action: require_approval, mode: shadow}}",
        "allow",
        {},
        ALLOW,
        ASK,
        [("/tools/a/action", ASK)],
        "a rule over an open default",
    ),
    (
        '{"a*": {action: deny}, a: {mode: shadow}}',
        "deny",
        {},
        DENY,
        DENY,
        [("/tools/a", ALLOW)],
        "no shadow undoes what counts",
    ),
    (
        '{"*": {}, a: {mode: shadow, schedule: {days: [sun]}, when: "false"}}',
        "deny",
        {},
        ALLOW,
        DENY,
        [("/tools/a", ALLOW), ("/tools/a/schedule", DENY), ("/tools/a/when", DENY)],
        "a schedule and an expression",
    ),
]


@pytest.mark.parametrize(
    ("tools", "default", "arguments", "verdict", "would", "shadow"), [r[:6] for r in ROWS], ids=[r[6] for r in ROWS]
)
def test_a_shadow_changes_nothing_and_tells_what_it_would_have_done(
    tools: str,
    default: str,
    arguments: dict[str, Any],
    verdict: Verdict,
    would: Verdict,
    shadow: list[tuple[str, Verdict]],
) -> None:
    got = ruling(policy(tools, default), arguments)
    assert (got.verdict, got.would) == (verdict, would)
    assert [(one.rule, one.verdict) for one in got.shadow] == shadow
    assert all(one.policy == "p.yaml" for one in got.shadow)


def test_without_a_shadow_nothing_is_told_of_one() -> None:
    got = ruling(policy("{a: {}}"))
    assert (got.shadow, got.shadow_limits, got.would) == ((), (), None)


def test_limits_in_shadow_take_nothing_and_are_told_apart() -> None:
    limits = "limits: [{counter: spent, window: day, max: 5, amount: args.n}]"
    judged = policy(f'{{"*": {{}}, a: {{mode: shadow, rate_limit: 1/day, {limits}}}}}')
    got = ruling(judged, {"n": 3})
    assert (got.verdict, got.limits) == (ALLOW, ())
    assert [(use.limit.counter, str(use.amount)) for use in got.shadow_limits] == [("spent", "3"), ("a_rate_day", "1")]
    unknown = ruling(judged, {})
    assert (unknown.verdict, unknown.would) == (ALLOW, DENY)
    assert unknown.shadow[-1].as_json() == {
        "rule": "/tools/a/limits/0",
        "verdict": "deny",
        "why": "args.n is missing; give it as a number above 0",
        "policy": "p.yaml",
    }


def test_an_approval_route_in_shadow_asks_nobody_and_hides_no_tool() -> None:
    route = 'approval: {reviewers: ["group:x"]}'
    judged = policy(f'{{"*": {{action: require_approval}}, a: {{mode: shadow, action: hide, {route}}}}}')
    got = ruling(judged)
    assert got.verdict is ASK
    assert got.approval is not None
    assert got.approval.parts[0].reviewers is None
    assert not got.hidden
    assert listing(judged, "a")


def test_each_layer_has_its_own_shadows() -> None:
    outer = policy('{"*": {}, a: {action: deny, mode: shadow}}')
    inner = policy("{a: {mode: shadow}}", default="allow")
    got = ruling([outer, inner])
    assert (got.verdict, got.would) == (ALLOW, DENY)
    assert [(one.rule, one.verdict) for one in got.shadow] == [("/tools/a/action", DENY), ("/tools/a", ALLOW)]


LONG = {"a": [1] * (MOST_LOOKS // 2 - 10)}
LOOKS_AT_ALL = "deny_if: [{conditions: [{path: 'args.a[*]', op: gt, value: 5}]}]"


def test_all_rules_together_look_at_so_much_and_no_more() -> None:
    twice = policy(f'{{"*": {{{LOOKS_AT_ALL}}}, a: {{{LOOKS_AT_ALL}}}}}')
    thrice = policy(f'{{"*": {{{LOOKS_AT_ALL}}}, "a*": {{{LOOKS_AT_ALL}}}, a: {{{LOOKS_AT_ALL}}}}}')
    assert ruling(twice, LONG).verdict is ALLOW
    assert ruling(thrice, LONG).verdict is DENY
    assert TOO_MUCH in (ruling(thrice, LONG).reason or "")


def test_what_an_entry_in_shadow_looks_at_is_not_taken_from_the_others() -> None:
    shadows = ", ".join(f'"a{"*" * (n + 1)}": {{{LOOKS_AT_ALL}, mode: shadow}}' for n in range(3))
    judged = ruling(policy(f'{{{shadows}, "*": {{{LOOKS_AT_ALL}}}, a: {{{LOOKS_AT_ALL}}}}}'), LONG)
    assert judged.verdict is ALLOW
    assert judged.would is DENY
