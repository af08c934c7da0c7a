"""A request that is no call: what an agent's client answered when a server asked in the middle of one.

It is marked in what is hashed of its call, so that no call has its key or its binding. Approved, the answer goes to the
server in the run that waits for it.
"""

from __future__ import annotations

import json

from approvals.domain.model import ToolCall

ANSWER_TO = "placet/answer"
"""The mark in `ToolCall.meta`: the request in whose run it was answered, or "" in that of a call that was allowed. What
a client says in its own `_meta` never gets there under this name."""


def answered_in(call: ToolCall) -> str | None:
    """The request in whose run this is an answer; "" in an allowed call; None for what is a call itself."""
    if ANSWER_TO.encode() not in call.meta:
        return None
    members = json.loads(call.meta)
    return str(members[ANSWER_TO]) if ANSWER_TO in members else None
