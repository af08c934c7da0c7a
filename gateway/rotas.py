"""On-call schedules as plain YAML: shifts, weekly hours, and turns, checked with line and column.

`tz` is the zone of every moment that names none. What a calendar program writes is in `rotas_ical`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from approvals.domain.model import PersonId
from approvals.domain.quiet import Quiet, quiet
from approvals.domain.rota import Plan, Shift, Turns, Weekly
from gateway.policy.collecting import Collector, Path
from gateway.policy.durations import moment
from gateway.policy.reading import read, validate
from gateway.policy.schedule import DAYS
from gateway.policy.shapes import Shape, Words
from gateway.policy.source import Problem, SourceErrors, nearest
from gateway.policy.zones import UnknownZone, zone

WHOLE_DAYS = "00:00-24:00"
People = Annotated[list[Words], Field(min_length=1)]


class ShiftShape(Shape):
    """One shift."""

    start: Words = Field(alias="from")
    end: Words = Field(alias="to")
    people: People


class WeeklyShape(Shape):
    """The same hours on some days of every week."""

    days: list[Words] | None = Field(None, min_length=1)
    hours: Words
    people: People


class RotationShape(Shape):
    """People in turn, from a moment on."""

    starts: Words
    days: Annotated[int, Field(ge=1, le=366)] = 7
    people: People


class RotaShape(Shape):
    """A file of an on-call group."""

    tz: Words = "UTC"
    shifts: list[ShiftShape] = Field(default_factory=list)
    weekly: list[WeeklyShape] = Field(default_factory=list)
    rotation: list[RotationShape] = Field(default_factory=list)


def plan_of(text: str, name: str) -> tuple[Plan | None, list[Problem]]:
    """The plan of a file, or what is wrong with it."""
    try:
        node = read(text, name)
    except SourceErrors as err:
        return None, list(err.problems)
    shape, problems = validate(RotaShape, node, name)
    if shape is None:
        return None, problems
    notes = _Notes(node, name)
    plan = notes.plan(shape)
    return (None if notes.problems else plan), [*problems, *notes.problems]


class _Notes(Collector):
    def plan(self, shape: RotaShape) -> Plan:
        try:
            where = zone(shape.tz)
        except UnknownZone as err:
            self.problem(("tz",), str(err), err.hint)
            where = zone("UTC")
        if not (shape.shifts or shape.weekly or shape.rotation):
            self.problem((), "nobody is ever on call here: write shifts, weekly or rotation")
        shifts = [self._shift(one, ("shifts", n), where) for n, one in enumerate(shape.shifts)]
        weekly = [self._weekly(one, ("weekly", n), where) for n, one in enumerate(shape.weekly)]
        turns = [self._turns(one, ("rotation", n), where) for n, one in enumerate(shape.rotation)]
        return Plan(
            shifts=tuple(one for one in shifts if one is not None),
            weekly=tuple(one for one in weekly if one is not None),
            turns=tuple(one for one in turns if one is not None),
        )

    def _shift(self, shape: ShiftShape, path: Path, where: ZoneInfo) -> Shift | None:
        start, end = self._at(shape.start, (*path, "from"), where), self._at(shape.end, (*path, "to"), where)
        people = self._people(shape.people, path)
        if start is None or end is None:
            return None
        if end <= start:
            self.problem((*path, "to"), "a shift ends after it begins")
        return Shift(start=start, end=end, people=people)

    def _weekly(self, shape: WeeklyShape, path: Path, where: ZoneInfo) -> Weekly | None:
        people, days = self._people(shape.people, path), self._days(shape.days, (*path, "days"))
        try:
            hours = _hours(shape.hours, where)
        except ValueError as err:
            self.problem((*path, "hours"), str(err))
            return None
        return Weekly(days=days, hours=hours, people=people)

    def _turns(self, shape: RotationShape, path: Path, where: ZoneInfo) -> Turns | None:
        start, people = self._at(shape.starts, (*path, "starts"), where), self._people(shape.people, path)
        return None if start is None else Turns(start=start, days=shape.days, people=people)

    def _days(self, words: list[str] | None, path: Path) -> tuple[int, ...]:
        for index, word in enumerate(words or ()):
            if word not in DAYS:
                self.problem((*path, index), f"{word!r} is not a day", nearest(word.lower(), DAYS) or ", ".join(DAYS))
        return tuple(DAYS.index(word) for word in words or DAYS if word in DAYS)

    def _at(self, text: str, path: Path, where: ZoneInfo) -> datetime | None:
        try:
            found = moment(text)
        except ValueError:
            self.problem(path, f"{text!r} is no moment", "write 2026-12-01T09:00")
            return None
        return found if found.tzinfo is not None else found.replace(tzinfo=where)

    def _people(self, words: list[str], path: Path) -> tuple[PersonId, ...]:
        for index, word in enumerate(words):
            if "@" not in word:
                self.problem((*path, "people", index), f"{word!r} is not an e-mail address")
        return tuple(PersonId(word.lower()) for word in words)


def _hours(text: str, where: ZoneInfo) -> Quiet:
    try:
        return quiet(text, where.key)
    except ValueError:
        raise ValueError(f"{text!r} are no hours; write 08:00-18:00 or 18:00-08:00") from None
