"""Windows: where each starts and ends, in every calendar, and what counts in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gateway.policy.bucket import Bucket
from gateway.policy.windows import CALENDAR, EPOCH, LEASE, Counter, Fixed, InFlight, Rows, Sliding, Window

ONE = Decimal(1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fixed(name: str, zone: str | None = None) -> Fixed:
    return Fixed(name=name, length=CALENDAR[name], zone=ZoneInfo(zone) if zone else None)


@pytest.mark.parametrize(
    ("name", "zone", "now", "start", "end"),
    [
        ("minute", None, "2026-11-24T12:00:30.5", "2026-11-24T12:00", "2026-11-24T12:01"),
        ("hour", None, "2026-11-24T12:59:59", "2026-11-24T12:00", "2026-11-24T13:00"),
        ("day", None, "2026-11-24T00:00", "2026-11-24T00:00", "2026-11-25T00:00"),
        ("week", None, "2026-11-29T23:59", "2026-11-23T00:00", "2026-11-30T00:00"),
        ("week", None, "2027-01-01T12:00", "2026-12-28T00:00", "2027-01-04T00:00"),
        ("month", None, "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
        ("month", None, "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        ("day", "Europe/Athens", "2026-11-24T21:59", "2026-11-23T22:00", "2026-11-24T22:00"),
        ("day", "Europe/Athens", "2026-11-24T22:00", "2026-11-24T22:00", "2026-11-25T22:00"),
        ("day", "Europe/Athens", "2026-03-29T12:00", "2026-03-28T22:00", "2026-03-29T21:00"),
        ("day", "Europe/Athens", "2026-10-25T12:00", "2026-10-24T21:00", "2026-10-25T22:00"),
        ("day", "America/Havana", "2026-03-08T12:00", "2026-03-08T05:00", "2026-03-09T04:00"),
        ("month", "Asia/Tokyo", "2026-10-31T15:00", "2026-10-31T15:00", "2026-11-30T15:00"),
        ("week", "Pacific/Auckland", "2026-11-22T11:00", "2026-11-22T11:00", "2026-11-29T11:00"),
        ("hour", "Asia/Kolkata", "2026-11-24T12:10", "2026-11-24T11:30", "2026-11-24T12:30"),
        ("hour", "Europe/Athens", "2026-10-25T01:30", "2026-10-25T01:00", "2026-10-25T02:00"),
    ],
    ids=[
        "a minute",
        "an hour",
        "a day begins at midnight",
        "a week begins on Monday",
        "an ISO week goes over the year's end",
        "a month",
        "a leap February",
        "a day in a zone ahead of UTC",
        "and the next one",
        "a day of 23 hours",
        "a day of 25 hours",
        "a midnight that the clocks skip",
        "a month in a zone ahead of UTC",
        "a week in a zone ahead of UTC",
        "an hour in a zone of half hours",
        "an hour that the clocks repeat counts twice",
    ],
)
def test_a_window_of_the_calendar_starts_and_ends(name: str, zone: str | None, now: str, start: str, end: str) -> None:
    window = fixed(name, zone)
    assert (window.since(at(now)), window.over(at(now))) == (at(start), at(end))
    assert window.since(at(end)) == at(end)
    assert window.since(at(end) - timedelta(microseconds=1)) == at(start)


def test_only_the_row_of_the_window_counts() -> None:
    day, now = fixed("day"), at("2026-11-24T12:00")
    rows = {at("2026-11-23T00:00"): Decimal(5), at("2026-11-24T00:00"): Decimal(2), at("2026-11-25T00:00"): Decimal(7)}
    assert day.used(Counter(rows, now, ONE)) == 2
    assert day.used(Counter({}, now, ONE)) == 0


def charged(window: Window, rows: Rows, now: datetime, amount: str, most: str) -> dict[datetime, Decimal]:
    change = window.add(Counter(rows, now, Decimal(most)), Decimal(amount)).change
    return {**rows, **{row: value for row, value in change.items() if value is not None}}


def test_a_sliding_window_lets_its_oldest_part_go_first() -> None:
    window, noon = Sliding(name="1m", length=timedelta(minutes=1)), at("2026-11-24T12:00")
    rows = charged(window, {}, noon, "2", "3")
    rows = charged(window, rows, noon + timedelta(seconds=30), "1", "3")
    now = noon + timedelta(seconds=45)
    counter = Counter(rows, now, Decimal(3))
    assert window.used(counter) == 3
    assert not window.fits(counter, ONE)
    assert window.opens(counter, ONE) == noon + timedelta(seconds=61)
    assert window.opens(counter, Decimal(3)) == noon + timedelta(seconds=91)
    assert window.used(Counter(rows, noon + timedelta(seconds=60), Decimal(3))) == 3
    assert window.used(Counter(rows, noon + timedelta(seconds=61), Decimal(3))) == 1


MINUTE = timedelta(minutes=1)


def test_a_bucket_drains_evenly_and_exactly() -> None:
    window, noon = Bucket(name="minute", length=MINUTE), at("2026-11-24T12:00")
    rows: Rows = {}
    for _ in range(7):
        assert window.fits(Counter(rows, noon, Decimal(7)), ONE)
        rows = charged(window, rows, noon, "1", "7")
    full = Counter(rows, noon, Decimal(7))
    assert not window.fits(full, ONE)
    # A seventh of a minute is no whole number of microseconds: one less is too early, the next is in time.
    opens = window.opens(full, ONE)
    assert opens == noon + timedelta(microseconds=8_571_429)
    assert window.fits(full._replace(now=opens), ONE)
    assert not window.fits(full._replace(now=opens - timedelta(microseconds=1)), ONE)
    assert window.used(full._replace(now=noon + MINUTE / 2)) == Decimal("3.5")
    assert window.used(full._replace(now=noon + MINUTE)) == 0


def test_a_bucket_never_lets_more_through_than_its_burst_and_its_rate() -> None:
    window, noon = Bucket(name="minute", length=MINUTE, burst=Decimal(10)), at("2026-11-24T12:00")
    rows: Rows = {}
    through = 0
    for second in range(60):
        now = noon + timedelta(seconds=second)
        for _ in range(20):
            if window.fits(Counter(rows, now, Decimal(30)), ONE):
                rows, through = charged(window, rows, now, "1", "30"), through + 1
    assert through == 10 + 29


def test_a_bucket_that_gives_back_has_no_more_room_than_before() -> None:
    window, noon = Bucket(name="minute", length=MINUTE), at("2026-11-24T12:00")
    rows = charged(window, {}, noon, "60", "60")
    later = noon + timedelta(seconds=10)
    back = window.give(Counter(rows, later, Decimal(60)), EPOCH, Decimal(60), noon)
    assert window.used(Counter({**rows, EPOCH: back[EPOCH] or Decimal(0)}, later, Decimal(60))) == 0
    second = charged(window, rows, later, "10", "60")
    back = window.give(Counter(second, later, Decimal(60)), EPOCH, Decimal(60), noon)
    assert window.used(Counter({**second, EPOCH: back[EPOCH] or Decimal(0)}, later, Decimal(60))) == 10


def test_a_clock_that_goes_back_empties_no_bucket() -> None:
    window, noon = Bucket(name="minute", length=MINUTE), at("2026-11-24T12:00")
    rows = charged(window, {}, noon, "60", "60")
    earlier = Counter(rows, noon - MINUTE, Decimal(60))
    assert not window.fits(earlier, ONE)
    assert window.used(Counter(charged(window, rows, noon - MINUTE, "1", "60"), noon, Decimal(60))) == 61


def test_an_overrun_that_would_drain_for_ages_is_told_within_bounds() -> None:
    window, noon = Bucket(name="minute", length=MINUTE), at("2026-11-24T12:00")
    counter = Counter(charged(window, {}, noon, "1e30", "0.000001"), noon, Decimal("0.000001"))
    opens = window.opens(counter, Decimal("0.000001"))
    assert opens == noon + timedelta(days=366)


def test_what_runs_is_counted_until_it_gives_back_or_its_lease_ends() -> None:
    window, noon = InFlight(), at("2026-11-24T12:00")
    rows = charged(window, {}, noon, "1", "2")
    rows = charged(window, rows, noon, "1", "2")
    assert len(rows) == 2
    assert not window.fits(Counter(rows, noon, Decimal(2)), ONE)
    assert window.opens(Counter(rows, noon, Decimal(2)), ONE) is None
    first = min(rows)
    assert window.give(Counter(rows, noon, Decimal(2)), first, ONE, noon) == {first: None}
    assert window.give(Counter({}, noon, Decimal(2)), first, ONE, noon) == {}
    assert window.used(Counter(rows, noon + LEASE, Decimal(2))) == 1
    assert window.used(Counter(rows, noon + LEASE + timedelta(seconds=1), Decimal(2))) == 0


@pytest.mark.parametrize(
    ("window", "named", "per"),
    [
        (fixed("day"), "day", "per day"),
        (fixed("day", "Europe/Athens"), "day@Europe/Athens", "per day"),
        (Sliding(name="day", length=timedelta(days=1)), "1d~", "per day"),
        (Sliding(name="1d", length=timedelta(days=1)), "1d~", "per 1d"),
        (Bucket(name="minute", length=MINUTE, burst=ONE), "1m=", "per minute"),
        (InFlight(), "inflight", "at a time"),
    ],
)
def test_windows_that_count_alike_share_their_counters(window: Window, named: str, per: str) -> None:
    assert (window.id, window.per) == (named, per)
