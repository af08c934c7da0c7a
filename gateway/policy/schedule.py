"""`schedule: {days, hours, tz}`: when what an entry allows may be called at all.

Outside its hours every call of the tool is denied, whatever else the entry says, so a schedule only narrows. Hours
are what the clocks of the zone show: an hour that a change of the clocks repeats counts both times, one that it
skips never comes. A span that goes over midnight belongs to the day it began on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.policy.zones import local

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 60
_SPAN = re.compile(r"([0-9]{2}):([0-9]{2})-([0-9]{2}):([0-9]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Minutes of a day: from `start`, to just before `end`, which is of the next day unless it is later."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{_clock(self.start)}-{_clock(self.end)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Spans of the hours of some days of the week (0 is Monday), in a time zone."""

    pointer: str
    days: tuple[int, ...]
    spans: tuple[Span, ...]
    zone: ZoneInfo

    def is_open(self, now: datetime) -> bool:
        """May the tool be called now?"""
        there = local(now, self.zone)
        return there is not None and any(self._holds(span, there) for span in self.spans)

    def _holds(self, span: Span, there: datetime) -> bool:
        minute = there.hour * 60 + there.minute
        today, yesterday = there.weekday(), (there.weekday() - 1) % 7
        if span.start < span.end:
            return today in self.days and span.start <= minute < span.end
        return (today in self.days and minute >= span.start) or (yesterday in self.days and minute < span.end)

    def opens(self, now: datetime) -> datetime | None:
        """When it opens next, by the clocks there; None where the calendar ends."""
        there = local(now, self.zone)
        if there is None:
            return None
        midnight = datetime.combine(there.date(), time())
        try:
            starts = [midnight + timedelta(days=d, minutes=span.start) for d in range(8) for span in self.spans]
        except OverflowError:
            return None
        return min(start for start in starts if start > there and start.weekday() in self.days)

    def closed(self, now: datetime) -> str:
        """Why not now, and when: for people and agents alike."""
        there, opens = local(now, self.zone), self.opens(now)
        if there is None or opens is None:
            return f"it is open {self}"
        return f"it is open {self}; now it is {there:%a %H:%M} there, and it opens {opens:%a %d %b %Y %H:%M}"

    def __str__(self) -> str:
        days = "every day" if len(self.days) == len(DAYS) else ", ".join(DAYS[day] for day in self.days)
        return f"{days} {', '.join(map(str, self.spans))} ({self.zone.key})"


def span(text: str) -> Span:
    """The span that `08:00-18:00` names; it may go over midnight, and 24:00 is the end of the day.

    Raises:
        ValueError: it names none, in words for the author of the file.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} are no hours; write 08:00-18:00")
    hours = [int(part) for part in found.groups()]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if start >= MIDNIGHT or end > MIDNIGHT or hours[1] > 59 or hours[3] > 59:
        raise ValueError(f"{text!r} are no hours of a day: they go from 00:00 to 24:00")
    if start == end:
        raise ValueError(f"{text!r} is no time at all; the whole day is 00:00-24:00")
    return Span(start=start, end=end)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
