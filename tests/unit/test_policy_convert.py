"""Converting policies: what each format becomes in another, and every loss at its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.convert import Converted, Target, asking, convert, described
from gateway.policy.convert_losses import Effect
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, Policy
from tests.fakes import intercept

FIXTURES = Path(__file__).parent.parent / "fixtures" / "policies"
STRICTNESS = ["allow", "require_approval", "deny"]
A, B = Target.POLICYLAYER, Target.INTERCEPT


def load(plain: dict[str, Any]) -> Policy:
    return load_policy(json.dumps(plain), "p.json")


def of_tool(said: dict[str, Any], default: str = "deny", **more: Any) -> Policy:
    return load({"version": "1", "default": default, "tools": {"pay": said}, **more})


def judged(policy: Policy, arguments: dict[str, Any], tool: str = "pay") -> str:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    return evaluate(policy, Facts(server="s", tool=tool, arguments=arguments, agent="a", now=now)).verdict.value


def losses(converted: Converted) -> list[tuple[str, str]]:
    return [(loss.pointer, loss.effect.value) for loss in converted.losses]


OPERANDS: dict[str, list[Any]] = {
    "eq": ["a", "1", 1, True, None, [1]],
    "neq": ["a", "1", 1, True, None],
    "in": [["a", "b"], ["1", "a"], [1, 5], [1, "1"], [True]],
    "not_in": [["a", "b"], ["1", "a"], [1, 5], [1, "a"]],
    "lt": [5],
    "lte": [5],
    "gt": [5],
    "gte": [5],
    "between": [[1, 5]],
    "regex": ["a", "^a$", "a|b", "^a|b$"],
    "contains": ["a", "1", 1],
    "not_contains": ["a"],
    "starts_with": ["a", "."],
    "ends_with": ["b", "."],
    "glob": ["a*", "?", "*.b"],
    "subset_of": [["a"]],
    "len_lt": [2],
}


def leaves() -> Iterator[dict[str, Any]]:
    for op, values in OPERANDS.items():
        for value in values:
            yield {"op": op, "value": value}
            if op in {"eq", "neq", "in", "not_in", "contains"}:
                yield {"op": op, "value": value, "coerce": True}
            if op in {"eq", "starts_with"} and isinstance(value, str):
                yield {"op": op, "value": value, "fold": True}
            if op == "regex":
                yield from ({"op": op, "value": value, "full": full} for full in (True, False))
    yield from ({"op": op} for op in ("exists", "not_exists"))


CONDITIONS = [
    *({"path": "args.x", **said} for said in leaves()),
    *({"not": {"path": "args.x", **said}} for said in leaves()),
    {"any": [{"path": "args.x", "op": "eq", "value": "a"}, {"path": "args.x", "op": "gt", "value": 5}]},
    {"all": [{"path": "args.x", "op": "gte", "value": 1}, {"path": "args.x", "op": "lt", "value": 5}]},
    {"not": {"any": [{"path": "args.x", "op": "eq", "value": "a"}, {"path": "args.z", "op": "exists"}]}},
    {"not": {"not": {"path": "args.x", "op": "regex", "value": "a"}}},
    {"path": "args.x[0]", "op": "eq", "value": "a"},
    {"path": "args.x[*]", "op": "eq", "value": "a"},
    {"path": 'args["x"]', "op": "eq", "value": "a"},
]
VALUES: list[Any] = [0, 1, 5, 5.5, 6, -1, "a", "A", "ab", "b", "x.b", ".", "1", "5", "true", "", True, False, None]
CALLS: list[dict[str, Any]] = [
    {},
    {"z": 1},
    *({"x": value} for value in [*VALUES, [], ["a"], ["a", 1], ["1"], [1], {"y": 1}]),
]


def _wrong(side: str, condition: dict[str, Any]) -> list[Any]:
    """Every call of which a new file says what no loss allows; it shares no code with what wrote it."""
    policy = of_tool({side: [{"conditions": [condition]}]})
    found = []
    for target in (A, B):
        converted = convert(policy, target)
        effects = {loss.effect for loss in converted.losses}
        read = load_policy(converted.as_json(), "p.json")
        for call in CALLS:
            before = STRICTNESS.index(judged(policy, call))
            after = [judged(read, call)] + ([intercept.judge(converted.value, "pay", call)] if target is B else [])
            for one in map(STRICTNESS.index, after):
                allowed = Effect.LOOSER if one < before else Effect.STRICTER
                if one != before and allowed not in effects:
                    found.append((target.value, call, STRICTNESS[before], after))
    return found


@pytest.mark.parametrize(("side", "condition"), [*product(["require", "deny_if", "approve_if"], CONDITIONS)])
def test_a_condition_decides_as_before_or_a_loss_says_how_it_differs(side: str, condition: dict[str, Any]) -> None:
    assert _wrong(side, condition) == []


@pytest.mark.parametrize(
    ("target", "side", "condition"),
    [
        *product([A], ["require", "deny_if"], [{"path": "args.x", "op": op, "value": 5} for op in ("lt", "eq", "neq")]),
        *product([A], ["require", "deny_if"], [{"path": "args.x", "op": "in", "value": ["a", "b"]}]),
        *product([A], ["require", "deny_if"], [{"path": "args.x", "op": "between", "value": [1, 5]}]),
        *product([A], ["require", "deny_if"], [{"path": "args.x", "op": "regex", "value": "a", "full": False}]),
        *product([A], ["require", "deny_if"], [{"path": "args.x", "op": "ends_with", "value": "b"}]),
        *product([B], ["require", "deny_if"], [{"path": "args.x", "op": op, "value": 5} for op in ("lt", "eq", "neq")]),
        *product([B], ["require", "deny_if"], [{"path": "args.x", "op": op, "value": "a"} for op in ("eq", "neq")]),
        *product([B], ["require", "deny_if"], [{"path": "args.x", "op": "not_in", "value": ["a", "1"]}]),
        *product([B], ["require"], [{"path": "args.x", "op": op, "value": "a*"} for op in ("glob", "starts_with")]),
        *product([B], ["require", "deny_if", "approve_if"], [{"path": "args.x", "op": "exists"}]),
        (
            B,
            "deny_if",
            {"any": [{"path": "args.x", "op": "gt", "value": 5}, {"path": "args.x", "op": "lt", "value": 1}]},
        ),
    ],
)
def test_what_a_format_can_say_is_written_without_a_loss(target: Target, side: str, condition: dict[str, Any]) -> None:
    assert losses(convert(of_tool({side: [{"conditions": [condition]}]}), target)) == []


def test_a_policy_of_intercept_in_ours_keeps_its_polarity_names_and_words() -> None:
    policy = load_policy((FIXTURES / "intercept.yaml").read_text(), "intercept.yaml")
    converted = convert(policy, Target.PLACET)
    assert converted.losses == ()
    assert converted.as_yaml() == (FIXTURES / "intercept.ours.yaml").read_text()


@pytest.mark.parametrize("name", ["policylayer.json", "intercept.yaml", "contract.yaml"])
def test_the_same_policy_written_twice_is_the_same_text(name: str) -> None:
    policy = load_policy((FIXTURES / name).read_text(), name)
    once = convert(policy, Target.PLACET).as_yaml()
    assert convert(load_policy(once, "p.yaml"), Target.PLACET).as_yaml() == once


def test_the_published_policy_goes_to_ours_and_back_unchanged() -> None:
    text = (FIXTURES / "policylayer.json").read_text()
    ours = convert(load_policy(text, "p.json"), Target.PLACET)
    back = convert(load_policy(ours.as_yaml(), "p.yaml"), A)
    assert json.loads(back.as_json()) == json.loads(text)
    assert back.losses == ()


def test_a_policy_of_intercept_goes_to_ours_and_back_where_nothing_is_lost() -> None:
    rules = {
        "pay": {
            "rules": [
                {
                    "name": "small",
                    "conditions": [{"path": "args.amount", "op": "lte", "value": 500}],
                    "on_deny": "Too much",
                },
                {"name": "rate", "rate_limit": "5/minute"},
            ]
        },
        "drop": {"rules": [{"name": "never", "action": "deny", "on_deny": "No"}]},
        "list": {"rules": []},
    }
    plain = {"version": "1", "description": "One", "default": "deny", "hide": ["x"], "tools": rules}
    ours = convert(load_policy(json.dumps(plain), "p.json"), Target.PLACET)
    back = convert(load_policy(ours.as_yaml(), "p.yaml"), B)
    assert (json.loads(back.as_json()), back.losses) == (plain, ())


@pytest.mark.parametrize(
    ("target", "said", "expected"),
    [
        (A, {"action": "require_approval"}, [("/tools/pay/action", "stricter")]),
        (A, {"approve_if": [{}]}, [("/tools/pay/approve_if/0", "stricter")]),
        (A, {"action": "deny", "reason": "No", "id": "x"}, [("/tools/pay/id", "same")]),
        (A, {"schedule": {"days": ["mon"], "tz": "UTC"}}, [("/tools/pay/schedule", "stricter")]),
        (A, {"mode": "shadow", "action": "deny"}, [("/tools/pay/mode", "same")]),
        (A, {"limits": [{"counter": "c", "window": "day", "max": 5}]}, []),
        (A, {"limits": [{"counter": "c", "window": "10m", "max": 5}]}, [("/tools/pay/limits/0/window", "looser")]),
        (
            A,
            {"limits": [{"counter": "c", "window": "day", "max": 5, "scope": "owner", "amount": "args.x"}]},
            [("/tools/pay/limits/0/amount", "looser"), ("/tools/pay/limits/0/scope", "looser")],
        ),
        (A, {"rate_limit": "5/hour"}, []),
        (B, {"action": "require_approval", "approval": {"timeout": "5m"}}, []),
        (
            B,
            {"action": "require_approval", "approval": {"reviewers": ["group:x"], "grants": "never"}},
            [("/tools/pay/approval/grants", "same"), ("/tools/pay/approval/reviewers", "looser")],
        ),
        (B, {"limits": [{"counter": "c", "window": "day", "max": 5, "scope": "server", "amount": "args.x"}]}, []),
        (B, {"limits": [{"counter": "c", "window": "day", "max": 5}]}, [("/tools/pay/limits/0/scope", "stricter")]),
        (
            B,
            {"limits": [{"counter": "c", "window": "day", "max": 5, "scope": "all", "on_exceed": "require_approval"}]},
            [("/tools/pay/limits/0/on_exceed", "stricter"), ("/tools/pay/limits/0/scope", "looser")],
        ),
        (
            B,
            {"limits": [{"counter": "c", "window": "day", "max": 5, "scope": ["agent", "args.to"]}]},
            [("/tools/pay/limits/0/scope", "stricter")],
        ),
        (
            B,
            {"limits": [{"counter": "c", "window": "day", "max": 5, "scope": "server", "amount": {"pay": 2, "*": 1}}]},
            [("/tools/pay/limits/0/amount", "looser")],
        ),
        (
            A,
            {"limits": [{"counter": "c", "window": "inflight", "max": 5, "scope": "session"}]},
            [("/tools/pay/limits/0", "looser")],
        ),
        (
            B,
            {"limits": [{"counter": "c", "window": "1h", "max": 5, "kind": "bucket"}]},
            [("/tools/pay/limits/0", "looser")],
        ),
        (
            A,
            {"limits": [{"counter": "c", "window": "day", "max": 5, "scope": "session"}]},
            [("/tools/pay/limits/0/scope", "stricter")],
        ),
        (
            A,
            {"limits": [{"counter": "c", "window": "day", "max": 5, "tz": "Europe/Athens", "unit": "args.currency"}]},
            [("/tools/pay/limits/0/tz", "looser"), ("/tools/pay/limits/0/unit", "looser")],
        ),
        (B, {"schedule": {"days": ["mon"], "tz": "UTC"}}, [("/tools/pay/schedule", "stricter")]),
        *(
            (target, {side: [{"when": "args.x > 5"}]}, [(f"/tools/pay/{side}/0{more}", "stricter")])
            for target in (A, B)
            for side, more in (("require", "/when"), ("deny_if", "/when"))
        ),
        (B, {"approve_if": [{"when": "args.x > 5"}]}, [("/tools/pay/approve_if/0/when", "stricter")]),
        (A, {"when": "args.x > 5"}, [("/tools/pay/when", "stricter")]),
        (
            B,
            {"deny_if": [{"conditions": [{"path": f"args.{name}", "op": "exists"} for name in "xy"]}]},
            [("/tools/pay/deny_if/0", "stricter")],
        ),
        (
            B,
            {"require": [{"conditions": [{"path": "args.x", "op": "neq", "value": "é"}]}]},
            [("/tools/pay/require/0/conditions/0", "looser")],
        ),
    ],
)
def test_every_loss_is_told_at_its_place(target: Target, said: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert losses(convert(of_tool(said), target)) == expected


@pytest.mark.parametrize(
    ("default", "tools", "hide", "expected"),
    [
        ("deny", {"p*": {}, "pay": {}}, [], [("/tools/p*", "stricter")]),
        ("allow", {"p*": {"action": "deny"}, "pay": {}}, [], [("/tools/p*", "looser")]),
        ("allow", {"p*": {}, "pay": {}}, [], []),
        ("deny", {"risk:financial": {"action": "require_approval"}}, [], [("/tools/risk:financial", "looser")]),
        ("deny", {"risk:read": {}}, [], [("/tools/risk:read", "stricter")]),
        ("deny", {}, ["p*"], [("/hide/0", "same")]),
        ("allow", {}, ["p*"], [("/hide/0", "looser")]),
        ("allow", {}, ["pay", "*"], []),
        ("deny", {"*": {}}, [], []),
    ],
)
def test_patterns_are_lost_but_for_the_tools_that_are_named_themselves(
    default: str, tools: dict[str, Any], hide: list[str], expected: list[tuple[str, str]]
) -> None:
    policy = load({"version": "1", "default": default, "tools": tools, "hide": hide})
    for target in (A, B):
        converted = convert(policy, target)
        assert losses(converted) == expected
        after = judged(load_policy(converted.as_json(), "p.json"), {})
        assert after == judged(policy, {}) or "looser" in dict(expected).values()


def test_a_star_that_names_every_tool_becomes_the_default_of_intercept() -> None:
    rules = {"require": [{"conditions": [{"path": "args.x", "op": "exists"}]}]}
    converted = convert(load({"version": "1", "default": "deny", "tools": {"*": rules, "pay": {}}}), B)
    assert (converted.value["default"], list(converted.value["tools"]), converted.losses) == ("allow", ["pay", "*"], ())


def test_a_counter_of_several_tools_is_told_to_be_one_for_each_in_intercept() -> None:
    limit = {"counter": "c", "window": "day", "max": 5, "scope": "server"}
    policy = load({"version": "1", "default": "deny", "tools": {"a": {"limits": [limit]}, "b": {"limits": [limit]}}})
    assert losses(convert(policy, B)) == [
        ("/tools/a/limits/0/counter", "looser"),
        ("/tools/b/limits/0/counter", "looser"),
    ]


def test_counters_of_one_name_and_several_windows_get_names_of_their_own_in_intercept() -> None:
    limits = [{"counter": "c", "window": window, "max": 5, "scope": "server"} for window in ("minute", "day")]
    rules = convert(of_tool({"limits": limits}), B).value["tools"]["pay"]["rules"]
    assert [rule["state"]["counter"] for rule in rules] == ["c", "c_day"]
    assert [rule["conditions"][0]["path"] for rule in rules] == ["state.pay.c", "state.pay.c_day"]


def test_a_deny_that_speaks_of_approval_goes_on_denying_and_is_offered() -> None:
    policy = of_tool({"deny_if": [{"on_deny": "Needs human approval"}, {"on_deny": "Never on Sundays"}]})
    converted = convert(policy, Target.PLACET)
    assert converted.offers == ("/tools/pay/deny_if/0",)
    assert judged(load_policy(converted.as_json(), "p.json"), {}) == "deny"


def test_taking_the_offer_asks_a_person_and_keeps_every_other_rule() -> None:
    policy = of_tool({"deny_if": [{"on_deny": "Needs human approval"}], "rate_limit": "5/hour"})
    assert asking(described(policy))["tools"]["pay"] == {
        "action": "require_approval",
        "reason": "Needs human approval",
        "rate_limit": "5/hour",
    }
    kept = of_tool({"action": "deny", "deny_if": [{"on_deny": "Needs human approval"}]})
    assert asking(described(kept)) == described(kept)
    assert convert(of_tool({"deny_if": [{"on_deny": "No"}]}), A).offers == ()
