"""Token buckets: what fits, how long to wait, and that one key never pays for another."""

from __future__ import annotations

import pytest

from gateway.inbound import flood
from gateway.inbound.flood import Buckets, Rate


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_second=2, burst=3), clock)
    assert [buckets.take("a") for _ in range(4)] == [None, None, None, 1]
    clock.now += 0.5
    assert [buckets.take("a"), buckets.take("a")] == [None, 1]
    clock.now += 1000
    assert [buckets.take("a") for _ in range(4)] == [None, None, None, 1]


def test_who_waits_is_told_for_how_long() -> None:
    buckets = Buckets(Rate(per_second=0.1, burst=1), Clock())
    assert [buckets.take("a"), buckets.take("a")] == [None, 10]


def test_each_key_has_its_own() -> None:
    buckets = Buckets(Rate(per_second=1, burst=1), Clock())
    assert [buckets.take("a"), buckets.take("b"), buckets.take("a")] == [None, None, 1]


def test_only_so_many_keys_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "MOST_BUCKETS", 2)
    buckets = Buckets(Rate(per_second=1, burst=1), Clock())
    assert [buckets.take(key) for key in "abcb"] == [None, None, None, 1]
    assert buckets.take("a") is None


def test_many_tokens_are_taken_at_once_or_none_of_them() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_second=10, burst=100), clock)
    assert [buckets.take("a", 60), buckets.take("a", 60), buckets.take("a", 40)] == [None, 2, None]
    clock.now += 2
    assert [buckets.take("a", 60), buckets.take("a", 20)] == [4, None]


def test_more_than_a_bucket_holds_is_had_for_a_full_one() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_second=10, burst=100), clock)
    assert [buckets.take("a", 500), buckets.take("a", 500)] == [None, 10]
    clock.now += 10
    assert buckets.take("a", 500) is None
