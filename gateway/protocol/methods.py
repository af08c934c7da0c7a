"""Every method that is served, in which era, and what its params may hold (protocol.md 1.1, 1.2; security.md 2c.8).

A method, a member or a shape that is not in these tables is refused by name, in every era alike, never dropped. What
a method then comes to is the gateway's to say; what is checked here is only that there is one way to read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from gateway.protocol.jsonrpc import META_PREFIX, Notification, Request, unknown_member

TASKS = META_PREFIX + "tasks"
"""The Tasks extension, as clients declare it among their extensions."""
LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
MAX_URI_CHARS = 4_096
MAX_NAME_CHARS = 1_024
MAX_STATE_CHARS = 64 * 1024
MAX_TASK_ID_CHARS = 256
MAX_LISTED = 100
"""How many uris, and how many tasks, one subscription may name."""


class Era(StrEnum):
    """The two ways a client speaks: a request that stands alone, or a session."""

    LEGACY = "legacy"
    MODERN = "modern"


_EITHER = {
    "tools/list": {"cursor"},
    # `task` is a hint of 2025-11-25: where those tasks are not offered, the call is taken as if it were not there.
    "tools/call": {"name", "arguments", "task"},
    "resources/list": {"cursor"},
    "resources/templates/list": {"cursor"},
    "resources/read": {"uri"},
    "prompts/list": {"cursor"},
    "prompts/get": {"name", "arguments"},
    "completion/complete": {"ref", "argument", "context"},
}
_LEGACY_ONLY = {
    "initialize": {"protocolVersion", "capabilities", "clientInfo"},
    "ping": set[str](),
    "logging/setLevel": {"level"},
    "resources/subscribe": {"uri"},
    "resources/unsubscribe": {"uri"},
}
_MODERN_ONLY = {
    "server/discover": set[str](),
    "subscriptions/listen": {"notifications"},
    "tasks/get": {"taskId"},
    "tasks/update": {"taskId", "inputResponses"},
    "tasks/cancel": {"taskId"},
}
_NOTES = {
    "notifications/cancelled": {"requestId", "reason"},
    "notifications/progress": {"progressToken", "progress", "total", "message"},
}
_LEGACY_NOTES = {"notifications/initialized": set[str](), "notifications/roots/list_changed": set[str]()}
RESUMING = frozenset({"inputResponses", "requestState"})
"""Members that answer an InputRequired."""
RESUMABLE = frozenset({"tools/call", "prompts/get", "resources/read"})

REQUESTS: Mapping[Era, frozenset[str]] = {
    Era.LEGACY: frozenset(_EITHER) | frozenset(_LEGACY_ONLY),
    Era.MODERN: frozenset(_EITHER) | frozenset(_MODERN_ONLY),
}
NOTIFICATIONS: Mapping[Era, frozenset[str]] = {
    Era.LEGACY: frozenset(_NOTES) | frozenset(_LEGACY_NOTES),
    Era.MODERN: frozenset(_NOTES),
}
NAMED: Mapping[str, str] = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
"""The member of params that the header Mcp-Name repeats."""
_PARAMS = {
    method: frozenset({*members, "_meta"})
    for table in (_EITHER, _LEGACY_ONLY, _MODERN_ONLY, _NOTES, _LEGACY_NOTES)
    for method, members in table.items()
}


def wrong_params(message: Request | Notification, era: Era) -> str | None:
    """What is wrong with the params of a method this era serves; None if nothing."""
    params, method = message.params, message.method
    known = _PARAMS[method]
    if method in RESUMABLE and era is Era.MODERN:
        known = known | RESUMING
    if (why := unknown_member(params, known, "/params")) is not None:
        return why
    check = _CHECKS.get(method)
    if check is not None and (why := check(params)) is not None:
        return why
    return _wrong_answers(params)


def needs_tasks(message: Request | Notification) -> bool:
    """Whether the message makes sense only for a client that declared the Tasks extension."""
    if message.method == "subscriptions/listen":
        return "taskIds" in message.params.get("notifications", {})
    return message.method.startswith("tasks/")


def _page(params: Mapping[str, Any]) -> str | None:
    cursor = params.get("cursor", "x")
    if not isinstance(cursor, str) or not cursor or len(cursor) > MAX_URI_CHARS:
        return "At /params/cursor: must be a cursor this gateway gave out. Leave it out for the first page."
    return None


def _call(params: Mapping[str, Any]) -> str | None:
    if not _is_text(params.get("name"), MAX_NAME_CHARS):
        return "At /params/name: must be the name of a tool, as tools/list gives it."
    if not isinstance(params.get("arguments", {}), dict):
        return "At /params/arguments: must be an object. Leave it out for a call without arguments."
    return None


def _uri(params: Mapping[str, Any]) -> str | None:
    if not _is_text(params.get("uri"), MAX_URI_CHARS):
        return f"At /params/uri: must be the uri of a resource, at most {MAX_URI_CHARS} characters long."
    return None


def _prompt(params: Mapping[str, Any]) -> str | None:
    if not _is_text(params.get("name"), MAX_NAME_CHARS):
        return "At /params/name: must be the name of a prompt, as prompts/list gives it."
    return _texts(params.get("arguments", {}), "/params/arguments")


def _completion(params: Mapping[str, Any]) -> str | None:
    ref, argument, context = params.get("ref"), params.get("argument"), params.get("context", {})
    kind = ref.get("type") if isinstance(ref, dict) else None
    member = {"ref/prompt": "name", "ref/resource": "uri"}.get(kind) if isinstance(kind, str) else None
    if not isinstance(ref, dict) or member is None:
        return "At /params/ref: must name a prompt (ref/prompt) or a resource template (ref/resource)."
    extra = {"title"} if member == "name" else set[str]()
    if (why := unknown_member(ref, frozenset({"type", member, *extra}), "/params/ref")) is not None:
        return why
    if not _is_text(ref.get(member), MAX_URI_CHARS):
        return f"At /params/ref/{member}: must be a string, at most {MAX_URI_CHARS} characters long."
    if not isinstance(argument, dict) or not all(isinstance(argument.get(name), str) for name in ("name", "value")):
        return "At /params/argument: must be an object with name and value, both strings."
    if (why := unknown_member(argument, frozenset({"name", "value"}), "/params/argument")) is not None:
        return why
    if not isinstance(context, dict):
        return "At /params/context: must be an object."
    if (why := unknown_member(context, frozenset({"arguments"}), "/params/context")) is not None:
        return why
    return _texts(context.get("arguments", {}), "/params/context/arguments")


def _level(params: Mapping[str, Any]) -> str | None:
    if params.get("level") not in LOG_LEVELS:
        return f"At /params/level: must be one of {', '.join(LOG_LEVELS)}."
    return None


def _listen(params: Mapping[str, Any]) -> str | None:
    asked, where = params.get("notifications"), "/params/notifications"
    if not isinstance(asked, dict):
        return f"At {where}: must be an object that says what to listen to."
    if (why := unknown_member(asked, _FLAGS | frozenset(_ENTRIES), where)) is not None:
        return why
    for name, value in asked.items():
        if name in _FLAGS and not isinstance(value, bool):
            return f"At {where}/{name}: must be true or false."
        if (chars := _ENTRIES.get(name)) is not None and not _is_list(value, chars):
            return f"At {where}/{name}: must be an array of at most {MAX_LISTED} strings of at most {chars} characters."
    return None


def _task(params: Mapping[str, Any]) -> str | None:
    if not _is_text(params.get("taskId"), MAX_TASK_ID_CHARS):
        return "At /params/taskId: must be the id of a task, as it was given out."
    return None


def _update(params: Mapping[str, Any]) -> str | None:
    if "inputResponses" not in params:
        return "At /params/inputResponses: is missing. Send the answers to what the task asked for."
    return _task(params)


_FLAGS = frozenset({"toolsListChanged", "promptsListChanged", "resourcesListChanged"})
_ENTRIES = {"resourceSubscriptions": MAX_URI_CHARS, "taskIds": MAX_TASK_ID_CHARS}
_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "tools/list": _page,
    "tools/call": _call,
    "resources/list": _page,
    "resources/templates/list": _page,
    "resources/read": _uri,
    "resources/subscribe": _uri,
    "resources/unsubscribe": _uri,
    "prompts/list": _page,
    "prompts/get": _prompt,
    "completion/complete": _completion,
    "logging/setLevel": _level,
    "subscriptions/listen": _listen,
    "tasks/get": _task,
    "tasks/update": _update,
    "tasks/cancel": _task,
}


def _wrong_answers(params: Mapping[str, Any]) -> str | None:
    responses = params.get("inputResponses", {})
    if not isinstance(responses, dict) or not all(isinstance(answer, dict) for answer in responses.values()):
        return "At /params/inputResponses: must be an object of objects, one answer a key of inputRequests."
    state = params.get("requestState", "")
    if not isinstance(state, str) or len(state) > MAX_STATE_CHARS:
        return "At /params/requestState: must be the very string that was given out."
    return None


def _texts(value: Any, where: str) -> str | None:
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        return None
    return f"At {where}: must be an object whose members are strings. Leave it out if there are none."


def _is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and "\x00" not in value


def _is_list(value: Any, chars: int) -> bool:
    return isinstance(value, list) and len(value) <= MAX_LISTED and all(_is_text(entry, chars) for entry in value)
