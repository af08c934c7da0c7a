"""Lengths of time as files write them (`30s`, `15m`, `2h`, `1d`, and combinations like `1h30m`), and moments."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_PART = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")
_WHOLE = re.compile(r"(?:[0-9]{1,9}(?:ms|s|m|h|d))+")
LONGEST = timedelta(days=366)
LONGEST_KEPT = timedelta(days=36_600)
"""Records may have to be kept for as long as a law says."""
FIRST_YEAR, LAST_YEAR = 1970, 9000
YEARS = f"in the years {FIRST_YEAR} to {LAST_YEAR}"
"""Windows before and after a moment must have their place in the calendar too."""


def duration(text: object, longest: timedelta = LONGEST) -> timedelta:
    """The length of time a text names.

    Raises:
        ValueError: it names none, in words for the author of the file.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration; write 30s, 15m, 2h or 1d")
    parts = [timedelta(**{_UNITS[unit]: int(count)}) for count, unit in _PART.findall(text)]
    if any(part > longest for part in parts) or sum(parts, timedelta()) > longest:
        raise ValueError(f"{text!r} is longer than {'a year' if longest is LONGEST else 'a hundred years'}")
    return sum(parts, timedelta())


def keeping(text: object) -> timedelta:
    """How long something is to be kept, which may be years.

    Raises:
        ValueError: as `duration`.
    """
    return duration(text, LONGEST_KEPT)


def moment(text: str) -> datetime:
    """The moment a text names, with its zone if it says one.

    Raises:
        ValueError: it names none, or one of other years.
    """
    found = datetime.fromisoformat(text)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"{text!r} is not {YEARS}")
    return found


def written(length: timedelta) -> str:
    """The shortest way to write a length of time."""
    seconds = length.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds * 1000)}ms" if seconds else "0s"
