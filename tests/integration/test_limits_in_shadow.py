"""Limits in shadow: counted on counters of their own, as if they counted; they stop nothing, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from approvals.errors import Unavailable
from approvals.storage.engine import Database
from gateway.limits import Limits, Reservation, Room
from gateway.policy.evaluate import evaluate
from gateway.policy.loaders import load_policy
from gateway.policy.model import Facts, LimitUse

TWO = "{counter: c, window: day, max: 2}"
POLICY = load_policy(
    f'version: "1"\ndefault: deny\ntools: {{pay: {{limits: [{TWO}]}}, "p*": {{mode: shadow, limits: [{TWO}]}}}}\n',
    "p.yaml",
)


def uses() -> tuple[Sequence[LimitUse], Sequence[LimitUse]]:
    """What a call costs, and what it would cost."""
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    ruling = evaluate(POLICY, Facts(server="s", tool="pay", arguments={}, agent="ada", now=now))
    return ruling.limits, ruling.shadow_limits


@pytest.fixture
def limits(database: Database) -> Limits:
    return Limits(database)


async def test_they_take_from_counters_of_their_own_and_tell_when_those_are_full(limits: Limits) -> None:
    real, shadow = uses()
    for room in (True, True, False):
        _, over = await limits.pretend(shadow, Reservation())
        assert (over == ()) is room
    [full] = await limits.would(shadow)
    assert (full.rule, full.use.policy) == ("/tools/p*/limits/0", "p.yaml")
    assert "'c (shadow)'" in full.reason
    standing = await limits.check(real)
    assert isinstance(standing, Room)
    assert standing.standings[0].remaining == 2


async def test_what_would_have_had_no_room_takes_none(limits: Limits) -> None:
    """As it would be if it counted: the call would not have run."""
    _, shadow = uses()
    for _ in range(9):
        await limits.pretend(shadow, Reservation())
    [full] = await limits.would(shadow)
    assert full.standing.used == 2


async def test_what_was_not_sent_gives_back_in_shadow_too(limits: Limits) -> None:
    real, shadow = uses()
    taken = await limits.reserve(real)
    assert isinstance(taken, Reservation)
    both, _ = await limits.pretend(shadow, taken)
    assert len(both.taken) == 2
    await limits.release(both)
    for _ in range(2):
        assert (await limits.pretend(shadow, Reservation()))[1] == ()


async def test_a_store_that_fails_them_fails_no_call(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    _, shadow = uses()

    async def fails(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(limits._db, "write", fails)
    monkeypatch.setattr(limits._db, "read", fails)
    taken = Reservation()
    assert await limits.pretend(shadow, taken) == (taken, ())
    assert await limits.would(shadow) == ()
