"""On-call schedules as iCalendar, as calendar programs write them: who is invited to what is on now, is on call.

People are the attendees of an event; where it has none, the addresses in its summary. Recurrences, exceptions and
zones are the libraries' matter (the extra `oncall`). An event that names nobody is an error, not a silent gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import icalendar
import recurring_ical_events

from approvals.domain.model import PersonId
from gateway.policy.source import Problem

AHEAD = timedelta(hours=6)
"""How far the events are worked out in one go."""
MOST_EVENTS = 5_000
_ADDRESS = re.compile(r"[^@\s<>,;:\"']{1,64}@[^@\s<>,;:\"']{1,190}")


class CalendarRota:
    """The rota of one calendar file."""

    def __init__(self, calendar: Any) -> None:
        self._events = recurring_ical_events.of(calendar, skip_bad_series=True)
        self._known: tuple[datetime, list[Any]] | None = None

    def at(self, now: datetime) -> frozenset[PersonId]:
        """Who is on call."""
        return frozenset(
            one
            for event in self._around(now)
            if _begins(event, now) <= now < _ends(event, now)
            for one in _people(event)
        )

    def _around(self, now: datetime) -> list[Any]:
        if self._known is None or not self._known[0] <= now < self._known[0] + AHEAD:
            self._known = (now, list(self._events.between(now, now + AHEAD)))
        return self._known[1]


def rota_of(text: str, name: str) -> tuple[CalendarRota | None, list[Problem]]:
    """The rota of a file, or what is wrong with it."""
    try:
        calendar = icalendar.Calendar.from_ical(text)
    except (ValueError, IndexError, KeyError) as err:
        return None, [Problem(file=name, line=1, column=1, message=f"this is no calendar: {err}")]
    problems = [
        Problem(file=name, line=line, column=1, message="nobody is invited: add attendees, or addresses to its title")
        for event, line in zip(calendar.walk("VEVENT"), _lines(text), strict=False)
        if not _people(event)
    ]
    if not calendar.walk("VEVENT"):
        problems.append(Problem(file=name, line=1, column=1, message="there is no event in this calendar"))
    if len(calendar.walk("VEVENT")) > MOST_EVENTS:
        problems.append(Problem(file=name, line=1, column=1, message=f"more than {MOST_EVENTS} events"))
    return (None if problems else CalendarRota(calendar)), problems


def _lines(text: str) -> Iterator[int]:
    """Where each event begins."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().upper() == "BEGIN:VEVENT":
            yield number


def _people(event: Any) -> tuple[PersonId, ...]:
    said = event.get("ATTENDEE", [])
    invited = [str(one) for one in (said if isinstance(said, list) else [said])]
    texts = [one[len("mailto:") :] for one in invited if one.lower().startswith("mailto:")]
    found = texts or [str(event.get("SUMMARY", ""))]
    return tuple(PersonId(address.lower()) for text in found for address in _ADDRESS.findall(text))


def _begins(event: Any, now: datetime) -> datetime:
    return _moment(event.start, now)


def _ends(event: Any, now: datetime) -> datetime:
    return _moment(event.end, now)


def _moment(value: Any, now: datetime) -> datetime:
    """A day is its beginning, and a time without a zone is in that of the service's clock."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=now.tzinfo)
    return value if value.tzinfo is not None else value.replace(tzinfo=now.tzinfo)
