"""Work whose time grows with what an agent sent, kept off the event loop when that is much.

Such work runs in a few threads of its own, first come first served, so that one agent's large bodies wait for each
other, and nobody else's small ones wait for them. It must be made of many small steps: a thread lets the loop go on
only between two of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

HEAVY_FROM_BYTES = 64 * 1024
"""What is larger than this is worked on in a thread."""
AT_ONCE = 2
"""How many large things one process works on at the same time; the others queue."""
_VALUE_BYTES = 32

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="heavy")


async def run(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises; `size` is of what it works on, and decides where it runs."""
    if size <= HEAVY_FROM_BYTES:
        return work(*args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(work, *args, **kwargs))


def weight(value: Any) -> int:
    """About how many bytes a JSON value is; counted no further than it takes to know that it is large.

    Every value counts for some bytes at least, for many small ones are as much work as a long one.
    """
    total, todo = 0, [value]
    while todo and total <= HEAVY_FROM_BYTES:
        node = todo.pop()
        total += _VALUE_BYTES
        if isinstance(node, str):
            total += len(node)
        elif isinstance(node, dict):
            todo += node.keys()
            todo += node.values()
        elif isinstance(node, list):
            todo += node
    return total
