"""Quiet hours: when a person is not to be disturbed by what can wait.

Hours are what the clocks of their zone show; a span may go over midnight. What is urgent is told at once whatever the
clock says. Nothing here keeps anybody from deciding, or a request from running out: only messages wait.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

URGENT = frozenset({"high", "critical"})
"""Severities that no quiet hours hold up."""
_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """From one time of the day to another, by the clocks of a zone."""

    start: time
    end: time
    zone: str = "UTC"

    def ends(self, now: datetime) -> datetime | None:
        """When the quiet time ends that this moment is in; None: it is in none."""
        found = self._around(now)
        return None if found is None else found[1]

    def began(self, now: datetime) -> date | None:
        """The day on which the span began that this moment is in; None: it is in none."""
        found = self._around(now)
        return None if found is None else found[0]

    def _around(self, now: datetime) -> tuple[date, datetime] | None:
        where = ZoneInfo(self.zone)
        there = now.astimezone(where).date()
        for day in (there - timedelta(days=1), there):
            last = day if self.start < self.end else day + timedelta(days=1)
            begins, ends = (
                datetime.combine(on, at, tzinfo=where).astimezone(UTC)
                for on, at in ((day, self.start), (last, self.end))
            )
            if begins <= now < ends:
                return day, ends
        return None

    @property
    def span(self) -> str:
        """As it is written: `22:00-07:00`."""
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def __str__(self) -> str:
        return f"{self.span} {self.zone}"


def quiet(text: str, zone: str = "UTC") -> Quiet:
    """The hours that `22:00-07:00` names.

    Raises:
        ValueError: it names none, in words for whoever wrote it.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} are no quiet hours; write 22:00-07:00")
    first, last = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    _zone(zone)
    if first == last:
        raise ValueError(f"{text!r} is the whole day or nothing; give quiet hours a beginning and another end")
    return Quiet(start=first, end=last, zone=zone)


def _zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone; write it like Europe/Athens, or UTC") from None


def held_until(hours: Quiet | None, *, severity: str, now: datetime) -> datetime | None:
    """Until when a message to somebody with these hours waits; None: it is sent now."""
    if hours is None or severity in URGENT:
        return None
    return hours.ends(now)
