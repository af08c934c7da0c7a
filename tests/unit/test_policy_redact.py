"""`redact`: where a rule says that a value is not for every eye, nothing that is shown or said holds it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from approvals.domain.card import make_card
from approvals.domain.redact import HIDDEN, redact_value
from approvals.domain.terms import Steps
from approvals.storage.terms import terms_from_json, terms_to_json
from approvals.testing import samples
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Facts, Ruling
from gateway.policy.sheet import MOST_HIDDEN, UNSAID

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ruled(text: str, arguments: dict[str, Any], tool: str = "pay") -> Ruling:
    policy = load_policy(f'version: "1"\ndefault: deny\ntools:\n{text}', "p.yaml")
    return evaluate(policy, Facts(server="bank", tool=tool, arguments=arguments, agent="ada", now=NOW))


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("args.iban", ("iban",)),
        ('args["card.number"]', ("card.number",)),
        ("args.to[0].iban", ("to", 0, "iban")),
        ("args.to[*].iban", ("to", None, "iban")),
    ],
)
def test_the_ruling_says_where_it_stands(path: str, steps: Steps) -> None:
    assert ruled(f"  pay: {{redact: ['{path}']}}", {}).redact == (steps,)


def test_every_entry_that_names_the_tool_adds_its_own_but_not_one_in_shadow() -> None:
    text = "  pay: {redact: [args.a]}\n  'p*': {redact: [args.b]}\n  '*': {mode: shadow, redact: [args.c]}"
    assert ruled(text, {}).redact == (("a",), ("b",))


def test_what_a_call_inside_a_call_hides_is_hidden_in_the_outer_one() -> None:
    text = "  call: {unwrap: {tool: args.name, arguments: args.with}}\n  pay: {redact: [args.iban]}"
    arguments = {"name": "pay", "with": {"iban": "DE99"}}
    assert ruled(text, arguments, tool="call").redact == (("with", "iban"),)


def test_neither_the_trace_nor_the_reason_holds_the_value() -> None:
    text = "  pay: {redact: [args.amount], require: [{conditions: [{path: args.amount, op: lte, value: 100}]}]}"
    ruling = ruled(text, {"amount": 4711})
    said = [ruling.reason or "", *(one.why for one in ruling.trace)]
    assert not [text for text in said if "4711" in text]
    assert f"args.amount {HIDDEN} is not <= 100" in said[1:][-1]


def test_what_an_entry_in_shadow_would_have_said_holds_it_neither() -> None:
    text = (
        "  pay: {redact: [args.amount]}\n"
        "  'p*': {mode: shadow, deny_if: [{conditions: [{path: args.amount, op: gt, value: 100}]}]}"
    )
    ruling = ruled(text, {"amount": 4711})
    assert [one.verdict for one in ruling.shadow] == ["allow", "deny"]
    assert "4711" not in str(ruling.shadow)


def test_where_very_much_is_hidden_nothing_is_said_of_the_call() -> None:
    text = "  pay: {redact: ['args.to[*]'], deny_if: [{conditions: [{path: 'args.to[0]', op: eq, value: 4711}]}]}"
    ruling = ruled(text, {"to": [4711] * (MOST_HIDDEN + 1)})
    assert ruling.verdict == "deny"
    assert {ruling.reason, *(one.why for one in ruling.trace)} == {UNSAID}


def test_what_is_recorded_of_a_limit_holds_no_hidden_amount() -> None:
    limit = "limits: [{counter: c, window: day, max: 9999, amount: args.amount}]"
    text = f"  pay: {{redact: [args.amount], {limit}}}\n  'p*': {{mode: shadow, {limit}}}"
    ruling = ruled(text, {"amount": 4711})
    recorded = [use.as_json() for use in (*ruling.limits, *ruling.shadow_limits)]
    assert [one["amount"] for one in recorded] == [None, None]
    assert "4711" not in str(recorded)


def test_a_path_that_cannot_be_read_is_refused_with_its_place() -> None:
    with pytest.raises(PolicyErrors) as refused:
        ruled("  pay:\n    redact: [iban]", {})
    (problem,) = refused.value.problems
    assert (problem.line, problem.pointer) == (5, "/tools/pay/redact/0")


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        ({"a": 1, "b": 2}, [("a",)], {"a": HIDDEN, "b": 2}),
        ({"a": [{"x": 1}, {"y": 2}]}, [("a", None, "x")], {"a": [{"x": HIDDEN}, {"y": 2}]}),
        ({"a": [1, 2]}, [("a", 1)], {"a": [1, HIDDEN]}),
        ({"a": {"b": {"c": 1}}}, [("a", "b")], {"a": {"b": HIDDEN}}),
        ({"a": 1}, [("b",), ("a", "b"), ("a", 0)], {"a": 1}),
    ],
    ids=["a member", "every element", "one element", "a whole object", "what is not there"],
)
def test_what_stands_at_a_place_is_hidden_whatever_it_looks_like(value: Any, places: list[Steps], shown: Any) -> None:
    assert redact_value(value, places) == shown


def test_a_card_hides_it_and_says_that_something_is_hidden() -> None:
    request = samples.request({"iban": "DE99", "amount": 5})
    request = replace(request, terms=replace(request.terms, redact=(("iban",),)))
    card = make_card(request, needs=(), people={}, url="http://x", now=request.created_at)
    assert "DE99" not in card.arguments
    assert card.hidden == 1


def test_terms_are_saved_with_it() -> None:
    terms = replace(samples.terms(), redact=(("to", None, "iban"), ("list", 0)))
    assert terms_from_json(terms_to_json(terms)) == terms
