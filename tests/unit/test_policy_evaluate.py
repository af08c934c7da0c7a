"""Verdicts: the strictest rule wins, nothing unreadable is ever allowed, and the trace says why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.entries import KNOWN_NAMES, named
from gateway.policy.evaluate import NO_POLICY, evaluate, listing
from gateway.policy.layers import version_of
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, Policy, Risk, RiskClass, Severity, Verdict
from gateway.policy.names import NamePattern

FIXTURES = Path(__file__).parent.parent / "fixtures" / "policies"
CONTRACT = load_policy((FIXTURES / "contract.yaml").read_text(), "contract.yaml")
PUBLISHED = load_policy((FIXTURES / "policylayer.json").read_text(), "policylayer.json")
INTERCEPT = load_policy((FIXTURES / "intercept.yaml").read_text(), "intercept.yaml")
CATALOGUE = load_policy((FIXTURES / "catalogue.yaml").read_text(), "catalogue.yaml")


def facts(tool: str, arguments: dict[str, Any] | None = None, **more: Any) -> Facts:
    given = {"server": "s", "agent": "claude-ada", "now": datetime(2026, 11, 24, tzinfo=UTC), **more}
    return Facts(tool=tool, arguments=arguments or {}, **given)


def policy(tools: str, default: str = "deny", more: str = "") -> Policy:
    return load_policy(f'version: "1"\ndefault: {default}\n{more}tools: {tools}\n', "p.yaml")


PAID = {"amount": 50, "currency": "USD"}
ROWS: list[tuple[Policy, str, dict[str, Any], Verdict, str, str]] = [
    (CONTRACT, "echo", {}, Verdict.ALLOW, "/tools/echo", "named and empty"),
    (CONTRACT, "other", {}, Verdict.DENY, "/default", "not named"),
    (CONTRACT, "Echo", {}, Verdict.DENY, "/default", "names are case-sensitive"),
    (CONTRACT, "withdraw_all", {}, Verdict.DENY, "/hide/0", "hidden by a glob"),
    (CONTRACT, "pay", PAID, Verdict.REQUIRE_APPROVAL, "/tools/pay/action", "asks"),
    (CONTRACT, "pay", {**PAID, "currency": "EUR"}, Verdict.DENY, "/tools/pay/require/0", "requirement fails"),
    (CONTRACT, "pay", {"amount": 5}, Verdict.DENY, "/tools/pay/require/0", "required field is missing"),
    (CONTRACT, "pay", {**PAID, "amount": 10001}, Verdict.DENY, "/tools/pay/deny_if/0", "denied by amount"),
    (CONTRACT, "pay", {"currency": "USD"}, Verdict.DENY, "/tools/pay/deny_if/0", "missing field on the deny side"),
    (CONTRACT, "pay", {**PAID, "amount": "9"}, Verdict.DENY, "/tools/pay/deny_if/0", "text where a number is judged"),
    (CONTRACT, "pay", {**PAID, "amount": -1000}, Verdict.DENY, "/tools/pay/limits/0", "a negative amount is no refund"),
    (CONTRACT, "pay", {**PAID, "amount": 0}, Verdict.DENY, "/tools/pay/limits/0", "nothing is no amount"),
    (CONTRACT, "pay", {**PAID, "amount": float("nan")}, Verdict.DENY, "/tools/pay/deny_if/0", "NaN"),
    (CONTRACT, "pay", {**PAID, "amount": 1e30}, Verdict.DENY, "/tools/pay/deny_if/0", "huge amount"),
    (CONTRACT, "pay", {**PAID, "amount": 1e-40}, Verdict.DENY, "/tools/pay/limits/0", "amount too fine to count"),
    (PUBLISHED, "binance_us_new_order", {}, Verdict.DENY, "/default", "published: everything else is denied"),
    (
        PUBLISHED,
        "binance_us_close_listen_key",
        {},
        Verdict.ALLOW,
        "/tools/binance_us_close_listen_key",
        "published: the tool is allowed",
    ),
    (INTERCEPT, "list_customers", {}, Verdict.ALLOW, "/tools/list_customers", "intercept: empty rules allow"),
    (INTERCEPT, "other", {}, Verdict.DENY, "/default", "intercept: a star rescues nobody"),
    (INTERCEPT, "drop_database", {}, Verdict.DENY, "/hide/0", "intercept: hidden"),
    (INTERCEPT, "delete_customer", {}, Verdict.DENY, "/tools/delete_customer/rules/0", "intercept: deny"),
    (
        INTERCEPT,
        "create_charge",
        {"amount": 501, "currency": "usd"},
        Verdict.DENY,
        "/tools/create_charge/rules/0",
        "intercept: conditions say what must hold",
    ),
    (
        INTERCEPT,
        "create_charge",
        {"amount": 200, "currency": "usd"},
        Verdict.REQUIRE_APPROVAL,
        "/tools/create_charge/rules/2",
        "intercept: conditions say what triggers approval",
    ),
    (
        INTERCEPT,
        "create_charge",
        {"amount": 50, "currency": "usd"},
        Verdict.ALLOW,
        "/tools/create_charge/rules/0",
        "intercept: small charge",
    ),
    (
        INTERCEPT,
        "set_level",
        {"level": "1"},
        Verdict.DENY,
        "/tools/set_level/rules/0",
        "intercept: 1 equals the text 1",
    ),
    (INTERCEPT, "set_level", {"level": "2"}, Verdict.ALLOW, "/tools/set_level/rules/0", "intercept: 2 is not 1"),
    (INTERCEPT, "set_level", {}, Verdict.DENY, "/tools/set_level/rules/0", "intercept: missing field denies neq"),
    (CATALOGUE, "search", {}, Verdict.ALLOW, "/tools/search/rules/0/action", "catalogue: allowed"),
    (CATALOGUE, "remove", {}, Verdict.DENY, "/tools/remove/action", "catalogue: written flat"),
]


@pytest.mark.parametrize(
    ("judged", "tool", "arguments", "verdict", "rule"), [row[:5] for row in ROWS], ids=[row[5] for row in ROWS]
)
def test_the_verdict_and_the_rule_that_won(
    judged: Policy, tool: str, arguments: dict[str, Any], verdict: Verdict, rule: str
) -> None:
    ruling = evaluate(judged, facts(tool, arguments))
    assert (ruling.verdict, ruling.rule) == (verdict, rule)
    assert any(considered.rule == rule and considered.matched for considered in ruling.trace)


@pytest.mark.parametrize("none", [None, ()])
def test_without_a_policy_everything_is_denied_and_says_so(none: Any) -> None:
    ruling = evaluate(none, facts("echo"))
    assert (ruling.verdict, ruling.reason, ruling.policy_version) == (Verdict.DENY, NO_POLICY, "")
    assert not listing(none, "echo")


def test_a_tool_the_server_does_not_have_is_denied_even_where_the_default_allows() -> None:
    ruling = evaluate(policy("{}", default="allow"), facts("ghost", tool_known=False))
    assert ruling.verdict is Verdict.DENY
    assert ruling.hidden


def test_the_trace_names_every_rule_with_the_value_that_decided() -> None:
    ruling = evaluate(CONTRACT, facts("pay", {"amount": 20000, "currency": "USD"}))
    assert [(c.rule, c.matched, c.why) for c in ruling.trace] == [
        ("/tools/pay/action", True, "the tool is named"),
        ("/tools/pay/require/0", False, 'args.currency "USD" is "USD"'),
        ("/tools/pay/deny_if/0", True, "args.amount 20000 is > 10000"),
        ("/tools/pay/approve_if/0", True, "args.amount 20000 is > 1000"),
    ]
    assert ruling.reason == "Never over 10,000"
    assert ruling.trace[2].as_json() == {
        "rule": "/tools/pay/deny_if/0",
        "matched": True,
        "why": "args.amount 20000 is > 10000",
    }


def test_a_failed_requirement_tells_the_value_where_the_rule_has_no_words() -> None:
    judged = policy("{a: {require: [{conditions: [{path: args.amount, op: '<=', value: 100}]}]}}")
    ruling = evaluate(judged, facts("a", {"amount": 500}))
    assert ruling.reason == "The policy does not allow this: args.amount 500 is not <= 100."


STRICTEST = [
    ('{"a*": {action: deny}, abc: {}}', Verdict.DENY, "/tools/a*/action", "a wider deny is not undone"),
    ('{"*": {action: require_approval}, abc: {}}', Verdict.REQUIRE_APPROVAL, "/tools/*/action", "a wider ask stays"),
    ('{"*": {action: hide}, abc: {}}', Verdict.DENY, "/tools/*/action", "a wider hide stays"),
    ('{"*": {action: deny}, "a*": {action: deny}}', Verdict.DENY, "/tools/a*/action", "the more specific speaks"),
    ('{"a*": {action: deny}, "ab*": {action: deny}}', Verdict.DENY, "/tools/ab*/action", "longer prefix speaks"),
    ('{"risk:write": {action: deny}, abc: {}}', Verdict.DENY, "/tools/risk:write/action", "by class of risk"),
    ('{"risk:financial": {action: deny}, abc: {}}', Verdict.ALLOW, "/tools/abc", "another class of risk"),
    ('{"a?c": {}}', Verdict.ALLOW, "/tools/a?c", "one wild character"),
    ('{"a?": {}}', Verdict.DENY, "/default", "a pattern is whole"),
]


@pytest.mark.parametrize(("tools", "verdict", "rule"), [r[:3] for r in STRICTEST], ids=[r[3] for r in STRICTEST])
def test_among_all_entries_that_name_a_tool_the_strictest_wins(tools: str, verdict: Verdict, rule: str) -> None:
    ruling = evaluate(policy(tools), facts("abc"))
    assert (ruling.verdict, ruling.rule) == (verdict, rule)


def test_the_more_specific_entry_says_whom_to_ask_key_by_key_and_limits_add_up() -> None:
    judged = policy(
        '{"*": {approval: {quorum: 1, timeout: 1m, edit: false, grants: never}, rate_limit: 9/day},'
        ' "risk:write": {approval: {quorum: 2, timeout: 2m, edit: true}, rate_limit: 8/day},'
        ' "a*": {approval: {quorum: 3, timeout: 3m}, rate_limit: 7/day},'
        ' "ab*": {approval: {quorum: 4}, rate_limit: 6/day},'
        " abc: {action: require_approval, approval: {four_eyes: true}, rate_limit: 5/day}}"
    )
    ruling = evaluate(judged, facts("abc"))
    assert ruling.approval is not None
    (asked,) = ruling.approval.parts
    assert (asked.four_eyes, asked.quorum, asked.timeout, asked.edit, asked.grants) == (
        True,
        4,
        timedelta(minutes=3),
        True,
        "never",
    )
    assert [use.limit.pointer.split("/")[2] for use in ruling.limits] == ["abc", "ab*", "a*", "risk:write", "*"]


@pytest.mark.parametrize(
    ("outer", "inner", "verdict", "file"),
    [
        (policy("{a: {}}"), policy("{a: {action: deny}}"), Verdict.DENY, "p.yaml"),
        (policy("{a: {action: deny}}"), policy("{a: {}}"), Verdict.DENY, "p.yaml"),
        (policy("{}"), policy("{a: {}}"), Verdict.DENY, "p.yaml"),
        (policy("{}", default="allow"), policy("{a: {}}"), Verdict.ALLOW, "p.yaml"),
        (policy("{a: {action: require_approval}}"), policy("{a: {}}"), Verdict.REQUIRE_APPROVAL, "p.yaml"),
        (CONTRACT, policy("{}", default="allow"), Verdict.ALLOW, "contract.yaml"),
    ],
)
def test_layers_only_narrow(outer: Policy, inner: Policy, verdict: Verdict, file: str) -> None:
    tool = "echo" if outer is CONTRACT else "a"
    ruling = evaluate([outer, inner], facts(tool))
    assert (ruling.verdict, ruling.policy) == (verdict, file)
    assert ruling.policy_version == version_of([outer, inner]) != outer.version


def test_a_rule_that_names_the_tool_speaks_before_an_outer_default() -> None:
    ruling = evaluate([policy("{}", default="allow"), policy("{a: {reason: Harmless}}")], facts("a"))
    assert (ruling.verdict, ruling.rule, ruling.reason) == (Verdict.ALLOW, "/tools/a", "Harmless")


def test_a_rule_in_shadow_only_says_what_it_would_have_done() -> None:
    judged = policy('{"*": {}, a: {action: deny, mode: shadow, rate_limit: 1/day}}')
    ruling = evaluate(judged, facts("a"))
    assert ruling.verdict is Verdict.ALLOW
    assert not ruling.limits
    assert ("/tools/a/action", False, "shadow: it would deny: the tool is named") in [
        (c.rule, c.matched, c.why) for c in ruling.trace
    ]
    assert evaluate(policy("{a: {mode: shadow}}"), facts("a")).verdict is Verdict.DENY


def test_limits_of_everything_that_names_the_tool_apply_with_what_the_call_costs() -> None:
    ruling = evaluate(CONTRACT, facts("pay", PAID))
    assert [(use.limit.pointer, str(use.amount)) for use in ruling.limits] == [
        ("/all_tools/limits/0", "1"),
        ("/tools/pay/limits/0", "50"),
        ("/tools/pay/rate_limit", "1"),
    ]
    assert not evaluate(CONTRACT, facts("other")).limits


def test_fractions_count_as_what_they_are() -> None:
    ruling = evaluate(CONTRACT, facts("pay", {**PAID, "amount": 0.99}))
    assert str(ruling.limits[1].amount) == "0.99"


def test_a_ruling_carries_the_risk_of_the_tool() -> None:
    risk = Risk(kind=RiskClass.FINANCIAL, severity=Severity.CRITICAL)
    ruling = evaluate(CONTRACT, facts("pay", PAID, risk=risk))
    assert (ruling.risk, ruling.severity) == (RiskClass.FINANCIAL, Severity.CRITICAL)


LISTED = [
    (CONTRACT, "echo", True, "allowed"),
    (CONTRACT, "pay", True, "asks"),
    (CONTRACT, "withdraw_x", False, "hidden"),
    (CONTRACT, "other", False, "denied by default"),
    (policy("{}", more="list_denied: true\n"), "other", True, "denied by default, but to be listed"),
    (policy("{a: {action: deny}}", default="allow"), "a", False, "always denied"),
    (policy("{a: {deny_if: [{}]}}", default="allow"), "a", False, "denied for every argument"),
    (
        policy("{a: {deny_if: [{conditions: [{path: args.x, op: eq, value: 1}]}]}}"),
        "a",
        True,
        "denied for some arguments only",
    ),
    (policy("{a: {action: deny, mode: shadow}}", default="allow"), "a", True, "denied in shadow only"),
    (INTERCEPT, "other", False, "intercept: a star names nobody"),
    (policy("{a: {require: [{conditions: [{path: args.x, op: eq, value: 1}]}]}}"), "a", True, "some arguments pass"),
    (policy("{a: {schedule: {days: [mon]}}}"), "a", True, "closed now, and open another day"),
    (policy("{a: {rate_limit: 1/day}}"), "a", True, "a limit may have room tomorrow"),
    (policy('{a: {}, "a*": {action: deny}}'), "a", False, "denied by a wider entry"),
    (policy('{a: {}, "risk:write": {action: hide}}'), "a", False, "hidden by its class of risk"),
    (policy("{a: {}}", more='hide: ["*"]\n'), "a", False, "everything is hidden"),
    (policy("{a: {}}"), "A", False, "another case is another tool"),
    (policy("{a: {mode: shadow}}"), "a", False, "named in shadow only"),
]


@pytest.mark.parametrize(("judged", "tool", "listed"), [r[:3] for r in LISTED], ids=[r[3] for r in LISTED])
def test_only_what_could_be_called_is_listed(judged: Policy, tool: str, listed: bool) -> None:
    assert listing(judged, tool) is listed
    assert listing([judged, policy("{}")], tool) is False


def test_rules_about_other_tools_are_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = policy("{" + ", ".join(f"t{i}: {{}}" for i in range(1000)) + ', "t*": {}, "*": {}}')
    looked: list[str] = []
    matches = NamePattern.matches

    def watched(self: NamePattern, tool: str, risk: str) -> bool:
        looked.append(self.text)
        return matches(self, tool, risk)

    monkeypatch.setattr(NamePattern, "matches", watched)
    for _ in range(3):
        assert evaluate(judged, facts("t7")).verdict is Verdict.ALLOW
    assert looked == ["t*", "*"]
    assert [entry.pattern.text for entry in named(judged, "t7", RiskClass.WRITE).entries] == ["t7", "t*", "*"]


def test_tools_are_remembered_up_to_a_bound() -> None:
    judged = policy('{"t*": {}}')
    for i in range(KNOWN_NAMES + 10):
        evaluate(judged, facts(f"unheard-of-{i}"))
    assert len(judged.matches) == KNOWN_NAMES
    assert evaluate(judged, facts("t1")).verdict is Verdict.ALLOW
