"""How long a server that answered is trusted with what cannot be sent again, by a clock of the test's."""

from __future__ import annotations

from gateway.upstreams.trust import TRUSTED_SECONDS, Trust


def test_a_server_is_trusted_for_ten_seconds_after_each_answer() -> None:
    now = 1000.0
    trust = Trust(lambda: now)
    assert TRUSTED_SECONDS == 10
    assert not trust.fresh
    trust.answered()
    now += TRUSTED_SECONDS - 0.1
    assert trust.fresh
    trust.answered()
    now += TRUSTED_SECONDS - 0.1
    assert trust.fresh
    now += 0.1
    assert not trust.fresh


def test_a_failure_ends_the_trust_at_once() -> None:
    trust = Trust()
    trust.answered()
    assert trust.fresh
    trust.doubt()
    assert not trust.fresh
