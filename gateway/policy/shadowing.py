"""What entries in shadow would have done to the calls that were recorded, and whether they are ready to count.

An entry is counted whole, for it is what `mode: shadow` stands on. What it would have done is compared with what was
done: a call that was refused anyway, or asked about anyway, would not have changed. A surprise is a call that ran well
and would not have run so, or one that was denied by default and would have been let through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from approvals.domain.redact import redact_text
from gateway.policy.model import Policy, ToolRules, Verdict
from gateway.policy.recorded import Recorded
from gateway.policy.replayed import Example

STRICTNESS = [Verdict.ALLOW, Verdict.REQUIRE_APPROVAL, Verdict.RATE_LIMITED, Verdict.DENY]
DEFAULT = "/default"
FEW_CALLS = 20
"""An entry that has seen fewer calls is not ready, however long it has been quiet."""


class Would(StrEnum):
    """What an entry in shadow would have done to a call."""

    DENY = "deny"
    ASK = "ask"
    LIMIT = "limit"
    ALLOW = "allow"
    """It was denied by default, and the entry names the tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Calls of one agent and tool to which one rule would have done the same."""

    would: Would
    rule: str
    tool: str
    agent: str


@dataclass(slots=True, kw_only=True)
class Cases:
    """How many calls that is, how many of them ran well, how many people had denied, and a few of them."""

    calls: int = 0
    ran_well: int = 0
    denied_by_people: int = 0
    examples: list[Example] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class InShadow:
    """One entry in shadow: what it has seen, and what it would have done."""

    policy: str
    entry: str
    seen: int = 0
    first: datetime | None = None
    last_surprise: datetime | None = None
    versions: set[str] = field(default_factory=set)
    would: Counter[Would] = field(default_factory=Counter)
    """How many calls it would have done what to."""
    cases: dict[Case, Cases] = field(default_factory=dict)

    def quiet(self, now: datetime) -> timedelta:
        """How long it has been without surprise: since the last one, or since it was first seen."""
        since = self.last_surprise or self.first
        return now - since if since is not None else timedelta(0)

    def ready(self, now: datetime, days: int) -> bool:
        """May it count? So many days without surprise, and enough calls seen."""
        return self.seen >= FEW_CALLS and self.quiet(now) >= timedelta(days=days)

    def as_json(self, now: datetime, days: int) -> dict[str, Any]:
        """The shape in `policy shadow --json`."""
        return {
            "policy": self.policy,
            "entry": self.entry,
            "seen": self.seen,
            "first_seen": self.first.isoformat() if self.first else None,
            "would": {would.value: self.would[would] for would in Would},
            "last_surprise": self.last_surprise.isoformat() if self.last_surprise else None,
            "days_without_surprise": round(self.quiet(now) / timedelta(days=1), 2),
            "ready": self.ready(now, days),
            "policy_versions": len(self.versions),
            "cases": [_case(case, cases) for case, cases in self.sorted()],
        }

    def sorted(self) -> list[tuple[Case, Cases]]:
        """What it would have done, the most frequent first."""
        return sorted(self.cases.items(), key=lambda pair: (-pair[1].calls, str(pair[0])))


class ShadowTally:
    """Counts what the entries in shadow of these policies would have done, call by call."""

    def __init__(self, policies: Iterable[Policy], *, examples: int) -> None:
        self._examples = examples
        self._requests: set[str] = set()
        self.entries = [
            InShadow(policy=policy.name, entry=entry.pointer) for policy in policies for entry in _in_shadow(policy)
        ]

    def add(self, call: Recorded) -> None:
        """One more call. One that only came back for its request is counted with it."""
        if call.came_back:
            return
        if call.request is not None:
            if call.request.id in self._requests:
                return
            self._requests.add(call.request.id)
        for entry in self.entries:
            said = [one for one in call.shadow if one["policy"] == entry.policy and _of(one["rule"], entry.entry)]
            if said:
                self._seen(entry, call, said)

    def _seen(self, entry: InShadow, call: Recorded, said: list[Any]) -> None:
        entry.seen += 1
        entry.first = min(entry.first or call.at, call.at)
        entry.versions.add(call.policy_version)
        strictest = max((Verdict(one["verdict"]) for one in said), key=STRICTNESS.index)
        would = _would(call, strictest)
        if would is None:
            return
        entry.would[would] += 1
        if call.ran_well or would is Would.ALLOW:
            entry.last_surprise = max(entry.last_surprise or call.at, call.at)
        for one in said:
            if one["verdict"] != strictest:
                continue
            case = Case(would=would, rule=one["rule"], tool=call.tool, agent=call.agent)
            cases = entry.cases.setdefault(case, Cases())
            cases.calls += 1
            cases.ran_well += call.ran_well
            cases.denied_by_people += call.denied_by_people
            if len(cases.examples) < self._examples:
                cases.examples.append(Example(call=call.id, at=call.at, why=redact_text(one["why"])))


def _in_shadow(policy: Policy) -> Iterator[ToolRules]:
    yield from (entry for entry in policy.tools if entry.shadow)


def _of(rule: str, entry: str) -> bool:
    return rule == entry or rule.startswith(f"{entry}/")


def _would(call: Recorded, verdict: Verdict) -> Would | None:
    """What a rule would have changed, or None."""
    refused = call.verdict in {Verdict.DENY, Verdict.RATE_LIMITED}
    match verdict:
        case Verdict.DENY:
            return None if refused else Would.DENY
        case Verdict.RATE_LIMITED:
            return None if refused else Would.LIMIT
        case Verdict.REQUIRE_APPROVAL:
            return Would.ASK if call.verdict is Verdict.ALLOW else None
        case Verdict.ALLOW:
            return Would.ALLOW if call.verdict is Verdict.DENY and call.rule == DEFAULT else None


def _case(case: Case, cases: Cases) -> dict[str, Any]:
    return {
        "would": case.would.value,
        "rule": case.rule,
        "tool": case.tool,
        "agent": case.agent,
        "calls": cases.calls,
        "ran_well": cases.ran_well,
        "denied_by_people": cases.denied_by_people,
        "examples": [one.as_json() for one in cases.examples],
    }
