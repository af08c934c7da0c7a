"""The messages of both sides as raw JSON text with a label on it.

Pure. What the client sends is read as strictly as the gateway reads it, so that a wrong message is refused here
already, in the same words. What the gateway sends is checked to be one JSON-RPC message. In both cases params,
results and errors stay the text they were; only members that belong to the bridge's own leg are set or cut out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.protocol.jsonrpc import (
    META_CAPABILITIES,
    META_CLIENT,
    META_PREFIX,
    META_VERSION,
    Malformed,
    Notification,
    Request,
    Response,
    RpcId,
    parse,
)
from gateway.protocol.raw import dump, join_object, one_line, split_object, with_members, with_meta
from gateway.upstreams import rpc

_ENVELOPE_META = frozenset({META_VERSION, META_CAPABILITIES, META_CLIENT, META_PREFIX + "logLevel"})
_ASKED_BACK = frozenset({"elicitation", "sampling", "roots"})
_TURNED_DOWN = ("decline", "cancel")
_EMPTY = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of the client. `params` is its text, `version` the modern version it names, if it is modern.

    `modern_only`: it declares, or carries, what only the modern era can bring back (input requests, tasks).
    `declined`: it comes back with the word that its user turned down what they were asked.
    """

    id: RpcId
    method: str
    params: bytes
    version: str | None
    token: RpcId | None
    name: str | None
    arguments: dict[str, Any]
    client: bytes | None
    modern_only: bool
    declined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A notification of the client."""

    method: str
    params: bytes
    version: str | None
    target: RpcId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """The client's answer to a request of the gateway's."""

    line: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The gateway's answer to a request: one of the two is there, as its text."""

    id: RpcId | None
    result: bytes | None
    error: bytes | None

    def line(self, rpc_id: RpcId) -> bytes:
        """The answer under the client's own id."""
        head = b'{"jsonrpc":"2.0","id":' + dump(rpc_id)
        if self.result is not None:
            return head + b',"result":' + one_line(self.result) + b"}"
        return head + b',"error":' + one_line(self.error or _EMPTY) + b"}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A notification of the gateway, or a request of its own if it has an id. `line` is the whole message."""

    method: str
    id: RpcId | None
    params: bytes
    line: bytes


def from_client(line: bytes) -> Asked | Noted | Replied | Malformed:
    """One line of the client."""
    message = parse(line)
    if isinstance(message, Malformed):
        return message
    if isinstance(message, Response):
        return Replied(line=one_line(line))
    params = one_line(split_object(line).get("params", _EMPTY))
    meta = message.params.get("_meta", {})
    version = meta.get(META_VERSION)
    modern = version if isinstance(version, str) else None
    if isinstance(message, Notification):
        return Noted(method=message.method, params=params, version=modern, target=_id(message.params.get("requestId")))
    return _asked(message, params, meta, modern)


def _asked(message: Request, params: bytes, meta: dict[str, Any], version: str | None) -> Asked:
    name, arguments = _name(message), message.params.get("arguments")
    return Asked(
        id=message.id,
        method=message.method,
        params=params,
        version=version,
        token=_id(meta.get("progressToken")),
        name=name,
        arguments=arguments if isinstance(arguments, dict) else {},
        client=split_object(split_object(params)["_meta"]).get(META_CLIENT) if META_CLIENT in meta else None,
        modern_only=version is not None and _is_modern_only(message.params, meta.get(META_CAPABILITIES)),
        declined=_is_declined(message.params.get("inputResponses")),
    )


def _is_modern_only(params: dict[str, Any], declared: Any) -> bool:
    if "inputResponses" in params or "requestState" in params:
        return True
    if not isinstance(declared, dict):
        return False
    return bool(declared.get("extensions")) or not _ASKED_BACK.isdisjoint(declared)


def _is_declined(responses: Any) -> bool:
    given = responses.values() if isinstance(responses, dict) else ()
    return any(isinstance(one, dict) and one.get("action") in _TURNED_DOWN for one in given)


_NAMED = {
    "tools/call": "name", "prompts/get": "name", "resources/read": "uri",
    "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId",
}  # fmt: skip


def _name(message: Request) -> str | None:
    named = message.params.get(_NAMED.get(message.method, ""))
    return named if isinstance(named, str) else None


def from_gateway(raw: bytes) -> Answer | Said | str:
    """One message of the gateway, or why it is none (continues "it answered something that …")."""
    message = rpc.read(raw)
    match message:
        case rpc.Garbage():
            return message.why
        case rpc.Answer():
            members = split_object(raw)
            return Answer(id=message.id, result=members.get("result"), error=members.get("error"))
        case rpc.Asked() | rpc.Told():
            rpc_id = message.id if isinstance(message, rpc.Asked) else None
            params = split_object(raw).get("params", _EMPTY)
            return Said(method=message.method, id=rpc_id, params=params, line=one_line(raw))


def request(rpc_id: RpcId, method: str, params: bytes) -> bytes:
    """The body of a request."""
    return b'{"jsonrpc":"2.0","id":' + dump(rpc_id) + b',"method":' + dump(method) + b',"params":' + params + b"}"


def notification(method: str, params: bytes = _EMPTY) -> bytes:
    """The body of a notification, or its line."""
    return b'{"jsonrpc":"2.0","method":' + dump(method) + b',"params":' + params + b"}"


def error(rpc_id: RpcId | None, *, code: int, text: str, data: Any = None) -> bytes:
    """The line of an error of the bridge's own."""
    body: dict[str, Any] = {"code": code, "message": text}
    if data is not None:
        body["data"] = data
    return b'{"jsonrpc":"2.0","id":' + dump(rpc_id) + b',"error":' + dump(body) + b"}"


def with_token(params: bytes, token: RpcId) -> bytes:
    """Params that ask for progress under a token of the bridge's own."""
    return with_meta(params, {"progressToken": dump(token)})


def for_session(params: bytes) -> bytes:
    """Params of a modern request without what only the modern envelope has."""
    members = split_object(params)
    kept = {
        name: text for name, text in split_object(members.get("_meta", _EMPTY)).items() if name not in _ENVELOPE_META
    }
    members.pop("_meta", None)
    return join_object({**members, "_meta": join_object(kept)} if kept else members)


def only_meta(params: bytes) -> bytes:
    """Params with the `_meta` of another request, for one of the bridge's own."""
    meta = split_object(split_object(params).get("_meta", _EMPTY))
    meta.pop("progressToken", None)
    return join_object({"_meta": join_object(meta)})


def next_page(params: bytes, listed: bytes) -> bytes | None:
    """Params that ask for the page after this one; None if it is the last."""
    cursor = split_object(listed).get("nextCursor", b"null")
    return None if cursor == b"null" else with_members(params, {"cursor": cursor})


def retargeted(params: bytes, rpc_id: RpcId) -> bytes:
    """Params of a `notifications/cancelled` for the id that the gateway knows the request by."""
    cut = for_session(params)
    return with_members(cut, {"requestId": dump(rpc_id)})


def parsed(raw: bytes) -> dict[str, Any]:
    """The object a text stands for, to look at; it is never written again."""
    value = json.loads(raw)
    return value if isinstance(value, dict) else {}


def _id(value: Any) -> RpcId | None:
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None
