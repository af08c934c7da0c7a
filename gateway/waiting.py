"""Holding a client while people decide: wait on the bus, say that we wait, give up in time.

The row is the truth and the bus a hint. Ending the wait changes nothing about the request: it stays
decidable, and the same call made again finds it (protocol.md 2.4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from approvals.desk import Desk
from approvals.domain.model import ApprovalRequest, State
from gateway.inbound.gate import Line
from gateway.protocol.patience import Plan
from gateway.work import Work

T = TypeVar("T")
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
            await desk.detach(request_id)

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
    """Wait until the request is decided, the plan's hold is over, or it is `over`; the request as it is then.

    A request that another connection is running already is waited for as well. Whoever lets it be over wakes the bus.
    """
    now = asyncio.get_running_loop().time
    began = now()
    until = began + plan.hold.total_seconds()
    every = plan.progress_every.total_seconds() if plan.progress_every is not None else None
    async with desk.bus.watch(request.id) as watch:
        current = await desk.get(request.id) or request
        await line.open()
        while current.state in WAITED_FOR and now() < until and not over(current):
            if every is not None:
                await line.progress(now() - began, say(current))
            pause = until - now() if every is None else min(every, until - now())
            if await watch.changed(max(pause, 0.0)):
                current = await desk.get(request.id) or current
    return current
