"""What `/readyz` and the pages say of the running parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from approvals.domain import shapes
from approvals.domain.break_glass import Opening
from approvals.domain.model import Ground
from approvals.domain.stops import Freeze
from approvals.domain.terms import OnTimeout
from approvals.errors import AlreadyDecided
from approvals.outbox import ChannelHealth
from approvals.storage.engine import Database
from approvals.testing import samples
from gateway.journal import Journal
from gateway.metrics import Metrics
from gateway.servers import Servers
from gateway.status import Status
from tests.fakes.desk import house

HOUR = timedelta(hours=1)
FAILING = ChannelHealth(failing_since=datetime(2026, 11, 24, tzinfo=UTC), last_error="Slack does not answer")
RECOVERED = ChannelHealth(last_error="Slack does not answer", delivered=3)


def status_of(
    db: Database, health: ChannelHealth, freezes: Sequence[Freeze] = (), openings: Sequence[Opening] = ()
) -> Status:
    switches: Any = SimpleNamespace(freezes=lambda: freezes, openings=lambda: openings)
    outbox: Any = SimpleNamespace(delivery_health=lambda: {"slack": health})
    settings = SimpleNamespace(agents={}, servers={}, groups=SimpleNamespace(on_call={}))
    reloader: Any = SimpleNamespace(difference=None, differing=(), not_taken={}, settings=settings)
    crowding: Any = SimpleNamespace(texts=list)
    return Status(
        db=db,
        journal=Journal(db),
        servers=Servers(),
        outbox=outbox,
        reloader=reloader,
        metrics=Metrics(),
        slack_problem=lambda: None,
        switches=switches,
        alert_problem=lambda: None,
        crowding=crowding,
    )


@pytest.mark.parametrize(
    ("health", "ok", "text"),
    [
        pytest.param(ChannelHealth(), True, "delivers", id="nothing was ever wrong"),
        pytest.param(FAILING, False, "Slack does not answer", id="it fails now"),
        pytest.param(RECOVERED, True, "delivers", id="it failed once, and delivers again"),
    ],
)
async def test_a_channel_is_said_to_fail_only_while_it_does(
    database: Database, health: ChannelHealth, ok: bool, text: str
) -> None:
    status = status_of(database, health)
    found = {check.id: (check.ok, check.text) for check in await status.checks()}
    assert found["channel slack"] == (ok, text)
    assert bool(status.notices()) == (not ok)


async def test_stops_are_told_to_machines_without_who_or_why(database: Database) -> None:
    until = datetime(2030, 1, 1, tzinfo=UTC)
    freeze = Freeze(scope="server:bank", reason="Ada lost her key", by="otto@example.com", at=until, until=until)
    opening = Opening(id=1, scope="all", reason="x", by="otto@example.com", at=until, lasts=HOUR, until=until)
    status = status_of(database, ChannelHealth(), [freeze], [opening])
    found = {check.id: check for check in await status.checks()}
    assert found["break-glass"].text == "calls to every server run without approval until 2030-01-01 00:00:00 UTC"
    assert found["freeze"].text == "server bank is frozen until 2030-01-01 00:00:00 UTC"
    assert (found["freeze"].ok, found["freeze"].stops) == (False, False)
    await status.measure()
    assert 'placet_frozen{scope="server:bank"} 1.0' in status.metrics.text().decode()
    assert 'placet_break_glass{scope="all"} 1.0' in status.metrics.text().decode()


async def test_the_time_to_decide_is_of_decisions_that_people_gave(database_url: str) -> None:
    shape = {"arguments": {"/n": {"range": {"max": 9}}}, "for_seconds": 3600, "uses": 5, "budget": None}
    async with house(database_url) as at:
        status = status_of(at.db, ChannelHealth())
        await status.begin()
        await at.approve(await at.file({"n": 1}), grant=shapes.read(shape))
        await at.deny(await at.file({"n": 10}))
        covered = await at.file({"n": 2})
        silent = await at.file({"n": 11}, terms=samples.terms(on_timeout=OnTimeout.ALLOW))
        at.clock.move(minutes=15)
        with pytest.raises(AlreadyDecided):
            await at.approve(silent)
        assert [(await at.now(one)).ground for one in (covered, silent)] == [Ground.GRANT, Ground.SILENCE]
        await status.measure()
    assert "placet_decision_seconds_count 2.0" in status.metrics.text().decode()
    assert status.metrics.snapshot.outcomes["approved", ""] == 2
