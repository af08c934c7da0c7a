"""JSON-RPC messages that a server sends, as the client side reads them.

Pure. The envelope is read strictly (once-only names, one of result and error, an object as result);
`result` and `params` are kept as the text they were. Size is bounded by whoever reads the bytes, depth
is bounded here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from gateway.protocol.raw import split_object
from gateway.protocol.verdict import unforged
from gateway.upstreams import InputRequired, Result, RpcError
from gateway.upstreams.era import MISSING_CAPABILITY

MAX_DEPTH = 128
METHOD_NOT_FOUND = -32601
ASKABLE = frozenset({"elicitation/create", "sampling/createMessage", "roots/list"})
"""What a server may ask of a client, as a request of its own or inside an input_required result."""
MAX_INPUT_REQUESTS = 64
MAX_STATE_CHARACTERS = 64 * 1024
_ENDS_BYTES = 1024
_ID = re.compile(rb'"id"\s*:\s*(\d{1,18})\s*[,}]')
_ANSWERS = re.compile(rb'"(?:result|error)"\s*:')
_ASKS = re.compile(rb'"method"\s*:')
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")

Id = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response. `id` is None where the server could not tell which request it refuses."""

    id: Id | None
    outcome: Result | RpcError | InputRequired


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request from the server to us; `raw` is the text of its params."""

    id: Id
    method: str
    raw: bytes = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notification from the server; `raw` is the text of its params."""

    method: str
    params: dict[str, Any]
    raw: bytes = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """Not a JSON-RPC message; `why` continues the words "it answered something that …".

    `answers` is the id of the request that it was meant to answer, where that can be seen.
    """

    why: str
    answers: Id | None = None


Message = Answer | Asked | Told | Garbage


def read(raw: bytes) -> Message:
    """One message from its text. Never raises."""
    if not raw.lstrip().startswith(b"{"):
        return _unread(raw, "is not a JSON object")
    if too_deep(raw):
        return _unread(raw, f"is nested deeper than {MAX_DEPTH} levels")
    try:
        members = split_object(raw)
        parsed = {name: _loads(text) for name, text in members.items()}
    except (ValueError, RecursionError) as err:
        return _unread(raw, f"is not valid JSON ({str(err)[:120]})")
    message = _message(parsed, members)
    if isinstance(message, Garbage) and "method" not in parsed and is_id(parsed.get("id")):
        return replace(message, answers=parsed["id"] if parsed.keys() & {"jsonrpc", "result", "error"} else None)
    return message


def _unread(raw: bytes, why: str) -> Garbage:
    """A text that is no JSON may hold an answer to somebody all the same."""
    ends = raw[:_ENDS_BYTES] + b"\n" + raw[-_ENDS_BYTES:]
    found = _ID.search(ends)
    answers = found is not None and _ANSWERS.search(ends) is not None and _ASKS.search(ends) is None
    return Garbage(why=why, answers=int(found[1]) if found is not None and answers else None)


def _message(parsed: dict[str, Any], members: dict[str, bytes]) -> Message:
    if parsed.get("jsonrpc") != "2.0":
        return Garbage(why='is not JSON-RPC 2.0 (no "jsonrpc": "2.0")')
    if "method" in parsed:
        return _incoming(parsed, members.get("params", b"{}"))
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


def _incoming(parsed: dict[str, Any], raw: bytes) -> Message:
    method, params = parsed["method"], parsed.get("params", {})
    if not isinstance(method, str) or not isinstance(params, dict):
        return Garbage(why="is a JSON-RPC request with a bad method or params")
    if "id" not in parsed:
        return Told(method=method, params=params, raw=raw)
    if not is_id(parsed["id"]):
        return Garbage(why="is a JSON-RPC request with a bad id")
    return Asked(id=parsed["id"], method=method, raw=raw)


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
    outcome = _result(parsed["result"], members["result"])
    return outcome if isinstance(outcome, Garbage) else Answer(id=answer_id, outcome=outcome)


def _result(result: dict[str, Any], raw: bytes) -> Result | RpcError | InputRequired | Garbage:
    kind = result.get("resultType", "complete")
    if kind == "complete":
        return Result(raw=unforged(raw), is_error=result.get("isError") is True)
    if kind == "input_required":
        why = _wrong_with_input(result)
        return InputRequired(raw=unforged(raw)) if why is None else Garbage(why=why)
    return not_offered(kind)


def not_offered(kind: Any) -> RpcError:
    """A server may go on only in the ways it was offered: here it was not."""
    return RpcError(
        code=MISSING_CAPABILITY,
        message=f"The upstream server wanted to go on with {str(kind)[:40]!r}, which it was not offered",
        data={"requiredCapabilities": {}},
    )


def _wrong_with_input(result: dict[str, Any]) -> str | None:
    requests, state = result.get("inputRequests"), result.get("requestState")
    if requests is None and state is None:
        return "asks for input and says neither which nor how to go on"
    if state is not None and not (isinstance(state, str) and len(state) <= MAX_STATE_CHARACTERS):
        return f"has a requestState that is not a string of at most {MAX_STATE_CHARACTERS} characters"
    if requests is None:
        return None
    if not isinstance(requests, dict) or len(requests) > MAX_INPUT_REQUESTS:
        return f"has inputRequests that are not an object of at most {MAX_INPUT_REQUESTS} members"
    if not all(isinstance(one, dict) and one.get("method") in ASKABLE for one in requests.values()):
        return "asks for input of a kind that does not exist"
    return None


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
