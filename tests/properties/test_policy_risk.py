"""What holds for the risk of every definition, whatever a server sends."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.model import RiskClass, Severity
from gateway.policy.risk import classify, survey
from tests.fakes.tools import binance_us, labelled

EXAMPLES = settings(max_examples=120, deadline=None)
KINDS, SEVERITIES = list(RiskClass), list(Severity)
TOOLS = [one.definition for one in (*binance_us(), *labelled("learned"), *labelled("checked"))]

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=30)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
keys = st.sampled_from(["name", "title", "description", "inputSchema", "annotations", "properties", "enum"])
definitions = st.dictionaries(keys, values | st.dictionaries(keys, values, max_size=3), max_size=5)
WORDS = [
    "get",
    "list",
    "delete",
    "transfer",
    "order",
    "create",
    "and",
    "or",
    "read",
    "run",
    "history",
    "all",
    "a,",
    "pay",
    "test",
]
words = st.lists(
    st.sampled_from(WORDS),
    max_size=9,
)


@EXAMPLES
@given(st.lists(definitions, max_size=4))
def test_any_definitions_have_a_risk_a_rule_and_evidence_and_always_the_same(listed: list[dict[str, Any]]) -> None:
    first, second = survey(listed), survey(listed)
    assert first == second
    assert all(one.risk.evidence for one in first)


@EXAMPLES
@given(st.sampled_from(["_", "-", ".", "/"]), words, words)
def test_what_no_word_says_is_never_a_reader(joint: str, named: list[str], told: list[str]) -> None:
    risk = classify({"name": joint.join(named), "description": " ".join(told)})
    reads = {"get", "list", "read", "history", "test"} & {*named, *(word.strip(",") for word in told)}
    assert risk.kind is not RiskClass.READ or reads


@EXAMPLES
@given(
    st.sampled_from(TOOLS), st.sampled_from(["command", "amount", "url", "sql", "tags", "force", "name", "to", "body"])
)
def test_what_a_tool_takes_besides_never_makes_it_milder(definition: dict[str, Any], parameter: str) -> None:
    schema = definition["inputSchema"]
    more = {**schema, "properties": {**schema["properties"], parameter: {}}}
    before, after = classify(definition), classify({**definition, "inputSchema": more})
    assert KINDS.index(after.kind) >= KINDS.index(before.kind)


@EXAMPLES
@given(st.sampled_from(TOOLS), st.sampled_from(["Deletes it.", "Pays it.", "Drop and recreate it."]))
def test_a_grave_sentence_is_never_overlooked(definition: dict[str, Any], sentence: str) -> None:
    risk = classify({**definition, "description": sentence})
    assert risk.kind in {RiskClass.DESTRUCTIVE, RiskClass.FINANCIAL, RiskClass.EXECUTE}
