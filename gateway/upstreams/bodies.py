"""JSON-RPC messages that the client side sends.

Pure. Bodies are spliced from JSON text that is final already, so approved arguments and a client's
answers go out byte for byte. The `_meta` of a request is rebuilt here: what passes of the client's is
taken over as text, and the members that are ours cannot be set by it.
"""

from __future__ import annotations

import json
from typing import Any

from gateway.protocol.raw import split_object
from gateway.protocol.raw import with_members as replaced
from gateway.upstreams import Relay, Result, RpcError
from gateway.upstreams.rpc import METHOD_NOT_FOUND, Asked, Id

META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META_CLIENT = "io.modelcontextprotocol/clientInfo"
META_LOG_LEVEL = "io.modelcontextprotocol/logLevel"
META_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
_OURS_IN_META = frozenset({"progressToken", META_VERSION, META_CAPABILITIES, META_CLIENT, META_LOG_LEVEL})

DECLINED = Result(raw=b'{"action":"decline"}')
PONG = Result(raw=b"{}")


def request(request_id: int, relay: Relay, *, version: str | None, client: dict[str, str]) -> bytes:
    """The body of a request; `version` is the modern protocol version, None in the session era."""
    meta = meta_text(relay, version=version, token=request_id, client=client)
    params = with_meta(relay.params, meta)
    return b'{"jsonrpc":"2.0","id":%d,"method":%s,"params":%s}' % (request_id, _text(relay.method), params)


def notification(method: str, params: dict[str, Any] | None = None) -> bytes:
    """The body of a notification."""
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        body["params"] = params
    return dumps(body)


def cancelled(request_id: int, reason: str) -> bytes:
    """The notification that we no longer wait for a request."""
    return notification("notifications/cancelled", {"requestId": request_id, "reason": reason})


def response(request_id: Id, outcome: Result | RpcError) -> bytes:
    """Our answer to a server's request; a result keeps its own text."""
    head = b'{"jsonrpc":"2.0","id":' + dumps(request_id)
    if isinstance(outcome, Result):
        return head + b',"result":' + outcome.raw + b"}"
    error: dict[str, Any] = {"code": outcome.code, "message": outcome.message}
    if outcome.data is not None:
        error["data"] = outcome.data
    return head + b',"error":' + dumps(error) + b"}"


def refusal(method: str) -> Result | RpcError:
    """What is answered where no client is to be asked: `{}` to a ping, no to an elicitation, unknown to the rest."""
    match method:
        case "ping":
            return PONG
        case "elicitation/create":
            return DECLINED
        case _:
            return RpcError(code=METHOD_NOT_FOUND, message="This client offers no such method")


def reply(asked: Asked) -> bytes:
    """The refusal of a server's request."""
    return response(asked.id, refusal(asked.method))


def with_meta(params: bytes, meta: bytes) -> bytes:
    """Params with their `_meta`, which stands last; one that was in them already is replaced."""
    if meta == b"{}":
        return params
    if b"_meta" in params or b"\\u" in params:  # it may be there, in some spelling; inside a value it is harmless
        return replaced(params, {"_meta": meta})
    body = params.strip()[1:-1].strip()
    return b"{" + body + (b"," if body else b"") + b'"_meta":' + meta + b"}"


def meta_text(relay: Relay, *, version: str | None, token: int, client: dict[str, str]) -> bytes:
    """The `_meta` object: what passes as its own text, plus our own members. `version` None is the session era."""
    members = {name: text for name, text in split_object(relay.meta).items() if name not in _OURS_IN_META}
    if relay.progress:
        members["progressToken"] = b"%d" % token
    if version is not None:
        members[META_VERSION] = _text(version)
        members[META_CAPABILITIES] = relay.capabilities
        members[META_CLIENT] = dumps(client)
        if relay.log_level is not None:
            members[META_LOG_LEVEL] = _text(relay.log_level)
    return b"{" + b",".join(_text(name) + b":" + text for name, text in members.items()) + b"}"


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _text(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
