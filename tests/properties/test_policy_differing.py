"""What a difference promises: what only tightens lets no call through, and what means the same differs in nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.convert import Target, convert
from gateway.policy.differing import EVERY_CALL, THE_FILE, differences
from gateway.policy.differing_parts import Effect
from gateway.policy.implying import implies
from gateway.policy.loaders import load_policy
from gateway.policy.model import Policy
from gateway.policy.profiles import OTHERS
from tests.properties.test_policy_convert import (
    STRICTNESS,
    TOOLS,
    arguments,
    b_policies,
    judged,
    leaves,
    load,
    one_argument,
    one_rule,
    policies,
)

EXAMPLES = settings(max_examples=100, deadline=None)


def effects(before: Policy, after: Policy, tool: str) -> set[Effect]:
    """What the changes that are told of a tool do, and of every call."""
    told = {tool, EVERY_CALL, THE_FILE} | ({OTHERS} if tool not in TOOLS else set())
    found = differences(before, after, [{"name": name} for name in TOOLS])
    return {change.effect for one in found if told & set(one.tools) for change in one.changes}


def keeps(before: Policy, after: Policy, tool: str, given_arguments: dict[str, Any]) -> bool:
    found = effects(before, after, tool)
    was, now = (STRICTNESS.index(judged(one, tool, given_arguments)) for one in (before, after))
    if now < was:
        return bool(found & {Effect.LOOSENS, Effect.EITHER})
    return now == was or bool(found & {Effect.TIGHTENS, Effect.EITHER})


@EXAMPLES
@given(policies | b_policies, policies, st.sampled_from(TOOLS), arguments)
def test_no_verdict_moves_without_a_change_that_says_so(
    before: dict[str, Any], after: dict[str, Any], tool: str, given_arguments: dict[str, Any]
) -> None:
    assert keeps(load(before), load(after), tool, given_arguments)


@settings(max_examples=150, deadline=None)
@given(one_rule, one_rule, one_argument)
def test_no_verdict_moves_between_two_rules_without_a_change_that_says_so(
    before: dict[str, Any], after: dict[str, Any], given_arguments: dict[str, Any]
) -> None:
    assert keeps(load(before), load(after), "pay", given_arguments)


@EXAMPLES
@given(policies | b_policies)
def test_a_policy_differs_in_nothing_from_itself_in_another_spelling(plain: dict[str, Any]) -> None:
    policy = load(plain)
    again = load_policy(convert(policy, Target.PLACET).as_yaml(), "p.yaml")
    assert differences(policy, again) == ()


@settings(max_examples=100, deadline=None)
@given(leaves, leaves, one_argument)
def test_a_condition_that_another_implies_holds_wherever_that_one_does(
    one: dict[str, Any], other: dict[str, Any], given_arguments: dict[str, Any]
) -> None:
    if implies(one, other):
        verdicts = [
            judged(
                load({"version": "1", "default": "deny", "tools": {"pay": {"require": [{"conditions": [said]}]}}}),
                "pay",
                given_arguments,
            )
            for said in (one, other)
        ]
        assert verdicts != ["allow", "deny"]
