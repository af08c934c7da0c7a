"""`when:` in CEL: what is refused when a file is loaded, and that nothing but true is ever a yes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.policy import cel
from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Facts, Policy, Ruling, Verdict
from gateway.policy.when import MOST_CHARACTERS, MOST_VALUES, named

NOON = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)


def policy(body: str, more: str = "", tool: str = "pay") -> Policy:
    return load_policy(f'version: "1"\ndefault: deny\n{more}tools:\n  {tool}: {body}\n', "p.yaml")


def when(expression: str, more: str = "") -> Policy:
    quoted = expression.replace("\\", "\\\\").replace('"', '\\"')
    return policy(f'{{when: "{quoted}"}}', more)


def problems(body: str) -> str:
    with pytest.raises(PolicyErrors) as caught:
        policy(body)
    return str(caught.value)


def call(judged: Policy, arguments: dict[str, Any], **more: Any) -> Ruling:
    given: dict[str, Any] = {"server": "bank", "tool": "pay", "agent": "claude", "now": NOON, **more}
    return evaluate(judged, Facts(arguments=arguments, **given))


ROWS: list[tuple[str, dict[str, Any], bool, str]] = [
    ("args.amount < 100", {"amount": 99}, True, "holds"),
    ("args.amount < 100", {"amount": 100}, False, "does not hold"),
    ("args.amount < 100", {}, False, "a missing argument"),
    ("args.amount < 100", {"amount": "9"}, False, "a text where a number is compared"),
    ("args.amount < 100", {"amount": None}, False, "null where a number is compared"),
    ("args.amount < 100", {"amount": Decimal("99.5")}, True, "a decimal"),
    ("args.amount == 100", {"amount": Decimal("1E+2")}, True, "a whole decimal is a whole number"),
    ("args.amount < 100", {"amount": float("nan")}, False, "NaN"),
    ("!(args.amount > 100)", {"amount": float("nan")}, False, "NaN behind a not"),
    ("args.amount > 0", {"amount": float("inf")}, False, "infinity"),
    ("args.amount > 0", {"amount": 2**70}, False, "beyond 64 bits"),
    ("args.amount > 0", {"amount": Decimal("1e400")}, False, "beyond floating point"),
    ("args.amount + 9223372036854775807 > 0", {"amount": 1}, False, "an overflow"),
    ("1 / args.n == 1", {"n": 0}, False, "a division by zero"),
    ("args.flag", {"flag": True}, True, "an argument that is true itself"),
    ("args.flag", {"flag": 1}, False, "1 is not true"),
    ("args.flag", {"flag": "true"}, False, "a text is not true"),
    ("args.flag", {"flag": None}, False, "null is not true"),
    ("args.flag", {"flag": [True]}, False, "a list is not true"),
    ("has(args.note) && args.note != ''", {"note": "x"}, True, "a test for being there"),
    ("has(args.note)", {}, False, "not there"),
    ("!has(args.note)", {}, True, "that something is not there"),
    ("'note' in args", {"note": 1}, True, "a look at all arguments"),
    ("args['a.b'] == 1", {"a.b": 1}, True, "a key with a dot"),
    ("args.to == 'caf\u00e9'", {"to": "cafe\u0301"}, True, "texts are compared in NFC"),
    ("args.to == 'x'", {"to": "\ud800"}, False, "half a surrogate pair"),
    ("args.list.all(i, i < 5)", {"list": [1, 2]}, True, "every element"),
    ("args.list.exists(i, i.to == 'x')", {"list": [{"to": "y"}, {"to": "x"}]}, True, "some element"),
    ("args.list.exists(x, args.list.exists(y, x + y < 0))", {"list": list(range(2000))}, False, "the budget"),
    ("args.to.matches('^[a-z]+$')", {"to": "abc"}, True, "a pattern"),
    ("args.to.matches('(a+)+$')", {"to": "a" * 50_000 + "!"}, False, "a pattern that would stall another engine"),
    ("tool == 'pay' && server == 'bank' && agent == 'claude'", {}, True, "who calls what"),
    ("owner == ''", {}, True, "an agent without an owner"),
    ("risk == 'write'", {}, True, "the class of risk"),
    ("now.hour == 10 && now.minute == 30", {}, True, "the clock, in UTC"),
    ("now.weekday in ['tue'] && now.date == '2026-11-24'", {}, True, "the calendar"),
    ("args.body.size() > 0", {"body": "x" * (MOST_CHARACTERS + 1)}, False, "more characters than are judged"),
    ("args.list.size() > 0", {"list": [0] * (MOST_VALUES + 1)}, False, "more values than are judged"),
    ("args.list.all(i, i < 5)", {"list": list(range(5)) * 199, "to": "x" * 5_000}, True, "a long list"),
    ("args.list.all(i, i.to != 'x')", {"list": [{"to": "y" * 18}] * 450}, True, "a long list of objects with texts"),
    ("args.list.all(i, !args.to.contains(i))", {"list": ["a"] * 999, "to": "x" * 99_000}, False, "a long loop"),
    (
        "args.list.all(i, args.list.all(j, !args.to.contains(i + j)))",
        {"list": ["a"] * 99, "to": "x" * 99_000},
        False,
        "a loop in a loop over a long text",
    ),
    ("args.to == 'x'", {"to": "x", "body": "x" * (MOST_CHARACTERS + 1)}, True, "what is not named is not passed"),
    ("tool == 'pay'", {"body": "x" * (MOST_CHARACTERS + 1)}, True, "no argument is named"),
]


@pytest.mark.parametrize(("expression", "arguments", "holds"), [r[:3] for r in ROWS], ids=[r[3] for r in ROWS])
def test_a_call_passes_only_where_the_expression_is_true(
    expression: str, arguments: dict[str, Any], holds: bool
) -> None:
    ruling = call(when(expression), arguments)
    expected = (Verdict.ALLOW, "/tools/pay") if holds else (Verdict.DENY, "/tools/pay/when")
    assert (ruling.verdict, ruling.rule) == expected


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"amount": 500}, 'when "args.amount < 100" does not hold: args.amount is 500'),
        ({"amount": 5}, 'when "args.amount < 100" holds: args.amount is 5'),
        ({}, 'when "args.amount < 100" cannot be judged: Key not found in map : \\"amount\\"'),
        ({"amount": 2**70}, "out of range"),
    ],
)
def test_the_trace_tells_the_expression_and_the_values_it_named(arguments: dict[str, Any], why: str) -> None:
    trace = call(when("args.amount < 100"), arguments).trace
    assert any(why in one.why for one in trace if one.rule == "/tools/pay/when")


def test_the_clock_is_that_of_the_policys_time_zone() -> None:
    athens = when("now.hour == 12", more="tz: Europe/Athens\n")
    assert call(athens, {}).verdict is Verdict.ALLOW
    assert call(when("now.hour == 12"), {}).verdict is Verdict.DENY
    text = 'version: "1"\ndefault: deny\ntz: Asia/Tokyo\ntools: {pay: {schedule: {hours: "19:00-20:00"}}}\n'
    assert call(load_policy(text, "p.yaml"), {}).verdict is Verdict.ALLOW


def test_where_the_calendar_ends_no_clock_is_known() -> None:
    early = when("now.hour < 24", more="tz: America/New_York\n")
    assert call(early, {}, now=datetime(1, 1, 1, tzinfo=UTC)).verdict is Verdict.DENY


SIDES = [
    ("deny_if", "args.x > 5", {"x": 6}, Verdict.DENY),
    ("deny_if", "args.x > 5", {"x": 5}, Verdict.ALLOW),
    ("deny_if", "args.x > 5", {}, Verdict.DENY),
    ("approve_if", "args.x > 5", {"x": 6}, Verdict.REQUIRE_APPROVAL),
    ("approve_if", "args.x > 5", {"x": "6"}, Verdict.REQUIRE_APPROVAL),
    ("approve_if", "args.x > 5", {"x": 5}, Verdict.ALLOW),
    ("require", "args.x > 5", {"x": 6}, Verdict.ALLOW),
    ("require", "args.x > 5", {}, Verdict.DENY),
]


@pytest.mark.parametrize(("side", "expression", "arguments", "verdict"), SIDES)
def test_in_a_rule_an_expression_that_cannot_be_judged_counts_as_a_condition_would(
    side: str, expression: str, arguments: dict[str, Any], verdict: Verdict
) -> None:
    judged = policy(f"{{{side}: [{{when: {expression}}}]}}")
    assert call(judged, arguments).verdict is verdict


def test_conditions_and_an_expression_of_one_rule_must_both_hold() -> None:
    judged = policy("{deny_if: [{conditions: [{path: args.to, op: eq, value: x}], when: args.n > 1}]}")
    verdicts = [call(judged, {"to": to, "n": n}).verdict for to, n in (("x", 2), ("x", 1), ("y", 2))]
    assert verdicts == [Verdict.DENY, Verdict.ALLOW, Verdict.ALLOW]
    assert call(judged, {"to": "y"}).verdict is Verdict.ALLOW
    assert call(judged, {"to": "x"}).verdict is Verdict.DENY


def test_an_expression_hides_no_tool_from_the_list() -> None:
    assert listing(when("false"), "pay")
    assert listing(policy("{deny_if: [{when: 'true'}]}"), "pay")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        (
            "amnt < 5",
            "p.yaml:4:15: 'when' cannot be judged: at character 1: there is no 'amnt'; did you mean 'agent'? an arg",
        ),
        ("tol == 'x'", "there is no 'tol'; did you mean 'tool'?"),
        ("now.hor < 6", "there is no 'now.hor'; did you mean 'now.hour'?"),
        ("counters.paid < 5", "there is no 'counters.paid'; what counters stand at is not known yet"),
        ("now < 5", "there is no 'now'"),
        ("tool < 5", "at character 6: found no matching overload"),
        ("tool", "it is true or false, and not of the type string"),
        ("args.x + 1", "it is true or false, and not of the type int"),
        ("1", "it is true or false, and not of the type int"),
        ("args.x ==", "at character 10: Syntax error"),
        ("tool.split('x') == []", "there is no 'split'"),
        ("(" * 100 + "true" + ")" * 100, "Expression recursion limit exceeded"),
        ("", "at least 1 character"),
        ("true" + " " * 3000, "at most 2000 characters"),
    ],
)
def test_an_expression_that_could_never_be_judged_is_refused_when_it_is_loaded(expression: str, said: str) -> None:
    assert said in problems('{when: "' + expression + '"}')


def test_a_place_in_a_longer_expression_is_told_with_its_line() -> None:
    said = problems("{deny_if: [{when: \"tool == 'x' &&\\n  toool == 'y'\"}]}")
    assert "at line 2, character 3: there is no 'toool'; did you mean 'tool'? an argument is args.toool" in said


def test_without_the_extra_a_policy_with_an_expression_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    cel._environment.cache_clear()
    try:
        assert "install the extra: pip install 'placet[cel]' (at /tools/pay/when)" in problems("{when: 'true'}")
    finally:
        cel._environment.cache_clear()


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("args.a < args.b.c", {"a", "b"}),
        ("args['a b'] == args[\"c\"]", {"a b", "c"}),
        ("args . a == args\n.b", {"a", "b"}),
        ("tool == 'x'", set()),
        ("myargs.a == argsx.b", set()),
        ("'x' in args", None),
        ("args[tool] == 1", None),
        ("size(args) > 1", None),
        ("args.a == 1 && has(args.`b-c`)", None),
        (r"args['a\x62'] == 1", None),
        ("args['a' + 'b'] == 1", None),
        ("args // .a\n.b", None),
        ("[args].exists(x, x.a == 1)", None),
    ],
)
def test_the_arguments_that_an_expression_names_are_never_too_few(source: str, names: set[str] | None) -> None:
    assert named(source) == names
