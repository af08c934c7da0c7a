"""What the HTTP head of a message must be before, and must agree with after, its body is read (security.md 2b, 2c.12).

The body is what policy judges; a header is only ever a cross-check, because a proxy in front may have routed on
it. Agreement is demanded in every era, presence only from 2026-07-28 on. A header that two readers could read
differently (sent twice, an underscore twin, a broken base64 mark) is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.protocol.jsonrpc import INVALID_REQUEST, RpcId
from gateway.protocol.strict import visible

HEADER_MISMATCH = -32020
PARAM_PREFIX = "mcp-param-"

Head = Mapping[str, str]
"""The header lines of one message, names in lower case, each once (`fold`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A refusal before anything was done: HTTP status, JSON-RPC code, and a sentence that says what to do."""

    status: int
    code: int
    message: str
    id: RpcId | None = None
    data: Any = None
    allow: str | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Which names this listener answers to: host names without port, and full origins."""

    hosts: frozenset[str]
    origins: frozenset[str]


_ONCE = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "last-event-id",
        "mcp-method",
        "mcp-name",
        "mcp-protocol-version",
        "mcp-session-id",
        "origin",
        "transfer-encoding",
    }
)
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.\-]{0,252}))(?::[0-9]{1,5})?")
_SECRET = re.compile(r"plc_(?:agent|person)_", re.IGNORECASE)
_SECRET_NAMES = re.compile(r"[?&](?:access_token|token|api_key|apikey|authorization|key)=", re.IGNORECASE)
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] ([A-Za-z0-9._~+/\-]{1,8192}=*)")
_REFUSED = re.compile(r"q=0(\.0{0,3})?")
_SENTINEL = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)
_DECIMAL = re.compile(r"-?[0-9]{1,64}(?:\.0{1,64})?")


def fold(pairs: Iterable[tuple[str, str]]) -> Head | Rejection:
    """The header lines as a mapping; refused if one that matters is doubled or has an underscore twin."""
    head: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        if "_" in key and _matters(plain := key.replace("_", "-")):
            return _mismatch(f"The header {visible(name)} can be taken for {visible(plain)}. Send only the latter.")
        if key not in head:
            head[key] = value
        elif key == "authorization":
            # A failed sign-in like any other, and told the same.
            return UNAUTHORIZED
        elif _matters(key):
            return _mismatch(f"The header {key} is sent twice. Send it once.")
        else:
            head[key] += ", " + value
    return head


def check_head(target: str, head: Head, allowed: Allowed) -> Rejection | None:
    """What is wrong with the request target, Host, Origin, or the place of a token; None if nothing."""
    if not target.startswith("/"):
        return _bad("The request target must be a path. Send the path alone, with the host in Host.")
    if (problem := _foreign(head, allowed)) is not None:
        return problem
    if _SECRET.search(target) or _SECRET_NAMES.search(target):
        return _bad(
            "Never put a token into the URL: it ends up in logs. Rotate it and send it as Authorization: Bearer."
        )
    if _SECRET.search(head.get("cookie", "")):
        return _bad("Never put a token into a cookie. Send it as Authorization: Bearer.")
    return None


def check_body_headers(head: Head) -> Rejection | None:
    """What is wrong with Content-Type, Content-Encoding and Transfer-Encoding of a POST; None if nothing."""
    if "content-encoding" in head:
        return _unsupported("The body must be sent as it is. Leave out Content-Encoding.")
    transfer = head.get("transfer-encoding")
    if transfer is not None and transfer.strip().lower() != "chunked":
        return _bad("Transfer-Encoding may only be chunked.")
    kind, *parameters = [part.strip().lower() for part in head.get("content-type", "").split(";")]
    charsets = {"charset=utf-8", 'charset="utf-8"'}
    if kind != "application/json" or any(part not in charsets for part in parameters):
        return _unsupported("Send Content-Type: application/json (at most with charset=utf-8).")
    return None


def bearer(head: Head) -> str | Rejection | None:
    """The bearer token; None when no Authorization was sent; a Rejection (401) for anything else in its place."""
    value = head.get("authorization")
    if value is None:
        return None
    found = _BEARER.fullmatch(value)
    return found.group(1) if found else UNAUTHORIZED


UNAUTHORIZED = Rejection(
    status=401,
    code=401,
    message="A valid agent token is needed. Send it once, as Authorization: Bearer plc_agent_…",
)
"""The one answer to a missing, empty, garbled, doubled, unknown, expired or revoked token."""


def accepts(head: Head, kind: str) -> bool:
    """Whether Accept admits the media type `kind`. No Accept at all admits anything (RFC 9110, 12.5.1)."""
    accept = head.get("accept")
    if accept is None:
        return True
    wanted = {kind, kind.split("/")[0] + "/*", "*/*"}
    for part in accept.split(","):
        media, *parameters = [piece.strip().lower() for piece in part.split(";")]
        if media in wanted and not any(_REFUSED.fullmatch(piece) for piece in parameters):
            return True
    return False


def decode(value: str) -> str | None:
    """A header value with its base64 mark undone; None when the mark is broken."""
    found = _SENTINEL.fullmatch(value)
    if found is None:
        return value
    try:
        plain = base64.b64decode(found.group(1), validate=True)
        # Only the canonical spelling: `validate` lets stray bits in the last character through.
        if base64.b64encode(plain).decode("ascii") != found.group(1):
            return None
        return plain.decode("utf-8")
    except (binascii.Error, ValueError):
        return None


def param_headers(head: Head) -> dict[str, str]:
    """The `Mcp-Param-*` headers as they came, keyed by the lower-case rest of their name."""
    return {name[len(PARAM_PREFIX) :]: value for name, value in head.items() if name.startswith(PARAM_PREFIX)}


def params_disagree(
    schema: Any, arguments: Mapping[str, Any], sent: Mapping[str, str], *, required: bool
) -> str | None:
    """Where `Mcp-Param-*` and the arguments disagree for a tool's `x-mcp-header` properties; None if nowhere.

    `required` is the modern era: there a header may not be missing. Headers the schema does not name pass.
    """
    for path, token in _declared(schema):
        raw, value = sent.get(token.lower()), _at(arguments, path)
        where = ".".join(path)
        if raw is None:
            if required and _written(value) is not None:
                return f"The header Mcp-Param-{token} is missing for the argument {where}."
            continue
        decoded = decode(raw)
        if decoded is None:
            return f"The header Mcp-Param-{token} has a broken base64 value."
        if value is None:
            return f"The header Mcp-Param-{token} is sent, but the argument {where} is not."
        if not _same(value, decoded):
            return f"The header Mcp-Param-{token} differs from the argument {where}."
    return None


def _declared(schema: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    if not isinstance(schema, dict) or len(path) > 16:
        return []
    found: list[tuple[tuple[str, ...], str]] = []
    properties = schema.get("properties")
    for name, child in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(child, dict):
            continue
        token = child.get("x-mcp-header")
        if isinstance(token, str) and child.get("type") in ("string", "integer", "boolean"):
            found.append(((*path, name), token))
        found.extend(_declared(child, (*path, name)))
    return found


def _at(arguments: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(arguments, dict):
            return None
        arguments = arguments.get(name)
    return arguments


def _written(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _same(value: Any, decoded: str) -> bool:
    integral = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    if integral and _DECIMAL.fullmatch(decoded):
        return int(decoded.partition(".")[0]) == int(value)
    return decoded == _written(value)


def _matters(name: str) -> bool:
    return name in _ONCE or name.startswith(PARAM_PREFIX)


def _foreign(head: Head, allowed: Allowed) -> Rejection | None:
    host = head.get("host", "").lower()
    found = _HOST.fullmatch(host)
    if found is None or found.group(1).rstrip(".") not in allowed.hosts:
        return _forbidden("This gateway does not answer to that Host. Use the URL it prints at its start.")
    origin = head.get("origin")
    if origin is None or origin in allowed.origins:
        return None
    # Same origin as the Host that was just found to be ours: the page came from here.
    if origin.lower() in (f"http://{host}", f"https://{host}"):
        return None
    return _forbidden("Requests from web pages of other origins are refused.")


def _bad(message: str) -> Rejection:
    return Rejection(status=400, code=INVALID_REQUEST, message=message)


def _unsupported(message: str) -> Rejection:
    return Rejection(status=415, code=INVALID_REQUEST, message=message)


def _forbidden(message: str) -> Rejection:
    return Rejection(status=403, code=403, message=message)


def _mismatch(message: str) -> Rejection:
    return Rejection(status=400, code=HEADER_MISMATCH, message=message)
