"""When the circuit breaker of an upstream opens, and how it closes again."""

from __future__ import annotations

import pytest

from gateway.upstreams import NoAnswer, Unfit, Unsent
from gateway.upstreams.breaker import OPEN_SECONDS, REMEMBERED, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def outcome(breaker: Breaker, failure: BaseException | None = None) -> str:
    """What a request came to: `worked`, `failed`, or `refused` by the breaker before it began."""
    begun = False
    try:
        with breaker.attempt():
            begun = True
            if failure is not None:
                raise failure
    except (Unsent, NoAnswer, KeyboardInterrupt):
        return "failed" if begun else "refused"
    return "worked"


DOWN = NoAnswer("peer closed the connection")


@pytest.mark.parametrize(
    ("history", "is_open"),
    [
        pytest.param("ffff", False, id="four failures are too few to judge"),
        pytest.param("fffff", True, id="five of five"),
        pytest.param("wwfff", True, id="half and more of five"),
        pytest.param("wwwff", False, id="less than half of five"),
        pytest.param("wf" * 10, True, id="half of twenty"),
        pytest.param("w" * 20 + "f" * 9, False, id="nine of the last twenty"),
        pytest.param("w" * 20 + "f" * 10, True, id="ten of the last twenty"),
        pytest.param("u" * 30, False, id="faults of the requests themselves are none of the server"),
        pytest.param("c" * 30, False, id="nor is being cancelled"),
    ],
)
def test_it_opens_when_half_of_the_last_requests_failed(history: str, is_open: bool) -> None:
    breaker = Breaker("peer", now=Clock())
    made: dict[str, BaseException | None] = {"f": DOWN, "w": None, "u": Unfit("too long"), "c": KeyboardInterrupt()}
    for what in history:
        outcome(breaker, made[what])
    assert outcome(breaker) == ("refused" if is_open else "worked")


def open_breaker() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker("peer", now=clock)
    for _ in range(5):
        outcome(breaker, DOWN)
    return breaker, clock


def test_it_says_how_bad_it_was_when_it_goes_on_and_why() -> None:
    breaker, clock = open_breaker()
    clock.now += 3
    with pytest.raises(Unsent) as refused, breaker.attempt():
        pass
    assert str(refused.value) == (
        "peer has failed 5 of its last 5 requests, it is tried again in 7 s (the last time: closed the connection)"
    )


def test_it_says_why_the_server_is_left_alone_without_the_servers_own_words() -> None:
    breaker, clock = open_breaker()
    assert breaker.trouble == "has failed 5 of its last 5 requests, it is tried again in 10 s"
    assert not breaker.due
    clock.now += OPEN_SECONDS
    assert breaker.trouble == "has failed 5 of its last 5 requests, it is tried again with the next request"
    assert breaker.due
    with breaker.attempt():
        assert breaker.trouble == "has failed 5 of its last 5 requests, it is being tried again now"
        assert not breaker.due
    assert (breaker.trouble, breaker.due) == (None, False)


def test_after_a_while_one_request_is_let_through_and_closes_it() -> None:
    breaker, clock = open_breaker()
    clock.now += OPEN_SECONDS
    with breaker.attempt():
        assert outcome(breaker) == "refused"
    assert [outcome(breaker) for _ in range(REMEMBERED)] == ["worked"] * REMEMBERED


def test_a_trial_that_fails_opens_it_again() -> None:
    breaker, clock = open_breaker()
    clock.now += OPEN_SECONDS
    assert outcome(breaker, DOWN) == "failed"
    assert outcome(breaker) == "refused"
    clock.now += OPEN_SECONDS
    assert outcome(breaker) == "worked"


def test_a_trial_that_is_cancelled_decides_nothing_and_the_next_may_try() -> None:
    breaker, clock = open_breaker()
    clock.now += OPEN_SECONDS
    outcome(breaker, KeyboardInterrupt())
    assert outcome(breaker) == "worked"


def test_a_server_that_was_started_again_begins_anew() -> None:
    breaker, _ = open_breaker()
    breaker.reset()
    assert outcome(breaker) == "worked"
