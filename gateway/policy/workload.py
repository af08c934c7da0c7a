"""How much deciding a policy makes for people: approvals per day, and for each of them.

A request reaches everybody who may decide it now: members of its factors with the role, but not the agent's owner where
four eyes are asked for. Their share is what they must do if all who may decide take turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from approvals.domain.model import Person, PersonId, Role
from approvals.domain.quorum import speaks_for
from approvals.domain.terms import Terms
from gateway.policy.model import ApprovalSpec
from gateway.policy.routes import ApprovalDefaults, NobodyToAsk, terms

BUSY = 95
"""The share of days, in percent, that are no busier than what is told as the busiest days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests of a period: `per_day` is their mean, `busy_day` what 95 of 100 days stay within."""

    requests: int
    per_day: float
    busy_day: int
    busiest: tuple[date, int] | None

    def as_json(self) -> dict[str, Any]:
        """The shape in `policy replay --json`."""
        busiest = {"day": self.busiest[0].isoformat(), "requests": self.busiest[1]} if self.busiest else None
        return {
            "requests": self.requests,
            "per_day": round(self.per_day, 2),
            "busy_day": self.busy_day,
            "busiest": busiest,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerLoad:
    """What reaches one reviewer, and how much of it is theirs if all take turns."""

    reviewer: str
    load: Load
    share_per_day: float

    def as_json(self) -> dict[str, Any]:
        """The shape in `policy replay --json`."""
        return {"reviewer": self.reviewer, **self.load.as_json(), "share_per_day": round(self.share_per_day, 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The days of a period. `length` may be less than whole days."""

    first: date
    last: date
    length: timedelta

    @property
    def count(self) -> float:
        """How many days that is; less than one is taken for one."""
        return max(self.length / timedelta(days=1), 1.0)

    def load(self, by_day: Mapping[date, int]) -> Load:
        """The load of requests by their days."""
        quiet = max(0, (self.last - self.first).days + 1 - len(by_day))
        each = [0] * quiet + sorted(by_day.values())
        rank = -(-BUSY * len(each) // 100) - 1
        most = max(by_day.items(), key=lambda pair: (pair[1], pair[0]), default=None)
        return Load(requests=sum(each), per_day=sum(each) / self.count, busy_day=each[rank], busiest=most)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Who may decide for each factor, and how many of them must."""

    factors: tuple[tuple[tuple[PersonId, ...], int], ...]

    @property
    def enough(self) -> bool:
        return bool(self.factors) and all(len(members) >= count for members, count in self.factors)


@dataclass(slots=True, kw_only=True)
class Workload:
    """Counts requests by day and reviewer. `people` are everybody the directory knows."""

    people: Mapping[PersonId, Person]
    defaults: ApprovalDefaults
    by_day: Counter[date] = field(default_factory=Counter)
    out_of_reach: int = 0
    """Requests that too few people could approve."""
    _reached: dict[PersonId, Counter[date]] = field(default_factory=dict)
    _share: dict[PersonId, float] = field(default_factory=dict)
    _known: dict[tuple[ApprovalSpec, str | None], _Asked] = field(default_factory=dict)

    def add(self, day: date, spec: ApprovalSpec, owner: str | None) -> None:
        """One more request."""
        self.by_day[day] += 1
        asked = self._known.get((spec, owner))
        if asked is None:
            asked = self._known[spec, owner] = self._who(spec, owner)
        self.out_of_reach += not asked.enough
        for person in {one for members, _ in asked.factors for one in members}:
            self._reached.setdefault(person, Counter())[day] += 1
        for members, count in asked.factors:
            for person in members:
                self._share[person] = self._share.get(person, 0.0) + min(1.0, count / len(members))

    def reviewers(self, days: Days) -> tuple[ReviewerLoad, ...]:
        """Every reviewer whom anything reaches, the busiest first."""
        found = [
            ReviewerLoad(reviewer=person, load=days.load(by_day), share_per_day=self._share[person] / days.count)
            for person, by_day in self._reached.items()
        ]
        return tuple(sorted(found, key=lambda one: (-one.load.requests, one.reviewer)))

    def _who(self, spec: ApprovalSpec, owner: str | None) -> _Asked:
        try:
            wanted = terms(spec, self.defaults)
        except NobodyToAsk:
            return _Asked(factors=())
        able = [person for person in self.people.values() if _may_decide(person, wanted, owner)]
        return _Asked(
            factors=tuple(
                (tuple(person.id for person in able if speaks_for(person, factor)), factor.count)
                for factor in wanted.factors
            )
        )


def _may_decide(person: Person, wanted: Terms, owner: str | None) -> bool:
    if person.disabled or Role.REVIEWER not in person.roles:
        return False
    return not wanted.four_eyes or (owner is not None and person.id != owner.lower())
