"""One JSON-RPC message out of bytes: Request, Notification, Response or Malformed (security.md 2c, rules 2, 3, 7, 8).

The envelope has exactly the members of JSON-RPC 2.0. A member it does not know, or one that only looks like
a known one to a laxer parser, is refused by name, never dropped: what we read is all there is to read.
Whether the method and its params are known is decided in `classify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from gateway.protocol.raw import split_object
from gateway.protocol.strict import (
    INVALID_REQUEST,
    MAX_SAFE_INTEGER,
    PARSE_ERROR,
    Malformed,
    place,
    read,
    visible,
)

__all__ = [
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "PARSE_ERROR",
    "Malformed",
    "Message",
    "Notification",
    "Request",
    "Response",
    "RpcId",
    "parse",
    "unknown_member",
]

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
MAX_ID_BYTES = 128
MAX_METHOD_BYTES = 128

RpcId = str | int

_CALL_MEMBERS = frozenset({"jsonrpc", "id", "method", "params"})
_ERROR_MEMBERS = frozenset({"code", "message", "data"})
_RESPONSE_MEMBERS = frozenset({"jsonrpc", "id", "result", "error"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A message that wants an answer. `raw` has the members of params as they were written, where they pass on."""

    id: RpcId
    method: str
    params: dict[str, Any]
    raw: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A message that wants none."""

    method: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A client's answer to a request of the server (older eras only): the text of its result, or its error."""

    id: RpcId
    result: bytes | None = None
    error: Mapping[str, Any] | None = None


Message = Request | Notification | Response


def parse(body: bytes) -> Message | Malformed:
    """The one message in `body`, or why it is refused. Never raises on any bytes."""
    value = read(body)
    if isinstance(value, Malformed):
        return value
    if isinstance(value, list):
        return _invalid("", "Batches are not accepted. Send one JSON-RPC object per POST.")
    if not isinstance(value, dict):
        return _invalid("", "The body is not a JSON object. Send one JSON-RPC object.")
    return _with_text(_message(cast(dict[str, Any], value)), body)


def unknown_member(members: Iterable[str], known: frozenset[str], pointer: str) -> str | None:
    """A sentence about the first member outside `known`, or None. `pointer` is their object."""
    for name in members:
        if name in known:
            continue
        if (twin := _twin(name, known)) is not None:
            return (
                f"{place(pointer)}: the member {visible(name)} is not {visible(twin)}, but some programs would read "
                f"it so. Send {visible(twin)} alone."
            )
        return f"{place(pointer)}: the member {visible(name)} is not known here. Remove it."
    return None


def _with_text(message: Message | Malformed, body: bytes) -> Message | Malformed:
    # The arguments of a call are re-written in canonical form, so their text is kept only where answers pass on.
    if isinstance(message, Response) and message.error is None:
        return replace(message, result=split_object(body)["result"])
    if not isinstance(message, Request) or not message.params:
        return message
    if message.method == "tools/call" and "inputResponses" not in message.params:
        return message
    return replace(message, raw=split_object(split_object(body)["params"]))


def _message(envelope: dict[str, Any]) -> Message | Malformed:
    rpc_id = envelope.get("id")
    has_id = "id" in envelope
    answers = "method" not in envelope and ("result" in envelope or "error" in envelope)
    known = _RESPONSE_MEMBERS if answers else _CALL_MEMBERS
    echo = rpc_id if has_id and _wrong_id(rpc_id) is None else None
    if (problem := unknown_member(envelope, known, "")) is not None:
        return _invalid("", problem, echo)
    if envelope.get("jsonrpc") != "2.0":
        return _invalid("/jsonrpc", 'At /jsonrpc: must be exactly "2.0".', echo)
    if has_id and (why := _wrong_id(rpc_id)) is not None:
        return _invalid("/id", f"At /id: {why}.")
    if answers:
        return _response(envelope, echo)
    return _call(envelope, echo)


def _response(envelope: dict[str, Any], rpc_id: RpcId | None) -> Response | Malformed:
    if rpc_id is None:
        return _invalid("/id", "At /id: a response needs the id of its request.")
    if "result" in envelope and "error" in envelope:
        return _invalid("", "A response carries a result or an error, not both.", rpc_id)
    if "result" in envelope:
        if not isinstance(envelope["result"], dict):
            return _invalid("/result", "At /result: must be an object.", rpc_id)
        return Response(id=rpc_id)
    error = envelope["error"]
    if not isinstance(error, dict) or not isinstance(error.get("message"), str) or _wrong_code(error.get("code")):
        return _invalid("/error", "At /error: must be an object with code (an integer) and message.", rpc_id)
    if (why := unknown_member(error, _ERROR_MEMBERS, "/error")) is not None:
        return _invalid("/error", why, rpc_id)
    return Response(id=rpc_id, error=error)


def _wrong_code(code: Any) -> bool:
    return isinstance(code, bool) or not isinstance(code, int) or abs(code) > MAX_SAFE_INTEGER


def _call(envelope: dict[str, Any], rpc_id: RpcId | None) -> Request | Notification | Malformed:
    method = envelope.get("method")
    if not isinstance(method, str) or not method:
        return _invalid("/method", "At /method: must be a non-empty string.", rpc_id)
    if len(method.encode("utf-8")) > MAX_METHOD_BYTES or not method.isprintable():
        return _invalid("/method", f"At /method: must be printable and at most {MAX_METHOD_BYTES} bytes long.", rpc_id)
    params = envelope.get("params", {})
    if not isinstance(params, dict):
        return Malformed(code=INVALID_PARAMS, message="At /params: must be an object.", pointer="/params", id=rpc_id)
    if (problem := _wrong_meta(params)) is not None:
        return Malformed(code=INVALID_PARAMS, message=problem, pointer="/params/_meta", id=rpc_id)
    if rpc_id is None:
        return Notification(method=method, params=params)
    return Request(id=rpc_id, method=method, params=params)


META_PREFIX = "io.modelcontextprotocol/"
META_VERSION = META_PREFIX + "protocolVersion"
META_CAPABILITIES = META_PREFIX + "clientCapabilities"
META_CLIENT = META_PREFIX + "clientInfo"
META_LOG_LEVEL = META_PREFIX + "logLevel"
_KNOWN_META = frozenset({META_VERSION, META_CAPABILITIES, META_CLIENT, META_LOG_LEVEL, "progressToken"})


def _wrong_meta(params: Mapping[str, Any]) -> str | None:
    if "_meta" not in params:
        return None
    meta = params["_meta"]
    if not isinstance(meta, dict):
        return "At /params/_meta: must be an object."
    for name in meta:
        # Other keys are allowed to be there (they are dropped or allow-listed later), twins of ours are not.
        if name not in _KNOWN_META and _twin(name, _KNOWN_META) is not None:
            return unknown_member([name], _KNOWN_META, "/params/_meta")
    return wrong_token(meta.get("progressToken", 0))


def wrong_token(token: Any) -> str | None:
    """What is wrong with a progress token, or None."""
    if (why := _wrong_id(token)) is not None:
        return f"At /params/_meta/progressToken: {why}."
    return None


def _wrong_id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return "must be a string or an integer, not null, a fraction or anything else"
    if isinstance(value, int):
        return None if abs(value) <= MAX_SAFE_INTEGER else "is outside the range of safe integers"
    if len(value.encode("utf-8")) > MAX_ID_BYTES:
        return f"is longer than {MAX_ID_BYTES} bytes"
    if "\x00" in value:
        return "holds the character U+0000"
    return None


def _twin(name: str, known: frozenset[str]) -> str | None:
    """The known name that `name` could be taken for: other case, U+017F, U+212A, trailing NUL or space."""
    folded = _fold(name)
    return next((candidate for candidate in sorted(known) if _fold(candidate) == folded), None)


def _fold(name: str) -> str:
    return name.rstrip("\x00").strip().replace("\u017f", "s").replace("\u212a", "k").casefold()


def _invalid(pointer: str, message: str, rpc_id: RpcId | None = None) -> Malformed:
    return Malformed(code=INVALID_REQUEST, message=message, pointer=pointer or None, id=rpc_id)
