"""What a whole policy says of one tool, or of all that a pattern names: the part that differences are made of.

A profile is plain data, so a key that is new to the language is part of it without a word here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.policy.collecting import Path
from gateway.policy.convert import described
from gateway.policy.model import Policy, Risk, RiskClass
from gateway.policy.names import RISK_PREFIX, NamePattern, pattern
from gateway.policy.risk import classify
from gateway.policy.risk.overrides import class_seen
from gateway.policy.source import pointer

RULES = ("require", "deny_if", "approve_if")
WORDS = frozenset({"id", "description", "reason", "action", "mode", "limits", "rate_limit", "approval", *RULES})
OTHERS = "every other tool"
SOME_NAME = "…"
"""Stands for a part of a name that nobody knows: no real name has it, and every `*` matches it."""


class Standing(StrEnum):
    """What a tool gets before any of its arguments is looked at."""

    ALLOWED = "is allowed"
    ASKED = "asks a person"
    DENIED = "is denied"
    HIDDEN = "is hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One rule or limit, and its pointer."""

    rule: str
    said: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is compared: a tool by its name, all that a pattern names, or every tool that nothing names."""

    label: str
    name: str
    kind: RiskClass | None = None


@dataclass(slots=True, kw_only=True)
class Profile:
    """What a policy says of a subject. `rule` is what gives its standing; `others` are keys by what they say."""

    standing: Standing
    rule: str
    reason: str | None = None
    rules: dict[str, list[Part]] = field(default_factory=lambda: {key: [] for key in RULES})
    limits: list[Part] = field(default_factory=list)
    approval: dict[str, Any] = field(default_factory=dict)
    others: dict[str, tuple[str, Any]] = field(default_factory=dict)

    @property
    def passes(self) -> bool:
        """Can any call pass, if a person is asked perhaps?"""
        return self.standing in {Standing.ALLOWED, Standing.ASKED}


class Reading:
    """One policy, read for its profiles."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.plain = described(policy)
        self.names: dict[str, NamePattern] = {name: pattern(name) for name in self.plain.get("tools", {})}
        self.hidden: list[NamePattern] = [pattern(name) for name in self.plain.get("hide", [])]

    def words(self) -> Iterable[str]:
        """Every name and pattern that the policy uses for tools."""
        return [*self.names, *(it.text for it in self.hidden)]

    def profile(self, subject: Subject) -> Profile:
        """What the policy says of a subject."""
        kind = class_seen(self.policy, subject.name, subject.kind) if subject.kind is not None else ""
        tools = self.plain.get("tools", {})
        named = sorted((it for it in self.names.values() if it.matches(subject.name, kind)), key=lambda it: it.rank)
        entries = [(it.text, tools[it.text]) for it in named if tools[it.text].get("mode") != "shadow"]
        found = self._standing(subject, kind, entries)
        for name, entry in entries:
            _add(found, ("tools", name), entry)
        for _, entry in reversed(entries):
            _lay_over(found.approval, entry.get("approval", {}))
            found.reason = entry.get("reason", found.reason)
        return found

    def everywhere(self) -> list[Part]:
        """The limits that count every call."""
        return parts(self.plain.get("all_tools", {}).get("limits", []), ("all_tools", "limits"))

    def _standing(self, subject: Subject, kind: str, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> Profile:
        for index, it in enumerate(self.hidden):
            if it.matches(subject.name, kind):
                return Profile(standing=Standing.HIDDEN, rule=pointer(("hide", index)))
        said = [one for name, entry in entries for one in _says(("tools", name), entry)]
        for standing in (Standing.HIDDEN, Standing.DENIED, Standing.ASKED):
            for mine, rule in said:
                if mine is standing:
                    return Profile(standing=standing, rule=rule)
        if entries:
            return Profile(standing=Standing.ALLOWED, rule=pointer(("tools", entries[0][0])))
        allowed = self.plain["default"] == "allow"
        return Profile(standing=Standing.ALLOWED if allowed else Standing.DENIED, rule="/default")


def _says(path: Path, entry: Mapping[str, Any]) -> Iterable[tuple[Standing, str]]:
    """What an entry says of every call."""
    action = {"hide": Standing.HIDDEN, "deny": Standing.DENIED, "require_approval": Standing.ASKED}
    if entry.get("action") in action:
        yield action[entry["action"]], pointer((*path, "action"))
    for key, standing in (("deny_if", Standing.DENIED), ("approve_if", Standing.ASKED)):
        for index, rule in enumerate(entry.get(key, [])):
            if always(rule):
                yield standing, pointer((*path, key, index))


def _add(found: Profile, path: Path, entry: Mapping[str, Any]) -> None:
    for key in RULES:
        found.rules[key] += parts(entry.get(key, []), (*path, key))
    found.limits += parts(entry.get("limits", []), (*path, "limits"))
    if "rate_limit" in entry:
        found.limits.append(rate(str(path[-1]), entry["rate_limit"], (*path, "rate_limit")))
    for key in entry.keys() - WORDS:
        found.others.setdefault(f"{key} of {path[-1]}", (pointer((*path, key)), entry[key]))


def parts(values: Iterable[Mapping[str, Any]], path: Path) -> list[Part]:
    """The rules or limits of a list, each with its pointer."""
    return [Part(rule=pointer((*path, index)), said=said) for index, said in enumerate(values)]


def always(said: Mapping[str, Any]) -> bool:
    """Does a rule hold for every call?"""
    return not said.get("conditions") and "when" not in said


def rate(name: str, said: Any, path: Path) -> Part:
    """The limit that a `rate_limit` is short for."""
    count, _, window = said.partition("/") if isinstance(said, str) else (said["max"], "", said["window"])
    limit = {"counter": f"{name}_rate_{window}", "window": window, "max": int(count)}
    return Part(rule=pointer(path), said=limit)


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Lay one approval block over another, as the gateway does."""
    if "factors" in above:
        below.pop("reviewers", None)
        below.pop("quorum", None)
    elif "reviewers" in above:
        below.pop("factors", None)
    below.update(above)


def subjects(readings: Sequence[Reading], tools: Sequence[Mapping[str, Any]] = ()) -> list[Subject]:
    """What there is to compare: tools by name, those of a list among them, then patterns, then every other tool.

    With a list of tools their class of risk is judged by their definitions, and patterns need no subjects of their own.
    """
    listed = {str(tool.get("name")): classify(tool) for tool in tools}
    words = dict.fromkeys(word for reading in readings for word in reading.words())
    patterns = [it for it in map(pattern, words) if it.kind != "exact" and it.text != "*"]
    exact = dict.fromkeys([*listed, *(word for word in words if pattern(word).kind == "exact")])
    found = [Subject(label=name, name=name, kind=_class(name, listed)) for name in exact]
    if not listed:
        found += [_of_pattern(it) for it in patterns]
    return [*found, Subject(label=OTHERS, name=SOME_NAME)]


def _class(name: str, listed: Mapping[str, Risk]) -> RiskClass:
    return listed[name].kind if name in listed else classify({"name": name}).kind


def _of_pattern(it: NamePattern) -> Subject:
    if it.kind == "risk":
        word = it.text.removeprefix(RISK_PREFIX)
        return Subject(label=f"tools of the class {word}", name=SOME_NAME, kind=RiskClass(word))
    name = it.text.replace("*", SOME_NAME).replace("?", SOME_NAME)
    return Subject(label=f"tools named {it.text}", name=name)
