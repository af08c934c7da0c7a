"""What a standing stream says: notifications of both eras, and how a modern one begins and ends (protocol.md 1.1).

A modern subscription is acknowledged first, and each of its messages names it. Which changes exist is a closed list:
whatever else an upstream says on its own is not for these streams.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.protocol.jsonrpc import META_PREFIX, RpcId
from gateway.protocol.raw import dump, with_meta

SUBSCRIPTION_ID = META_PREFIX + "subscriptionId"
UPDATED = "notifications/resources/updated"
TASK_CHANGED = "notifications/tasks"
MAX_NOTE_BYTES = 256 * 1024
"""The most one log line, or one other notification of an upstream, may have; a longer one is dropped."""
LIST_CHANGED = frozenset(
    {
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
    }
)
CHANGES = LIST_CHANGED | {UPDATED}
"""What a standing stream may carry of an upstream's."""


def notification(method: str, params: bytes) -> bytes:
    """A notification around the raw text of its params."""
    return b'{"jsonrpc":"2.0","method":' + dump(method) + b',"params":' + (params or b"{}") + b"}"


def request(rpc_id: RpcId, method: str, params: bytes) -> bytes:
    """A request of ours to the client, around the raw text of its params."""
    head = b'{"jsonrpc":"2.0","id":' + dump(rpc_id) + b',"method":' + dump(method)
    return head + b',"params":' + (params or b"{}") + b"}"


def withdrawn(rpc_id: RpcId, reason: str) -> bytes:
    """Tell the client that its answer to a request of ours is not waited for any more."""
    return notification("notifications/cancelled", dump({"requestId": rpc_id, "reason": reason}))


def acknowledged(subscription: RpcId, accepted: Mapping[str, Any]) -> bytes:
    """The first message of a modern subscription: what it will be about."""
    params = {"notifications": dict(accepted), "_meta": {SUBSCRIPTION_ID: subscription}}
    return notification("notifications/subscriptions/acknowledged", dump(params))


def stamped(subscription: RpcId, method: str, params: bytes) -> bytes:
    """A notification that names the modern subscription it belongs to.

    Raises:
        ValueError: `params` is not a JSON object.
    """
    return notification(method, with_meta(params or b"{}", {SUBSCRIPTION_ID: dump(subscription)}))


def ended(subscription: RpcId, info: bytes) -> bytes:
    """The result that ends a modern subscription from our side."""
    meta = {SUBSCRIPTION_ID: dump(subscription)}
    return with_meta(with_meta(b'{"resultType":"complete"}', meta), {META_PREFIX + "serverInfo": info})
