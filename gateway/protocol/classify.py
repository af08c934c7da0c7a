"""A message and its headers -> Route or Rejection, for both protocol eras on one URL (protocol.md 1.1 and 1.2).

The body decides the era: `_meta` that names a protocol version is modern (stateless), `initialize` or a session
id is legacy. Then the headers of that era are demanded and compared. Whatever is not listed here, a method, a
member of params, a version, is refused. No I/O: whether a session exists is the inbound side's to look up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from approvals.domain.model import Client
from gateway.protocol.headers import HEADER_MISMATCH, PARAM_PREFIX, Head, Rejection, accepts, decode
from gateway.protocol.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    META_CAPABILITIES,
    META_CLIENT,
    META_VERSION,
    METHOD_NOT_FOUND,
    Message,
    Notification,
    Request,
    Response,
    RpcId,
    unknown_member,
)
from gateway.protocol.strict import visible

UNSUPPORTED_VERSION = -32022
MODERN = ("2026-07-28",)
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
SERVED = MODERN + LEGACY
ASSUMED_LEGACY = "2025-03-26"


class Era(StrEnum):
    """The two ways a client speaks: a request that stands alone, or a session."""

    LEGACY = "legacy"
    MODERN = "modern"


NOBODY = Client()
"""A client that did not say what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An accepted message. `version` is None where only the session knows it; `streams` is whether SSE may be sent."""

    era: Era
    message: Message
    version: str | None = None
    session: str | None = None
    client: Client = NOBODY
    streams: bool = True


_META_ONLY = frozenset({"_meta"})
_PARAMS: Mapping[str, frozenset[str]] = {
    "initialize": frozenset({"protocolVersion", "capabilities", "clientInfo", "_meta"}),
    "server/discover": _META_ONLY,
    "ping": _META_ONLY,
    "tools/list": frozenset({"cursor", "_meta"}),
    # `task` is a hint of 2025-11-25: where those tasks are not offered, the call is taken as if it were not there.
    "tools/call": frozenset({"name", "arguments", "task", "_meta"}),
    "notifications/initialized": _META_ONLY,
    "notifications/cancelled": frozenset({"requestId", "reason", "_meta"}),
    "notifications/progress": frozenset({"progressToken", "progress", "total", "message", "_meta"}),
    "notifications/roots/list_changed": _META_ONLY,
}
_REQUESTS: Mapping[Era, frozenset[str]] = {
    Era.LEGACY: frozenset({"initialize", "ping", "tools/list", "tools/call"}),
    Era.MODERN: frozenset({"server/discover", "tools/list", "tools/call"}),
}
_NOTIFICATIONS: Mapping[Era, frozenset[str]] = {
    Era.LEGACY: frozenset(
        {
            "notifications/initialized",
            "notifications/cancelled",
            "notifications/progress",
            "notifications/roots/list_changed",
        }
    ),
    Era.MODERN: frozenset({"notifications/cancelled", "notifications/progress"}),
}
# Members some versions define for tools/call but that this gateway has never handed out or offered.
_RESUMING = ("requestState", "inputResponses")
_NAMED = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
_MAX_LABEL = 128


def classify(message: Message, head: Head) -> Route | Rejection:
    """Where an accepted message goes, or the first thing that is wrong with it."""
    if _is_modern(message, head):
        return _modern(message, head)
    return _legacy(message, head)


def speaks_modern(head: Head) -> bool:
    """Whether a request without a body (GET, DELETE) names a modern version."""
    return head.get("mcp-protocol-version") in MODERN


def negotiated(asked: str) -> str:
    """The version an `initialize` is answered with: the one asked for if it is legacy and served, else our newest."""
    return asked if asked in LEGACY else LEGACY[0]


def client_of(info: Any) -> Client:
    """The client's own words about itself, cut and cleaned; they prove nothing."""
    if not isinstance(info, dict):
        return Client()
    return Client(name=_label(info.get("name")), version=_label(info.get("version")))


def _label(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(char for char in value[:_MAX_LABEL] if char.isprintable()).strip() or None


def _is_modern(message: Message, head: Head) -> bool:
    if isinstance(message, Response):
        return speaks_modern(head)
    if META_VERSION in message.params.get("_meta", {}):
        return True
    return message.method != "initialize" and speaks_modern(head)


def _modern(message: Message, head: Head) -> Route | Rejection:
    if isinstance(message, Response):
        return _refuse(message, "The 2026-07-28 protocol has no client responses. Send a request or a notification.")
    both = accepts(head, "application/json") and accepts(head, "text/event-stream")
    if "accept" not in head or not both:
        return _not_acceptable(message)
    meta = message.params.get("_meta", {})
    if isinstance(message, Request) and (why := _wrong_envelope(meta)) is not None:
        return _refuse(message, why, code=INVALID_PARAMS)
    if (why := _headers_disagree(message, head, version=meta.get(META_VERSION), required=True)) is not None:
        return _refuse(message, why, code=HEADER_MISMATCH)
    version = meta.get(META_VERSION, head.get("mcp-protocol-version"))
    if version not in MODERN:
        return _unserved(message, version, MODERN)
    if (problem := _wrong_method(message, Era.MODERN)) is not None:
        return problem
    return Route(era=Era.MODERN, message=message, version=version, client=client_of(meta.get(META_CLIENT)))


def _legacy(message: Message, head: Head) -> Route | Rejection:
    if not accepts(head, "application/json"):
        return _not_acceptable(message)
    version = head.get("mcp-protocol-version")
    opening = isinstance(message, Request) and message.method == "initialize"
    if version is not None and version not in LEGACY and not (opening and _asked(message) == version):
        return _unserved(message, version, SERVED)
    if not isinstance(message, Response):
        if (why := _headers_disagree(message, head, version=None, required=False)) is not None:
            return _refuse(message, why, code=HEADER_MISMATCH)
        if (problem := _wrong_method(message, Era.LEGACY)) is not None:
            return problem
    session = head.get("mcp-session-id")
    streams = accepts(head, "text/event-stream")
    if opening and isinstance(message, Request):
        return _opening(message, streams=streams)
    if session is None:
        return _refuse(
            message,
            "There is no session. Send initialize first and repeat its Mcp-Session-Id header, or speak 2026-07-28 "
            "with its _meta fields.",
        )
    return Route(era=Era.LEGACY, message=message, version=version, session=session, streams=streams)


def _opening(message: Request, *, streams: bool) -> Route | Rejection:
    params = message.params
    if not isinstance(params.get("protocolVersion"), str):
        return _refuse(message, "At /params/protocolVersion: must be a string.", code=INVALID_PARAMS)
    for name in ("capabilities", "clientInfo"):
        if not isinstance(params.get(name, {}), dict):
            return _refuse(message, f"At /params/{name}: must be an object.", code=INVALID_PARAMS)
    client = client_of(params.get("clientInfo"))
    version = negotiated(params["protocolVersion"])
    return Route(era=Era.LEGACY, message=message, version=version, client=client, streams=streams)


def _asked(message: Message) -> Any:
    return message.params.get("protocolVersion") if isinstance(message, Request) else None


def _wrong_envelope(meta: Mapping[str, Any]) -> str | None:
    for name in (META_VERSION, META_CAPABILITIES):
        if name not in meta:
            return f"At /params/_meta: {visible(name)} is missing. A 2026-07-28 request carries it."
    if not isinstance(meta[META_VERSION], str):
        return f"At /params/_meta: {visible(META_VERSION)} must be a string."
    if not isinstance(meta[META_CAPABILITIES], dict):
        return f"At /params/_meta: {visible(META_CAPABILITIES)} must be an object."
    return None


def _headers_disagree(
    message: Request | Notification, head: Head, *, version: str | None, required: bool
) -> str | None:
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
    member = _NAMED.get(message.method)
    if member is None:
        return None if sent is None else f"The header Mcp-Name does not belong to {visible(message.method)}. Remove it."
    named = message.params.get(member)
    if sent is None:
        if required and named is not None:
            return f"The header Mcp-Name is missing. Send params.{member} in it."
        return None
    decoded = decode(sent)
    if decoded is None:
        return "The header Mcp-Name has a broken base64 value. Encode the UTF-8 text as =?base64?…?=."
    if decoded != named:
        return f"The header Mcp-Name says {visible(decoded)}, the body something else. Send one name."
    return None


def _wrong_method(message: Request | Notification, era: Era) -> Rejection | None:
    method = message.method
    notified = isinstance(message, Notification)
    known = _NOTIFICATIONS[era] if notified else _REQUESTS[era]
    if method not in known:
        if notified and method in _REQUESTS[era]:
            return _refuse(message, f"{visible(method)} needs an id. Without one it is not run.")
        status = 404 if era is Era.MODERN else (400 if notified else 200)
        what = f"The method {visible(method)} is not served here. Served are: {', '.join(sorted(_REQUESTS[era]))}."
        return _refuse(message, what, code=METHOD_NOT_FOUND, status=status)
    if (why := _wrong_params(message)) is not None:
        return _refuse(message, why, code=INVALID_PARAMS)
    return None


def _wrong_params(message: Request | Notification) -> str | None:
    params, known = message.params, _PARAMS[message.method]
    if message.method == "tools/call":
        for name in _RESUMING:
            if name in params:
                return f"At /params/{name}: this gateway gave out no input request that could be answered. Remove it."
    if (why := unknown_member(params, known, "/params")) is not None:
        return why
    if "cursor" in params:
        return "At /params/cursor: this gateway lists everything on one page and gave out no cursor. Leave it out."
    return _wrong_call(params) if message.method == "tools/call" else None


def _wrong_call(params: Mapping[str, Any]) -> str | None:
    name = params.get("name")
    if not isinstance(name, str) or not name or "\x00" in name:
        return "At /params/name: must be the name of a tool, as tools/list gives it."
    if not isinstance(params.get("arguments", {}), dict):
        return "At /params/arguments: must be an object. Leave it out for a call without arguments."
    return None


def _refuse(message: Message, why: str, *, code: int = INVALID_REQUEST, status: int = 400) -> Rejection:
    return Rejection(status=status, code=code, message=why, id=_id(message))


def _not_acceptable(message: Message) -> Rejection:
    why = "The answer comes as JSON or as an event stream. Send Accept: application/json, text/event-stream."
    return _refuse(message, why, status=406)


def _unserved(message: Message, version: Any, served: tuple[str, ...]) -> Rejection:
    # `supported` says what the request could be repeated in as it is, and so agrees with `server/discover`.
    return Rejection(
        status=400,
        code=UNSUPPORTED_VERSION,
        message=f"Protocol version {visible(str(version))} is not served. Served are: {', '.join(SERVED)}.",
        id=_id(message),
        data={"supported": list(served), "requested": str(version)[:_MAX_LABEL]},
    )


def _id(message: Message) -> RpcId | None:
    return message.id if isinstance(message, Request) else None
