"""The plain answers of the agents' side: one JSON body, its status, and the headers that all of them carry."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from gateway.protocol.classify import Era
from gateway.protocol.headers import Rejection
from gateway.protocol.jsonrpc import RpcId
from gateway.protocol.results import envelope, error_envelope, fitting
from gateway.upstreams import RpcError

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Server": "placet",
}
"""On every answer of the agents' side."""

Work = Coroutine[Any, Any, web.StreamResponse]
"""What answers one HTTP request, not yet running."""

# Errors of the modern era that have an HTTP status of their own (protocol.md 1.1).
_MODERN_STATUS = {-32601: 404, -32600: 400, -32602: 400, -32700: 400, -32020: 400, -32021: 400, -32022: 400}


def plain(body: bytes, status: int = 200) -> web.Response:
    """One JSON body."""
    return web.Response(body=body, status=status, content_type="application/json", headers=HEADERS)


def accepted() -> web.Response:
    """The answer to a message that wants none."""
    return web.Response(status=202, headers=HEADERS)


async def result(rpc_id: RpcId, raw: bytes, *, session: str | None = None) -> web.StreamResponse:
    """A result, and with it the id of the session that was opened."""
    response = plain(envelope(rpc_id, raw))
    if session is not None:
        response.headers["Mcp-Session-Id"] = session
    return response


def failed(rpc_id: RpcId, error: RpcError, *, era: Era, method: str) -> tuple[bytes, int]:
    """The body and the status of an error in the words of this era."""
    code = fitting(error.code, era=era, method=method, data=error.data)
    body = error_envelope(rpc_id, code=code, message=error.message, data=error.data)
    return body, _MODERN_STATUS.get(code, 200) if era is Era.MODERN else 200


def refused(rejection: Rejection) -> web.Response:
    """The answer that a refusal is."""
    body = error_envelope(rejection.id, code=rejection.code, message=rejection.message, data=rejection.data)
    response = plain(body, rejection.status)
    if rejection.status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="placet"'
    if rejection.allow is not None:
        response.headers["Allow"] = rejection.allow
    if rejection.retry_after is not None:
        response.headers["Retry-After"] = str(rejection.retry_after)
    return response


def not_allowed(allow: str) -> Rejection:
    """The refusal of an HTTP method."""
    return Rejection(status=405, code=405, message=f"Use {allow} here.", allow=allow)
