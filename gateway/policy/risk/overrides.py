"""What policy files say of the risk of tools, over what the tools' own words say.

Each file is judged with the risk as it sees it itself. So a layer that lowers a class loosens its own rules only, and
never those of another (policy.md 3.2, 3). What people are shown is the strictest view of all layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.policy.collecting import Collector, Path
from gateway.policy.model import Confidence, Evidence, Facts, Policy, Risk, RiskClass, RiskSaid, Severity
from gateway.policy.names import pattern
from gateway.policy.shapes import RiskShape
from gateway.policy.source import pointer

KNOWN_NAMES = 5_000
USUAL = {
    RiskClass.READ: Severity.LOW,
    RiskClass.WRITE: Severity.MEDIUM,
    RiskClass.EXECUTE: Severity.HIGH,
    RiskClass.DESTRUCTIVE: Severity.CRITICAL,
    RiskClass.FINANCIAL: Severity.CRITICAL,
}
"""The severity of a class of which nothing else is known."""

_CLASSES, _SEVERITIES = list(RiskClass), list(Severity)


def compiled(notes: Collector, shapes: Mapping[str, RiskShape]) -> tuple[RiskSaid, ...]:
    """The entries of `risk:`, the most specific first."""
    found = []
    for name, shape in shapes.items():
        path: Path = ("risk", name)
        if name.startswith("risk:"):
            notes.problem(path, "a class of risk cannot be named here; name tools, exactly or with * and ?")
            continue
        try:
            named = pattern(name)
        except ValueError as err:
            notes.problem(path, str(err))
            continue
        if shape.class_ is None and shape.severity is None:
            notes.problem(path, "this changes nothing; say class, severity, or both")
        kind = RiskClass(shape.class_) if shape.class_ else None
        severity = Severity(shape.severity) if shape.severity else None
        found.append(RiskSaid(pointer=pointer(path), pattern=named, kind=kind, severity=severity, why=shape.why))
    return tuple(sorted(found, key=lambda one: one.pattern.rank))


def said(policy: Policy, tool: str) -> RiskSaid | None:
    """What a policy says of the risk of a tool: its most specific entry; looked up once for each tool."""
    if not policy.risks:
        return None
    if tool in policy.risks_found:
        return policy.risks_found[tool]
    found = next((one for one in policy.risks if one.pattern.matches(tool, "")), None)
    if len(policy.risks_found) < KNOWN_NAMES:
        policy.risks_found[tool] = found
    return found


def seen(policy: Policy, tool: str, risk: Risk) -> Risk:
    """The risk of a tool as one policy sees it."""
    word = said(policy, tool)
    if word is None:
        return risk
    kind = word.kind or risk.kind
    usual = risk.severity if kind is risk.kind else USUAL[kind]
    evidence = Evidence(where="policy", quote=word.pattern.text, says=word.why or f"{policy.name} says {kind}")
    return Risk(
        kind=kind,
        severity=word.severity or usual,
        evidence=(evidence, *risk.evidence),
        confidence=Confidence.HIGH,
    )


def class_seen(policy: Policy, tool: str, kind: RiskClass) -> RiskClass:
    """The class of a tool as one policy sees it."""
    word = said(policy, tool)
    return kind if word is None or word.kind is None else word.kind


def as_seen(policy: Policy, facts: Facts) -> Facts:
    """A call as one policy sees it."""
    return facts if said(policy, facts.tool) is None else replace(facts, risk=seen(policy, facts.tool, facts.risk))


def settled(policies: Sequence[Policy], tool: str, risk: Risk) -> Risk:
    """The risk of a tool as people are shown it: the strictest view of all layers."""
    views = [seen(policy, tool, risk) for policy in policies if policy.risks] or [risk]
    if len(views) < len(policies):
        views.append(risk)
    return worst(views)


def worst(risks: Sequence[Risk]) -> Risk:
    """The strictest of several."""
    return max(risks, key=lambda one: (_SEVERITIES.index(one.severity), _CLASSES.index(one.kind)))
