"""What converting keeps: the verdict on every call, or it says what it loses and never lets more through unsaid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.convert import Converted, Target, asking, convert, described
from gateway.policy.convert_losses import Effect
from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, Policy, Verdict
from gateway.policy.risk import classify
from tests.fakes import intercept

EXAMPLES = settings(max_examples=100, deadline=None)
STRICTNESS = ["allow", "require_approval", "deny"]
TOOLS = ["pay", "pay_back", "other", "read"]

scalars: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, 5, -5, 0.5, "1", "5", "a", "ab", "true", ""]
)
values = scalars | st.lists(scalars, max_size=2) | st.fixed_dictionaries({"y": scalars})
arguments = st.dictionaries(st.sampled_from(["x", "z"]), values, max_size=2)
paths = st.sampled_from(["args.x", "args.z", "args.x.y"])
texts = st.sampled_from(["a", "ab", "1", "5", "true"])
numbers = st.sampled_from([0, 1, 5])
mixed = texts | numbers | st.booleans()


def leaf(op: str, value: st.SearchStrategy[Any], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"path": paths, "op": st.just(op), "value": value}, optional=more)


def said(strategies: list[st.SearchStrategy[dict[str, Any]]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(strategies)


b_conditions = said(
    [
        *(leaf(op, mixed) for op in ("eq", "neq")),
        *(leaf(op, st.lists(mixed, min_size=1, max_size=3)) for op in ("in", "not_in")),
        *(leaf(op, numbers) for op in ("lt", "lte", "gt", "gte")),
        leaf("regex", st.sampled_from(["a", "^a$", "b$", "a|1"])),
        leaf("contains", mixed),
        leaf("exists", st.booleans()),
    ]
)
b_rules = st.one_of(
    st.fixed_dictionaries({"conditions": st.lists(b_conditions, min_size=1, max_size=2)}, optional={"on_deny": texts}),
    st.fixed_dictionaries({"action": st.just("deny")}, optional={"on_deny": texts, "name": texts}),
    st.just({"rate_limit": "3/minute"}),
    st.fixed_dictionaries(
        {"action": st.just("require_approval")},
        optional={"conditions": st.lists(b_conditions, min_size=1, max_size=2), "approval_timeout": st.just("5m")},
    ),
)
b_policies = st.fixed_dictionaries(
    {
        "version": st.just("1"),
        "tools": st.dictionaries(
            st.sampled_from(["pay", "other", "*"]),
            st.fixed_dictionaries({"rules": st.lists(b_rules, max_size=3)}),
            min_size=1,
            max_size=3,
        ),
    },
    optional={
        "default": st.sampled_from(["allow", "deny"]),
        "hide": st.lists(st.sampled_from(["pay", "read", "*"]), max_size=1),
        "description": texts,
    },
)
c_rules = st.fixed_dictionaries(
    {"action": st.sampled_from(["allow", "deny"])},
    optional={"reason": texts, "rate_limit": st.just({"max": 3, "window": 60})},
)
c_policies = st.fixed_dictionaries(
    {
        "tools": st.dictionaries(
            st.sampled_from(["pay", "other", "*"]),
            c_rules | st.fixed_dictionaries({"rules": st.lists(c_rules, min_size=1, max_size=3)}),
            min_size=1,
            max_size=3,
        )
    }
)
leaves = said(
    [
        *(leaf(op, mixed, coerce=st.booleans()) | leaf(op, texts, fold=st.booleans()) for op in ("eq", "neq")),
        *(leaf(op, st.lists(mixed, min_size=1, max_size=3), coerce=st.booleans()) for op in ("in", "not_in")),
        leaf("contains", mixed, coerce=st.booleans()),
        *(leaf(op, numbers) for op in ("lt", "lte", "gt", "gte")),
        leaf("between", st.just([1, 5])),
        leaf("regex", st.sampled_from(["a", "^a$", "b$", "a|1"]), full=st.booleans()),
        *(
            leaf(op, st.sampled_from(["a", "b", "."]))
            for op in ("contains", "not_contains", "starts_with", "ends_with")
        ),
        leaf("glob", st.sampled_from(["a*", "?", "*b"])),
        leaf("len_lt", st.just(2)),
        st.fixed_dictionaries({"path": paths, "op": st.sampled_from(["exists", "not_exists"])}),
        st.fixed_dictionaries(
            {"path": st.sampled_from(["args.x[*]", "args.x[0]", 'args["x"]']), "op": st.just("eq"), "value": mixed}
        ),
    ]
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=3,
)
some = st.lists(conditions, min_size=1, max_size=2)
tools = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["allow", "deny", "hide", "require_approval"]),
        "reason": texts,
        "require": st.lists(st.fixed_dictionaries({"conditions": some}, optional={"on_deny": texts}), max_size=2),
        "deny_if": st.lists(st.fixed_dictionaries({}, optional={"conditions": some, "on_deny": texts}), max_size=2),
        "approve_if": st.lists(st.fixed_dictionaries({}, optional={"conditions": some}), max_size=1),
        "mode": st.sampled_from(["enforce", "enforce", "shadow"]),
        "schedule": st.just({"days": ["mon"], "tz": "UTC"}),
    },
)
policies = st.fixed_dictionaries(
    {
        "version": st.just("1"),
        "default": st.sampled_from(["allow", "deny"]),
        "hide": st.lists(st.sampled_from(["pay", "p*", "*"]), max_size=1),
        "tools": st.dictionaries(st.sampled_from(["pay", "pay*", "*", "risk:read", "other"]), tools, max_size=3),
    }
)

one_rule = st.tuples(st.sampled_from(["require", "deny_if", "approve_if"]), some).map(
    lambda made: {
        "version": "1",
        "default": "deny",
        "tools": {"pay": {made[0]: [{"conditions": made[1]}]}},
    }
)
"""One rule of one tool: where nothing else decides, every condition does."""
one_argument = st.fixed_dictionaries({}, optional={"x": values})


def load(plain: Mapping[str, Any]) -> Policy:
    return load_policy(json.dumps(plain), "p.json")


def call(tool: str, given_arguments: Mapping[str, Any]) -> Facts:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    risk = classify({"name": tool})
    return Facts(server="s", tool=tool, arguments=given_arguments, agent="a", now=now, risk=risk)


def judged(policy: Policy, tool: str, given_arguments: Mapping[str, Any]) -> str:
    return evaluate(policy, call(tool, given_arguments)).verdict.value


def written(policy: Policy, target: Target) -> tuple[Converted, Policy]:
    """What comes out, and what is read when it is read again from its text."""
    converted = convert(policy, target)
    read = load_policy(converted.as_json(), "p.json")
    assert load_policy(converted.as_yaml(), "p.yaml").version == read.version
    return converted, read


def fits(converted: Converted, before: str, after: str) -> bool:
    """Is the verdict of the new file what the losses allow?"""
    effects = {loss.effect for loss in converted.losses}
    moved = STRICTNESS.index(after) - STRICTNESS.index(before)
    return moved == 0 or Effect.LOOSER in effects or (moved > 0 and Effect.STRICTER in effects)


@EXAMPLES
@given(b_policies | c_policies, st.sampled_from(TOOLS), arguments)
def test_what_another_dialect_says_is_the_same_in_ours(
    plain: dict[str, Any], tool: str, given_arguments: dict[str, Any]
) -> None:
    policy = load(plain)
    converted, ours = written(policy, Target.PLACET)
    before, after = (evaluate(one, call(tool, given_arguments)) for one in (policy, ours))
    assert (ours.dialect, converted.losses) == ("placet", ())
    assert (after.verdict, after.hidden) == (before.verdict, before.hidden)
    kind = classify({"name": tool}).kind
    assert listing(ours, tool, kind) == listing(policy, tool, kind)
    counted = [
        {(use.limit.counter, use.limit.max, use.limit.window, use.limit.scope, use.amount) for use in ruling.limits}
        for ruling in (before, after)
    ]
    assert counted[0] == counted[1]


@EXAMPLES
@given(policies, st.sampled_from(TOOLS), arguments)
def test_our_format_written_as_ours_is_the_same_policy(
    plain: dict[str, Any], tool: str, given_arguments: dict[str, Any]
) -> None:
    policy = load(plain)
    converted, ours = written(policy, Target.PLACET)
    assert converted.losses == ()
    assert judged(ours, tool, given_arguments) == judged(policy, tool, given_arguments)


@EXAMPLES
@given(policies | b_policies | c_policies, st.sampled_from(TOOLS), arguments)
def test_the_hosted_format_keeps_every_verdict_or_says_how_it_changes(
    plain: dict[str, Any], tool: str, given_arguments: dict[str, Any]
) -> None:
    policy = load(plain)
    converted, hosted = written(policy, Target.POLICYLAYER)
    assert fits(converted, judged(policy, tool, given_arguments), judged(hosted, tool, given_arguments))


@EXAMPLES
@given(policies | b_policies | c_policies, st.sampled_from(TOOLS), arguments)
def test_intercept_keeps_every_verdict_or_it_is_said_how_it_changes(
    plain: dict[str, Any], tool: str, given_arguments: dict[str, Any]
) -> None:
    policy = load(plain)
    converted, read_back = written(policy, Target.INTERCEPT)
    before = judged(policy, tool, given_arguments)
    assert fits(converted, before, intercept.judge(converted.value, tool, given_arguments))
    assert fits(converted, before, judged(read_back, tool, given_arguments))


@settings(max_examples=150, deadline=None)
@given(one_rule, one_argument | arguments)
def test_a_single_rule_keeps_its_verdicts_in_either_format_or_it_is_said_how_they_change(
    plain: dict[str, Any], given_arguments: dict[str, Any]
) -> None:
    policy = load(plain)
    before = judged(policy, "pay", given_arguments)
    converted, hosted = written(policy, Target.POLICYLAYER)
    assert fits(converted, before, judged(hosted, "pay", given_arguments))
    converted, read_back = written(policy, Target.INTERCEPT)
    assert fits(converted, before, intercept.judge(converted.value, "pay", given_arguments))
    assert fits(converted, before, judged(read_back, "pay", given_arguments))


@EXAMPLES
@given(b_policies, st.sampled_from(TOOLS), arguments)
def test_a_policy_of_intercept_is_never_read_more_loosely_than_intercept_does(
    plain: dict[str, Any], tool: str, given_arguments: dict[str, Any]
) -> None:
    theirs, ours = intercept.judge(plain, tool, given_arguments), judged(load(plain), tool, given_arguments)
    asks = any(rule.get("action") == "require_approval" for one in plain["tools"].values() for rule in one["rules"])
    assert STRICTNESS.index(ours) >= STRICTNESS.index(theirs)
    assert asks or ours == theirs


@EXAMPLES
@given(policies, st.sampled_from(TOOLS), arguments)
def test_taking_an_offer_to_ask_only_turns_refusals_into_questions(
    plain: dict[str, Any], tool: str, given_arguments: dict[str, Any]
) -> None:
    policy = load(plain)
    offered = load(json.loads(json.dumps(asking(described(policy)), default=float)))
    before, after = judged(policy, tool, given_arguments), judged(offered, tool, given_arguments)
    assert after == before or (before, after) == (Verdict.DENY, Verdict.REQUIRE_APPROVAL)
