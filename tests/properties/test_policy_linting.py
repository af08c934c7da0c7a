"""What a finding promises: a rule that changes no verdict can go, and a limit that is never reached never decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.policy.budgets import Budgets
from gateway.policy.convert import described
from gateway.policy.evaluate import evaluate
from gateway.policy.findings import Kind
from gateway.policy.linting import findings
from gateway.policy.model import Facts, Policy
from gateway.policy.standings import Exceeded
from tests.properties.test_policy_convert import TOOLS, arguments, conditions, judged, load, policies

definitions = [{"name": name} for name in TOOLS]
two_rules = st.tuples(
    st.sampled_from(["require", "deny_if", "approve_if"]), st.lists(conditions, min_size=2, max_size=3)
).map(
    lambda made: {
        "version": "1",
        "default": "deny",
        "tools": {"pay": {made[0]: [{"conditions": [one]} for one in made[1]]}},
    }
)


def without(policy: Policy, rule: str) -> Policy:
    """The policy without one rule."""
    plain: Any = json.loads(json.dumps(described(policy), default=float))
    *path, last = [step.replace("~1", "/").replace("~0", "~") for step in rule.split("/")[1:]]
    at = plain
    for step in path:
        at = at[int(step)] if isinstance(at, list) else at[step]
    del at[int(last) if isinstance(at, list) else last]
    return load(plain)


@settings(max_examples=150, deadline=None)
@given(policies | two_rules, st.booleans(), st.sampled_from(TOOLS), st.lists(arguments, min_size=5, max_size=5))
def test_a_rule_that_is_told_to_change_no_verdict_changes_none(
    plain: Mapping[str, Any], listed: bool, tool: str, calls: list[dict[str, Any]]
) -> None:
    policy = load(plain)
    shadowed = [one for one in findings(policy, definitions if listed else []) if one.kind is Kind.SHADOWED]
    for one in shadowed:
        other = without(policy, one.rule)
        assert [judged(other, tool, call) for call in calls] == [judged(policy, tool, call) for call in calls]


limit = st.fixed_dictionaries(
    {
        "window": st.sampled_from(["minute", "hour", "90s", "10m", 60]),
        "max": st.integers(1, 8),
        "scope": st.sampled_from(["grant", "agent", "server"]),
    },
    optional={"amount": st.sampled_from([1, 2, "args.x"]), "kind": st.sampled_from(["fixed", "sliding"])},
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(limit, min_size=2, max_size=2),
    st.lists(
        st.tuples(st.sampled_from([1, 1, 2, 5, 29, 61]), st.sampled_from(["a", "b"]), st.integers(1, 3)),
        min_size=20,
        max_size=40,
    ),
)
def test_a_limit_that_is_told_to_be_never_reached_never_stops_what_the_other_would_not(
    limits: list[dict[str, Any]], steps: list[tuple[int, str, int]]
) -> None:
    for index, one in enumerate(limits):
        one["counter"] = f"c{index}"
    policy = load({"version": "1", "default": "deny", "tools": {"pay": {"limits": limits}}})
    never = {one.rule for one in findings(policy) if one.kind is Kind.NEVER_REACHED}
    assume(never)
    budgets, now = Budgets(), datetime(2026, 11, 24, 10, 0, 17, tzinfo=UTC)
    for seconds, agent, amount in steps:
        now += timedelta(seconds=seconds)
        call = Facts(server="s", tool="pay", arguments={"x": amount}, agent=agent, now=now)
        uses = evaluate(policy, call).limits
        if isinstance(budgets.take(uses, now), Exceeded):
            stopping = {use.limit.pointer for use in uses if isinstance(budgets.check([use], now), Exceeded)}
            assert not stopping <= never or any(use.amount > use.limit.max for use in uses)
