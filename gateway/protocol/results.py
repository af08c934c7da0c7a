"""The answers in the dress of each protocol era: envelopes, lists, and the members a result must or may not have.

A result keeps the upstream's own text; only the members an era adds or does not know are spliced in or cut out
(`raw`). What a tool call's outcome says is in `answers`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.protocol.classify import MODERN, Era
from gateway.protocol.jsonrpc import INVALID_PARAMS, META_PREFIX, RpcId
from gateway.protocol.raw import dump, join_object, split_object, with_members, with_meta, without
from gateway.protocol.verdict import WAITS_FOR

NAME = "placet"
LIST_TTL_MS = 5_000
DISCOVER_TTL_MS = 60_000
READ_TTL_MS = 0
"""Of a resource whose server does not say how long it stays the same."""
CACHEABLE = frozenset(
    {"tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read", "server/discover"}
)
_NOT_FOUND = -32002
_URL_REQUIRED = -32042
_INTERNAL = -32603
SERVER_INFO = META_PREFIX + "serverInfo"
_MODERN_ONLY = frozenset({"resultType", "ttlMs", "cacheScope"})


def envelope(rpc_id: RpcId, result: bytes) -> bytes:
    """The JSON-RPC answer around a raw result."""
    return b'{"jsonrpc":"2.0","id":' + dump(rpc_id) + b',"result":' + result + b"}"


def error_envelope(rpc_id: RpcId | None, *, code: int, message: str, data: Any = None) -> bytes:
    """A JSON-RPC error; the id is null where none could be read."""
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return b'{"jsonrpc":"2.0","id":' + dump(rpc_id) + b',"error":' + _loose(error) + b"}"


def called(raw: bytes, *, era: Era, info: bytes, method: str = "tools/call") -> bytes:
    """A server's result for a client of this era. `info` is `server_info`'s text.

    Raises:
        ValueError: `raw` is not a JSON object.
    """
    if era is Era.LEGACY:
        return _legacy(raw)
    return _modern(raw, info, ttl_ms=_ttl(raw, method) if method in CACHEABLE else None)


def input_required(raw: bytes, *, info: bytes) -> bytes:
    """A result that asks for input first (modern clients alone).

    Raises:
        ValueError: `raw` is not a JSON object.
    """
    return _typed(raw, "input_required", info)


def task_created(raw: bytes, *, info: bytes) -> bytes:
    """The answer to a call that goes on as a task (modern clients that declared tasks alone).

    Raises:
        ValueError: `raw` is not a JSON object.
    """
    return _typed(raw, "task", info)


def listed(tools: Iterable[Mapping[str, Any]], next_cursor: str | None = None, *, era: Era, info: bytes) -> bytes:
    """The result of `tools/list`, one page: without what needs core tasks, in the order given."""
    kept = [_tool(tool, era) for tool in tools if not _needs_tasks(tool)]
    more = b"" if next_cursor is None else b',"nextCursor":' + dump(next_cursor)
    raw = b'{"tools":' + _loose(kept) + more + b"}"
    return _modern(raw, info, ttl_ms=LIST_TTL_MS) if era is Era.MODERN else raw


def discovered(*, capabilities: Mapping[str, Any], instructions: str | None, info: bytes) -> bytes:
    """The result of `server/discover`."""
    offered = {name: value for name, value in capabilities.items() if name != "tasks"}
    result: dict[str, Any] = {"supportedVersions": list(MODERN), "capabilities": offered}
    if instructions:
        result["instructions"] = instructions
    return _modern(dump(result), info, ttl_ms=DISCOVER_TTL_MS)


def initialized(*, version: str, capabilities: Mapping[str, Any], instructions: str | None, info: bytes) -> bytes:
    """The result of `initialize`."""
    # Neither the core tasks of 2025-11-25 nor the extensions of the era after it are served here.
    offered = {name: value for name, value in capabilities.items() if name not in {"tasks", "extensions"}}
    members = {"protocolVersion": dump(version), "capabilities": _loose(offered), "serverInfo": info}
    if instructions:
        members["instructions"] = dump(instructions)
    return join_object(members)


def server_info(version: str) -> bytes:
    """How Placet names itself to clients."""
    return dump({"name": NAME, "title": "Placet", "version": version})


def progressed(
    token: RpcId, *, progress: float, message: str | None = None, total: float | None = None, request: str | None = None
) -> bytes:
    """A `notifications/progress`; `request` is the approval request that the gateway itself says the call waits for."""
    params: dict[str, Any] = {"progressToken": token, "progress": progress}
    if total is not None:
        params["total"] = total
    if message is not None:
        params["message"] = message
    if request is not None:
        params["_meta"] = {WAITS_FOR: request}
    return dump({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})


def fitting(code: int, *, era: Era, method: str, data: Any) -> int:
    """The error code this era uses for what `code` says: a resource that is not there, a url to be opened first."""
    if era is Era.MODERN:
        return {_NOT_FOUND: INVALID_PARAMS, _URL_REQUIRED: _INTERNAL}.get(code, code)
    if method == "resources/read" and code == INVALID_PARAMS and isinstance(data, dict) and "uri" in data:
        return _NOT_FOUND
    return code


def _typed(raw: bytes, kind: str, info: bytes) -> bytes:
    return with_members(with_meta(raw, {SERVER_INFO: info}), {"resultType": dump(kind)})


def _ttl(raw: bytes, method: str) -> int:
    """What the server said, but no longer than a changed policy may go unnoticed."""
    most = READ_TTL_MS if method == "resources/read" else LIST_TTL_MS
    if b"ttlMs" not in raw:
        return most
    try:
        said = json.loads(split_object(raw).get("ttlMs", b"0"))
    except ValueError:
        return 0
    return max(0, min(said, LIST_TTL_MS)) if isinstance(said, int) and not isinstance(said, bool) else 0


def _modern(raw: bytes, info: bytes, *, ttl_ms: int | None = None) -> bytes:
    extra: dict[str, bytes] = {}
    if b"resultType" not in raw or "resultType" not in split_object(raw):
        extra["resultType"] = b'"complete"'
    if ttl_ms is not None:
        # What an agent may list depends on its policy: never to be shared between callers.
        extra |= {"ttlMs": dump(ttl_ms), "cacheScope": b'"private"'}
    return with_members(with_meta(raw, {SERVER_INFO: info}), extra)


def _legacy(raw: bytes) -> bytes:
    raw = without(raw, _MODERN_ONLY)
    if b"serverInfo" in raw:
        raw = _without_info(raw)
    if b"structuredContent" not in raw:
        return raw
    # Before 2026-07-28 structured content is an object; anything else breaks the client's parser.
    structured = split_object(raw).get("structuredContent", b"{")
    return raw if structured.startswith(b"{") else without(raw, frozenset({"structuredContent"}))


def _without_info(raw: bytes) -> bytes:
    members = split_object(raw)
    meta = members.get("_meta", b"")
    if not meta.startswith(b"{"):
        return raw
    kept = split_object(meta)
    if kept.pop(SERVER_INFO, None) is None:
        return raw
    if kept:
        return join_object({**members, "_meta": join_object(kept)})
    return without(raw, frozenset({"_meta"}))


def _needs_tasks(tool: Mapping[str, Any]) -> bool:
    execution = tool.get("execution")
    return isinstance(execution, dict) and execution.get("taskSupport") == "required"


def _tool(tool: Mapping[str, Any], era: Era) -> dict[str, Any]:
    dropped = {"execution"}
    output = tool.get("outputSchema")
    if era is Era.LEGACY and isinstance(output, dict) and output.get("type") != "object":
        dropped.add("outputSchema")
    return {name: value for name, value in tool.items() if name not in dropped}


def _loose(value: dict[str, Any] | Sequence[Any]) -> bytes:
    # Upstream data: whatever number it had is written as it was read.
    return json.dumps(value, separators=(",", ":")).encode("ascii")
