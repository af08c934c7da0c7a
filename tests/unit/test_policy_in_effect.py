"""The rule that stands for a tool now, before any call of it."""

from __future__ import annotations

import pytest

from gateway.policy.in_effect import InEffect, in_effect
from gateway.policy.loaders import load_policy
from gateway.policy.model import RiskClass

TEXT = """
version: "1"
default: deny
hide: [secret_*]
risk: {looks_bad: {class: read}}
tools:
  "risk:read": {}
  ask: {action: require_approval}
  never: {action: deny, require: [{conditions: [{path: args.a, op: eq, value: 1}]}]}
  never_at_all: {deny_if: [{conditions: []}]}
  always_ask: {approve_if: [{conditions: []}]}
  at_times: {schedule: {days: [mon], hours: "08:00-18:00", tz: Europe/Athens}}
  if_small: {require: [{conditions: [{path: args.a, op: lt, value: 5}]}]}
  if_big: {approve_if: [{conditions: [{path: args.a, op: gt, value: 5}]}]}
  watched: {action: deny, mode: shadow}
"""


@pytest.mark.parametrize(
    ("tool", "word", "rule"),
    [
        ("secret_a", "hide", "/hide/0"),
        ("looks_bad", "allow", "/tools/risk:read"),
        ("ask", "require_approval", "/tools/ask/action"),
        ("never", "deny", "/tools/never/action"),
        ("never_at_all", "deny", "/tools/never_at_all/deny_if/0"),
        ("always_ask", "require_approval", "/tools/always_ask/approve_if/0"),
        ("at_times", "depends", "/tools/at_times/schedule"),
        ("if_small", "depends", "/tools/if_small/require/0"),
        ("if_big", "depends", "/tools/if_big/approve_if/0"),
        ("watched", "deny", "/default"),
        ("unnamed", "deny", "/default"),
    ],
)
def test_the_strictest_that_a_file_says_stands(tool: str, word: str, rule: str) -> None:
    policy = load_policy(TEXT, "p.yaml")
    stands = in_effect([policy], tool, RiskClass.WRITE)
    assert (stands.word, stands.rule, stands.policy) == (word, rule, "p.yaml")


def test_without_a_policy_everything_is_denied() -> None:
    assert in_effect([], "a", RiskClass.READ) == InEffect(
        word="deny", rule="", policy="there is no policy for this server"
    )


def test_the_strictest_layer_stands_and_every_budget_is_told() -> None:
    text = 'version: "1"\ndefault: allow\nall_tools: {limits: [{counter: c, window: hour, max: 9, scope: owner}]}\n'
    limit = "limits: [{counter: p, window: day, max: 50, amount: args.amount}]"
    outer = load_policy(text, "outer.yaml")
    inner = load_policy(
        f'version: "1"\ndefault: deny\ntools: {{pay: {{action: require_approval, {limit}}}}}', "inner.yaml"
    )
    assert in_effect([outer, inner], "pay", RiskClass.WRITE) == InEffect(
        word="require_approval",
        rule="/tools/pay/action",
        policy="inner.yaml",
        limits=("9 calls per hour, by owner", "50 of args.amount per day, by agent on this server"),
    )
    assert in_effect([outer, inner], "other", RiskClass.WRITE) == InEffect(
        word="deny", rule="/default", policy="inner.yaml"
    )
