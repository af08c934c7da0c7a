"""The pace of channels: each delivery backs off, and a channel that is down is left alone for a while."""

from __future__ import annotations

import itertools

import pytest

from approvals.pacing import AT_ONCE, IS_DOWN, LAST_PAUSE, LONGEST_REST, Pace


class Time:
    """A clock that is moved by hand, and a chance that is chosen."""

    def __init__(self) -> None:
        self.now, self.luck = 1000.0, 1.0
        self.pace = Pace(chance=lambda: self.luck, clock=lambda: self.now)


@pytest.fixture
def at() -> Time:
    return Time()


def test_each_delivery_waits_twice_as_long_as_before_up_to_five_minutes(at: Time) -> None:
    assert [at.pace.back_off(n) for n in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, LAST_PAUSE]
    assert at.pace.back_off(1_000_000) == LAST_PAUSE


def test_pauses_are_spread_so_that_deliveries_do_not_come_back_together(at: Time) -> None:
    at.luck = 0.0
    assert (at.pace.back_off(3), at.pace.back_off(20)) == (4.0, LAST_PAUSE / 2)


def test_so_many_deliveries_run_at_once(at: Time) -> None:
    for _ in range(AT_ONCE):
        at.pace.begin("hook")
    assert (at.pace.free("hook"), at.pace.free("slack")) == (0, AT_ONCE)
    at.pace.end("hook")
    assert at.pace.free("hook") == 1


def test_one_card_that_is_never_taken_delays_no_other(at: Time) -> None:
    for _ in range(100):
        at.pace.failed("hook", "msg_1")
        at.pace.failed("hook", "msg_2")
    assert at.pace.free("hook") == AT_ONCE


def test_a_dead_channel_is_tried_ever_less_often_however_many_cards_wait_for_it(at: Time) -> None:
    tries, card = [], 0
    begun = at.now
    while at.now < begun + 1800:
        if at.pace.free("hook"):
            for _ in range(AT_ONCE):
                card += 1
                at.pace.failed("hook", f"msg_{card}")
            tries.append(at.now - begun)
        at.now += 0.5
    gaps = [after - before for before, after in itertools.pairwise(tries)]
    assert gaps[:7] == [1, 2, 4, 8, 16, 32, LONGEST_REST]
    assert set(gaps[7:]) == {LONGEST_REST}
    assert card <= AT_ONCE * 40
    assert at.pace.free("slack") == AT_ONCE


def test_a_channel_that_is_back_is_at_its_full_pace_at_once(at: Time) -> None:
    for n in range(IS_DOWN):
        at.pace.failed("hook", f"msg_{n}")
    assert at.pace.free("hook") == 0
    at.now += 1
    at.pace.delivered("hook")
    for n in range(IS_DOWN - 1):
        at.pace.failed("hook", f"msg_{n}")
    assert at.pace.free("hook") == AT_ONCE


@pytest.mark.parametrize(("asked", "given"), [(30.0, 30.0), (-5.0, 0.0), (1e9, 3600.0)])
def test_a_channel_gets_the_quiet_it_asks_for_within_bounds(at: Time, asked: float, given: float) -> None:
    assert at.pace.asked("hook", asked) == given
    at.pace.asked("hook", 0)
    assert at.pace.free("hook") == (0 if given else AT_ONCE)
    at.now += given
    assert at.pace.free("hook") == AT_ONCE
