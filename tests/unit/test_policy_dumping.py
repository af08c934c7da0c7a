"""Policies written back: the same rules, in our format, as a person would write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.dumping import dump, dump_json, dump_yaml
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, Policy, Verdict
from gateway.policy.reading import read
from gateway.policy.shapes import (
    ApprovalShape,
    ConditionShape,
    EscalateShape,
    LimitShape,
    PolicyShape,
    RiskShape,
    RuleShape,
    ScheduleShape,
    ToolShape,
)
from gateway.policy.writing import as_json, as_yaml

FIXTURES = Path(__file__).parent.parent / "fixtures" / "policies"


def load(name: str) -> Policy:
    return load_policy((FIXTURES / name).read_text(), name)


def again(text: str, policy: Policy) -> Policy:
    """The dumped text loaded, under the version of the file it came from."""
    return replace(load_policy(text, policy.name), version=policy.version)


@pytest.mark.parametrize("name", ["contract.yaml", "everything.yaml", "policylayer.json"])
def test_what_was_in_our_format_loads_as_the_same_rules(name: str) -> None:
    policy = load(name)
    assert again(as_json(dump(policy)) if name.endswith("json") else dump_yaml(policy), policy) == policy


TRIED_ELSEWHERE = {"tests", "factors", "extends"}


def test_the_fixture_says_everything_that_a_file_can_say() -> None:
    def keys(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {key for item in value.values() for key in keys(item)}
        return {key for item in value for key in keys(item)} if isinstance(value, list) else set()

    shapes = (
        PolicyShape,
        ToolShape,
        RuleShape,
        ConditionShape,
        ApprovalShape,
        LimitShape,
        ScheduleShape,
        RiskShape,
        EscalateShape,
    )
    known = {field.alias or name for shape in shapes for name, field in shape.model_fields.items()}
    assert known - keys(read((FIXTURES / "everything.yaml").read_text(), "e.yaml").plain()) <= TRIED_ELSEWHERE


def test_a_dumped_policy_is_written_as_a_person_would() -> None:
    text = (
        'version: "1"\ndefault: deny\ntools:\n'
        '  pay:\n    deny_if: [{conditions: [{path: args.amount, op: ">", value: 1.50}], id: big}]\n'
        "    rate_limit: {max: 3, window: 90}\n    description: Pays\n"
        "  'no': {}\n"
    )
    assert dump_yaml(load_policy(text, "p.yaml")) == (
        'version: "1"\ndefault: deny\ntools:\n'
        "  pay:\n    deny_if: [{id: big, conditions: [{path: args.amount, op: gt, value: 1.50}]}]\n"
        "    rate_limit: {max: 3, window: 90s}\n    description: Pays\n".replace("90s", '"90s"')
        + '  "no": {}\n'
    )


LIMITS = """
version: "1"
default: deny
tools:
  pay:
    limits:
      - {counter: a, window: week, max: 5, tz: Europe/Athens, on_exceed: require_approval}
      - {counter: b, window: month, max: 5, scope: [agent, "args.to[*]"]}
      - {counter: c, window: minute, max: 30, kind: bucket, burst: 5, scope: session}
      - {counter: d, window: inflight, max: 2, scope: args.to}
      - {counter: e, window: day, max: 100, amount: args.amount, unit: args.currency}
      - {counter: f, window: 10m, max: 100, amount: "len(args.to)", kind: fixed}
      - {counter: g, window: 90, max: 100, amount: {pay: 1.5, "risk:read": 0, "*": "len(args.to)"}}
      - {counter: h, window: day, max: 7, kind: sliding}
    rate_limit: {max: 3, window: 90}
"""


def test_every_way_to_limit_is_written_back() -> None:
    policy = load_policy(LIMITS, "p.yaml")
    assert again(dump_yaml(policy), policy) == policy
    bare = replace(policy, source=None)
    assert again(as_json(dump(bare)), bare) == bare


def call(tool: str, arguments: dict[str, Any]) -> Facts:
    return Facts(server="s", tool=tool, arguments=arguments, agent="a", now=datetime(2026, 11, 24, tzinfo=UTC))


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_customers", {}),
    ("other", {}),
    ("drop_database", {}),
    ("delete_customer", {}),
    ("create_charge", {"amount": 501, "currency": "usd"}),
    ("create_charge", {"amount": 200, "currency": "usd"}),
    ("create_charge", {"amount": 50, "currency": "usd"}),
    ("create_charge", {"currency": "usd"}),
    ("set_level", {"level": "1"}),
    ("set_level", {"level": 1}),
    ("set_level", {"level": "2"}),
    ("set_level", {}),
    ("search", {}),
    ("remove", {}),
]


@pytest.mark.parametrize(("tool", "arguments"), CALLS)
@pytest.mark.parametrize("name", ["intercept.yaml", "catalogue.yaml"])
def test_a_policy_of_another_dialect_judges_the_same_once_it_is_written_in_ours(
    name: str, tool: str, arguments: dict[str, Any]
) -> None:
    policy = load(name)
    ours = load_policy(dump_yaml(policy), "ours.yaml")
    before, after = evaluate(policy, call(tool, arguments)), evaluate(ours, call(tool, arguments))
    assert ours.dialect == "placet"
    assert (after.verdict, after.reason, after.hidden) == (before.verdict, before.reason, before.hidden)
    counted = [
        {(use.limit.counter, use.limit.max, use.limit.window, use.limit.scope, use.amount) for use in ruling.limits}
        for ruling in (before, after)
    ]
    assert counted[0] == counted[1]


def test_rules_of_intercepts_star_are_written_under_every_tool_that_it_does_not_rescue() -> None:
    text = 'version: "1"\ndefault: {}\ntools: {{a: {{rules: []}}, "*": {{rules: [{{rate_limit: 3/minute}}]}}}}'
    for default, named in (("deny", ["a"]), ("allow", ["a", "*"])):
        ours = load_policy(dump_yaml(load_policy(text.format(default), "p.yaml")), "ours.yaml")
        assert [entry.pattern.text for entry in ours.tools] == named
        assert [use.limit.counter for use in evaluate(ours, call("a", {})).limits] == ["_global._rate_minute"]
        assert evaluate(ours, call("b", {})).verdict == Verdict(default)


VALUES: list[Any] = [
    {},
    {"a": []},
    {"a": {}, "no": "no", "1": "1", "x y": "1e5", "": "", "<<": "<<", "k": "# c"},
    {"a": [None, True, False, 5, Decimal("1.50"), Decimal("1e40"), Decimal("-1e-40"), "true", "null", "~"]},
    {"a": [[["x" * 120]], {"b": ["y" * 120, {"c": "z" * 120}]}, [], {}]},
    {"a": "line\nbreak\ttab \u0085 \u2028 \ufeff \x7f \U0001f600 \U000e0001 \u200b \" \\ 'q'"},
    {"tools": {"a": {}}, "tests": [{"a": 1}], "é": "é: x", "a:": "a:b", "- a": "- a", "a ": " a"},
]


@pytest.mark.parametrize("value", VALUES)
def test_plain_data_is_read_back_as_it_was_written(value: Any) -> None:
    assert read(as_yaml(value), "x.yaml").plain() == value
    assert read(as_json(value), "x.json").plain() == value


def test_json_is_written_too() -> None:
    policy = load("contract.yaml")
    assert load_policy(dump_json(policy), "contract.json").tools == policy.tools
