"""The field in which an agent says why it makes a call: where it is shown, and what will do."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.policy import justifying
from gateway.policy.loaders import load_policy
from gateway.policy.model import Policy, RiskClass

SCHEMA = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"], "additionalProperties": False}
ASKS = "action: require_approval"
ROUTE = "reviewers: ['group:x']"


def policy(tools: str) -> Policy:
    return load_policy(f"version: '1'\ndefault: deny\ntools: {{{tools}}}\n", "policy.yaml")


@pytest.mark.parametrize(
    ("tools", "word", "always"),
    [
        pytest.param(f"pay: {{{ASKS}, approval: {{{ROUTE}}}}}", None, False, id="nothing said"),
        pytest.param(f"pay: {{{ASKS}, approval: {{{ROUTE}, justification: 'off'}}}}", None, False, id="off"),
        pytest.param(
            f"pay: {{{ASKS}, approval: {{{ROUTE}, justification: optional}}}}", "optional", False, id="optional"
        ),
        pytest.param(
            f"pay: {{{ASKS}, approval: {{{ROUTE}, justification: required}}}}", "required", True, id="required"
        ),
        pytest.param(
            "pay: {approve_if: [{conditions: [{path: args.to, op: eq, value: x}], "
            f"approval: {{{ROUTE}, justification: required}}}}]}}",
            "required",
            False,
            id="required by a rule that may not hold",
        ),
        pytest.param(
            f"'p*': {{approval: {{{ROUTE}, justification: required}}}}, pay: {{{ASKS}}}",
            "required",
            True,
            id="inherited",
        ),
        pytest.param(
            f"'p*': {{approval: {{{ROUTE}, justification: required}}}}, "
            f"pay: {{{ASKS}, approval: {{justification: 'off'}}}}",
            None,
            False,
            id="and taken back",
        ),
        pytest.param(f"other: {{{ASKS}, approval: {{{ROUTE}, justification: required}}}}", None, False, id="another"),
    ],
)
def test_the_field_is_shown_where_a_rule_may_ask_and_required_where_it_always_does(
    tools: str, word: str | None, always: bool
) -> None:
    layers = [policy(tools)]
    assert justifying.asked(layers, "pay", RiskClass.WRITE) == word
    assert justifying.always(layers, "pay", RiskClass.WRITE) is always


def test_a_listed_tool_has_the_field_and_the_definition_stays_as_it_was() -> None:
    tool = {"name": "pay", "inputSchema": SCHEMA}
    shown = justifying.with_field(tool, "required", required=True)
    assert list(shown["inputSchema"]["properties"]) == ["to", "placet_justification"]
    assert shown["inputSchema"]["required"] == ["to", "placet_justification"]
    assert justifying.with_field(tool, "optional", required=False)["inputSchema"]["required"] == ["to"]
    assert (list(SCHEMA["properties"]), SCHEMA["required"]) == (["to"], ["to"])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (SCHEMA, "placet_justification"),
        ({"properties": {"placet_justification": {}}}, "placet_justification_"),
        ({"properties": {"placet_justification": {}, "placet_justification_": {}}}, "placet_justification__"),
        (None, "placet_justification"),
        (True, "placet_justification"),
    ],
)
def test_the_field_never_has_the_name_of_a_property_of_the_tool(schema: Any, name: str) -> None:
    assert justifying.field_of(schema) == name


@pytest.mark.parametrize(
    ("said", "word", "why"),
    [
        (None, "optional", None),
        (None, "required", "say why"),
        ("  ", "optional", "a text"),
        (7, "required", "a text"),
        ("x" * 1001, "optional", "at most 1000"),
        ("Ticket 5521", "required", None),
    ],
)
def test_what_will_do_as_a_reason(said: object, word: str, why: str | None) -> None:
    found = justifying.wrong(said, word)
    assert found is None if why is None else found is not None and why in found
