"""JSON-RPC envelopes as the client side sees them: bodies out, messages in.

Pure. Bodies are spliced from JSON text that is final already, so approved arguments go out byte for
byte. Of a message that comes in, the envelope is read strictly (once-only names, one of result and
error, an object as result) and the `result` is kept as the text it was. Size is bounded by whoever
reads the bytes, depth is bounded here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from gateway.protocol.raw import split_object
from gateway.upstreams import Result, RpcError
from gateway.upstreams.era import MISSING_CAPABILITY

MAX_DEPTH = 128
METHOD_NOT_FOUND = -32601
META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META_CLIENT = "io.modelcontextprotocol/clientInfo"
_OURS_IN_META = frozenset({"progressToken", META_VERSION, META_CAPABILITIES, META_CLIENT})
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")

Id = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response. `id` is None where the server could not tell which request it refuses."""

    id: Id | None
    outcome: Result | RpcError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request from the server to us."""

    id: Id
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notification from the server."""

    method: str
    params: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Not a JSON-RPC message; `why` continues the words "it answered something that …"."""

    why: str


Message = Answer | Asked | Told | Garbage


def request(request_id: int, method: str, params: bytes) -> bytes:
    """The body of a request."""
    return b'{"jsonrpc":"2.0","id":%d,"method":%s,"params":%s}' % (request_id, _text(method), params)


def notification(method: str, params: dict[str, Any] | None = None) -> bytes:
    """The body of a notification."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        body["params"] = params
    return dumps(body)


def cancelled(request_id: int, reason: str) -> bytes:
    """The notification that we no longer wait for a request."""
    return notification("notifications/cancelled", {"requestId": request_id, "reason": reason})


def reply(asked: Asked) -> bytes:
    """What we answer to a server's request: `{}` to a ping, and nothing else is offered."""
    if asked.method == "ping":
        return dumps({"jsonrpc": "2.0", "id": asked.id, "result": {}})
    error = {"code": METHOD_NOT_FOUND, "message": "This client offers no such method"}
    return dumps({"jsonrpc": "2.0", "id": asked.id, "error": error})


def call_params(*, tool: str, arguments: bytes, meta: bytes) -> bytes:
    """The params of `tools/call`; `arguments` and `meta` are JSON text."""
    tail = b"" if meta == b"{}" else b',"_meta":' + meta
    return b'{"name":%s,"arguments":%s%s}' % (_text(tool), arguments, tail)


def with_meta(params: dict[str, Any], meta: bytes) -> bytes:
    """Params of any other request, with its `_meta`."""
    text = dumps(params)
    if meta == b"{}":
        return text
    return text[:-1] + (b"," if params else b"") + b'"_meta":' + meta + b"}"


def meta_text(passed: bytes, *, version: str | None, progress_token: int | None, client: dict[str, str]) -> bytes:
    """The `_meta` object: what passes as its own text, plus our own members. `version` None is the legacy era."""
    members = {name: text for name, text in split_object(passed).items() if name not in _OURS_IN_META}
    if progress_token is not None:
        members["progressToken"] = b"%d" % progress_token
    if version is not None:
        members[META_VERSION] = _text(version)
        members[META_CAPABILITIES] = b"{}"
        members[META_CLIENT] = dumps(client)
    return b"{" + b",".join(_text(name) + b":" + text for name, text in members.items()) + b"}"


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def read(raw: bytes) -> Message:
    """One message from its text. Never raises."""
    if not raw.lstrip().startswith(b"{"):
        return Garbage(why="is not a JSON object")
    if too_deep(raw):
        return Garbage(why=f"is nested deeper than {MAX_DEPTH} levels")
    try:
        members = split_object(raw)
        parsed = {name: _loads(text) for name, text in members.items()}
    except (ValueError, RecursionError) as err:
        return Garbage(why=f"is not valid JSON ({str(err)[:120]})")
    if parsed.get("jsonrpc") != "2.0":
        return Garbage(why='is not JSON-RPC 2.0 (no "jsonrpc": "2.0")')
    if "method" in parsed:
        return _incoming(parsed)
    return _response(parsed, members)


def too_deep(raw: bytes) -> bool:
    """Whether JSON text nests deeper than `MAX_DEPTH`, found without building anything."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", _ESCAPED.sub(b"", raw)).translate(None, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):  # each round removes the innermost level
        fewer = brackets.replace(b"[]", b"").replace(b"{}", b"")
        if fewer == brackets:
            return False  # unbalanced: the parser will say so
        brackets = fewer
    return bool(brackets)


def _loads(text: bytes) -> Any:
    return json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _incoming(parsed: dict[str, Any]) -> Message:
    method, params = parsed["method"], parsed.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict):
        return Garbage(why="is a JSON-RPC request with a bad method or params")
    if "id" not in parsed:
        return Told(method=method, params=params)
    if not is_id(parsed["id"]):
        return Garbage(why="is a JSON-RPC request with a bad id")
    return Asked(id=parsed["id"], method=method)


def _response(parsed: dict[str, Any], members: dict[str, bytes]) -> Message:
    answer_id = parsed.get("id")
    if answer_id is not None and not is_id(answer_id):
        return Garbage(why="has a bad JSON-RPC id")
    if ("result" in parsed) == ("error" in parsed):
        return Garbage(why="has not exactly one of result and error")
    if "error" in parsed:
        error = _error(parsed["error"])
        return error if isinstance(error, Garbage) else Answer(id=answer_id, outcome=error)
    if not isinstance(parsed["result"], dict):
        return Garbage(why="has a result that is not an object")
    return Answer(id=answer_id, outcome=_result(parsed["result"], members["result"]))


def _result(result: dict[str, Any], raw: bytes) -> Result | RpcError:
    kind = result.get("resultType", "complete")
    if kind == "complete":
        return Result(raw=raw, is_error=result.get("isError") is True)
    # We declared no capability, so a server may not ask for input or answer with a task in the middle of a call.
    return RpcError(
        code=MISSING_CAPABILITY,
        message=f"The upstream server wanted to go on with {str(kind)[:40]!r}, which it was not offered",
        data={"requiredCapabilities": {}},
    )


def _error(error: Any) -> RpcError | Garbage:
    if not isinstance(error, dict):
        return Garbage(why="has an error that is not an object")
    code, message = error.get("code"), error.get("message")
    if not isinstance(code, int) or isinstance(code, bool) or not isinstance(message, str):
        return Garbage(why="has an error without a numeric code and a message")
    return RpcError(code=code, message=message, data=error.get("data"))


def is_id(value: Any) -> bool:
    """Whether this is a JSON-RPC id: a string or an integer."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def _text(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
