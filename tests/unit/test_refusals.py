"""The same refusal again is known, and a loop of refusals is stopped; both within bounds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway import refusals as module
from gateway.refusals import AGAIN_SECONDS, Refusals

PAY, READ = ("ada", "shop", "pay"), ("ada", "shop", "read")


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_the_same_refusal_of_the_same_call_is_known_for_ten_minutes() -> None:
    clock = Clock()
    told = Refusals(60, clock)
    assert not told.again("key", "policy_denied /r")
    assert told.again("key", "policy_denied /r")
    assert not told.again("other", "policy_denied /r")
    assert not told.again("key", "policy_denied /other"), "another rule is another refusal"
    clock.now += AGAIN_SECONDS
    assert not told.again("key", "policy_denied /r")


def test_so_many_refusals_of_a_tool_a_minute_are_looked_at() -> None:
    clock = Clock()
    told = Refusals(6, clock)
    for _ in range(6):
        assert told.wait(PAY) is None
        told.note(PAY)
    assert told.wait(PAY) == timedelta(seconds=10)
    assert told.wait(READ) is None, "another tool is not concerned"
    assert told.wait(("eve", "shop", "pay")) is None, "nor is another agent"
    clock.now += 10
    assert told.wait(PAY) is None
    told.note(PAY)
    assert told.wait(PAY) is not None
    clock.now += 600
    for _ in range(6):
        assert told.wait(PAY) is None, "there is never more room than for a minute"
        told.note(PAY)
    assert told.wait(PAY) is not None


def test_a_new_number_counts_at_once() -> None:
    told = Refusals(1, Clock())
    told.note(PAY)
    told.most = 60
    assert told.wait(PAY) == timedelta(seconds=1)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    told = Refusals(1, Clock())
    for number in range(10):
        told.again(f"key{number}", "x")
        told.note(("ada", "shop", f"tool{number}"))
    assert (len(told._told), len(told._left)) == (3, 3)
    assert told.again("key9", "x")
    assert not told.again("key0", "x")
