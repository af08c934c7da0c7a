"""What came of a replay, in numbers and examples: what would change, by which rule, and what it asks of people.

However long the recording, this stays small: groups of changes, days, and a few calls of each group by their ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from approvals.domain.model import Person, PersonId
from approvals.domain.redact import redact_text
from gateway.policy.durations import written
from gateway.policy.model import Verdict
from gateway.policy.recorded import Lost
from gateway.policy.replaying import AT_ONCE, Assume, Change, Rejudged
from gateway.policy.routes import ApprovalDefaults
from gateway.policy.workload import Days, Load, ReviewerLoad, Workload

CHANGES = (Change.NEWLY_ALLOWED, Change.NEWLY_ASKED, Change.NEWLY_DENIED)
"""What a reader must know of, the most dangerous first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One call of a group."""

    call: str
    at: datetime
    why: str

    def as_json(self) -> dict[str, Any]:
        """The shape in `policy replay --json`."""
        return {"call": self.call, "at": self.at.isoformat(), "why": self.why}


@dataclass(slots=True, kw_only=True)
class Group:
    """Calls of one agent and tool that the same rules treated the same way, then and now."""

    change: Change
    tool: str
    agent: str
    was: Verdict
    was_rule: str
    now: Verdict
    rule: str
    policy: str
    calls: int = 0
    denied_by_people: int = 0
    examples: list[Example] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The shape in `policy replay --json`."""
        return {
            "change": self.change.value,
            "tool": self.tool,
            "agent": self.agent,
            "calls": self.calls,
            "was": {"verdict": self.was.value, "rule": self.was_rule},
            "now": {"verdict": self.now.value, "rule": self.rule, "policy": self.policy},
            "denied_by_people": self.denied_by_people,
            "examples": [one.as_json() for one in self.examples],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What other policies would have made of the recorded calls of one server.

    `recorded_from` is the first call there was. `before` and `predicted` are the approvals of the period.
    """

    server: str
    policy_version: str
    since: datetime
    until: datetime
    recorded_from: datetime | None
    assume: Assume
    counts: Mapping[Change, int]
    groups: tuple[Group, ...]
    not_judged: Mapping[Lost, int]
    before: Load
    predicted: Load
    reviewers: tuple[ReviewerLoad, ...]
    out_of_reach: int

    @property
    def calls(self) -> int:
        """How many calls were looked at."""
        return sum(self.counts.values())

    def count(self, change: Change) -> int:
        """How many calls changed so."""
        return self.counts.get(change, 0)

    @property
    def assumed(self) -> tuple[str, ...]:
        """What nobody can know, and was taken for granted."""
        would = "yes, and the call to have run at once" if self.assume is Assume.APPROVED else "no"
        return (
            "A call that would newly be allowed is taken to have run, and one newly denied takes no room in limits.",
            f"People are taken to have said {would} where they would newly be asked.",
            "What was asked about then and would be now ran if it ran then.",
            f"The same call made again within {written(AT_ONCE)} joins the request that it would newly have made.",
            "An agent that had been answered otherwise might have called otherwise: nobody can replay that.",
        )

    def without_reasons(self) -> Replay:
        """The same for who may not read arguments: why a call changed says what stood in it."""
        return replace(
            self,
            groups=tuple(
                replace(group, examples=[replace(one, why="") for one in group.examples]) for group in self.groups
            ),
        )

    def as_json(self) -> dict[str, Any]:
        """The shape of `policy replay --json`."""
        return {
            "server": self.server,
            "policy_version": self.policy_version,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "recorded_from": self.recorded_from.isoformat() if self.recorded_from else None,
            "calls": self.calls,
            "counts": {change.value: self.count(change) for change in Change},
            "not_judged": {lost.value: self.not_judged.get(lost, 0) for lost in Lost},
            "changes": [group.as_json() for group in self.groups],
            "approvals": {
                "before": self.before.as_json(),
                "predicted": self.predicted.as_json(),
                "reviewers": [one.as_json() for one in self.reviewers],
                "out_of_reach": self.out_of_reach,
            },
            "assumed": list(self.assumed),
        }


class Tally:
    """Counts what a replay gives, call by call. `examples` is how many calls of a group are named."""

    def __init__(self, *, people: Mapping[PersonId, Person], defaults: ApprovalDefaults, examples: int) -> None:
        self._work = Workload(people=people, defaults=defaults)
        self._examples = examples
        self._counts: Counter[Change] = Counter()
        self._lost: Counter[Lost] = Counter()
        self._before: Counter[Any] = Counter()
        self._groups: dict[tuple[str, ...], Group] = {}
        self._first: datetime | None = None

    def add(self, judged: Rejudged) -> None:
        """One more call."""
        call = judged.call
        self._first = min(self._first or call.at, call.at)
        self._counts[judged.change] += 1
        if isinstance(call.arguments, Lost) and judged.change is Change.NOT_JUDGED:
            self._lost[call.arguments] += 1
        if call.request is not None and judged.change is not Change.CAME_BACK:
            self._before[call.at.date()] += 1
        if judged.spec is not None:
            self._work.add(call.at.date(), judged.spec, call.owner)
        if judged.verdict is not None and judged.change in CHANGES:
            self._group(judged, judged.verdict)

    def replay(self, *, server: str, version: str, since: datetime, until: datetime, assume: Assume) -> Replay:
        """What it all came to."""
        first = max(self._first or since, since)
        days = Days(first=first.date(), last=until.date(), length=until - first)
        order = {change: number for number, change in enumerate(CHANGES)}
        return Replay(
            server=server,
            policy_version=version,
            since=since,
            until=until,
            recorded_from=self._first,
            assume=assume,
            counts=dict(self._counts),
            groups=tuple(
                sorted(self._groups.values(), key=lambda g: (order[g.change], -g.calls, g.tool, g.agent, g.rule))
            ),
            not_judged=dict(self._lost),
            before=days.load(self._before),
            predicted=days.load(self._work.by_day),
            reviewers=self._work.reviewers(days),
            out_of_reach=self._work.out_of_reach,
        )

    def _group(self, judged: Rejudged, verdict: Verdict) -> None:
        call = judged.call
        key = (judged.change, call.tool, call.agent, call.verdict, call.rule, verdict, judged.policy, judged.rule)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(
                change=judged.change,
                tool=call.tool,
                agent=call.agent,
                was=call.verdict,
                was_rule=call.rule,
                now=verdict,
                rule=judged.rule,
                policy=judged.policy,
            )
        group.calls += 1
        group.denied_by_people += call.denied_by_people
        if len(group.examples) < self._examples:
            group.examples.append(Example(call=call.id, at=call.at, why=redact_text(judged.why)))


__all__ = ["CHANGES", "Example", "Group", "Replay", "Tally"]
