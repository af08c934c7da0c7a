"""Freezes and pauses: what is stopped, by whom, why, and until when.

A scope says what a freeze is about: `all`, `agent:NAME` or `server:NAME`. Every freeze ends by itself, so that one
that was forgotten does not last for ever; where no time is given that is a week, so that none ends while somebody
still looks. Who may stop things, and what stopping does, is not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from approvals.domain.plain import clock_time, visible

ALL, AGENT, SERVER = "all", "agent:", "server:"
LONGEST = timedelta(days=7)
"""No freeze is longer, and one without a time is as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """One freeze. `by` and `ended_by` are a person's address, an account of the command line, or `placet`."""

    scope: str
    reason: str
    by: str
    at: datetime
    until: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None

    def holds(self, now: datetime) -> bool:
        """Is it in force?"""
        return self.ended_at is None and now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """An agent whose calls are refused until somebody resumes it. `at`: since when, where that is known."""

    agent: str
    at: datetime | None = None


Stop = Freeze | Pause
"""Why the calls of an agent to a server are not let through now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """Everything that is stopped: the freezes, and since when agents are paused."""

    freezes: tuple[Freeze, ...] = ()
    paused: Mapping[str, datetime] = field(default_factory=dict)

    def of(self, *, agent: str, server: str, now: datetime) -> Stop | None:
        """What an agent's calls to a server meet; a freeze comes before a pause."""
        freeze = freeze_of(self.freezes, agent=agent, server=server, now=now)
        if freeze is not None:
            return freeze
        return Pause(agent=agent, at=self.paused[agent]) if agent in self.paused else None


NO_STOPS = Stops()


def scope_of(*, agent: str | None = None, server: str | None = None) -> str:
    """The scope of one agent or one server; of everything when neither is named.

    Raises:
        ValueError: both are named.
    """
    if agent is not None and server is not None:
        raise ValueError("one agent or one server, not both: freeze them one after the other")
    if agent is not None:
        return AGENT + agent
    return ALL if server is None else SERVER + server


def scopes_of(*, agent: str, server: str) -> tuple[str, ...]:
    """Every scope that an agent's calls to a server are under."""
    return (ALL, AGENT + agent, SERVER + server)


def named(scope: str) -> str:
    """A scope in a sentence."""
    kind, _, name = scope.partition(":")
    return f"{kind} {name}" if name else "every agent"


def told(stop: Stop) -> str:
    """A stop as a clause for people: who, what, until when, why."""
    if isinstance(stop, Pause):
        return f"the agent {stop.agent} is paused"
    ends = clock_time(stop.until)
    return f"{stop.by} has frozen {named(stop.scope)} until {ends} (“{visible(stop.reason)}”)"


def freeze_of(freezes: Iterable[Freeze], *, agent: str, server: str, now: datetime) -> Freeze | None:
    """The freeze that an agent's calls to a server meet; of several the one that lasts longest."""
    scopes = scopes_of(agent=agent, server=server)
    met = [freeze for freeze in freezes if freeze.scope in scopes and freeze.holds(now)]
    return max(met, key=lambda freeze: freeze.until, default=None)
