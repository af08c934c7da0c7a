"""What holds for every policy and every call: no raise, no widening, no parser differential."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.conditions import Side
from gateway.policy.dumping import dump_json, dump_yaml
from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Action, Facts, Policy, Rule, Verdict
from gateway.policy.reading import read
from gateway.policy.source import Problem, SourceErrors
from gateway.policy.when import judged
from tests.properties.policies import (
    STRICTNESS,
    arguments,
    call,
    entries,
    loaded,
    moments,
    names,
    policies,
    rules,
    settings_of_entries,
    shapes,
)

EXAMPLES = settings(max_examples=60, deadline=None)


@EXAMPLES
@given(st.lists(policies, min_size=1, max_size=2), arguments, moments)
def test_every_call_gets_a_ruling_whose_rule_stands_in_its_trace(
    layers: list[Policy], given_arguments: dict[str, Any], now: datetime
) -> None:
    ruling = evaluate(layers, call(given_arguments, now))
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
@given(st.sampled_from(sorted(rules)).flatmap(lambda key: st.tuples(st.just(key), rules[key])), shapes, arguments)
def test_a_rule_more_never_loosens_a_verdict(
    added: tuple[str, dict[str, Any]], shape: dict[str, Any], given_arguments: dict[str, Any]
) -> None:
    key, rule = added
    before = evaluate(loaded(shape), call(given_arguments)).verdict
    for name, entry in shape["tools"].items():
        more = {**shape, "tools": {**shape["tools"], name: {**entry, key: [*entry[key], rule]}}}
        assert STRICTNESS.index(evaluate(loaded(more), call(given_arguments)).verdict) >= STRICTNESS.index(before)


@EXAMPLES
@given(
    st.sampled_from(sorted(settings_of_entries)).flatmap(lambda key: st.tuples(st.just(key), settings_of_entries[key])),
    shapes,
    arguments,
)
def test_a_setting_more_never_loosens_a_verdict(
    added: tuple[str, Any], shape: dict[str, Any], given_arguments: dict[str, Any]
) -> None:
    key, value = added
    before = evaluate(loaded(shape), call(given_arguments)).verdict
    for name, entry in shape["tools"].items():
        if key not in entry:
            more = {**shape, "tools": {**shape["tools"], name: {**entry, key: value}}}
            assert STRICTNESS.index(evaluate(loaded(more), call(given_arguments)).verdict) >= STRICTNESS.index(before)


@EXAMPLES
@given(names, entries, shapes, arguments)
def test_an_entry_more_never_loosens_what_is_named_or_open_already(
    name: str, entry: dict[str, Any], shape: dict[str, Any], given_arguments: dict[str, Any]
) -> None:
    named = [one for key, one in shape["tools"].items() if key != "other" and one.get("mode") != "shadow"]
    if name in shape["tools"] or (shape["default"] == "deny" and not named):
        return
    before = evaluate(loaded(shape), call(given_arguments)).verdict
    more = {**shape, "tools": {**shape["tools"], name: entry}}
    assert STRICTNESS.index(evaluate(loaded(more), call(given_arguments)).verdict) >= STRICTNESS.index(before)


@EXAMPLES
@given(shapes, arguments, moments)
def test_a_call_passes_only_where_every_rule_was_judged_and_passes_it(
    shape: dict[str, Any], given_arguments: dict[str, Any], now: datetime
) -> None:
    policy = loaded(shape)
    facts = call(given_arguments, now)
    if evaluate(policy, facts).verdict is not Verdict.ALLOW:
        return
    for entry in policy.tools:
        if entry.shadow or not entry.pattern.matches("pay", "write"):
            continue
        assert entry.action is Action.ALLOW
        assert entry.schedule is None or entry.schedule.is_open(now)
        assert entry.when is None or judged(entry.when, facts).holds is True
        assert all(_holds(rule, facts, Side.REQUIRE) is True for rule in entry.require)
        assert all(_holds(rule, facts, Side.DENY) is False for rule in (*entry.deny_if, *entry.approve_if))


def _holds(rule: Rule, facts: Facts, side: Side) -> bool | None:
    """Whether all of a rule holds, in the words of three-valued logic."""
    parts = [part.judge(facts.arguments, side).holds for part in rule.conditions]
    parts += [judged(rule.when, facts).holds] if rule.when is not None else []
    if False in parts:
        return False
    return None if None in parts else True


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
