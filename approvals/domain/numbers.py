"""The arithmetic of the numbers: percentiles, rates, and what the next hours will bring. Nothing is asked here.

Times come as a tally, {milliseconds: how often}. So that a tally is short, times are `rounded` when they are saved,
and a percentile is off by a twentieth at most. It is the nearest rank: a time that was really measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

Tally = Mapping[int, int]
HOURS = 168
WEEKS = 8
"""How far back the forecast looks."""
HALF_LIFE = 2.0
"""A week that is so many weeks older counts half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long something took: half of it at most `p50`, nine of ten at most `p90`; nothing measured: both None."""

    count: int
    p50: float | None
    p90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What became of a set of requests. `undelivered` and `timed_out` are both among `expired`.

    What silence allowed is among `timed_out`, since nobody answered. `not_asked` ran by break-glass, and is among
    nothing else.
    """

    asked: int = 0
    approved: int = 0
    denied: int = 0
    expired: int = 0
    timed_out: int = 0
    undelivered: int = 0
    cancelled: int = 0
    waiting: int = 0
    not_asked: int = 0

    @property
    def decided(self) -> int:
        """How many people decided."""
        return self.approved + self.denied

    @property
    def approval_rate(self) -> float | None:
        """How many of what was decided were approved."""
        return rate(self.approved, self.decided)

    @property
    def expiry_rate(self) -> float | None:
        """How many of what is over ended without a decision, because nobody gave one."""
        return rate(self.expired, self.decided + self.expired)


def times(tally: Tally) -> Times:
    """The percentiles of a tally, in seconds."""
    return Times(count=sum(tally.values()), p50=percentile(tally, 50), p90=percentile(tally, 90))


def percentile(tally: Tally, percent: int) -> float | None:
    """The nearest-rank percentile of a tally, in seconds; None where there is nothing."""
    total = sum(tally.values())
    rank = max(1, math.ceil(total * percent / 100))
    seen = 0
    for ms in sorted(tally):
        seen += tally[ms]
        if seen >= rank:
            return ms / 1000
    return None


def rounded(ms: int) -> int:
    """A number of milliseconds, rounded to one of 35 for each power of ten."""
    scale = 10 ** max(0, len(str(ms)) - 2)
    step = scale * (1 if ms < 20 * scale else 2 if ms < 50 * scale else 5)
    return ms if ms < 20 else (ms + step // 2) // step * step


def together(tallies: Iterable[Tally]) -> dict[int, int]:
    """Several tallies as one."""
    found: dict[int, int] = {}
    for tally in tallies:
        for ms, count in tally.items():
            found[ms] = found.get(ms, 0) + count
    return found


def rate(part: int, whole: int) -> float | None:
    """A share from 0 to 1, to four digits; None of nothing."""
    return round(part / whole, 4) if whole else None


def width(start: datetime, end: datetime) -> timedelta:
    """How long a bar of the history is, so that there are neither few nor many."""
    span = end - start
    for most, one in _WIDTHS:
        if span <= most:
            return one
    return timedelta(days=7)


_WIDTHS = (
    (timedelta(hours=50), timedelta(hours=1)),
    (timedelta(days=15), timedelta(hours=6)),
    (timedelta(days=100), timedelta(days=1)),
)


def hour_of_week(at: datetime) -> int:
    """0 is Monday from midnight to one, UTC."""
    return at.weekday() * 24 + at.hour


def forecast(hours: Mapping[datetime, int], *, since: datetime | None, now: datetime) -> Sequence[float]:
    """How many requests each hour of a week will bring, Monday midnight first, by the same hours of the weeks before.

    `hours` are the counts of past hours by their beginning, `since` when the first request of all was filed. Weeks in
    which there was no Placet yet count for nothing; of the others, the newer count more.
    """
    began = hour(since) if since is not None else None
    this = hour(now)
    found = [0.0] * HOURS
    for place in range(HOURS):
        back = timedelta(hours=(hour_of_week(this) - place) % HOURS or HOURS)
        weight_of_all = sum_of_all = 0.0
        for week in range(WEEKS):
            at = this - back - timedelta(weeks=week)
            if began is None or at < began:
                break
            weight = 0.5 ** (week / HALF_LIFE)
            weight_of_all += weight
            sum_of_all += weight * hours.get(at, 0)
        found[place] = round(sum_of_all / weight_of_all, 2) if weight_of_all else 0.0
    return found


def hour(at: datetime) -> datetime:
    """The beginning of an hour."""
    return at.replace(minute=0, second=0, microsecond=0)
