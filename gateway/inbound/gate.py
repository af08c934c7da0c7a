"""What the agents' side needs of the gateway, as one Protocol that the pipeline implements.

The types here are all that crosses: a credential becomes a Caller, a message an InboundCall, and the way back is
a Line on which progress can be said while the call is held. Nothing of HTTP is in them, so that the stdio bridge
and the tests can stand in for either side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from approvals.domain.model import Caller, Client
from gateway.protocol.classify import Era
from gateway.protocol.jsonrpc import RpcId
from gateway.upstreams import Result, RpcError


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundCall:
    """One `tools/call` as the client sent it.

    `trace` is trace context, which passes unbound; `meta` is the rest of `_meta` without the protocol's own keys, of
    which only an allow-list may pass; `params` are the `Mcp-Param-*` headers, to be compared with the arguments
    (`gateway.protocol.headers.params_disagree`). `raw_sha256` is of the whole body, for forensics.
    """

    request_id: RpcId
    name: str
    arguments: dict[str, Any]
    era: Era
    version: str
    client: Client
    raw_sha256: str
    progress_token: RpcId | None = None
    streams: bool = True
    trace: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)


class Line(Protocol):
    """The open way back to the client of one call.

    `request` is for the gateway to set to the approval request's id once there is one: a cancel in words finds it.
    `tells` is set with it when the answer is the request's final outcome: once that is written, `Gate.told` is called.
    """

    request: str | None
    tells: str | None

    async def open(self) -> None:
        """Begin the event stream now, if the client takes one: headers are flushed, keep-alives begin. Idempotent."""
        ...

    async def progress(self, progress: float, message: str, total: float | None = None) -> None:
        """Say how far it is, if the client gave a progress token; the value is raised where it would not rise."""
        ...

    async def relay(self, params: Mapping[str, Any]) -> None:
        """Pass on the params of an upstream's own progress notification, as a continuation of what was said."""
        ...


class Gate(Protocol):
    """The gateway as the agents' side sees it."""

    async def identify(self, bearer: str | None) -> Caller | None:
        """The caller a token stands for; None is 401. Called with None where no token was sent (anonymous agents)."""
        ...

    def servers(self, caller: Caller) -> Sequence[str]:
        """The names of the servers this caller may use."""
        ...

    def instructions(self, caller: Caller, server: str | None) -> str | None:
        """What to tell a client at its start about working with the gateway."""
        ...

    async def list_tools(self, caller: Caller, server: str | None) -> Sequence[dict[str, Any]] | RpcError:
        """The tools this caller could call, named as on this path (`server` None is the aggregate)."""
        ...

    async def call_tool(self, caller: Caller, server: str | None, call: InboundCall, line: Line) -> Result | RpcError:
        """Judge, hold, run: the answer without era members. Cancelled when the client leaves."""
        ...

    async def told(self, request_id: str) -> None:
        """The final outcome of this approval request has been written to its agent, whole."""
        ...

    async def cancelled(self, caller: Caller, line: Line, reason: str | None) -> None:
        """The client cancelled in words the call that `line` belongs to; the call still answers by itself."""
        ...
