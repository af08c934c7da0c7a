"""A suggestion as a change of a policy: what it lets pass, what it leaves alone, and when there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.policy.evaluate import evaluate
from gateway.policy.evidence import Bound
from gateway.policy.loaders import load_policy, untested
from gateway.policy.model import Facts, Policy
from gateway.policy.proposing import NoProposal, Proposal, loosened, lowered, refused

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SMALL = Bound(path="args.amount", op="between", value=(Decimal(1), Decimal("19.5")))
DOLLARS = Bound(path="args.currency", op="in", value=("USD",))
TESTS = "tests: [{name: asks, call: {tool: pay, arguments: {amount: 5}}, expect: {verdict: require_approval}}]\n"


def policy(tools: str, more: str = "") -> Policy:
    return load_policy(f'version: "1"\ndefault: deny\ntools: {tools}\n{more}', "p.yaml")


def verdict(layers: tuple[Policy, ...], tool: str = "pay", **arguments: Any) -> str:
    facts = Facts(server="s", tool=tool, arguments=arguments, agent="a", now=NOON)
    return evaluate(layers, facts).verdict.value


def made(proposal: Proposal | NoProposal) -> Proposal:
    assert isinstance(proposal, Proposal), proposal
    return proposal


ASKS = policy("{pay: {action: require_approval, reason: Money}, other: {}}")
ABOVE = policy("{pay: {approve_if: [{conditions: [{path: args.amount, op: gt, value: 10}]}]}}")
GLOB = policy('{"p*": {action: require_approval}}')
LIMITED = policy("{pay: {limits: [{counter: c, window: day, max: 1, on_exceed: require_approval}]}}")
TESTED = policy("{pay: {action: require_approval}}", TESTS)
INTERCEPT = untested('version: "1"\ntools: {pay: {rules: [{name: a, action: require_approval}]}}\n', "i.yaml")


def test_an_action_that_asks_becomes_a_rule_that_asks_about_all_else() -> None:
    proposal = made(loosened((ASKS,), ("p.yaml", "/tools/pay/action"), (SMALL, DOLLARS)))
    assert verdict(proposal.layers, amount=5, currency="USD") == "allow"
    for arguments in ({"amount": 20, "currency": "USD"}, {"amount": 5, "currency": "EUR"}, {"amount": 5}, {}):
        assert verdict(proposal.layers, **arguments) == "require_approval"
    assert verdict(proposal.layers, tool="other") == "allow"
    assert load_policy(f'version: "1"\ndefault: deny\n{proposal.yaml}', "y.yaml").tools == proposal.layers[0].tools[:1]


def test_a_rule_that_asks_is_narrowed() -> None:
    proposal = made(loosened((ABOVE,), ("p.yaml", "/tools/pay/approve_if/0"), (SMALL,)))
    assert [verdict(proposal.layers, amount=amount) for amount in (5, 15, 25)] == ["allow", "allow", "require_approval"]


@pytest.mark.parametrize(
    ("asking", "rule"),
    [
        pytest.param(ASKS, "/tools/pay/action", id="an action"),
        pytest.param(ABOVE, "/tools/pay/approve_if/0", id="a rule"),
    ],
)
def test_a_tool_without_arguments_to_bound_is_no_longer_asked_about(asking: Policy, rule: str) -> None:
    assert verdict(made(loosened((asking,), ("p.yaml", rule), ())).layers, amount=50) == "allow"


def test_the_other_layers_stay_as_they_are() -> None:
    outer = policy("{pay: {deny_if: [{conditions: [{path: args.amount, op: gt, value: 3}]}]}}")
    layers = (load_policy('version: "1"\ndefault: allow\ntools: {}\n', "outer.yaml"), ASKS)
    assert made(loosened(layers, ("p.yaml", "/tools/pay/action"), (SMALL,))).layers[0] is layers[0]
    assert isinstance(loosened((outer,), ("q.yaml", "/tools/pay/action"), (SMALL,)), NoProposal)


NONE = [
    ("a pattern names other tools too", GLOB, "/tools/p*/action", "names more than this tool"),
    ("a limit that asks", LIMITED, "/tools/pay/limits/0", "no rule that could be narrowed"),
    ("a test of the file says otherwise", TESTED, "/tools/pay/action", "a test of the file speaks against it"),
    ("another format", INTERCEPT, "/tools/pay/rules/0", "placet policy convert"),
    ("no such rule", ASKS, "/tools/refund/action", "is in no layer"),
]


@pytest.mark.parametrize(("asking", "rule", "why"), [row[1:] for row in NONE], ids=[row[0] for row in NONE])
def test_what_cannot_be_said_in_the_file_is_no_proposal(asking: Policy, rule: str, why: str) -> None:
    found = loosened((asking,), (asking.name, rule), (SMALL,))
    assert isinstance(found, NoProposal)
    assert why in found.why or asking is INTERCEPT


def test_what_was_never_approved_is_denied_by_the_tools_own_entry() -> None:
    large = Bound(path="args.amount", op="gte", value=Decimal(90))
    proposal = made(refused((ASKS,), "p.yaml", "pay", (large,)))
    assert [verdict(proposal.layers, amount=amount) for amount in (5, 90)] == ["require_approval", "deny"]
    assert verdict(made(refused((GLOB,), "p.yaml", "pay", ())).layers) == "deny"
    assert verdict(made(refused((GLOB,), "p.yaml", "pay", ())).layers, tool="push") == "require_approval"


@pytest.mark.parametrize(
    ("limited", "pointer"),
    [
        pytest.param(LIMITED, "/tools/pay/limits/0", id="of a tool"),
        pytest.param(policy("{pay: {rate_limit: 100/minute}}"), "/tools/pay/rate_limit", id="a rate"),
        pytest.param(
            policy("{pay: {}}", "all_tools: {limits: [{counter: c, window: day, max: 9}]}\n"),
            "/all_tools/limits/0",
            id="of all tools",
        ),
    ],
)
def test_a_limit_is_lowered_where_it_stands(limited: Policy, pointer: str) -> None:
    changed = made(lowered((limited,), ("p.yaml", pointer), Decimal(1))).layers[0]
    limits = [*changed.limits, *(limit for entry in changed.tools for limit in entry.limits)]
    assert [(limit.pointer, limit.max) for limit in limits] == [(pointer, Decimal(1))]
