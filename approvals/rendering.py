"""Long arguments are made into something to read beside the event loop, so that no held call feels it.

Redacting a megabyte takes long. It is done outside of transactions, in a thread, from what one of them has read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from approvals.domain.model import ApprovalRequest

T = TypeVar("T")

LONG_ARGUMENTS = 64 * 1024
"""Longer arguments are made into a card in a thread."""


async def of(request: ApprovalRequest, make: Callable[[], T]) -> T:
    """What `make` makes of a request that was read."""
    return await asyncio.to_thread(make) if len(request.call.arguments) > LONG_ARGUMENTS else make()
