"""What the published formats mean, sentence by sentence (policy.md 1.1 to 1.3), on files as people write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.policy.evaluate import evaluate, listing
from gateway.policy.limit import Scope
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Facts, Policy, Verdict

ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, Verdict.DENY


def hosted(**parts: Any) -> Policy:
    """Format A: the hosted policy.json."""
    return load_policy(json.dumps({"version": "1", "default": "deny", **parts}), "policy.json")


def intercept(tools: str, head: str = "default: deny\n") -> Policy:
    """Format B: Intercept YAML."""
    return load_policy(f'version: "1"\n{head}tools:\n{tools}', "intercept.yaml")


def catalogue(tools: str) -> Policy:
    """Format C: the older catalogue YAML."""
    return load_policy(f"tools:\n{tools}", "catalogue.yaml")


def verdict(policy: Policy, tool: str, arguments: dict[str, Any] | None = None) -> tuple[Verdict, str]:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    ruling = evaluate(policy, Facts(server="s", tool=tool, arguments=arguments or {}, agent="x", now=now))
    return ruling.verdict, ruling.rule


def rule(path: str, op: str, value: Any = None) -> dict[str, Any]:
    return {"conditions": [{"path": path, "op": op, "value": value}]}


LIMIT = {"counter": "c_rate", "window": "minute", "max": 30, "scope": "grant"}
A: list[tuple[Policy, str, dict[str, Any], Verdict, str, str]] = [
    (hosted(tools={"a": {}}), "a", {}, ALLOW, "/tools/a", "an empty entry under a closed default allows"),
    (hosted(tools={"a": {}}), "b", {}, DENY, "/default", "what is not named is as the default"),
    (hosted(default="allow"), "b", {}, ALLOW, "/default", "and with an open default allowed"),
    (hosted(tools={"a": {}}), "A", {}, DENY, "/default", "names are exact"),
    (hosted(hide=["a"], tools={"a": {}}), "a", {}, DENY, "/hide/0", "what is hidden is denied"),
    (hosted(hide=["*"], tools={"a": {}}), "a", {}, DENY, "/hide/0", "a star hides all"),
    (
        hosted(tools={"a": {"deny_if": [{"conditions": []}]}}),
        "a",
        {},
        DENY,
        "/tools/a/deny_if/0",
        "no conditions, always",
    ),
    (
        hosted(tools={"a": {"deny_if": [{"conditions": [], "on_deny": "A person must approve"}]}}),
        "a",
        {},
        DENY,
        "/tools/a/deny_if/0",
        "a denial that speaks of approval is a denial",
    ),
    (hosted(tools={"a": {"require": [rule("args.x", "==", 1)]}}), "a", {"x": 1}, ALLOW, "/tools/a", "require holds"),
    (hosted(tools={"a": {"require": [rule("args.x", "eq", 1)]}}), "a", {"x": 2}, DENY, "/tools/a/require/0", "require"),
    (
        hosted(tools={"a": {"require": [rule("args.x", "exists"), rule("args.y", "not_exists")]}}),
        "a",
        {"x": 1, "y": 1},
        DENY,
        "/tools/a/require/1",
        "every require must hold",
    ),
    (
        hosted(
            tools={
                "a": {
                    "deny_if": [
                        {"conditions": [*rule("args.x", ">", 1)["conditions"], *rule("args.y", "<", 9)["conditions"]]}
                    ]
                }
            }
        ),
        "a",
        {"x": 5, "y": 10},
        ALLOW,
        "/tools/a",
        "conditions of a rule are AND-ed",
    ),
]
B_TOOL = """
  a:
    rules:
      - name: first
        conditions: [%s]
        on_deny: First
      - {name: second, conditions: [{path: args.must, op: exists, value: true}], on_deny: Second}
"""
FIRST, SECOND, PASSED = "/tools/a/rules/0", "/tools/a/rules/1", "/tools/a/rules/0"


def b(condition: str) -> Policy:
    return intercept(B_TOOL % condition)


MUST = {"must": 1}
B: list[tuple[Policy, str, dict[str, Any], Verdict, str, str]] = [
    (b("{path: args.x, op: eq, value: 1}"), "a", {"x": 1, **MUST}, ALLOW, PASSED, "conditions say what must be true"),
    (b("{path: args.x, op: eq, value: 1}"), "a", {"x": 2, **MUST}, DENY, FIRST, "the rule that fails denies"),
    (b("{path: args.x, op: eq, value: 1}"), "a", {"x": 2}, DENY, FIRST, "the first that fails gives the message"),
    (b("{path: args.x, op: eq, value: 1}"), "a", {"x": 1}, DENY, SECOND, "every rule must pass"),
    (b("{path: args.x, op: eq, value: 1}"), "a", {"x": "1", **MUST}, ALLOW, PASSED, "1 equals the text 1"),
    (b("{path: args.x, op: eq, value: 1}"), "a", {"x": 1.0, **MUST}, ALLOW, PASSED, "numbers are equal by value"),
    (b("{path: args.x, op: eq, value: true}"), "a", {"x": "true", **MUST}, ALLOW, PASSED, "true equals its text"),
    (b("{path: args.x, op: neq, value: 1}"), "a", {"x": "1", **MUST}, DENY, FIRST, "and does not differ from it"),
    (b("{path: args.x, op: neq, value: 1}"), "a", MUST, DENY, FIRST, "neq on a missing field denies"),
    (b("{path: args.x, op: not_in, value: [1]}"), "a", MUST, DENY, FIRST, "not_in on a missing field denies"),
    (b("{path: args.x, op: not_in, value: [1]}"), "a", {"x": "2", **MUST}, ALLOW, PASSED, "not_in"),
    (b("{path: args.x, op: in, value: [1]}"), "a", {"x": "1", **MUST}, ALLOW, PASSED, "in compares as eq does"),
    (b("{path: args.x, op: exists, value: true}"), "a", {"x": None, **MUST}, DENY, FIRST, "null is absent"),
    (b("{path: args.x, op: exists, value: false}"), "a", {"x": None, **MUST}, ALLOW, PASSED, "null is absent, wanted"),
    (b("{path: args.x, op: lte, value: 5}"), "a", {"x": "4", **MUST}, DENY, FIRST, "ordering never coerces"),
    (b("{path: args.x, op: regex, value: b}"), "a", {"x": "abc", **MUST}, ALLOW, PASSED, "patterns match anywhere"),
    (b("{path: args.x, op: regex, value: '1'}"), "a", {"x": 1, **MUST}, DENY, FIRST, "patterns are for texts only"),
    (b("{path: args.x, op: contains, value: b}"), "a", {"x": "abc", **MUST}, ALLOW, PASSED, "contains in a text"),
    (b("{path: args.x, op: contains, value: b}"), "a", {"x": ["b"], **MUST}, ALLOW, PASSED, "contains in a list"),
    (b("{path: args.x, op: contains, value: 1}"), "a", {"x": ["1"], **MUST}, ALLOW, PASSED, "elements as eq does"),
    (b("{path: args.x, op: contains, value: 1}"), "a", {"x": "a1", **MUST}, DENY, FIRST, "in a text only a text"),
    (b("{path: args.x.y, op: eq, value: 1}"), "a", {"x.y": 1, **MUST}, DENY, FIRST, "dots always split"),
    (intercept("  a: {rules: []}\n"), "a", {}, ALLOW, "/tools/a", "no rules, no objection"),
    (intercept("  a: {rules: []}\n"), "b", {}, DENY, "/default", "a closed default"),
    (intercept("  a: {rules: []}\n", head=""), "b", {}, ALLOW, "/default", "the default is open where nothing is said"),
    (
        intercept('  "*":\n    rules: [{rate_limit: 3/minute}]\n'),
        "b",
        {},
        DENY,
        "/default",
        "a star rescues nobody from a closed default",
    ),
    (
        intercept('  a: {rules: []}\n  "*":\n    rules: [{conditions: [{path: args.x, op: eq, value: 1}]}]\n'),
        "a",
        {},
        DENY,
        "/tools/*/rules/0",
        "rules of the star hold for named tools too",
    ),
    (
        intercept("  a: {rules: [{action: deny, on_deny: Never}]}\n", head=""),
        "a",
        {},
        DENY,
        "/tools/a/rules/0",
        "deny denies",
    ),
    (
        intercept("  a: {rules: [{action: require_approval, conditions: [{path: args.x, op: gt, value: 5}]}]}\n"),
        "a",
        {"x": 6},
        ASK,
        "/tools/a/rules/0",
        "conditions of require_approval say what triggers it",
    ),
    (
        intercept("  a: {rules: [{action: require_approval, conditions: [{path: args.x, op: gt, value: 5}]}]}\n"),
        "a",
        {"x": 5},
        ALLOW,
        "/tools/a/rules/0",
        "and where they do not hold nobody is asked",
    ),
    (
        intercept("  a: {rules: [{action: require_approval, conditions: [{path: args.x, op: gt, value: 5}]}]}\n"),
        "a",
        {},
        ASK,
        "/tools/a/rules/0",
        "stricter than theirs: what cannot be judged asks",
    ),
    (intercept("  a: {rules: []}\n", head="hide: [a]\n"), "a", {}, DENY, "/hide/0", "what is hidden is denied"),
    (intercept("  a: {rules: []}\n", head='hide: ["*"]\n'), "a", {}, DENY, "/hide/0", "a star hides all"),
]
C: list[tuple[Policy, str, dict[str, Any], Verdict, str, str]] = [
    (catalogue("  a: {rules: [{action: allow}]}\n"), "a", {}, ALLOW, "/tools/a/rules/0/action", "allowed by its rule"),
    (catalogue("  a: {action: allow}\n"), "a", {}, ALLOW, "/tools/a/action", "written flat"),
    (catalogue("  a: {rules: [{action: deny, reason: Never}]}\n"), "a", {}, DENY, "/tools/a/rules/0/action", "denied"),
    (catalogue("  a: {rules: [{action: allow}, {action: deny}]}\n"), "a", {}, DENY, "/tools/a/rules/1/action", "both"),
    (catalogue("  a: {action: allow}\n"), "b", {}, DENY, "/default", "what is not named is denied"),
]
ROWS = [*A, *B, *C]


@pytest.mark.parametrize(
    ("policy", "tool", "arguments", "expected", "by"), [row[:5] for row in ROWS], ids=[row[5] for row in ROWS]
)
def test_a_published_format_means_what_it_says(
    policy: Policy, tool: str, arguments: dict[str, Any], expected: Verdict, by: str
) -> None:
    assert verdict(policy, tool, arguments) == (expected, by)


def test_which_format_a_file_is_in_shows_in_its_tools() -> None:
    assert {row[0].dialect for row in A} == {"placet"}
    assert {row[0].dialect for row in B} == {"intercept"}
    assert {row[0].dialect for row in C} == {"catalogue"}


@pytest.mark.parametrize(
    ("more", "amount"),
    [({}, "1"), ({"increment": 5}, "5"), ({"increment_from": "args.n"}, "7"), ({"amount": "args.n"}, "7")],
)
def test_a_hosted_limit_is_of_the_grant_and_counts_by_any_spelling(more: dict[str, Any], amount: str) -> None:
    policy = hosted(all_tools={"limits": [{**LIMIT, "counter": "all"}]}, tools={"a": {"limits": [{**LIMIT, **more}]}})
    now = datetime(2026, 11, 24, tzinfo=UTC)
    uses = evaluate(policy, Facts(server="s", tool="a", arguments={"n": 7}, agent="x", now=now)).limits
    assert [(use.limit.counter, use.limit.scope, str(use.amount)) for use in uses] == [
        ("all", (Scope.GRANT,), "1"),
        ("c_rate", (Scope.GRANT,), amount),
    ]


def test_an_intercept_rate_and_state_are_shared_by_all_agents_of_the_server() -> None:
    state = "{counter: spend, window: day, increment_from: args.n}"
    policy = intercept(
        f"  a:\n    rules:\n      - {{rate_limit: 3/hour}}\n"
        f"      - {{conditions: [{{path: state.a.spend, op: lte, value: 9}}], state: {state}}}\n"
    )
    now = datetime(2026, 11, 24, tzinfo=UTC)
    uses = evaluate(policy, Facts(server="s", tool="a", arguments={"n": 2}, agent="x", now=now)).limits
    assert [(u.limit.counter, u.limit.scope, str(u.limit.max), str(u.amount)) for u in uses] == [
        ("a._rate_hour", (Scope.SERVER,), "3", "1"),
        ("a.spend", (Scope.SERVER,), "9", "2"),
    ]


def test_a_catalogue_rate_has_its_window_in_seconds_and_is_of_the_grant() -> None:
    policy = catalogue("  a: {rules: [{action: allow, rate_limit: {max: 30, window: 60}}]}\n")
    (limit,) = policy.tools[0].limits
    assert (str(limit.max), limit.window.name, limit.scope) == ("30", "1m", (Scope.GRANT,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": 1, "default": "deny"}', 'put it in quotes: "1"'),
        ('{"version": "2", "default": "deny"}', "'2' is not 1"),
        ('{"version": "1"}', "'default' is missing"),
        ('{"version": "1", "default": "maybe"}', "'maybe' is not one of allow, deny"),
    ],
)
def test_a_hosted_policy_has_its_version_and_its_default(text: str, said: str) -> None:
    with pytest.raises(PolicyErrors) as caught:
        load_policy(text, "policy.json")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ("  a: {rules: [{conditions: [{path: 'args.x[0]', op: eq, value: 1}]}]}\n", "Intercept has no indexes"),
        ("  a: {rules: [{conditions: [{path: x, op: eq, value: 1}]}]}\n", "must start with 'args.'"),
        ("  a: {rules: [{action: deny, conditions: [{path: args.x, op: eq, value: 1}]}]}\n", "denies always"),
        ("  a: {rules: [{action: evaluate}]}\n", "needs conditions or a rate_limit"),
        ("  a: {rules: [{rate_limit: 3/week}]}\n", "is not a rate"),
    ],
)
def test_what_intercept_refuses_is_refused(tools: str, said: str) -> None:
    with pytest.raises(PolicyErrors) as caught:
        intercept(tools)
    assert said in str(caught.value)


@pytest.mark.parametrize("hide", ['["a", "a"]', '[" "]', '["a*"]'])
def test_what_is_hidden_is_named_exactly_and_once(hide: str) -> None:
    with pytest.raises(PolicyErrors):
        intercept("  a: {rules: []}\n", head=f"hide: {hide}\n")


def test_a_list_shows_what_could_be_called() -> None:
    policy = intercept('  a: {rules: []}\n  d: {rules: [{action: deny}]}\n  "*": {rules: []}\n')
    assert [name for name in ("a", "b", "d") if listing(policy, name)] == ["a"]
