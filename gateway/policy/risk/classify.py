"""A tool's definition to its risk: the strictest class that is claimed, then how bad its misuse would be.

Unknown is never harmless: a tool without evidence is `write`/`medium`. What a server says of itself in annotations may
raise the severity and never lowers class or severity (policy.md 3.5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.policy.model import Confidence, Evidence, Risk, RiskClass
from gateway.policy.risk.claims import ORDER, Claim, strictest
from gateway.policy.risk.deciding import decided
from gateway.policy.risk.parts import Parts, take_apart
from gateway.policy.risk.severity import beside, severity

UNTOLD = Evidence(where="nothing", says="nothing in its name, description or schema says what it does")
MOST_EVIDENCE = 6


def classify(definition: Mapping[str, Any]) -> Risk:
    """The risk of a tool by its definition as the server sent it."""
    return assess(take_apart(definition))


def assess(parts: Parts) -> Risk:
    """The risk of a tool by the parts of its definition."""
    return _risk(parts, decided(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """A tool that destroys by some of its choices only: those, by their parameter, and its risk without them."""

    choices: Mapping[str, tuple[str, ...]]
    risk: Risk


def apart(parts: Parts) -> Apart | None:
    """What a tool is without the choices that destroy, where nothing but these and its description says it destroys."""
    claims = decided(parts)
    losses = [claim for claim in claims if claim.kind is RiskClass.DESTRUCTIVE]
    chosen = [claim.choice for claim in losses if claim.choice is not None]
    elsewhere = any(one.choice is None and one.evidence.where != "description" for one in losses)
    choices = {name: tuple(value for where, value in chosen if where == name) for name, _ in chosen}
    left = any(set(one.choices) - set(choices.get(one.name, one.choices)) for one in parts.taken.parameters)
    if not choices or elsewhere or not left:
        return None
    # The server's hint is about these choices too.
    return Apart(choices=choices, risk=_risk(replace(parts, hints={}), [one for one in claims if one not in losses]))


def _risk(parts: Parts, claims: Sequence[Claim]) -> Risk:
    won = strictest(claims)
    kind = won.kind if won is not None else RiskClass.WRITE
    spoken = tuple(claim for claim in claims if claim.kind is kind)
    found, why = severity(kind, spoken, parts)
    evidence = tuple(dict.fromkeys([*(claim.evidence for claim in spoken), *why, *beside(kind, parts)]))
    return Risk(
        kind=kind,
        severity=found,
        evidence=evidence[:MOST_EVIDENCE] or (UNTOLD,),
        confidence=_confidence(spoken, [*parts.named.claims, *parts.told.claims]),
    )


def _confidence(spoken: Sequence[Claim], words: Sequence[Claim]) -> Confidence:
    """Several sources that agree, one clear one, or less; a clear word for something milder lowers it."""
    if not any(claim.clear for claim in spoken):
        return Confidence.LOW
    milder = [one for one in words if one.clear and ORDER.index(one.kind) < ORDER.index(spoken[0].kind)]
    sources = {claim.evidence.where for claim in spoken}
    return Confidence.HIGH if len(sources) > 1 and not milder else Confidence.MEDIUM
