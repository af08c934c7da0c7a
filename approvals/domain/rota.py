"""Who is on call when: shifts with a beginning, an end and people. Where no shift is, nobody is.

Also what a group means at a moment: the members of an on-call group are those of its shifts, and nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from approvals.domain.model import Person, PersonId
from approvals.domain.quiet import Quiet


class Rota(Protocol):
    """Who is on call at a moment, whatever plan says so."""

    def at(self, now: datetime) -> frozenset[PersonId]:
        """Everybody on call; nobody in a gap."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """From `start` to just before `end`, both with a zone."""

    start: datetime
    end: datetime
    people: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """Hours of some days of the week (0 is Monday); those over midnight are of the day on which they begin."""

    days: tuple[int, ...]
    hours: Quiet
    people: tuple[PersonId, ...]

    def holds(self, now: datetime) -> bool:
        """Is this moment in it?"""
        began = self.hours.began(now)
        return began is not None and began.weekday() in self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """People one after the other, each for the same number of days, from a moment on, by the clocks of its zone."""

    start: datetime
    days: int
    people: tuple[PersonId, ...]

    def holds(self, now: datetime) -> PersonId | None:
        """Whose turn it is; nobody's before the first."""
        there, began = now.astimezone(self.start.tzinfo).replace(tzinfo=None), self.start.replace(tzinfo=None)
        return self.people[(there - began).days // self.days % len(self.people)] if there >= began else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rota of a plain file: shifts, weekly ones, and turns; whoever any of them names is on call."""

    shifts: tuple[Shift, ...] = ()
    weekly: tuple[Weekly, ...] = ()
    turns: tuple[Turns, ...] = ()

    def at(self, now: datetime) -> frozenset[PersonId]:
        """Who is on call."""
        found = [one for shift in self.shifts if shift.start <= now < shift.end for one in shift.people]
        found += [one for weekly in self.weekly if weekly.holds(now) for one in weekly.people]
        return frozenset([*found, *(one for turns in self.turns if (one := turns.holds(now)) is not None)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """What is known of groups beside who is in them: their quiet hours, and those that a rota fills."""

    hours: Mapping[str, Quiet] = field(default_factory=dict)
    on_call: Mapping[str, Rota] = field(default_factory=dict)

    def of(self, person: Person, now: datetime) -> Person:
        """The person with the groups of this moment, and the quiet hours of a group where they have none of their own.

        Of several groups with hours the first by name counts.
        """
        serving = {name for name, rota in self.on_call.items() if person.id in rota.at(now)}
        groups = (person.groups - self.on_call.keys()) | serving
        hours = person.quiet or next((self.hours[name] for name in sorted(groups) if name in self.hours), None)
        if groups == person.groups and hours == person.quiet:
            return person
        return replace(person, groups=frozenset(groups), quiet=hours)

    def uncovered(self, now: datetime) -> list[str]:
        """The on-call groups in which nobody is at this moment."""
        return sorted(name for name, rota in self.on_call.items() if not rota.at(now))
