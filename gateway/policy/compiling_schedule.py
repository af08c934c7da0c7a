"""Schedules as written into days, spans and a time zone that are known."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from gateway.policy.collecting import Collector, Path
from gateway.policy.schedule import DAYS, Schedule, Span, span
from gateway.policy.shapes import ScheduleShape
from gateway.policy.source import nearest, pointer
from gateway.policy.zones import UnknownZone, zone


def zone_of(notes: Collector, name: str, path: Path) -> ZoneInfo:
    """The time zone of a name; UTC stands in for one that there is not."""
    try:
        return zone(name)
    except UnknownZone as err:
        notes.problem(path, str(err), err.hint)
        return zone("UTC")


def schedule(notes: Collector, shape: ScheduleShape | None, path: Path, otherwise: ZoneInfo) -> Schedule | None:
    """The schedule of an entry, in its own time zone or `otherwise`."""
    if shape is None:
        return None
    if shape.days is None and shape.hours is None:
        notes.problem(path, "a schedule has days, hours, or both")
        return None
    days = _days(notes, shape.days, (*path, "days"))
    spans = _spans(notes, shape.hours, (*path, "hours"))
    where = otherwise if shape.tz is None else zone_of(notes, shape.tz, (*path, "tz"))
    if not days or not spans:
        return None
    return Schedule(pointer=pointer(path), days=days, spans=spans, zone=where)


def _days(notes: Collector, words: list[str] | None, path: Path) -> tuple[int, ...]:
    found: list[int] = []
    for index, word in enumerate(words if words is not None else DAYS):
        if word not in DAYS:
            hint = nearest(word.lower(), DAYS) or "one of " + ", ".join(DAYS)
            notes.problem((*path, index), f"{word!r} is not a day", hint)
        elif DAYS.index(word) in found:
            notes.problem((*path, index), f"{word!r} stands twice")
        else:
            found.append(DAYS.index(word))
    return tuple(sorted(found))


def _spans(notes: Collector, texts: list[str] | None, path: Path) -> tuple[Span, ...]:
    if texts is None:
        return (span("00:00-24:00"),)
    found: list[Span] = []
    for index, text in enumerate(texts):
        try:
            found.append(span(text))
        except ValueError as err:
            notes.problem((*path, index), str(err))
    return tuple(found)
