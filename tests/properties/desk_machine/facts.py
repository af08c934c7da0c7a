"""What is so at a moment, as the machine that changes it knows: people, absences, stops, grants, requests.

None of the code under test decides anything here. `Case` is what the machine knows of one request, from the acts that
were accepted and the rows of its ledger that were found to be true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from approvals.domain.model import Person
from approvals.domain.terms import Escalation, OnTimeout, Terms
from tests.fakes.desk import Clock

MINUTE = timedelta(minutes=1)


@dataclass(slots=True, kw_only=True)
class Ask:
    """So many people of these."""

    members: tuple[str, ...]
    count: int


@dataclass(slots=True, kw_only=True)
class Trusted:
    """A grant: what it lets run, until when, how often, and by whose word."""

    id: str
    case: str
    by: tuple[str, ...]
    most: int
    uses: int
    until: datetime
    used: int = 0
    ended: bool = False


@dataclass(slots=True, kw_only=True)
class Case:
    """One request. `yes` has the voters for its present binding, each with those they stood for when they voted."""

    id: str
    agent: str
    owner: str | None
    server: str
    mark: str
    rule: str
    number: int
    binding: str
    asks: list[Ask]
    terms: Terms
    filed_at: datetime
    deadline: datetime
    chain: list[Escalation] = field(default_factory=list)
    state: str = "pending"
    cause: str | None = None
    ground: str | None = None
    grant: str | None = None
    yes: dict[str, frozenset[str]] = field(default_factory=dict)
    wants: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    no: str | None = None
    decided_at: datetime | None = None
    collect_by: datetime | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    holder: str | None = None
    lease_until: datetime | None = None
    claims: int = 0
    open_questions: int = 0
    questions: int = 0
    rows: int = 0
    moves: int = 0

    @property
    def silence_allows(self) -> bool:
        """Does the rule say that no answer means yes?"""
        return self.terms.on_timeout is OnTimeout.ALLOW

    def runs_from(self) -> datetime | None:
        """When what people or their silence let run may begin to."""
        if self.decided_at is None or self.ground in ("break_glass", "grant") or not self.terms.cancel_window:
            return None
        return self.decided_at + self.terms.cancel_window


@dataclass(slots=True, kw_only=True)
class Facts:
    """The world around the requests."""

    clock: Clock
    people: dict[str, Person]
    absences: dict[str, tuple[datetime, datetime, str | None]] = field(default_factory=dict)
    freezes: dict[str, datetime] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    glass: dict[str, datetime] = field(default_factory=dict)
    glass_asked: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    """Who has asked for break-glass, and until when somebody else may confirm it."""
    grants: dict[str, Trusted] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    broken: bool = False
    """No channel shows anything to anybody."""

    @property
    def now(self) -> datetime:
        """This moment."""
        return self.clock.now

    def frozen(self, case: Case) -> bool:
        """Does a freeze cover it now?"""
        scopes = ("all", f"agent:{case.agent}", f"server:{case.server}")
        return any(self.now < self.freezes[one] for one in scopes if one in self.freezes)

    def stopped(self, case: Case) -> bool:
        """May nothing of it be let run now?"""
        return self.frozen(case) or case.agent in self.paused

    def glass_open(self, server: str) -> bool:
        """Is break-glass open for a server?"""
        return any(self.now < self.glass[one] for one in ("all", f"server:{server}") if one in self.glass)

    def delegates_of(self, delegate: str) -> frozenset[str]:
        """Who is away now and has named this person."""
        return frozenset(
            one for one, (since, until, to) in self.absences.items() if to == delegate and since <= self.now < until
        )

    def name(self, actor: str) -> str:
        """What surfaces call an actor."""
        if actor == "placet":
            return "the gateway"
        if actor.startswith("agent:"):
            return f"the agent {actor[6:]}"
        return self.people[actor].label if actor in self.people else actor


def asks_of(terms: Terms) -> list[Ask]:
    """What terms ask."""
    return [Ask(members=factor.members, count=factor.count) for factor in terms.factors]
