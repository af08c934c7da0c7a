"""Caps that were met are told once an hour to channels, and on pages for as long as they are met."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, cast

import pytest

from approvals.errors import QueueFull
from gateway.crowding import ALERT_SECONDS, SHOWN_SECONDS, Crowding
from gateway.work import Work


class Told:
    """The channels, the work that reaches them, and a clock."""

    def __init__(self) -> None:
        self.now, self.alerts = 0.0, list[str]()
        self.crowding = Crowding(cast(Work, self), self.alert, lambda: self.now)

    async def alert(self, text: str) -> None:
        self.alerts.append(text)

    def start(self, job: Coroutine[Any, Any, object]) -> None:
        with pytest.raises(StopIteration):
            job.send(None)

    def refuse(self, cap: str = "this agent", agent: str = "claude") -> None:
        self.crowding.note(QueueFull(cap=cap, limit=20), agent=agent, server="shop", tool="pay")


def test_many_refusals_are_one_alert_and_one_line_with_their_count() -> None:
    told = Told()
    for _ in range(50):
        told.refuse()
    line = "20 requests of agent claude wait for people. More are refused, and nobody is asked about them."
    assert told.alerts == [line]
    assert told.crowding.texts() == [f"{line} Refused so far: 50."]


@pytest.mark.parametrize(
    ("cap", "whose"),
    [("this agent", "of agent claude"), ("this tool", "of pay on shop"), ("the gateway", "of any agent")],
)
def test_each_cap_is_told_by_what_it_counts(cap: str, whose: str) -> None:
    told = Told()
    told.refuse(cap)
    told.refuse(cap, agent="claude")
    assert len(told.alerts) == 1
    assert whose in told.alerts[0]


def test_another_agent_is_another_line() -> None:
    told = Told()
    told.refuse()
    told.refuse(agent="bob")
    assert (len(told.alerts), len(told.crowding.texts())) == (2, 2)


def test_it_is_said_for_ten_minutes_after_the_last_and_alerted_again_after_an_hour() -> None:
    told = Told()
    told.refuse()
    told.now = SHOWN_SECONDS
    assert len(told.crowding.texts()) == 1
    told.now += 1
    assert told.crowding.texts() == []
    told.refuse()
    assert len(told.alerts) == 1
    told.now = ALERT_SECONDS
    told.refuse()
    assert len(told.alerts) == 2
    assert told.crowding.texts()[0].endswith("Refused so far: 1.")
