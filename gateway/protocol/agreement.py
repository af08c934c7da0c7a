"""Whether the headers of a message say what its body says (security.md 2c.12).

The body is what is judged; a header is only a cross-check, because a proxy in front may have routed on it. Agreement is
demanded in every era, presence only from 2026-07-28 on, and of Mcp-Name not where a task is asked after.
"""

from __future__ import annotations

from gateway.protocol.headers import PARAM_PREFIX, Head, decode
from gateway.protocol.jsonrpc import Notification, Request
from gateway.protocol.methods import NAMED
from gateway.protocol.strict import visible

# The one client library that takes tasks (fastmcp 4.1) leaves Mcp-Name out of the calls about them, and the official
# server of Python does not ask for it there. A name that is not sent can mislead no proxy.
_MAY_GO_UNNAMED = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})


def headers_disagree(message: Request | Notification, head: Head, *, version: str | None, required: bool) -> str | None:
    """Where a header differs from the body, or is missing where `required`; None if nowhere."""
    sent = head.get("mcp-protocol-version")
    if required and sent is None:
        return "The header MCP-Protocol-Version is missing. Send the version that stands in _meta."
    if sent is not None and version is not None and sent != version:
        return f"The header MCP-Protocol-Version says {visible(sent)}, the body {visible(version)}. Send one version."
    method = head.get("mcp-method")
    # What a notification must carry is not written down; a request must name its method.
    if method is None and required and isinstance(message, Request):
        return "The header Mcp-Method is missing. Send the method of the body."
    if method is not None and method != message.method:
        return f"The header Mcp-Method says {visible(method)}, the body {visible(message.method)}. Send one method."
    if (why := _name_disagrees(message, head.get("mcp-name"), required=required)) is not None:
        return why
    if message.method != "tools/call" and any(name.startswith(PARAM_PREFIX) for name in head):
        return "Mcp-Param headers belong to tools/call alone. Remove them."
    return None


def _name_disagrees(message: Request | Notification, sent: str | None, *, required: bool) -> str | None:
    member = NAMED.get(message.method)
    if member is None:
        return None if sent is None else f"The header Mcp-Name does not belong to {visible(message.method)}. Remove it."
    named = message.params.get(member)
    if sent is None:
        if required and named is not None and message.method not in _MAY_GO_UNNAMED:
            return f"The header Mcp-Name is missing. Send params.{member} in it."
        return None
    decoded = decode(sent)
    if decoded is None:
        return "The header Mcp-Name has a broken base64 value. Encode the UTF-8 text as =?base64?…?=."
    if decoded != named:
        return f"The header Mcp-Name says {visible(decoded)}, the body something else. Send one name."
    return None
