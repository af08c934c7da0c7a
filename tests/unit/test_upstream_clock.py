"""How long a request may take, when the server asks its client in between. Time is moved by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gateway.upstreams import Relay, Result
from gateway.upstreams.clock import Clock, timed
from gateway.upstreams.peers import NOBODY, Nobody


@dataclass
class Time:
    """The loop's time, moved by the test."""

    now: float = 1_000.0

    async def passes(self, seconds: float) -> None:
        self.now += seconds
        for _ in range(3):  # the timer that is due, what it cancels, and who waited for that
            await asyncio.sleep(0)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Time]:
    def begin() -> Time:
        moved = Time()
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: moved.now)
        return moved

    return begin


def relay(timeout: float, asking: float) -> Relay:
    return Relay(method="tools/call", params=b"{}", session="s", timeout=timeout, asking=asking)


async def lasted(moved: Time, asking: float, steps: str) -> int:
    """How many steps were done in the ten seconds: `w9` is 9 seconds of its work, `q9` of an open question."""
    done = 0
    with contextlib.suppress(TimeoutError):
        async with Clock(relay(10, asking)) as clock:
            for step in steps.split():
                with clock.stopped() if step[0] == "q" else contextlib.nullcontext():
                    await moved.passes(float(step[1:]))
                done += 1
    return done


@pytest.mark.parametrize(
    ("asking", "steps", "done"),
    [
        pytest.param(100, "w11", 0, id="the server's own time is bounded"),
        pytest.param(100, "w6 q90 w3 w2", 3, id="while the server waits for the client its time stands still"),
        pytest.param(20, "q13 q13 w3 w2", 3, id="what is asked for longer than the time for it is the server's own"),
        pytest.param(20, "q31", 0, id="a question does not last for ever"),
        pytest.param(0, "q4 q4 q4", 2, id="without time for asking all of it is the server's own"),
    ],
)
async def test_ten_seconds_of_a_server(time: Callable[[], Time], asking: float, steps: str, done: int) -> None:
    assert await lasted(time(), asking, steps) == done


async def test_questions_at_the_same_time_are_waited_for_once(time: Callable[[], Time]) -> None:
    moved = time()
    async with Clock(relay(10, 20)) as clock:
        with clock.stopped():
            await moved.passes(5)
            with clock.stopped():
                await moved.passes(10)
            await moved.passes(4)
        await moved.passes(9)
        reached = True
    assert reached


async def test_a_question_that_outlives_its_request_changes_nothing(time: Callable[[], Time]) -> None:
    moved = time()
    async with Clock(relay(10, 20)) as clock:
        question = clock.stopped()
        question.__enter__()
    await moved.passes(100)
    assert question.__exit__(None, None, None) is False


async def test_a_peer_is_asked_with_the_clock_stopped(time: Callable[[], Time]) -> None:
    moved = time()

    class Slow(Nobody):
        async def ask(self, method: str, params: bytes) -> Result:
            await moved.passes(15)
            return Result(raw=params)

    async with Clock(relay(10, 20)) as clock:
        assert await timed(Slow(), clock).ask("elicitation/create", b"{}") == Result(raw=b"{}")
        await moved.passes(9)
    assert timed(NOBODY, clock) is NOBODY
