"""Every tool of a server at once: the risk of each, what does not fit together, and the rule to begin with.

What stands beside a tool says more of it (`transfer` beside `transfer_history`, `new_order` beside `test_order`). That
makes its evidence better and never changes its class, so that a tool's class hangs on its own definition alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from approvals.domain.fingerprint import of_tool
from gateway.policy.model import Confidence, Evidence, Risk, RiskClass
from gateway.policy.risk import lexicon as lex
from gateway.policy.risk.classify import apart, assess
from gateway.policy.risk.findings import Finding, findings, look_alikes
from gateway.policy.risk.parts import Parts, take_apart
from gateway.policy.risk.rules import Advice, advice, advice_apart
from gateway.policy.risk.words import of_name, singular

_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surveyed:
    """One tool of a server. `fingerprint`: empty where there is no exact form of it. `usable`: it can be called."""

    name: str
    definition: Mapping[str, Any]
    fingerprint: str
    risk: Risk
    findings: tuple[Finding, ...]
    advice: Advice
    usable: bool


def survey(definitions: Sequence[Mapping[str, Any]]) -> tuple[Surveyed, ...]:
    """The tools of a server, by name."""
    names = [str(definition.get("name", "")) for definition in definitions]
    alike, siblings = look_alikes(names), _by_words(names)
    found = []
    for name, definition in zip(names, definitions, strict=True):
        parts = take_apart(definition)
        risk = _beside(assess(parts), parts, siblings)
        told = (*findings(definition, parts, risk), *alike.get(name, ()), *_of_use(name, definition))
        found.append(
            Surveyed(
                name=name,
                definition=definition,
                fingerprint=_fingerprint(definition),
                risk=risk,
                findings=told,
                advice=_advice(name, risk, parts),
                usable=_NAME.fullmatch(name) is not None and names.count(name) == 1,
            )
        )
    return tuple(sorted(found, key=lambda one: one.name))


def _advice(name: str, risk: Risk, parts: Parts) -> Advice:
    without = apart(parts) if risk.kind is RiskClass.DESTRUCTIVE else None
    return advice(name, risk) if without is None else advice_apart(name, without)


def _fingerprint(definition: Mapping[str, Any]) -> str:
    try:
        return of_tool(dict(definition))
    except (ValueError, RecursionError):
        return ""


def _of_use(name: str, definition: Mapping[str, Any]) -> tuple[Finding, ...]:
    if not isinstance(definition.get("name"), str) or not _NAME.fullmatch(name):
        text = "its name is not 1 to 128 of the characters A-Z a-z 0-9 _ . - /, so it cannot be called"
        return (Finding(code="unusable_name", text=text),)
    return ()


def _by_words(names: Sequence[str]) -> dict[tuple[str, ...], str]:
    return {tuple(word.low for word in of_name(name)): name for name in names}


def _beside(risk: Risk, parts: Parts, siblings: Mapping[tuple[str, ...], str]) -> Risk:
    """The risk with what stands beside the tool as evidence."""
    words = parts.words
    if risk.kind is not RiskClass.READ or len(words) < 2:
        return risk
    beside, says = None, ""
    if singular(words[-1]) in lex.RECORDS:
        beside, says = siblings.get(words[:-1]), "does it; this one tells of it"
    elif parts.named.says(*lex.TRY):
        place = next(at for at, verb in parts.named.verbs if verb.verb in lex.TRY)
        done = ((*words[:place], verb, *words[place + 1 :]) for verb in ("new", "create", "place", "submit", "send"))
        beside, says = next((siblings[one] for one in done if one in siblings), None), "does it; this one tries it"
    if beside is None:
        return risk
    evidence = Evidence(where="sibling", quote=beside, says=says)
    surer = Confidence.HIGH if risk.confidence is Confidence.MEDIUM else risk.confidence
    return replace(risk, evidence=(*risk.evidence, evidence), confidence=surer)
