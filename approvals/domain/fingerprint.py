"""Canonical JSON and the four hashes that everything hangs on (security.md 2d).

What is hashed is what is stored, shown and sent: RFC 8785 bytes. The call key is how a repeated
call finds its request; the binding is what a decision must name and what the claim recomputes.
Values come from our own strict parser (`gateway.protocol.jsonrpc`), so they always can be encoded.
"""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785

from approvals.domain.model import ToolCall

EMPTY_OBJECT = b"{}"


def canonical(value: Any) -> bytes:
    """The RFC 8785 (JCS) bytes of a JSON value.

    Raises:
        ValueError: the value has no canonical form (NaN, an integer past 2**53, a lone surrogate).
    """
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as err:
        raise ValueError(str(err)) from err


def sha256_hex(data: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def make_call(*, server: str, tool: str, arguments: Any, tool_fingerprint: str, meta: Any = None) -> ToolCall:
    """A ToolCall from parsed arguments; `meta` is the allow-listed part of `_meta` (security.md 2c.11)."""
    args_bytes, meta_bytes = canonical(arguments), canonical(meta or {})
    return ToolCall(
        server=server,
        tool=tool,
        arguments=args_bytes,
        arguments_sha256=sha256_hex(args_bytes),
        meta=meta_bytes,
        meta_sha256=sha256_hex(meta_bytes),
        tool_fingerprint=tool_fingerprint,
    )


def of_tool(definition: Any) -> str:
    """The fingerprint of a whole tool definition; key order does not matter."""
    return sha256_hex(b"placet/tool/1\x00" + canonical(definition))


def call_key(agent: str, call: ToolCall) -> str:
    """The hash by which the same call of the same agent finds its open request."""
    return _tagged(
        b"placet/call/1",
        {
            "agent": agent,
            "server": call.server,
            "tool": call.tool,
            "arguments_sha256": call.arguments_sha256,
            "meta_sha256": call.meta_sha256,
        },
    )


def binding(*, request: str, agent: str, call: ToolCall, policy_version: str, rule: str) -> str:
    """The hash of exactly what would run; a decision names it, the claim recomputes it."""
    return _tagged(
        b"placet/binding/1",
        {
            "request": request,
            "agent": agent,
            "server": call.server,
            "tool": call.tool,
            "tool_fingerprint": call.tool_fingerprint,
            "arguments_sha256": call.arguments_sha256,
            "meta_sha256": call.meta_sha256,
            "policy_version": policy_version,
            "rule": rule,
        },
    )


def _tagged(domain: bytes, fields: dict[str, str]) -> str:
    return sha256_hex(domain + b"\x00" + canonical(fields))
