"""The methods this gateway serves, one function each, for both eras.

Everything but `tools/call` is answered at once from the Gate. A tool call gets a line back to its client and waits;
while it waits, only what the answer needs is kept here, so that thousands can be held.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from approvals.domain.model import Caller
from gateway.inbound.gate import Gate, InboundCall
from gateway.inbound.sessions import Session, Sessions
from gateway.inbound.sse import HEADERS, SseLine, Ticker
from gateway.protocol.classify import ASSUMED_LEGACY, LEGACY, Era, Route
from gateway.protocol.headers import Head, Rejection, param_headers
from gateway.protocol.jsonrpc import INVALID_REQUEST, META_PREFIX, Notification, Request, RpcId
from gateway.protocol.patience import clock_ran_out
from gateway.protocol.results import called, discovered, envelope, error_envelope, initialized, listed
from gateway.upstreams import Result, RpcError

log = logging.getLogger(__name__)

Work = Coroutine[Any, Any, web.StreamResponse]

_TRACE = ("traceparent", "tracestate", "baggage")
_TRACE_LIMIT = 8_192
_INTERNAL_ERROR = -32603
_FAULT = (
    "The gateway failed by a fault of its own while it handled this call. It is in its log. Nobody can say from here "
    "whether the call ran: look before you repeat it, or tell your user."
)
# Errors of the modern era that have an HTTP status of their own (protocol.md 1.1).
_MODERN_STATUS = {-32601: 404, -32600: 400, -32602: 400, -32700: 400, -32020: 400, -32021: 400, -32022: 400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One HTTP request of a signed-in agent. `server` is None on the aggregate."""

    http: web.Request
    head: Head
    caller: Caller
    credential: bytes
    server: str | None


class Server:
    """Answers accepted messages."""

    def __init__(self, gate: Gate, sessions: Sessions, ticker: Ticker, info: bytes) -> None:
        self._gate = gate
        self._sessions = sessions
        self._ticker = ticker
        self._info = info

    def work(self, visit: Visit, route: Route, session: Session | None, digest: str) -> Work | Rejection:
        """The coroutine that answers the message, not yet running."""
        message = route.message
        if not isinstance(message, Request):
            return self._note(visit, message if isinstance(message, Notification) else None, session)
        match message.method:
            case "initialize":
                return self._initialize(visit, route, message)
            case "server/discover":
                text = self._gate.instructions(visit.caller, visit.server)
                return _json(message.id, discovered(instructions=text, info=self._info))
            case "ping":
                return _json(message.id, b"{}")
            case "tools/list":
                return self._list(visit, route.era, message.id)
            case _:
                return self._open(visit, route, message, session, digest)

    def _open(
        self, visit: Visit, route: Route, message: Request, session: Session | None, digest: str
    ) -> Work | Rejection:
        if session is not None and message.id in session.lines:
            return _doubled(message.id)
        line = self._line(visit, route, message, session)
        caller = replace(visit.caller, client=session.client if session else route.client)
        call = _inbound_call(visit, route, message, session, digest)
        return self._call(caller, visit.server, session, call, line)

    async def _note(self, visit: Visit, message: Notification | None, session: Session | None) -> web.StreamResponse:
        if message is not None and message.method == "notifications/cancelled" and session is not None:
            await self._cancelled(visit, message.params, session)
        return web.Response(status=202, headers=HEADERS)

    async def _cancelled(self, visit: Visit, params: dict[str, Any], session: Session) -> None:
        rpc_id, reason = params.get("requestId"), params.get("reason")
        line = session.lines.get(rpc_id) if isinstance(rpc_id, str | int) and not isinstance(rpc_id, bool) else None
        if line is None:
            return
        words = reason if isinstance(reason, str) else None
        if clock_ran_out(words):
            # The client stopped waiting, which is a disconnect and no wish: the request stays as it is.
            line.hang_up()
            return
        await self._gate.cancelled(replace(visit.caller, client=session.client), line, words)

    def _initialize(self, visit: Visit, route: Route, message: Request) -> Work | Rejection:
        version = route.version or LEGACY[0]
        session = self._sessions.open(
            credential=visit.credential, server=visit.server, version=version, client=route.client
        )
        if session is None:
            why = "Too many sessions are open. End some with DELETE, or try again later."
            return Rejection(status=503, code=503, message=why, id=message.id)
        text = self._gate.instructions(visit.caller, visit.server)
        result = initialized(version=version, instructions=text, info=self._info)
        return _json(message.id, result, session=session.id)

    async def _list(self, visit: Visit, era: Era, rpc_id: RpcId) -> web.StreamResponse:
        tools = await self._gate.list_tools(visit.caller, visit.server)
        if isinstance(tools, RpcError):
            return _plain(_error(rpc_id, tools), _status(tools, era))
        return _plain(envelope(rpc_id, listed(tools, era=era, info=self._info)), 200)

    def _line(self, visit: Visit, route: Route, message: Request, session: Session | None) -> SseLine:
        stream_id = None
        if session is not None and session.version == LEGACY[0]:
            session.streams += 1
            stream_id = f"s{session.streams}"
        token = message.params.get("_meta", {}).get("progressToken")
        return SseLine(visit.http, self._ticker, token=token, streams=route.streams, stream_id=stream_id)

    async def _call(
        self, caller: Caller, server: str | None, session: Session | None, call: InboundCall, line: SseLine
    ) -> web.StreamResponse:
        rpc_id, era = call.request_id, call.era
        # Handed over by popping, so that the gateway alone decides how long the arguments stay in memory.
        handed = [call]
        del call
        if session is not None:
            session.lines[rpc_id] = line
        try:
            async with asyncio.timeout(None) as line.scope:
                answer = await self._gate.call_tool(caller, server, handed.pop(), line)
            body, status = self._render(rpc_id, answer, era)
        except Exception as err:  # an edge: the stream may be open already, so the answer must go there
            if isinstance(err, TimeoutError) and line.scope is not None and line.scope.expired():
                return await line.abandon()
            log.exception("tool call failed", extra={"agent": caller.agent, "server": server})
            line.tells = None
            body, status = _error(rpc_id, RpcError(code=_INTERNAL_ERROR, message=_FAULT)), 500
        finally:
            line.close()
            if session is not None:
                session.lines.pop(rpc_id, None)
        response = await line.finish(body, status)
        if line.tells is not None and line.delivered:
            await self._gate.told(line.tells)
        return response

    def _render(self, rpc_id: RpcId, answer: Result | RpcError, era: Era) -> tuple[bytes, int]:
        if isinstance(answer, RpcError):
            return _error(rpc_id, answer), _status(answer, era)
        return envelope(rpc_id, called(answer.raw, era=era, info=self._info)), 200


def _inbound_call(visit: Visit, route: Route, message: Request, session: Session | None, digest: str) -> InboundCall:
    params = message.params
    meta = params.get("_meta", {})
    return InboundCall(
        request_id=message.id,
        name=params["name"],
        arguments=params.get("arguments", {}),
        era=route.era,
        version=session.version if session else route.version or ASSUMED_LEGACY,
        client=session.client if session else route.client,
        raw_sha256=digest,
        progress_token=meta.get("progressToken"),
        streams=route.streams,
        trace={name: meta[name] for name in _TRACE if _is_trace(meta.get(name))},
        meta={name: value for name, value in meta.items() if _is_foreign(name)},
        params=param_headers(visit.head),
    )


def _is_trace(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _TRACE_LIMIT and value.isascii() and value.isprintable()


def _is_foreign(name: str) -> bool:
    return name != "progressToken" and name not in _TRACE and not name.startswith(META_PREFIX)


def _error(rpc_id: RpcId, error: RpcError) -> bytes:
    return error_envelope(rpc_id, code=error.code, message=error.message, data=error.data)


def _status(error: RpcError, era: Era) -> int:
    return _MODERN_STATUS.get(error.code, 200) if era is Era.MODERN else 200


def _doubled(rpc_id: RpcId) -> Rejection:
    why = "A call with this id is still open in this session. Give every request its own id."
    return Rejection(status=400, code=INVALID_REQUEST, message=why, id=rpc_id)


async def _json(rpc_id: RpcId, result: bytes, *, session: str | None = None) -> web.StreamResponse:
    response = _plain(envelope(rpc_id, result), 200)
    if session is not None:
        response.headers["Mcp-Session-Id"] = session
    return response


def _plain(body: bytes, status: int) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json", headers=HEADERS)
