"""What stands in a policy and does nothing: with a list of tools, and without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.linting import findings
from gateway.policy.loaders import load_policy
from gateway.policy.lookalikes import skeleton, twins
from gateway.policy.model import Policy

TOOLS = [
    {"name": "pay"},
    {"name": "Pay"},
    {"name": "list_orders"},
    {"name": "get_order"},
    {"name": "delete_order"},
]


def load(tools: dict[str, Any], default: str = "deny", **more: Any) -> Policy:
    return load_policy(json.dumps({"version": "1", "default": default, "tools": tools, **more}), "p.json")


def found(policy: Policy, tools: list[dict[str, Any]] | None = None) -> list[tuple[str, str]]:
    return [(one.kind.value, one.rule) for one in findings(policy, tools or [])]


def texts(policy: Policy, tools: list[dict[str, Any]] | None = None) -> list[str]:
    return [one.text for one in findings(policy, tools or [])]


def over(value: Any, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"path": "args.x", "op": "gt", "value": value}], **more}


def limit(counter: str = "c", window: Any = "day", most: Any = 5, **more: Any) -> dict[str, Any]:
    return {"counter": counter, "window": window, "max": most, **more}


def test_a_name_that_names_no_tool_is_told_with_the_nearest_that_does() -> None:
    policy = load({"list_order": {}, "x*": {}, "risk:execute": {}}, hide=["get_oder"], risk={"zzz": {"class": "read"}})
    assert [one.text for one in findings(policy, TOOLS) if one.kind == "matches_nothing"] == [
        "there is no tool \"list_order\"; did you mean 'list_orders'?",
        '"x*" names no tool',
        "no tool is of the class execute",
        "there is no tool \"get_oder\"; did you mean 'get_order'?",
        'there is no tool "zzz"',
    ]


def test_tools_that_nothing_names_are_counted_and_named() -> None:
    policy = load({"pay": {}, "list*": {}, "delete_order": {"mode": "shadow"}, "Pay": {}}, default="allow")
    assert [one.text for one in findings(policy, TOOLS) if one.kind == "not_named"] == [
        '2 tools are named by nothing, and the default allows them: "delete_order", "get_order"'
    ]
    assert "not_named" not in dict(found(load({"*": {}}), TOOLS))


def test_a_tool_that_looks_like_a_named_one_is_told() -> None:
    told = [one for one in findings(load({"pay": {}, "*": {}}), TOOLS) if one.kind == "lookalike"]
    assert [(one.rule, one.text) for one in told] == [
        ("/tools/pay", 'what is said of "pay" does not hold for "Pay", which looks like it')
    ]
    assert found(load({"pay": {}, "Pay": {}, "*": {}}), TOOLS) == [("lookalike", "/tools/Pay")]
    assert texts(load({"*": {}}), TOOLS) == ['the server has tools that look alike: "Pay", "pay"']


def test_names_of_the_policy_itself_that_look_alike_are_told_without_a_list() -> None:
    assert texts(load({"get_user": {}, "get-user": {}, "qet": {}})) == ['"get-user" looks like "get_user"']


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pay", "PAY"),
        ("pay", "раy"),  # Cyrillic er and a
        ("pay", "ｐａｙ"),  # full width
        ("list", "1ist"),
        ("get_user", "get-user"),
        ("go", "g0"),
        ("cafe", "café"),
        ("term", "tenn".replace("nn", "rm")),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)
    assert len(twins([one, other])) == (one != other)


def test_names_that_only_resemble_each_other_are_no_twins() -> None:
    assert twins(["pay", "pray", "play", "list_orders", "list_order"]) == []


@pytest.mark.parametrize(
    ("tools", "more", "expected"),
    [
        ({"pay": {}}, {"hide": ["pay"]}, ["/tools/pay"]),
        ({"pay": {}}, {"hide": ["p*"]}, ["/tools/pay"]),
        ({"pay": {"rate_limit": "5/hour"}, "*": {"action": "deny"}}, {}, ["/tools/pay"]),
        ({"pay_a": {}, "pay*": {"deny_if": [{}]}}, {}, ["/tools/pay_a"]),
        ({"pay_*": {}, "pay*": {"action": "hide"}}, {}, ["/tools/pay_*"]),
        ({"pay": {"action": "deny", "limits": [limit()]}}, {}, ["/tools/pay/limits/0"]),
        ({"pay": {"action": "hide", "approval": {"quorum": 1}}}, {}, ["/tools/pay/approval"]),
        ({"pay": {"deny_if": [{}, over(1)]}}, {}, ["/tools/pay/deny_if/1"]),
        ({"pay": {"deny_if": [over(10), over(5)]}}, {}, ["/tools/pay/deny_if/0"]),
        ({"pay": {"deny_if": [over(5), over(5)]}}, {}, ["/tools/pay/deny_if/1"]),
        ({"pay": {"require": [over(10), over(5)]}}, {}, ["/tools/pay/require/1"]),
        ({"pay": {"approve_if": [over(10)], "deny_if": [over(5)]}}, {}, ["/tools/pay/approve_if/0"]),
        ({"pay": {"approve_if": [over(10)], "action": "require_approval"}}, {}, ["/tools/pay/approve_if/0"]),
        ({"pay": {"deny_if": [over(10)]}, "p*": {"deny_if": [over(5)]}}, {}, ["/tools/pay/deny_if/0"]),
    ],
)
def test_what_a_stricter_rule_always_says_as_well_changes_no_verdict(
    tools: dict[str, Any], more: dict[str, Any], expected: list[str]
) -> None:
    assert found(load(tools, **more)) == [("shadowed", rule) for rule in expected]


@pytest.mark.parametrize(
    "tools",
    [
        {"pay": {"approve_if": [over(10, approval={"quorum": 2})], "action": "require_approval"}},
        {"pay": {"approve_if": [over(10), over(5, approval={"quorum": 2})]}},
        {"pay": {"action": "deny", "reason": "No"}, "*": {"action": "deny"}},
        {"pay": {"deny_if": [over(5)]}, "p*": {"deny_if": [over(10)]}},
        {"pay": {"deny_if": [over(10)]}, "p*": {"deny_if": [over(5)], "mode": "shadow"}},
        {"pay": {"deny_if": [over(10, when="args.y > 1"), over(5, when="args.y > 2")]}},
        {"pay": {}, "risk:financial": {"action": "deny"}},
        {"p?y": {}, "pa*": {"action": "deny"}},
    ],
)
def test_what_may_decide_after_all_is_not_told(tools: dict[str, Any]) -> None:
    assert found(load(tools)) == []


def test_a_list_of_tools_shows_what_a_class_of_risk_denies() -> None:
    policy = load({"delete_order": {}, "risk:destructive": {"action": "deny"}, "*": {}})
    assert ("shadowed", "/tools/delete_order") in found(policy, TOOLS)
    assert ("shadowed", "/tools/delete_order") not in found(policy)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([limit("a", "day", 10), limit("b", "minute", 20)], [1]),
        ([limit("a", "minute", 10), limit("b", "day", 20_000)], [1]),
        ([limit("a", "minute", 10), limit("b", "day", 14_400)], [1]),
        ([limit("a", "minute", 10), limit("b", "day", 14_399)], []),
        ([limit("a", "day", 5), limit("b", "day", 5)], [1]),
        ([limit("a", "day", 5), limit("b", "day", 4)], [0]),
        ([limit("a", "10m", 5), limit("b", "1h", 30)], [1]),
        ([limit("a", "10m", 5), limit("b", "1h", 29)], []),
        ([limit("a", "minute", 5), limit("b", "10m", 55)], [1]),
        ([limit("a", "minute", 5), limit("b", "10m", 54)], []),
        ([limit("a", "day", 10, on_exceed="require_approval"), limit("b", "minute", 20)], []),
        ([limit("a", "day", 10, scope="agent"), limit("b", "day", 20)], [1]),
        ([limit("a", "day", 10), limit("b", "day", 20, scope="agent")], []),
        ([limit("a", "day", 10, scope="tool"), limit("b", "day", 20, scope="server")], []),
        ([limit("a", "day", 10, amount="args.x"), limit("b", "day", 20, amount="args.x")], [1]),
        ([limit("a", "day", 10, amount="args.x"), limit("b", "day", 20, amount="args.y")], []),
        ([limit("a", "day", 10), limit("b", "day", 30, amount=3)], [1]),
        ([limit("a", "day", 10), limit("b", "day", 29, amount=3)], [0]),
        ([limit("a", "day", 10, amount="args.x"), limit("b", "day", 29, amount=3)], []),
        ([limit("a", "day", 10, amount=3), limit("b", "day", 3)], [1]),
        ([limit("a", "day", 2, amount=3)], [0]),
    ],
)
def test_a_limit_that_is_never_reached_is_told(limits: list[dict[str, Any]], expected: list[int]) -> None:
    policy = load({"pay": {"limits": limits}})
    assert found(policy) == [("never_reached", f"/tools/pay/limits/{index}") for index in expected]


def test_a_limit_on_everything_comes_before_one_of_a_tool_and_not_the_other_way() -> None:
    everywhere = {"limits": [limit("calls", "minute", 10)]}
    assert texts(load({"pay": {"rate_limit": "10/minute"}}, all_tools=everywhere)) == [
        "is never reached: /all_tools/limits/0 comes first "
        '(at most 10 per minute for each agent on this server (counter "calls"))'
    ]
    assert found(load({"pay": {"rate_limit": "9/minute"}}, all_tools=everywhere)) == []


def test_a_counter_that_another_tool_fills_is_reached() -> None:
    shared, own = limit("c", "day", 20), limit("a", "day", 10)
    assert found(load({"pay": {"limits": [shared, own]}, "refund": {"limits": [shared]}})) == []
    assert found(load({"pay": {"limits": [shared, own]}})) == [("never_reached", "/tools/pay/limits/0")]


def test_the_published_policies_have_nothing_to_tell() -> None:
    folder = Path(__file__).parent.parent / "fixtures" / "policies"
    for name in ("policylayer.json", "catalogue.yaml", "intercept.yaml", "contract.yaml"):
        assert findings(load_policy((folder / name).read_text(), name)) == ()
