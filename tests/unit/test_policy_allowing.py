"""What a rule that refuses would let through, in words; and what is not said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.policy.allowing import _WORDS
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, Ruling, Verdict
from gateway.policy.operators import OPERATORS

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def ruling(rules: str, arguments: dict[str, Any]) -> Ruling:
    policy = load_policy(f'version: "1"\ndefault: deny\ntools: {{pay: {{{rules}}}}}\n', "p.yaml")
    return evaluate(policy, Facts(server="s", tool="pay", arguments=arguments, agent="ada", now=NOON))


def if_(*conditions: str) -> str:
    return f"[{{conditions: [{', '.join(conditions)}], on_deny: Never}}]"


AMOUNT = "{path: args.amount, op: gt, value: 100}"
TO = '{path: args.to, op: in, value: ["acme", "bank"]}'


@pytest.mark.parametrize(
    ("rules", "arguments", "allows"),
    [
        pytest.param(f"deny_if: {if_(AMOUNT)}", {"amount": 500}, "args.amount at most 100", id="over"),
        pytest.param(f"deny_if: {if_(AMOUNT)}", {}, "args.amount at most 100", id="not said how much"),
        pytest.param(
            "require: [{conditions: [{path: args.amount, op: lte, value: 100}]}]",
            {"amount": 500},
            "args.amount at most 100",
            id="more than is required",
        ),
        pytest.param(
            f"require: {if_(TO, '{path: args.amount, op: lt, value: 5}')}",
            {"to": "x", "amount": 9},
            'args.to one of ["acme", "bank"] and args.amount below 5',
            id="all that is missing",
        ),
        pytest.param(
            f"require: {if_(TO, '{path: args.amount, op: lt, value: 5}')}",
            {"to": "acme", "amount": 9},
            "args.amount below 5",
            id="nothing that holds already",
        ),
        pytest.param(
            f"deny_if: {if_(AMOUNT, TO)}",
            {"to": "acme", "amount": 500},
            'args.amount at most 100 or args.to none of ["acme", "bank"]',
            id="one of two is enough",
        ),
        pytest.param(
            "require: " + if_("{any: [{path: args.note, op: exists, value: true}, {path: args.n, op: eq, value: 1}]}"),
            {},
            "args.note given or args.n equal to 1",
            id="either",
        ),
        pytest.param(
            "deny_if: " + if_("{not: {path: args.to, op: starts_with, value: a}}"),
            {"to": "x"},
            'args.to that starts with "a"',
            id="not",
        ),
        pytest.param(
            "require: " + if_(f"{{any: [{{all: [{TO}, {{path: args.a, op: gte, value: 1}}]}}, {AMOUNT}]}}"),
            {"amount": 1},
            '(args.to one of ["acme", "bank"] and args.a at least 1) or args.amount above 100',
            id="nested",
        ),
        pytest.param(
            "require: " + if_(*(f"{{path: args.a{n}, op: eq, value: 1}}" for n in range(5))), {}, None, id="too much"
        ),
        pytest.param("action: deny", {}, None, id="a tool that is denied whatever it is called with"),
        pytest.param("action: hide", {}, None, id="a hidden tool"),
        pytest.param(
            f"redact: [args.amount], deny_if: {if_(AMOUNT)}", {"amount": 500}, None, id="about what the policy hides"
        ),
        pytest.param("", {}, None, id="a call that is allowed"),
    ],
)  # fmt: skip
def test_a_rule_says_what_it_would_let_through(rules: str, arguments: dict[str, Any], allows: str | None) -> None:
    assert ruling(rules, arguments).allows == allows


def test_what_is_said_to_be_let_through_is() -> None:
    assert ruling(f"deny_if: {if_(AMOUNT)}", {"amount": 500}).verdict is Verdict.DENY
    assert ruling(f"deny_if: {if_(AMOUNT)}", {"amount": 100}).verdict is Verdict.ALLOW


def test_only_the_rule_that_refused_is_told_of() -> None:
    two = f"deny_if: [{{conditions: [{AMOUNT}]}}, {{conditions: [{{path: args.secret_limit, op: gt, value: 7}}]}}]"
    assert ruling(two, {"amount": 500, "secret_limit": 1}).allows == "args.amount at most 100"


def test_every_operator_has_its_words() -> None:
    assert _WORDS.keys() == {operator.name for operator in OPERATORS.values()}
