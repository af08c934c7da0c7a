"""What one policy says otherwise than another: in words, and whether that tightens or loosens."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.conditions import Side
from gateway.policy.differing import EVERY_CALL, THE_FILE, Difference, differences, summary
from gateway.policy.differing_parts import Effect
from gateway.policy.implying import implies
from gateway.policy.loaders import load_policy
from gateway.policy.model import Policy
from gateway.policy.profiles import OTHERS
from tests.unit.test_policy_convert import CALLS, CONDITIONS

FIXTURES = Path(__file__).parent.parent / "fixtures" / "policies"
BIGGER = {"path": "args.x", "op": "gt", "value": 10}


def load(default: str = "deny", **more: Any) -> Policy:
    return load_policy(json.dumps({"version": "1", "default": default, **more}), "p.json")


def of_tool(said: dict[str, Any], **more: Any) -> Policy:
    return load(tools={"pay": said}, **more)


def told(found: tuple[Difference, ...]) -> list[tuple[str, str]]:
    return [(change.effect.value, change.text) for one in found for change in one.changes]


def limit(**said: Any) -> dict[str, Any]:
    return {"limits": [{"counter": "c", "window": "day", "max": 5, **said}]}


def over(value: Any, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"path": "args.x", "op": "gt", "value": value}], **more}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"action": "deny"}, [("tightens", "is denied, before it was allowed")]),
        ({}, {"action": "require_approval"}, [("tightens", "asks a person, before it was allowed")]),
        ({"action": "require_approval"}, {}, [("loosens", "is allowed, before it asked a person")]),
        ({"action": "deny"}, {"action": "hide"}, [("neither", "is hidden, before it was denied")]),
        (
            {"action": "deny"},
            {"require": [over(1)], **limit()},
            [
                (
                    "loosens",
                    "is allowed, before it was denied: it requires that args.x is > 1; "
                    'at most 5 per day for each agent on this server (counter "c")',
                )
            ],
        ),
        ({"action": "deny", "require": [over(1)]}, {"action": "deny"}, []),
        ({}, {"require": [over(1)]}, [("tightens", "requires that args.x is > 1")]),
        ({"require": [over(1)]}, {}, [("loosens", "no longer requires that args.x is > 1")]),
        (
            {"require": [over(1)]},
            {"require": [over(2)]},
            [("tightens", "requires that args.x is > 2, before args.x is > 1")],
        ),
        (
            {"deny_if": [over(1)]},
            {"deny_if": [over(2)]},
            [("loosens", "denies if args.x is > 2, before args.x is > 1")],
        ),
        (
            {"approve_if": [over(2)]},
            {"approve_if": [over(1)]},
            [("tightens", "asks if args.x is > 1, before args.x is > 2")],
        ),
        (
            {"require": [{"conditions": [{"path": "args.x", "op": "eq", "value": 1}]}]},
            {"require": [{"conditions": [{"path": "args.x", "op": "eq", "value": 2}]}]},
            [("either", "requires that args.x is 2, before args.x is 1")],
        ),
        ({"deny_if": [over(1), over(5)]}, {"deny_if": [over(5), over(1)]}, []),
        (
            {"deny_if": [over(1, on_deny="No")]},
            {"deny_if": [over(1, on_deny="Never")]},
            [("neither", 'says "Never" where it denies if args.x is > 1')],
        ),
        ({"deny_if": [over(1)]}, {"deny_if": [over(1.0)]}, []),
        (
            limit(),
            limit(max=6),
            [("loosens", 'at most 6 per day for each agent on this server (counter "c"), before 5')],
        ),
        (
            limit(),
            limit(max=4),
            [("tightens", 'at most 4 per day for each agent on this server (counter "c"), before 5')],
        ),
        (limit(), {}, [("loosens", 'no longer at most 5 per day for each agent on this server (counter "c")')]),
        ({}, limit(), [("tightens", 'at most 5 per day for each agent on this server (counter "c")')]),
        (limit(), limit(on_exceed="require_approval"), [("loosens", 'asks a person when "c" is used up')]),
        (limit(), limit(amount="args.x"), [("either", 'amount of "c" is args.x, before not said')]),
        (
            {"rate_limit": "5/hour"},
            {"rate_limit": "6/hour"},
            [("loosens", 'at most 6 per hour for each agent on this server (counter "pay_rate_hour"), before 5')],
        ),
        (
            {},
            limit(window="inflight", scope=["agent", "args.to"], amount={"pay": 2}),
            [("tightens", 'at most 5 of pay 2 at a time for each agent and args.to (counter "c")')],
        ),
        (
            limit(kind="bucket"),
            limit(kind="bucket", burst=8),
            [("either", 'burst of "c" is 8, before not said')],
        ),
        ({"reason": "A"}, {"reason": "B"}, [("neither", 'gives the reason "B"')]),
        (
            {},
            {"schedule": {"days": ["mon"], "tz": "UTC"}},
            [("tightens", "schedule of pay: days mon, tz UTC")],
        ),
        ({"when": "args.x > 1"}, {}, [("loosens", "no longer when of pay: args.x > 1")]),
        ({"when": "args.x > 1"}, {"when": "args.x > 2"}, [("either", "when of pay is args.x > 2, before args.x > 1")]),
        ({"action": "deny", "mode": "shadow"}, {"action": "deny", "mode": "shadow", "reason": "x"}, []),
    ],
)
def test_a_change_of_one_tool_is_told_in_words(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert told(differences(of_tool(before), of_tool(after))) == expected


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        ({"quorum": 1}, {"quorum": 2}, "tightens"),
        ({"quorum": 2}, {"quorum": 1}, "loosens"),
        ({"quorum": 2}, {}, "either"),
        ({"reviewers": ["group:a", "group:b"]}, {"reviewers": ["group:a"]}, "tightens"),
        ({"reviewers": ["group:a"]}, {"reviewers": ["group:a", "group:b"]}, "loosens"),
        ({"reviewers": ["group:a"]}, {"reviewers": ["group:b"]}, "either"),
        ({"factors": [{"group": "a", "count": 1}]}, {"factors": [{"group": "a", "count": 2}]}, "tightens"),
        (
            {"factors": [{"group": "a", "count": 1}, {"group": "b", "count": 1}]},
            {"factors": [{"group": "a", "count": 1}]},
            "loosens",
        ),
        ({"factors": [{"group": "a", "count": 1}]}, {"factors": [{"group": "b", "count": 1}]}, "either"),
        ({}, {"four_eyes": True}, "tightens"),
        ({"four_eyes": True}, {"four_eyes": False}, "loosens"),
        ({}, {"on_timeout": "allow"}, "loosens"),
        ({"on_timeout": "allow"}, {"on_timeout": "deny"}, "tightens"),
        ({}, {"self_service": True}, "loosens"),
        ({"timeout": "5m"}, {"timeout": "1h"}, "neither"),
        ({}, {"channels": ["web"]}, "neither"),
    ],
)
def test_a_change_of_whom_is_asked_is_judged(before: dict[str, Any], after: dict[str, Any], effect: str) -> None:
    (found,) = differences(
        of_tool({"action": "require_approval", "approval": before}),
        of_tool({"action": "require_approval", "approval": after}),
    )
    assert [change.effect for change in found.changes] == [effect]
    assert differences(of_tool({"approval": before}), of_tool({"approval": after})) == ()


def test_whom_one_rule_asks_is_compared_with_whom_it_asked() -> None:
    policies = [of_tool({"approve_if": [over(1, approval={"quorum": n})]}) for n in (2, 1)]
    assert told(differences(policies[0], policies[1])) == [
        ("loosens", "to ask if args.x is > 1: quorum is 1, before 2")
    ]


def test_tools_that_change_alike_are_told_together_and_by_what_names_them() -> None:
    before = load(tools={"a": {}, "b": {}, "c*": {}, "risk:read": {}, "d": {}})
    after = load(tools={name: {"action": "deny"} for name in ("a", "b", "c*", "risk:read")} | {"d": {}})
    assert [one.tools for one in differences(before, after)] == [
        ("a", "b", "tools named c*", "tools of the class read"),
    ]


def test_a_change_of_a_pattern_is_told_of_every_tool_that_it_names() -> None:
    found = differences(
        load(tools={"pay*": {}, "pay_all": {}}), load(tools={"pay*": {"action": "deny"}, "pay_all": {}})
    )
    assert [one.tools for one in found] == [("pay_all", "tools named pay*")]


def test_the_default_changes_every_other_tool_and_what_is_no_tool() -> None:
    assert [(one.tools, told((one,))) for one in differences(load("deny"), load("allow"))] == [
        ((OTHERS,), [("loosens", "is allowed, before it was denied")]),
        (
            (THE_FILE,),
            [("loosens", "resources are allowed, before denied"), ("loosens", "prompts are allowed, before denied")],
        ),
    ]


def test_what_is_said_on_top_is_compared() -> None:
    test = {"name": "t", "call": {"tool": "a"}, "expect": {"verdict": "deny"}}
    before = load(description="A", tests=[test], resources={"default": "allow"})
    after = load(description="B", all_tools=limit(), list_denied=True)
    assert [(one.tools[0], *told((one,))) for one in differences(before, after)] == [
        (EVERY_CALL, ("tightens", 'at most 5 per day for each agent on this server (counter "c")')),
        (
            THE_FILE,
            ("tightens", "resources are denied, before allowed"),
            ("neither", "description is B, before A"),
            ("neither", "list_denied is true, before not said"),
            ("neither", "holds 0 tests, before 1, and not the same"),
        ),
    ]


def test_with_a_list_of_tools_the_risk_is_that_of_their_definitions() -> None:
    before, after = load(tools={"risk:financial": {}}), load(tools={"risk:financial": {"action": "deny"}})
    definition = {
        "name": "go",
        "description": "Transfers money to another account.",
        "inputSchema": {"type": "object", "properties": {"amount": {}, "currency": {}}},
    }
    assert [one.tools for one in differences(before, after, [definition, {"name": "list_it"}])] == [("go",)]


def test_policies_of_two_formats_that_mean_the_same_differ_in_nothing() -> None:
    policies = [load_policy((FIXTURES / name).read_text(), name) for name in ("intercept.yaml", "intercept.ours.yaml")]
    assert differences(policies[0], policies[1]) == ()


def test_changes_are_counted_by_what_they_do() -> None:
    found = differences(of_tool({"rate_limit": "5/hour", "reason": "A"}), of_tool({"action": "deny", "reason": "B"}))
    assert summary(found) == {Effect.TIGHTENS: 1, Effect.LOOSENS: 0, Effect.NEITHER: 0, Effect.EITHER: 0}


def _judged(side: str) -> list[list[bool | None]]:
    """What each condition says of each call, on one side."""
    found = []
    for condition in CONDITIONS:
        policy = of_tool({side: [{"conditions": [condition]}]})
        rules = policy.tools[0].require if side == "require" else policy.tools[0].deny_if
        where = Side.REQUIRE if side == "require" else Side.DENY
        found.append([rules[0].conditions[0].judge(call, where).holds for call in CALLS])
    return found


@pytest.mark.parametrize("side", ["require", "deny_if"])
def test_a_condition_that_another_implies_holds_wherever_that_one_does(side: str) -> None:
    judged = _judged(side)
    wrong, implied = [], 0
    for one, other in product(range(len(CONDITIONS)), repeat=2):
        if implies(CONDITIONS[one], CONDITIONS[other]):
            implied += 1
            for call, mine, theirs in zip(CALLS, judged[one], judged[other], strict=True):
                if (mine is True and theirs is not True) or (mine is not False and theirs is False):
                    wrong.append((CONDITIONS[one], CONDITIONS[other], call))
    assert wrong == []
    assert implied > len(CONDITIONS)


@pytest.mark.parametrize(
    ("op", "narrow", "other_op", "wide"),
    [
        ("lt", 5, "lte", 5),
        ("gt", 5, "gte", 5),
        ("between", [2, 3], "between", [1, 5]),
        ("between", [2, 3], "lt", 4),
        ("eq", "a", "in", ["a", "b"]),
        ("eq", 3, "lte", 5),
        ("in", ["a"], "not_in", ["b"]),
        ("not_in", ["a", "b"], "not_in", ["a"]),
        ("starts_with", "ab", "starts_with", "a"),
        ("ends_with", "ab", "ends_with", "b"),
        ("cidr", "10.1.0.0/16", "cidr", ["10.0.0.0/8"]),
        ("host_in", ["a.com"], "host_in", ["a.com", "b.com"]),
        ("path_under", "/srv", "path_under", ["/srv", "/tmp"]),
        ("subset_of", ["a"], "subset_of", ["a", "b"]),
        ("len_lt", 5, "len_lte", 5),
    ],
)
def test_a_narrower_condition_implies_a_wider_one_and_not_the_other_way(
    op: str, narrow: Any, other_op: str, wide: Any
) -> None:
    one = {"path": "args.x", "op": op, "value": narrow}
    other = {"path": "args.x", "op": other_op, "value": wide}
    assert (implies(one, other), implies(other, one)) == (True, False)
