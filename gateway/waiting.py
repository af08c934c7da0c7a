"""Holding a client while people decide: wait on the bus, say that we wait, give up in time.

The row is the truth and the bus a hint. Ending the wait changes nothing about the request: it stays
decidable, and the same call made again finds it (protocol.md 2.4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from approvals.desk import Desk
from approvals.domain.model import ApprovalRequest, State
from gateway.inbound.gate import Line
from gateway.protocol.patience import Plan

WAITED_FOR = frozenset({State.PENDING, State.EXECUTING})


async def hold(
    desk: Desk,
    request: ApprovalRequest,
    plan: Plan,
    line: Line,
    *,
    say: Callable[[ApprovalRequest], str],
    closing: Callable[[], bool],
) -> ApprovalRequest:
    """Wait until the request is decided, the plan's hold is over, or the service closes; the request as it is then.

    A request that another connection is running already is waited for as well.
    """
    now = asyncio.get_running_loop().time
    began = now()
    until = began + plan.hold.total_seconds()
    every = plan.progress_every.total_seconds() if plan.progress_every is not None else None
    async with desk.bus.watch(request.id) as watch:
        current = await desk.get(request.id) or request
        await line.open()
        while current.state in WAITED_FOR and now() < until and not closing():
            if every is not None:
                await line.progress(now() - began, say(current))
            pause = until - now() if every is None else min(every, until - now())
            if await watch.changed(max(pause, 0.0)):
                current = await desk.get(request.id) or current
    return current
