"""The windows of limits as written: of the calendar, of a length, buckets, and what runs at a time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from gateway.policy.bucket import Bucket
from gateway.policy.collecting import Collector, Path
from gateway.policy.compiling_schedule import zone_of
from gateway.policy.durations import duration, written
from gateway.policy.source import nearest
from gateway.policy.windows import CALENDAR, INFLIGHT, Fixed, InFlight, Sliding, Window

SHORTEST_WINDOW = timedelta(seconds=1)
LONGEST_WINDOW = timedelta(days=366)
MOST_BURST = 100
"""A bucket holds at most so many times what drains in its window."""
_WRITTEN = "minute, hour, day, week, month, inflight, a duration like 10m, or a whole number of seconds"


def window_of(
    notes: Collector,
    value: Any,
    path: Path,
    *,
    kind: str | None = None,
    tz: str | None = None,
    burst: Decimal | None = None,
    most: Decimal = Decimal(1),
) -> Window | None:
    """A window by its name, its duration or its seconds. Names are fixed and durations slide, unless `kind` says."""
    zone = zone_of(notes, tz, (*path[:-1], "tz")) if tz not in {None, "UTC"} else None
    if value == INFLIGHT:
        for key, said in (("kind", kind), ("tz", tz), ("burst", burst)):
            if said is not None:
                notes.problem((*path[:-1], key), f"{key} says nothing of calls that run at a time; take it out")
        return InFlight()
    named = isinstance(value, str) and value in CALENDAR
    kind = kind or ("fixed" if named else "sliding")
    length = CALENDAR[value] if named else _length(notes, value, path)
    if not _agree(notes, path, kind=kind, named=named, tz=tz, burst=burst):
        return None
    name = str(value) if named or length is None else written(length)
    if kind == "fixed":
        return Fixed(name=name, length=length, zone=zone) if named or length is not None else None
    if length is None:
        if named:
            notes.problem(path, "a month has no fixed length, so it is only counted fixed; write 30d")
        return None
    if kind == "sliding":
        return Sliding(name=name, length=length)
    if burst is not None and burst > MOST_BURST * most:
        notes.problem((*path[:-1], "burst"), f"a bucket holds at most {MOST_BURST} times its max")
    return Bucket(name=name, length=length, burst=burst)


def _agree(notes: Collector, path: Path, *, kind: str, named: bool, tz: str | None, burst: Decimal | None) -> bool:
    if tz is not None and (kind != "fixed" or not named):
        notes.problem((*path[:-1], "tz"), "a time zone is for windows of the calendar: minute, hour, day, week, month")
        return False
    if burst is not None and kind != "bucket":
        notes.problem((*path[:-1], "burst"), "burst is what a bucket holds; it goes with kind: bucket")
        return False
    return True


def _length(notes: Collector, value: Any, path: Path) -> timedelta | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        notes.problem(path, f"a window is {_WRITTEN}")
        return None
    try:
        length = timedelta(seconds=value) if isinstance(value, int) else duration(value)
    except (ValueError, OverflowError):
        notes.problem(path, f"{value!r} is not a window", nearest(str(value), [*CALENDAR, INFLIGHT]) or _WRITTEN)
        return None
    if not SHORTEST_WINDOW <= length <= LONGEST_WINDOW:
        notes.problem(path, f"a window is between {written(SHORTEST_WINDOW)} and {written(LONGEST_WINDOW)} long")
        return None
    return length
