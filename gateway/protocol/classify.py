"""A message and its headers -> Route or Rejection, for both protocol eras on one URL (protocol.md 1.1 and 1.2).

The body decides the era: `_meta` that names a protocol version is modern (stateless), `initialize` or a session
id is legacy. Then the headers of that era are demanded and compared. Whatever is not listed here, a method, a
member of params, a version, is refused. No I/O: whether a session exists is the inbound side's to look up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.domain.model import Client
from gateway.protocol.agreement import headers_disagree
from gateway.protocol.headers import HEADER_MISMATCH, Head, Rejection, accepts
from gateway.protocol.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    META_CAPABILITIES,
    META_CLIENT,
    META_LOG_LEVEL,
    META_VERSION,
    METHOD_NOT_FOUND,
    Message,
    Notification,
    Request,
    Response,
    RpcId,
)
from gateway.protocol.methods import LOG_LEVELS, NOTIFICATIONS, REQUESTS, TASKS, Era, needs_tasks, wrong_params
from gateway.protocol.raw import dump
from gateway.protocol.strict import visible

__all__ = [
    "ASSUMED_LEGACY",
    "LEGACY",
    "MODERN",
    "NOBODY",
    "SERVED",
    "Era",
    "Route",
    "classify",
    "client_of",
    "negotiated",
    "speaks_modern",
]

MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
MODERN = ("2026-07-28",)
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
SERVED = MODERN + LEGACY
ASSUMED_LEGACY = "2025-03-26"

NOBODY = Client()
"""A client that did not say what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An accepted message. `version` is None where only the session knows it; `streams` is whether SSE may be sent.

    `capabilities` are the client's own, as JSON text: of its session at `initialize`, of this request where modern.
    """

    era: Era
    message: Message
    version: str | None = None
    session: str | None = None
    client: Client = NOBODY
    streams: bool = True
    capabilities: bytes = b"{}"
    log_level: str | None = None

    @property
    def tasks(self) -> bool:
        """Whether the client declared the Tasks extension."""
        return self.capabilities != b"{}" and _declares_tasks(json.loads(self.capabilities))


_MAX_LABEL = 128
MAX_CAPABILITIES_BYTES = 16 * 1024


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
    # What cannot be seen leaves a mark: a name that it was taken out of is another name.
    return "".join(char if char.isprintable() else "\ufffd" for char in value[:_MAX_LABEL].strip()) or None


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
    if (why := headers_disagree(message, head, version=meta.get(META_VERSION), required=True)) is not None:
        return _refuse(message, why, code=HEADER_MISMATCH)
    version = meta.get(META_VERSION, head.get("mcp-protocol-version"))
    if version not in MODERN:
        return _unserved(message, version, MODERN)
    if (problem := _wrong_method(message, Era.MODERN)) is not None:
        return problem
    capabilities = meta.get(META_CAPABILITIES) or {}
    if needs_tasks(message) and not _declares_tasks(capabilities):
        return _undeclared(message)
    return Route(
        era=Era.MODERN,
        message=message,
        version=version,
        client=client_of(meta.get(META_CLIENT)),
        capabilities=dump(capabilities) if capabilities else b"{}",
        log_level=meta.get(META_LOG_LEVEL),
    )


def _legacy(message: Message, head: Head) -> Route | Rejection:
    if not accepts(head, "application/json"):
        return _not_acceptable(message)
    version = head.get("mcp-protocol-version")
    opening = isinstance(message, Request) and message.method == "initialize"
    if version is not None and version not in LEGACY and not (opening and _asked(message) == version):
        return _unserved(message, version, SERVED)
    if not isinstance(message, Response):
        if (why := headers_disagree(message, head, version=None, required=False)) is not None:
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
    capabilities = dump(params.get("capabilities", {}))
    if len(capabilities) > MAX_CAPABILITIES_BYTES:
        why = f"At /params/capabilities: longer than {MAX_CAPABILITIES_BYTES} bytes. Declare less."
        return _refuse(message, why, code=INVALID_PARAMS)
    return Route(
        era=Era.LEGACY,
        message=message,
        version=negotiated(params["protocolVersion"]),
        client=client_of(params.get("clientInfo")),
        streams=streams,
        capabilities=capabilities,
    )


def _declares_tasks(capabilities: Mapping[str, Any]) -> bool:
    extensions = capabilities.get("extensions")
    return isinstance(extensions, dict) and isinstance(extensions.get(TASKS), dict)


def _undeclared(message: Message) -> Rejection:
    return Rejection(
        status=400,
        code=MISSING_CAPABILITY,
        message=f"Tasks are for clients that declare the extension {TASKS} in this request's clientCapabilities.",
        id=_id(message),
        data={"requiredCapabilities": {"extensions": {TASKS: {}}}},
    )


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
    if meta[META_CAPABILITIES] and len(dump(meta[META_CAPABILITIES])) > MAX_CAPABILITIES_BYTES:
        return f"At /params/_meta: {visible(META_CAPABILITIES)} is longer than {MAX_CAPABILITIES_BYTES} bytes."
    if meta.get(META_LOG_LEVEL, LOG_LEVELS[0]) not in LOG_LEVELS:
        return f"At /params/_meta: {visible(META_LOG_LEVEL)} must be one of {', '.join(LOG_LEVELS)}."
    return None


def _wrong_method(message: Request | Notification, era: Era) -> Rejection | None:
    method = message.method
    notified = isinstance(message, Notification)
    known = NOTIFICATIONS[era] if notified else REQUESTS[era]
    if method not in known:
        if notified and method in REQUESTS[era]:
            return _refuse(message, f"{visible(method)} needs an id. Without one it is not run.")
        status = 404 if era is Era.MODERN else (400 if notified else 200)
        what = f"The method {visible(method)} is not served here. Served are: {', '.join(sorted(REQUESTS[era]))}."
        return _refuse(message, what, code=METHOD_NOT_FOUND, status=status)
    if (why := wrong_params(message, era)) is not None:
        return _refuse(message, why, code=INVALID_PARAMS)
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
