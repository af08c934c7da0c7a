"""What is found in a policy by looking at it, and the list of tools it is looked at with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.policy.model import Policy, RiskClass
from gateway.policy.names import NamePattern
from gateway.policy.risk import classify
from gateway.policy.risk.overrides import class_seen
from gateway.policy.texts import shown

NAMED = 10
"""So many tools are named before the rest is counted."""


class Kind(StrEnum):
    """What is the matter with a rule."""

    MATCHES_NOTHING = "matches_nothing"
    SHADOWED = "shadowed"
    NEVER_REACHED = "never_reached"
    LOOKALIKE = "lookalike"
    NOT_NAMED = "not_named"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing, at the rule it is about."""

    kind: Kind
    rule: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The tools that a policy is looked at with, by name, with the class of each as the policy sees it."""

    kinds: Mapping[str, RiskClass]

    def named_by(self, it: NamePattern) -> frozenset[str]:
        """The tools that a name or pattern names."""
        return frozenset(name for name, kind in self.kinds.items() if it.matches(name, kind))


def tools_of(policy: Policy, definitions: Sequence[Mapping[str, Any]]) -> Tools | None:
    """The tools of a list as a policy sees them; None without a list."""
    each = {str(one["name"]): classify(one).kind for one in definitions}
    return Tools(kinds={name: class_seen(policy, name, kind) for name, kind in each.items()}) if each else None


def covers(wide: NamePattern, narrow: NamePattern, tools: Tools | None) -> bool:
    """Does the one name every tool that the other names: always, or at least of those there are?"""
    if wide.text in {"*", narrow.text}:
        return True
    if wide.kind == "glob" and narrow.kind == "exact" and wide.matches(narrow.text, ""):
        return True
    plain = wide.text.removesuffix("*")
    if wide.kind == narrow.kind == "glob" and "*" not in plain and "?" not in plain and wide.text.endswith("*"):
        return narrow.text.startswith(plain)
    if tools is None:
        return False
    named = tools.named_by(narrow)
    return bool(named) and named <= tools.named_by(wide)


def listed(names: Iterable[str]) -> str:
    """Some tools by their names."""
    each = sorted(names)
    more = f" and {len(each) - NAMED} more" if len(each) > NAMED else ""
    return ", ".join(map(shown, each[:NAMED])) + more
