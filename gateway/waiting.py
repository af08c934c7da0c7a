"""Holding a client while people decide: wait on the bus, say that we wait, give up in time.

The row is the truth and the bus a hint. Ending the wait changes nothing about the request: it stays
decidable, and the same call made again finds it (protocol.md 2.4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from approvals.desk import Desk
from approvals.domain import cancel_window
from approvals.domain.model import ApprovalRequest, State
from gateway.inbound.gate import Line
from gateway.protocol.patience import Plan
from gateway.work import Work

T = TypeVar("T")
CLOCKS_DIFFER = timedelta(milliseconds=250)
"""The window is over by the database's clock, which is not ours."""
WAITED_FOR = frozenset({State.PENDING, State.EXECUTING})


async def attached(work: Work, desk: Desk, job: Coroutine[Any, Any, T], held: Callable[[T], str | None]) -> T:
    """The result of a job that attaches this client; one that leaves meanwhile is detached when it is done.

    The row may be committed, and be seen by people, before the client's handler hears of it. `held` says which
    request the client is attached to then, if any.
    """
    left = False

    async def let_go(done: T) -> None:
        request_id = held(done)
        if request_id is not None:
            await desk.attached.detach(request_id)

    async def whole() -> T:
        done = await job
        if left:
            await let_go(done)
        return done

    running = work.run(whole())
    try:
        return await running
    except asyncio.CancelledError:
        left = True
        if running.done() and not running.cancelled() and running.exception() is None:
            work.start(let_go(running.result()))
        raise


async def hold(
    desk: Desk,
    request: ApprovalRequest,
    plan: Plan,
    line: Line,
    *,
    say: Callable[[ApprovalRequest], str],
    over: Callable[[ApprovalRequest], bool],
) -> ApprovalRequest:
    """Wait until the request is decided and may run, the plan's hold is over, or it is `over`; the request as it is.

    A request that another connection is running already is waited for as well. Whoever lets it be over wakes the bus.
    """
    now = asyncio.get_running_loop().time
    began = now()
    until = began + plan.hold.total_seconds()
    every = plan.progress_every.total_seconds() if plan.progress_every is not None else None
    async with desk.bus.watch(request.id) as watch:
        current = await desk.get(request.id) or request
        await line.open()
        while is_waited_for(current) and now() < until and not over(current):
            if every is not None:
                await line.progress(now() - began, say(current))
            pause = min(one for one in (until - now(), every, _of_window(current)) if one is not None)
            if await watch.changed(max(pause, 0.0)):
                current = await desk.get(request.id) or current
    return current


def is_waited_for(request: ApprovalRequest) -> bool:
    """Is there something to wait for: people, the run of another connection, or the end of the cancel window?"""
    return request.state in WAITED_FOR or cancel_window.is_open(request, datetime.now(UTC) - CLOCKS_DIFFER)


def wait_left(request: ApprovalRequest) -> timedelta:
    """For how long what people do can still change when the call runs."""
    now, at = datetime.now(UTC), cancel_window.runs_at(request)
    if at is not None:
        return at - now + CLOCKS_DIFFER
    return request.expires_at - now + request.terms.cancel_window


def _of_window(request: ApprovalRequest) -> float | None:
    at = cancel_window.runs_at(request)
    return None if at is None else (at - datetime.now(UTC) + CLOCKS_DIFFER).total_seconds()
