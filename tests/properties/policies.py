"""Policies and calls to try things on: every op, every key of an entry, arguments of every kind, hostile ones too."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, Policy, Risk, RiskClass, Verdict
from gateway.policy.operators import OPERATORS

STRICTNESS = [Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, Verdict.DENY]

telling = st.sampled_from(
    [5, 1, 0, -1, 0.1, 1e300, 2**63, 10**40, float("nan"), float("-inf"), True, "a", "A", "5", "aaa", "", "\ud800",
     "a\u200b", "10.1.2.3", "::ffff:10.1.2.3", "https://example.com/", "http://127.1/", "/srv/x", "/srv/../x", "pay",
     "other", ["a"], ["a", 5], [[]], {}, {"y": 5}, {"to": "pay", "x": {}}]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = telling | st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
arguments = st.dictionaries(st.sampled_from(["x", "amount", "to", "y"]), values, max_size=4)
moments = st.sampled_from(
    [
        "2026-11-24T00:00:00Z",
        "2026-03-29T01:30:00Z",
        "2026-10-25T00:30:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ]
).map(datetime.fromisoformat)

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
    "hosts": ["example.com", "*.example.com"],
    "directories": "/srv",
}
paths = st.sampled_from(["args.x", "args.to[*]", "args.x[0].y", 'args["amount"]', "args.x.y"])


def _test(op: str) -> st.SearchStrategy[dict[str, Any]]:
    wants = OPERATORS[op].wants
    folds = wants in {"any", "list", "text", "directories", "pattern", "glob"}
    options: dict[str, Any] = {"fold": st.booleans()} if folds else {}
    options |= {"full": st.booleans()} if wants == "pattern" else {}
    options |= {"coerce": st.booleans()} if OPERATORS[op].name in {"eq", "neq", "in", "not_in"} else {}
    return st.fixed_dictionaries({"path": paths, "op": st.just(op), "value": st.just(wanted[wants])}, optional=options)


plain_conditions = st.sampled_from(sorted(OPERATORS)).flatmap(_test) | st.fixed_dictionaries(
    {"path": paths, "op": st.sampled_from(["exists", "not_exists"])}, optional={"value": st.booleans()}
)
conditions = st.recursive(
    plain_conditions,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2).map(lambda of: {"any": of})
        | st.lists(inner, min_size=1, max_size=2).map(lambda of: {"all": of})
        | inner.map(lambda one: {"not": one})
    ),
    max_leaves=4,
)
expressions = st.sampled_from(
    [
        "args.x == 1",
        "size(args) < 2",
        "now.hour < 6 || args.amount > 1",
        "args.to.exists(i, i == args.x)",
        "tool == 'pay'",
    ]
)
approvals = st.fixed_dictionaries(
    {},
    optional={
        "quorum": st.integers(1, 3),
        "four_eyes": st.booleans(),
        "timeout": st.sampled_from(["30s", "15m", "1h30m"]),
        "reviewers": st.just(["group:x", "a@example.com"]),
        "channels": st.just(["web"]),
        "grants": st.sampled_from(["offer", "never"]),
    },
)
rule_texts: dict[str, Any] = {"on_deny": st.sampled_from(["No", 'Never: "x"']), "id": st.just("r")}
require = st.fixed_dictionaries(
    {"conditions": st.lists(conditions, min_size=1, max_size=2)}, optional={"when": expressions, **rule_texts}
)
deny_if = st.fixed_dictionaries(
    {"conditions": st.lists(conditions, max_size=2)}, optional={"when": expressions, **rule_texts}
)
approve_if = st.fixed_dictionaries(
    {"conditions": st.lists(conditions, max_size=2)},
    optional={"when": expressions, "approval": approvals, **rule_texts},
)
limits = st.fixed_dictionaries(
    {
        "counter": st.just("c"),
        "window": st.sampled_from(["minute", 60]),
        "max": st.just(5),
        "amount": st.sampled_from([1, "args.amount"]),
    }
)
rules: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "require": require,
    "deny_if": deny_if,
    "approve_if": approve_if,
    "limits": limits,
}
"""The rules that an entry has lists of."""
settings_of_entries: dict[str, st.SearchStrategy[Any]] = {
    "action": st.sampled_from(["allow", "deny", "hide", "require_approval"]),
    "reason": st.just("Because"),
    "approval": approvals,
    "unwrap": st.just({"tool": "args.to", "arguments": "args.x"}),
    "when": expressions,
    "schedule": st.sampled_from([{"days": ["tue"]}, {"hours": "22:00-06:00", "tz": "Europe/Athens"}]),
}
entries = st.fixed_dictionaries(
    {key: st.lists(rule, max_size=2) for key, rule in rules.items()},
    optional={**settings_of_entries, "mode": st.sampled_from(["enforce", "shadow"])},
)
names = st.sampled_from(["pay", "p*", "*", "risk:write", "other"])
shapes = st.fixed_dictionaries(
    {
        "version": st.just("1"),
        "default": st.sampled_from(["allow", "deny"]),
        "hide": st.lists(st.sampled_from(["pay", "p*", "other"]), max_size=1),
        "tools": st.dictionaries(names, entries, max_size=4),
    },
    optional={"tz": st.just("America/New_York"), "all_tools": limits.map(lambda one: {"limits": [one]})},
)


def loaded(shape: dict[str, Any], name: str = "p.json") -> Policy:
    """The policy of a shape."""
    return load_policy(json.dumps(shape), name)


policies = shapes.map(loaded)


def call(given: dict[str, Any], now: datetime | None = None) -> Facts:
    """A call of `pay`."""
    moment = now or datetime(2026, 11, 24, tzinfo=UTC)
    return Facts(server="s", tool="pay", arguments=given, agent="a", now=moment, risk=Risk(kind=RiskClass.WRITE))
