"""Rules that can never be the one that decides: a stricter one always says its word as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.policy.findings import Finding, Kind, Tools, covers
from gateway.policy.implying import rule_implies
from gateway.policy.names import NamePattern
from gateway.policy.profiles import RULES, Part, Reading, always, parts
from gateway.policy.source import pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Denier:
    """A rule that refuses every call of what it names."""

    rule: str
    names: NamePattern
    entry: str | None = None


def of_rules(reading: Reading, tools: Tools | None) -> Iterator[Finding]:
    """Every entry and rule that never decides."""
    deniers = list(_deniers(reading))
    wide = [one for one in deniers if one.names.kind != "exact"]
    by_name: dict[str, list[Denier]] = {}
    for one in deniers:
        by_name.setdefault(one.names.text, []).append(one)
    patterns = [name for name, _ in _enforced(reading) if reading.names[name].kind != "exact"]
    for name, entry in _enforced(reading):
        it, near = reading.names[name], [*by_name.get(name, []), *wide]
        own = next((one for one in near if one.entry == name), None)
        other = next((one for one in near if one.entry != name and covers(one.names, it, tools)), None)
        if other is not None and own is None:
            text = f"changes no verdict: {other.rule} denies every call of what it names"
            yield Finding(kind=Kind.SHADOWED, rule=pointer(("tools", name)), text=text)
        elif own is not None:
            yield from _behind(name, entry, own.rule)
        else:
            wider = [other for other in patterns if other != name and covers(reading.names[other], it, tools)]
            yield from _implied(reading, name, entry, wider)


def _enforced(reading: Reading) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in reading.plain.get("tools", {}).items():
        if entry.get("mode") != "shadow":
            yield name, entry


def _deniers(reading: Reading) -> Iterator[Denier]:
    for index, it in enumerate(reading.hidden):
        yield Denier(rule=pointer(("hide", index)), names=it)
    for name, entry in _enforced(reading):
        it = reading.names[name]
        if entry.get("action") in {"deny", "hide"}:
            yield Denier(rule=pointer(("tools", name, "action")), names=it, entry=name)
        for part in parts(entry.get("deny_if", []), ("tools", name, "deny_if")):
            if always(part.said):
                yield Denier(rule=part.rule, names=it, entry=name)


def _behind(name: str, entry: Mapping[str, Any], denier: str) -> Iterator[Finding]:
    """What else an entry says that denies every call."""
    said = [part.rule for key in RULES for part in parts(entry.get(key, []), ("tools", name, key))]
    said += [part.rule for part in parts(entry.get("limits", []), ("tools", name, "limits"))]
    said += [pointer(("tools", name, key)) for key in ("rate_limit", "schedule", "when", "approval") if key in entry]
    for rule in said:
        if rule != denier:
            text = f"changes no verdict: {denier} denies every call"
            yield Finding(kind=Kind.SHADOWED, rule=rule, text=text)


def _implied(reading: Reading, name: str, entry: Mapping[str, Any], wider: Sequence[str]) -> Iterator[Finding]:
    """Rules of an entry that another rule of it, or of a wider one, always says as well."""
    for key in RULES:
        for part in parts(entry.get(key, []), ("tools", name, key)):
            found = next(_sayers(reading, [name, *wider], key, part), None)
            if found is not None:
                yield Finding(kind=Kind.SHADOWED, rule=part.rule, text=f"changes no verdict: {found}")
    asks = entry.get("action") == "require_approval"
    for part in parts(entry.get("approve_if", []), ("tools", name, "approve_if")) if asks else ():
        if "approval" not in part.said:
            text = f"changes no verdict: {pointer(('tools', name, 'action'))} asks for every call"
            yield Finding(kind=Kind.SHADOWED, rule=part.rule, text=text)


def _sayers(reading: Reading, names: list[str], key: str, part: Part) -> Iterator[str]:
    """Rules that decide wherever this one would, in words. Of two that mean the same, the later one is told."""
    if key == "approve_if" and "approval" in part.said:
        return
    for name in names:
        entry, later = reading.plain["tools"][name], False
        for other in parts(entry.get(key, []), ("tools", name, key)):
            later = later or other.rule == part.rule
            if other.rule == part.rule or (key == "approve_if" and "approval" in other.said):
                continue
            if _as_well(key, part.said, other.said) and not (later and _as_well(key, other.said, part.said)):
                yield f"{other.rule} {_DOES[key]} wherever it would"
        for other in parts(entry.get("deny_if", []), ("tools", name, "deny_if")) if key == "approve_if" else ():
            if rule_implies(part.said, other.said):
                yield f"{other.rule} denies wherever it would ask"


_DOES = {"require": "refuses", "deny_if": "denies", "approve_if": "asks"}


def _as_well(key: str, said: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Does the other rule refuse, or ask, wherever this one would?"""
    return rule_implies(other, said) if key == "require" else rule_implies(said, other)
