"""When a session of the older era ends by itself: unused for half an hour, by a clock of the test's."""

from __future__ import annotations

import pytest

from gateway.upstreams import Hello, Wants
from gateway.upstreams.listening import Listening
from gateway.upstreams.places import IDLE_SECONDS, Places, Session

ADA, BOB = ("ada", "{}"), ("bob", "{}")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class House:
    """Places whose clock stands still, and who was said goodbye to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ended: list[str | None] = []
        self.places = Places(lambda session: self.ended.append(session.id), self.clock)

    def begin(self, key: tuple[str, str]) -> None:
        hello = Hello(version="2025-11-25", capabilities={}, instructions=None)
        with self.places.used(key) as place:
            place.session = Session(id=key[0], hello=hello)

    def after(self, seconds: float) -> list[str | None]:
        """Sweep then; who has been ended by now."""
        self.clock.now += seconds
        self.places.sweep()
        return self.ended


@pytest.fixture
def house() -> House:
    return House()


def test_a_session_that_is_unused_for_half_an_hour_ends_once(house: House) -> None:
    assert IDLE_SECONDS == 30 * 60
    house.begin(ADA)
    assert house.after(IDLE_SECONDS) == []
    assert house.after(1) == ["ada"]
    assert house.after(IDLE_SECONDS + 1) == ["ada"]
    assert house.places.at(ADA).session is None


def test_each_use_begins_the_time_anew(house: House) -> None:
    house.begin(ADA)
    house.begin(BOB)
    house.clock.now += IDLE_SECONDS
    with house.places.used(BOB) as place:
        assert place.session is not None
    assert house.after(1) == ["ada"]
    assert house.after(IDLE_SECONDS) == ["ada", "bob"]


def test_a_session_in_use_stays_however_long_it_takes(house: House) -> None:
    house.begin(ADA)
    with house.places.used(ADA):
        assert house.after(IDLE_SECONDS * 3) == []
    assert house.after(IDLE_SECONDS) == []
    assert house.after(1) == ["ada"]


def test_a_session_that_somebody_listens_to_stays(house: House) -> None:
    house.begin(ADA)
    ear = Listening(Wants(tools=True), place=ADA, hear=lambda *_: None)
    house.places.at(ADA).ears.add(ear)
    assert house.after(IDLE_SECONDS * 3) == []
    house.places.at(ADA).ears.discard(ear)
    assert house.after(IDLE_SECONDS + 1) == ["ada"]
