"""Tools that call tools: the call inside is judged too, and what cannot be made out is denied."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Facts, Policy, RiskClass, Ruling, Severity, Verdict
from gateway.policy.unwrapping import DEEPEST

OPEN = "unwrap: {tool: args.tool_name, arguments: args.arguments}"
ALLOW, ASK, DENY = Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, Verdict.DENY


def policy(tools: str, default: str = "deny", more: str = "", name: str = "p.yaml") -> Policy:
    return load_policy(f'version: "1"\ndefault: {default}\n{more}tools: {{{tools}}}\n', name)


TOOLS = (
    f"call_tool: {{{OPEN}}}, read: {{}}, drop: {{action: deny, reason: Never}}, secret: {{action: hide}}, "
    "pay: {approve_if: [{conditions: [{path: args.amount, op: gt, value: 100}]}], rate_limit: 3/day, "
    "limits: [{counter: paid, window: day, max: 500, amount: args.amount}]}"
)
META = policy(TOOLS)


def facts(arguments: dict[str, Any], tool: str = "call_tool") -> Facts:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return Facts(server="s", tool=tool, arguments=arguments, agent="x", now=now)


def calls(tool: Any, arguments: Any, judged: Policy | list[Policy] = META) -> Ruling:
    return evaluate(judged, facts({"tool_name": tool, "arguments": arguments}))


def nested(times: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"tool_name": "read", "arguments": {}}
    for _ in range(times):
        inner = {"tool_name": "call_tool", "arguments": inner}
    return inner


ROWS: list[tuple[Any, Any, Verdict, str, str]] = [
    ("read", {}, ALLOW, "/tools/call_tool", "what is allowed inside"),
    ("drop", {}, DENY, "/tools/drop/action", "what is denied inside"),
    ("secret", {}, DENY, "/tools/secret/action", "what is hidden inside"),
    ("other", {}, DENY, "/default", "what nobody names"),
    ("Read", {}, DENY, "/default", "another case is another tool"),
    ("pay", {"amount": 50}, ALLOW, "/tools/call_tool", "an argument of the inner call"),
    ("pay", {"amount": 500}, ASK, "/tools/pay/approve_if/0", "an argument of the inner call that asks"),
    ("pay", {}, DENY, "/tools/pay/limits/0", "an amount of the inner call that is missing"),
    (None, {}, DENY, "/tools/call_tool/unwrap", "null for a name"),
    (5, {}, DENY, "/tools/call_tool/unwrap", "a number for a name"),
    ("", {}, DENY, "/tools/call_tool/unwrap", "no name"),
    ("*", {}, DENY, "/tools/call_tool/unwrap", "a pattern for a name"),
    ("risk:read", {}, DENY, "/tools/call_tool/unwrap", "a class for a name"),
    ("re\u200bad", {}, DENY, "/tools/call_tool/unwrap", "an invisible character in the name"),
    (" read", {}, DENY, "/tools/call_tool/unwrap", "a space before the name"),
    (["read"], {}, DENY, "/tools/call_tool/unwrap", "a list of names"),
    ("read", None, DENY, "/tools/call_tool/unwrap", "null for the arguments"),
    ("read", "{}", DENY, "/tools/call_tool/unwrap", "arguments as a text"),
    ("read", [], DENY, "/tools/call_tool/unwrap", "arguments as a list"),
    ("x" * 129, {}, DENY, "/tools/call_tool/unwrap", "a name that is too long"),
]


@pytest.mark.parametrize(("tool", "arguments", "verdict", "rule"), [r[:4] for r in ROWS], ids=[r[4] for r in ROWS])
def test_the_strictest_of_the_call_and_the_one_inside_it_wins(
    tool: Any, arguments: Any, verdict: Verdict, rule: str
) -> None:
    ruling = calls(tool, arguments)
    assert (ruling.verdict, ruling.rule) == (verdict, rule)


@pytest.mark.parametrize("arguments", [{}, {"tool_name": "read"}, {"arguments": {}}])
def test_a_call_whose_inside_is_missing_is_denied(arguments: dict[str, Any]) -> None:
    ruling = evaluate(META, facts(arguments))
    assert (ruling.verdict, ruling.rule) == (DENY, "/tools/call_tool/unwrap")
    assert "and args." in (ruling.reason or "")
    assert "is missing." in (ruling.reason or "")


def test_the_agent_and_the_trace_are_told_which_call_it_was() -> None:
    ruling = calls("drop", {})
    assert ruling.reason == 'It calls "drop": Never'
    assert [(c.rule, c.why) for c in ruling.trace] == [
        ("/tools/call_tool", "the tool is named"),
        ("/tools/call_tool/unwrap", 'it calls "drop"'),
        ("/tools/drop/action", 'inner call of "drop": the tool is named'),
    ]
    assert not calls("secret", {}).hidden


def test_limits_of_both_calls_count_and_those_of_all_tools_once() -> None:
    judged = policy(TOOLS, more="all_tools: {limits: [{counter: calls, window: minute, max: 9}]}\n")
    uses = calls("pay", {"amount": 50}, judged).limits
    assert [(use.limit.pointer, str(use.amount)) for use in uses] == [
        ("/all_tools/limits/0", "1"),
        ("/tools/pay/limits/0", "50"),
        ("/tools/pay/rate_limit", "1"),
    ]


def test_people_are_asked_as_the_inner_tool_asks_and_told_the_worse_risk() -> None:
    judged = policy(f"call_tool: {{{OPEN}}}, transfer_money: {{action: require_approval, approval: {{quorum: 2}}}}")
    ruling = calls("transfer_money", {}, judged)
    assert ruling.approval is not None
    assert [part.quorum for part in ruling.approval.parts] == [2]
    assert (ruling.risk, ruling.severity) == (RiskClass.FINANCIAL, Severity.CRITICAL)


def test_calls_within_calls_are_followed_so_far_and_no_further() -> None:
    verdicts = [evaluate(META, facts(nested(times))).verdict for times in range(DEEPEST + 2)]
    assert verdicts == [ALLOW] * DEEPEST + [DENY] * 2
    deepest = evaluate(META, facts(nested(DEEPEST)))
    assert f"more than {DEEPEST} calls lie within each other" in (deepest.reason or "")
    endless: dict[str, Any] = {"tool_name": "call_tool"}
    endless["arguments"] = endless
    assert evaluate(META, facts(endless)).verdict is DENY


def test_a_layer_that_opens_a_call_has_every_layer_judge_it() -> None:
    outer = policy('"*": {}, drop: {action: deny}', name="outer.yaml")
    inner = policy(f"call_tool: {{{OPEN}}}", default="allow", name="inner.yaml")
    ruling = calls("drop", {}, [outer, inner])
    assert (ruling.verdict, ruling.policy) == (DENY, "outer.yaml")
    twice = [policy(f'"*": {{}}, call_tool: {{{OPEN}}}', name=f"{n}.yaml") for n in range(2)]
    assert sum("inner call" in one.why for one in calls("read", {}, twice).trace) == 2


def test_several_ways_to_name_an_inner_call_are_all_judged() -> None:
    judged = policy(
        f'run: {{{OPEN}}}, "ru?": {{unwrap: {{tool: args.then, arguments: args.with}}}}, '
        "read: {}, drop: {action: deny}"
    )
    both = {"tool_name": "read", "arguments": {}, "then": "drop", "with": {}}
    assert evaluate(judged, facts(both, "run")).rule == "/tools/drop/action"


def test_an_inner_call_opened_in_shadow_is_judged_in_shadow() -> None:
    judged = policy(f'"*": {{}}, call_tool: {{{OPEN}, mode: shadow}}, drop: {{action: deny}}')
    ruling = calls("drop", {}, judged)
    assert (ruling.verdict, ruling.would) == (ALLOW, DENY)
    assert [(one.rule, one.verdict) for one in ruling.shadow if one.verdict is DENY] == [("/tools/drop/action", DENY)]
    sealed = calls(None, {}, judged)
    assert (sealed.verdict, sealed.would) == (ALLOW, DENY)


def test_a_tool_that_calls_others_is_listed() -> None:
    assert listing(META, "call_tool")


@pytest.mark.parametrize(
    ("unwrap", "said"),
    [
        ("{tool: args.t}", "'arguments' is missing (at /tools/a/unwrap/arguments)"),
        ("{tool: t, arguments: args.a}", "p.yaml:3:28: the path 't' must start with 'args.'"),
        ("{tool: args.t, arguments: 'args.a[*]'}", "an inner call has one tool and one object of arguments"),
        ("{tool: args.t, args: args.a}", "unknown key 'args'"),
        ("yes", "some readers take it for a boolean"),
    ],
)
def test_an_unwrap_that_names_no_call_is_refused_in_words(unwrap: str, said: str) -> None:
    with pytest.raises(PolicyErrors) as caught:
        policy(f"a: {{unwrap: {unwrap}}}")
    assert said in str(caught.value)
