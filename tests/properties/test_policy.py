"""What holds for every policy and every call: no raise, no widening, no parser differential."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.dumping import dump_json, dump_yaml
from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Facts, Policy, Verdict
from gateway.policy.operators import OPERATORS
from gateway.policy.reading import read
from gateway.policy.source import Problem, SourceErrors

EXAMPLES = settings(max_examples=60, deadline=None)
STRICTNESS = [Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, Verdict.DENY]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
arguments = st.dictionaries(st.sampled_from(["x", "amount", "to"]), values, max_size=3)
wanted: dict[str, Any] = {
    "number": 5,
    "count": 2,
    "range": [1, 9],
    "list": ["a", 5],
    "text": "a",
    "pattern": "a+",
    "glob": "a*",
    "any": "a",
    "networks": "10.0.0.0/8",
    "hosts": "example.com",
    "directories": "/srv",
}
conditions = st.sampled_from(sorted(OPERATORS)).flatmap(
    lambda op: st.sampled_from(["args.x", "args.to[*]", "args.x[0].y", 'args["amount"]']).map(
        lambda path: {"path": path, "op": op, "value": wanted[OPERATORS[op].wants]}
    )
)
rules = st.lists(st.fixed_dictionaries({"conditions": st.lists(conditions, min_size=1, max_size=2)}), max_size=2)
limits = st.lists(
    st.fixed_dictionaries(
        {
            "counter": st.just("c"),
            "window": st.sampled_from(["minute", 60]),
            "max": st.just(5),
            "amount": st.sampled_from([1, "args.amount"]),
        }
    ),
    max_size=1,
)
tools = st.fixed_dictionaries(
    {"require": rules, "deny_if": rules, "approve_if": rules, "limits": limits},
    optional={
        "action": st.sampled_from(["allow", "deny", "hide", "require_approval"]),
        "mode": st.sampled_from(["enforce", "shadow"]),
        "unwrap": st.just({"tool": "args.to", "arguments": "args.x"}),
        "when": st.sampled_from(["args.x == 1", "size(args) < 2", "now.hour < 6 || args.amount > 1"]),
        "schedule": st.sampled_from([{"days": ["tue"]}, {"hours": "22:00-06:00", "tz": "Europe/Athens"}]),
    },
)
policies = st.fixed_dictionaries(
    {
        "version": st.just("1"),
        "default": st.sampled_from(["allow", "deny"]),
        "hide": st.lists(st.sampled_from(["pay", "p*", "other"]), max_size=1),
        "tools": st.dictionaries(st.sampled_from(["pay", "p*", "*", "risk:write", "other"]), tools, max_size=4),
    }
).map(lambda shape: load_policy(json.dumps(shape), "p.json"))


def call(given_arguments: dict[str, Any]) -> Facts:
    return Facts(server="s", tool="pay", arguments=given_arguments, agent="a", now=datetime(2026, 11, 24, tzinfo=UTC))


@EXAMPLES
@given(policies, arguments)
def test_every_call_gets_a_ruling_whose_rule_stands_in_its_trace(
    policy: Policy, given_arguments: dict[str, Any]
) -> None:
    ruling = evaluate(policy, call(given_arguments))
    assert any(considered.rule == ruling.rule and considered.matched for considered in ruling.trace)
    assert (ruling.approval is not None) is (ruling.verdict is Verdict.REQUIRE_APPROVAL)
    assert not (ruling.verdict is Verdict.DENY and ruling.limits)


@EXAMPLES
@given(policies, policies, arguments)
def test_a_layer_more_never_loosens_a_verdict(outer: Policy, inner: Policy, given_arguments: dict[str, Any]) -> None:
    alone = evaluate(outer, call(given_arguments)).verdict
    layered = evaluate([outer, inner], call(given_arguments)).verdict
    assert STRICTNESS.index(layered) >= STRICTNESS.index(alone)


@EXAMPLES
@given(st.lists(policies, min_size=1, max_size=2), arguments)
def test_what_would_be_without_shadows_is_what_is_once_they_are_gone(
    layers: list[Policy], given_arguments: dict[str, Any]
) -> None:
    ruling = evaluate(layers, call(given_arguments))
    promoted = [replace(layer, tools=tuple(replace(entry, shadow=False) for entry in layer.tools)) for layer in layers]
    kept = [replace(layer, tools=tuple(entry for entry in layer.tools if not entry.shadow)) for layer in layers]
    assert (ruling.would or ruling.verdict) is evaluate(promoted, call(given_arguments)).verdict
    assert ruling.verdict is evaluate(kept, call(given_arguments)).verdict


@EXAMPLES
@given(policies, arguments)
def test_a_tool_that_is_not_listed_can_never_be_called(policy: Policy, given_arguments: dict[str, Any]) -> None:
    if not listing(policy, "pay"):
        assert evaluate(policy, call(given_arguments)).verdict is Verdict.DENY


@EXAMPLES
@given(policies)
def test_a_rule_about_a_missing_argument_always_counts_against_the_call(policy: Policy) -> None:
    for considered in evaluate(policy, call({})).trace:
        assert considered.matched or "missing" not in considered.why or considered.why.startswith("shadow")


@EXAMPLES
@given(policies)
def test_a_policy_that_is_written_back_loads_as_the_same_rules(policy: Policy) -> None:
    for text, name in ((dump_yaml(policy), "p.yaml"), (dump_json(policy), "p.json")):
        assert replace(load_policy(text, name), version=policy.version, name=policy.name) == policy


@EXAMPLES
@given(st.text(max_size=200), st.sampled_from(["p.yaml", "p.json"]))
def test_any_text_is_a_policy_or_a_list_of_places(text: str, name: str) -> None:
    problems: tuple[Problem, ...] | None = None
    try:
        load_policy(text, name)
    except PolicyErrors as err:
        problems = err.problems
    assert problems is None or problems
    assert all(problem.line >= 1 and problem.column >= 1 for problem in problems or ())


plain_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc_", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@EXAMPLES
@given(plain_json)
def test_our_json_is_what_the_standard_library_reads(value: Any) -> None:
    text = json.dumps(value)
    assert read(text, "p.json").plain() == json.loads(text)


@EXAMPLES
@given(st.text(max_size=60))
def test_no_json_is_taken_that_the_standard_library_refuses(text: str) -> None:
    try:
        value = read(text, "p.json").plain()
    except SourceErrors:
        return
    assert json.loads(text.removeprefix("\ufeff"), parse_float=Decimal) == value
