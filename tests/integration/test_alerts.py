"""Alerts: owed with the stop itself, told once by whichever process comes first, and said on the page when untold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from approvals.acting import Actor
from approvals.alerts import Alerts
from approvals.channels import RetryLater, Undeliverable
from approvals.domain.model import Role
from approvals.stops import Stops, Surroundings
from approvals.sweeper import Sweeper
from approvals.testing import samples
from approvals.testing.recording import RecordingChannel
from tests.fakes.desk import House, house

OTTO = samples.person("otto", roles=(Role.OPERATOR,))
BY_OTTO = Actor(id=OTTO.id, via="web")
HERE = ("recording", "here")


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[House]:
    async with house(database_url, people={**samples.PEOPLE, OTTO.id: OTTO}) as made:
        yield made


def stops(at: House, *targets: tuple[str, str]) -> Stops:
    return Stops(
        at.desk, Surroundings(servers=list, targets=lambda: targets or (HERE,), url="https://placet.test/stops")
    )


async def freeze(at: House, *targets: tuple[str, str], reason: str = "odd calls") -> None:
    await stops(at, *targets).freeze("all", reason=reason, lasts=timedelta(hours=1), actor=BY_OTTO)


async def test_channels_are_told_when_a_freeze_begins_and_when_it_is_ended(at: House) -> None:
    channel, approved = RecordingChannel(), await at.approved()
    alerts = Alerts(at.desk, {"recording": channel})
    await freeze(at)
    assert await alerts.deliver_due() == 1
    await stops(at).thaw("all", actor=BY_OTTO)
    assert await alerts.deliver_due() == 1
    assert await alerts.deliver_due() == 0
    assert channel.said == [
        (
            "here",
            "FROZEN: every agent, by otto@example.com, until 2026-11-24 15:02:00 UTC.\nReason: odd calls\n"
            "Cancelled because of it: 1 approved calls that had not run.\n"
            "What waits can be denied, and not be approved until it is over. https://placet.test/stops",
        ),
        (
            "here",
            "No longer frozen: every agent (ended by otto@example.com).\notto@example.com had frozen it: odd calls\n"
            "https://placet.test/stops",
        ),
    ]
    assert approved.id


async def test_a_freeze_that_runs_out_is_told_too_and_once(at: House) -> None:
    channel = RecordingChannel()
    await freeze(at)
    at.clock.move(hours=1)
    await asyncio.gather(stops(at).end_due(), stops(at).end_due())
    two = [Alerts(desk, {"recording": channel}) for desk in (at.desk, at.another("two"))]
    await asyncio.gather(*(each.deliver_due() for each in two))
    assert [text.splitlines()[0] for _, text in channel.said] == [
        "FROZEN: every agent, by otto@example.com, until 2026-11-24 15:02:00 UTC.",
        "No longer frozen: every agent (its time is over).",
    ]


async def test_what_could_not_be_told_is_tried_again_and_said_meanwhile(at: House) -> None:
    channel = RecordingChannel()
    channel.fail_with = [ConnectionError("token=hunter2Canary was reset"), RetryLater(30, "slow down")]
    alerts = Alerts(at.desk, {"recording": channel})
    await freeze(at)
    await alerts.deliver_due()
    assert alerts.problem is not None
    assert alerts.problem.startswith("recording here: ")
    assert "hunter2Canary" not in alerts.problem
    at.clock.move(seconds=2)
    await alerts.deliver_due()
    at.clock.move(seconds=29)
    assert await alerts.deliver_due() == 0
    at.clock.move(seconds=1)
    await alerts.deliver_due()
    assert len(channel.said) == 1
    assert not alerts.problem


async def test_what_can_never_be_told_is_given_up_and_said_for_a_day(at: House) -> None:
    channel = RecordingChannel()
    channel.fail_with = [Undeliverable("the app is not in the channel")]
    alerts = Alerts(at.desk, {"recording": channel})
    await freeze(at, HERE, ("pigeon", "loft"))
    await alerts.deliver_due()
    assert alerts.problem == "pigeon loft: no channel 'pigeon' is configured"
    assert await alerts.deliver_due() == 0
    at.clock.move(hours=24)
    await alerts.deliver_due()
    assert alerts.problem is None
    at.clock.move(days=30)
    await Sweeper(at.desk).tidy()
    assert await at.db.read(lambda tx: tx.alerts.untold(samples.NOW - timedelta(days=1))) == []


async def test_an_alert_whose_process_died_is_told_by_another(at: House) -> None:
    channel = RecordingChannel()
    await freeze(at)
    await at.db.write(lambda tx: tx.alerts.take_due("dead", timedelta(seconds=90), 10))
    alerts = Alerts(at.desk, {"recording": channel})
    assert await alerts.deliver_due() == 0
    at.clock.move(seconds=90)
    assert await alerts.deliver_due() == 1
    assert len(channel.said) == 1


async def test_secrets_in_a_reason_are_masked(at: House) -> None:
    channel = RecordingChannel()
    await freeze(at, reason="leaked: password=hunter2Canary")
    await Alerts(at.desk, {"recording": channel}).deliver_due()
    assert "hunter2Canary" not in channel.said[0][1]
