"""What the gateway is handed of an accepted message: a call, or any other request that is made of a server.

The era's differences end here. `_meta` is taken apart: its own keys are facts of the request, trace context passes, the
rest is for the gateway to allow or drop (security.md 2c.11).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from approvals.domain.model import Caller, Client
from gateway.inbound.gate import InboundAsk, InboundCall
from gateway.inbound.sessions import Session, session_key
from gateway.protocol.classify import ASSUMED_LEGACY, Route
from gateway.protocol.headers import Head, param_headers
from gateway.protocol.jsonrpc import META_PREFIX, Request
from gateway.protocol.methods import NAMED, RESUMING
from gateway.protocol.raw import join_object

_TRACE = ("traceparent", "tracestate", "baggage")
_TRACE_LIMIT = 8_192
_SET_APART = RESUMING | {"_meta"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One HTTP request of a signed-in agent. `server` is None on the aggregate; `payer` is whose rate counts."""

    http: web.Request
    head: Head
    caller: Caller
    credential: bytes
    payer: Hashable
    server: str | None


def inbound_call(visit: Visit, route: Route, message: Request, session: Session | None, digest: str) -> InboundCall:
    """One `tools/call` for the gateway."""
    params = message.params
    return InboundCall(
        request_id=message.id,
        name=params["name"],
        arguments=params.get("arguments", {}),
        era=route.era,
        version=_version(route, session),
        client=client_of(route, session),
        raw_sha256=digest,
        progress_token=params.get("_meta", {}).get("progressToken"),
        streams=route.streams,
        trace=_trace(params),
        meta=_foreign(params),
        params=param_headers(visit.head),
        session=key_of(visit, session),
        capabilities=session.capabilities if session else route.capabilities,
        tasks=route.tasks,
        log_level=session.log_level if session else route.log_level,
        input_responses=message.raw.get("inputResponses"),
        request_state=params.get("requestState"),
    )


def inbound_ask(visit: Visit, route: Route, message: Request, session: Session | None) -> InboundAsk:
    """Any other request for the gateway."""
    params = message.params
    member = NAMED.get(message.method)
    return InboundAsk(
        request_id=message.id,
        method=message.method,
        params=join_object({name: raw for name, raw in message.raw.items() if name not in _SET_APART}),
        parsed={name: value for name, value in params.items() if name not in _SET_APART},
        name=params[member] if member is not None else None,
        era=route.era,
        version=_version(route, session),
        client=client_of(route, session),
        session=key_of(visit, session),
        capabilities=session.capabilities if session else route.capabilities,
        log_level=session.log_level if session else route.log_level,
        progress_token=params.get("_meta", {}).get("progressToken"),
        trace=_trace(params),
        meta=_foreign(params),
        params_headers=param_headers(visit.head),
        streams=route.streams,
        input_responses=message.raw.get("inputResponses"),
        request_state=params.get("requestState"),
    )


def client_of(route: Route, session: Session | None) -> Client:
    """What the client says it is: of this session, or of this request."""
    return session.client if session else route.client


def _version(route: Route, session: Session | None) -> str:
    return session.version if session else route.version or ASSUMED_LEGACY


def key_of(visit: Visit, session: Session | None) -> str:
    """What keys all that belongs to this client alone: see InboundAsk."""
    return session.key if session else session_key(visit.caller.agent, "")


def _trace(params: Mapping[str, Any]) -> dict[str, str]:
    meta = params.get("_meta", {})
    return {name: meta[name] for name in _TRACE if _is_trace(meta.get(name))}


def _foreign(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.get("_meta", {}).items() if _is_foreign(name)}


def _is_trace(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _TRACE_LIMIT and value.isascii() and value.isprintable()


def _is_foreign(name: str) -> bool:
    return name != "progressToken" and name not in _TRACE and not name.startswith(META_PREFIX)
