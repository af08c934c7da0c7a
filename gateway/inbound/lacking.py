"""What a gate need not offer: methods that are refused as not served, in place of failing, where it has none of it.

A gate that only judges tools is a whole gate: its clients are told so, by its capabilities and by -32601.
"""

from __future__ import annotations

from typing import Any

from approvals.domain.model import Caller
from gateway.inbound.gate import Gate, Welcome
from gateway.protocol.jsonrpc import Request
from gateway.protocol.methods import RESUMING

_NEEDS = {
    "subscriptions/listen": "listen",
    "resources/subscribe": "listen",
    "resources/unsubscribe": "listen",
    "tasks/get": "task",
    "tasks/update": "task_update",
    "tasks/cancel": "task_cancel",
}
_OWN = frozenset({"initialize", "server/discover", "ping", "tools/list"})


def lacks(gate: Gate, message: Request) -> bool:
    """Whether the gate has nothing that would answer this."""
    if message.method in _OWN or (message.method == "tools/call" and not RESUMING & message.params.keys()):
        return False
    return not offers(gate, _NEEDS.get(message.method, "ask"))


def offers(gate: object, name: str) -> bool:
    """Whether the gate has this method."""
    return hasattr(gate, name)


async def welcome(gate: Any, caller: Caller, server: str | None) -> Welcome:
    """What the gate says at a client's start."""
    if offers(gate, "hello"):
        said: Welcome = await gate.hello(caller, server)
        return said
    return Welcome(capabilities={"tools": {}}, instructions=gate.instructions(caller, server))
