"""`risk:` in a policy file: the operator's word on what a tool does, over the tool's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.policy.evaluate import evaluate, listing
from gateway.policy.loaders import PolicyErrors, load_policy
from gateway.policy.model import Confidence, Facts, Policy, Risk, RiskClass, Ruling, Severity, Verdict
from gateway.policy.risk.overrides import settled

RULES = """
  "risk:read": {}
  "risk:write": {action: require_approval}
  "risk:destructive": {action: deny}
"""
WRITE = Risk()


def policy(risk: str, *, tools: str = RULES, name: str = "policy.yaml") -> Policy:
    return load_policy(f'version: "1"\ndefault: deny\nrisk:\n{risk}\ntools:{tools}', name)


def ruling(policies: Any, tool: str, risk: Risk = WRITE) -> Ruling:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return evaluate(policies, Facts(server="s", tool=tool, arguments={}, agent="a", now=now, risk=risk))


@pytest.mark.parametrize(
    ("entry", "verdict", "kind", "severity"),
    [
        ("  other: {class: read}", Verdict.REQUIRE_APPROVAL, RiskClass.WRITE, Severity.MEDIUM),
        ("  poke: {class: read, why: it only looks}", Verdict.ALLOW, RiskClass.READ, Severity.LOW),
        ("  poke: {class: destructive}", Verdict.DENY, RiskClass.DESTRUCTIVE, Severity.CRITICAL),
        ("  poke: {class: destructive, severity: high}", Verdict.DENY, RiskClass.DESTRUCTIVE, Severity.HIGH),
        ("  poke: {severity: low}", Verdict.REQUIRE_APPROVAL, RiskClass.WRITE, Severity.LOW),
        ("  po*: {class: read}", Verdict.ALLOW, RiskClass.READ, Severity.LOW),
        ("  po*: {class: destructive}\n  poke: {class: read}", Verdict.ALLOW, RiskClass.READ, Severity.LOW),
        ("  '*': {class: destructive}\n  po*: {class: read}", Verdict.ALLOW, RiskClass.READ, Severity.LOW),
    ],
    ids=[
        "another tool",
        "lowered",
        "raised",
        "class and severity",
        "severity only",
        "glob",
        "exact wins",
        "longer wins",
    ],
)
def test_the_operators_word_stands_for_the_guess(
    entry: str, verdict: Verdict, kind: RiskClass, severity: Severity
) -> None:
    got = ruling(policy(entry), "poke")
    assert (got.verdict, got.risk, got.severity) == (verdict, kind, severity)


def test_what_is_listed_follows_the_operators_word() -> None:
    assert not listing(policy("  poke: {class: destructive}"), "poke", RiskClass.READ)
    assert listing(policy("  poke: {class: read}"), "poke", RiskClass.DESTRUCTIVE)


def test_the_reason_is_the_first_evidence_and_the_guess_stays_readable() -> None:
    risk = settled([policy("  poke: {class: read, why: it only looks}")], "poke", WRITE)
    assert str(risk.evidence[0]) == 'policy "poke": it only looks'
    assert risk.evidence[1:] == WRITE.evidence
    assert risk.confidence is Confidence.HIGH


def test_a_layer_that_lowers_a_class_loosens_its_own_rules_only() -> None:
    outer, inner = policy("  x: {class: read}", name="outer.yaml"), policy("  poke: {class: read}", name="inner.yaml")
    assert ruling(inner, "poke").verdict is Verdict.ALLOW
    both = ruling((outer, inner), "poke")
    assert (both.verdict, both.policy) == (Verdict.REQUIRE_APPROVAL, "outer.yaml")
    assert (both.risk, both.severity) == (RiskClass.WRITE, Severity.MEDIUM)


def test_people_are_shown_the_strictest_view_of_all_layers() -> None:
    silent = load_policy('version: "1"\ndefault: allow\n', "silent.yaml")
    lower, higher = policy("  poke: {class: read}"), policy("  poke: {class: financial}")
    assert settled([lower], "poke", WRITE).kind is RiskClass.READ
    assert settled([lower, silent], "poke", WRITE) == WRITE
    assert settled([lower, higher, silent], "poke", WRITE).kind is RiskClass.FINANCIAL
    assert settled([], "poke", WRITE) == WRITE


def test_an_override_is_part_of_the_version_of_a_policy() -> None:
    assert policy("  poke: {class: read}").version != policy("  poke: {class: write}").version


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("  poke: {class: destructve}", "did you mean 'destructive'?"),
        ("  poke: {severity: hihg}", "did you mean 'high'?"),
        ("  poke: {}", "this changes nothing; say class, severity, or both"),
        ("  poke: {clas: read}", "did you mean 'class'?"),
        ('  "risk:read": {class: write}', "name tools, exactly or with * and ?"),
        ('  "no such name": {class: write}', "no tool can have this name"),
        ("  poke: read", "a mapping of keys to values is expected here"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_place(entry: str, words: str) -> None:
    with pytest.raises(PolicyErrors) as caught:
        policy(entry)
    assert words in str(caught.value)
    assert str(caught.value).startswith("policy.yaml:4:")


def test_many_tools_do_not_fill_the_memory() -> None:
    rules = policy("  po*: {class: read}")
    for number in range(6_000):
        ruling(rules, f"poke{number}")
    assert len(rules.risks_found) == 5_000
    assert ruling(rules, "poke5999").risk is RiskClass.READ
