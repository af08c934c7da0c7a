"""A suggestion: the change, its evidence, and what it would have made of the recording."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.policy.mining import Count, Said, Shape
from gateway.policy.proposing import Proposal
from gateway.policy.standings import plain


class Kind(StrEnum):
    """What is suggested."""

    ALLOW = "allow"
    DENY = "deny"
    LOWER = "lower"


@dataclass(slots=True, kw_only=True)
class BackTest:
    """What a change would have made of the recording: the calls it would have treated otherwise, by what people said.

    `other`: calls that it would have changed in another way than is meant; `not_judged`: those of which nobody can say.
    """

    calls: int = 0
    said: dict[Said | None, int] = field(default_factory=dict)
    other: int = 0
    not_judged: int = 0

    def add(self, said: Said | None) -> None:
        """One call that the change would have treated as it is meant to."""
        self.calls += 1
        self.said[said] = self.said.get(said, 0) + 1

    def as_json(self) -> dict[str, Any]:
        """The shape in `policy suggest --json`."""
        said = {one.value: self.said.get(one, 0) for one in Said} | {"never_asked": self.said.get(None, 0)}
        return {"calls": self.calls, **said, "other": self.other, "not_judged": self.not_judged}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The most that was ever taken of a limit at a time, what it allows, and what it would allow."""

    used: Decimal
    max: Decimal
    new: Decimal
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One change. The evidence is a shape of calls, or the usage of a limit."""

    kind: Kind
    server: str
    tool: str
    rule: str
    proposal: Proposal
    evidence: Shape | Usage
    back_test: BackTest = field(default_factory=BackTest)

    @property
    def id(self) -> str:
        """The same for the same change."""
        what = json.dumps([self.kind, self.server, self.proposal.policy, self.rule, self.proposal.yaml])
        return f"sug_{hashlib.sha256(what.encode()).hexdigest()[:12]}"

    def said(self) -> str:
        """The suggestion in a sentence, with its evidence."""
        if isinstance(self.evidence, Usage):
            usage = self.evidence
            lower = f"Lower {self.rule} from {plain(usage.max)} to {plain(usage.new)}"
            return f"{lower}: at most {plain(usage.used)} was ever used"
        where, within = self.evidence.said(), self.evidence.within
        if self.kind is Kind.DENY:
            return f"Deny {self.tool} where {where}: denied {within.denied} times, never approved"
        decided = within.approved + within.contrary
        return f"Allow {self.tool} where {where}: approved {within.approved} of {decided} times"

    def as_json(self) -> dict[str, Any]:
        """The shape in `policy suggest --json`."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "server": self.server,
            "tool": self.tool,
            "policy": self.proposal.policy,
            "rule": self.rule,
            "text": self.said(),
            "yaml": self.proposal.yaml,
            **(_usage(self.evidence) if isinstance(self.evidence, Usage) else _shape(self.evidence)),
            "back_test": self.back_test.as_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Why nothing is suggested where people decided often."""

    tool: str
    rule: str
    why: str

    def as_json(self) -> dict[str, Any]:
        """The shape in `policy suggest --json`."""
        return {"tool": self.tool, "rule": self.rule, "why": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestions:
    """What is suggested for one server, and what was passed over."""

    server: str
    since: datetime
    until: datetime
    decided: int
    found: tuple[Suggestion, ...]
    passed_over: tuple[PassedOver, ...]

    def as_json(self) -> dict[str, Any]:
        """The shape of `policy suggest --json`."""
        return {
            "server": self.server,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "decided": self.decided,
            "suggestions": [one.as_json() for one in self.found],
            "passed_over": [one.as_json() for one in self.passed_over],
        }


def _usage(usage: Usage) -> dict[str, Any]:
    numbers = {"used": plain(usage.used), "max": plain(usage.max), "new": plain(usage.new)}
    return {"usage": {**numbers, "calls": usage.calls}}


def _shape(shape: Shape) -> dict[str, Any]:
    return {
        "conditions": [_jsonable(bound.plain()) for bound in shape.bounds],
        "leaves_open": list(shape.leaves_open),
        "within": _count(shape.within),
        "later": _count(shape.later),
        "learned_until": shape.learned_until.isoformat(),
    }


def _jsonable(condition: dict[str, Any]) -> dict[str, Any]:
    """Decimals as JSON numbers: they are for reading, the YAML has them exactly."""
    value = condition["value"]
    return {**condition, "value": [_number(one) for one in value] if isinstance(value, list) else _number(value)}


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _count(count: Count) -> dict[str, Any]:
    return {
        "approved": count.approved,
        "denied": count.denied,
        "edited": count.edited,
        "unanswered": count.unanswered,
        "people": list(count.people),
        "days": count.days,
        "first": count.first.isoformat() if count.first else None,
        "last": count.last.isoformat() if count.last else None,
    }
