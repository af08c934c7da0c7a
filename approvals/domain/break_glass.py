"""Break-glass: for a while, calls that a rule wants approved run without waiting for people. Everything is recorded.

An opening is asked for by one person, with a reason, for everything or for one server. Where two people are needed it
opens when another one confirms; where an alert is enough it is open at once. It is never longer than eight hours, and
ends by itself. It stands in for a yes and for nothing else: what a policy denies stays denied, and what is frozen
stays frozen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from approvals.domain.stops import ALL, SERVER

LONGEST = timedelta(hours=8)
USUAL = timedelta(hours=1)
CONFIRM_WITHIN = timedelta(minutes=15)
"""How long a second person has."""


class Mode(StrEnum):
    """How break-glass is opened, as the configuration says."""

    NEVER = "never"
    TWO_PEOPLE = "two_people"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One opening: asked for, perhaps open, perhaps over.

    `confirm_until` is None where nobody has to confirm. `until` is set once it is open. `by`, `confirmed_by` are
    people; `ended_by` a person, an account of the command line, or `placet`.
    """

    id: int
    scope: str
    reason: str
    by: str
    at: datetime
    lasts: timedelta
    confirm_until: datetime | None = None
    confirmed_by: str | None = None
    opened_at: datetime | None = None
    until: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None

    def is_open(self, now: datetime) -> bool:
        """May calls pass by it now?"""
        return self.ended_at is None and self.until is not None and now < self.until

    def waits(self, now: datetime) -> bool:
        """Does it wait for a second person?"""
        unconfirmed = self.ended_at is None and self.opened_at is None
        return unconfirmed and self.confirm_until is not None and now < self.confirm_until

    def covers(self, server: str) -> bool:
        """Is it about calls to this server?"""
        return self.scope in (ALL, SERVER + server)


def opening_for(openings: Iterable[Opening], *, server: str, now: datetime) -> Opening | None:
    """The opening that calls to a server pass by; of several the one that lasts longest."""
    found = [one for one in openings if one.is_open(now) and one.covers(server)]
    return max(found, key=lambda one: one.until or one.at, default=None)


def named(scope: str) -> str:
    """A scope in a sentence."""
    return "every server" if scope == ALL else f"server {scope.removeprefix(SERVER)}"


def who(opening: Opening) -> str:
    """Who opened it."""
    return opening.by if opening.confirmed_by is None else f"{opening.by}, confirmed by {opening.confirmed_by}"
