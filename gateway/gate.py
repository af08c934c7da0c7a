"""The gateway as the agents' side sees it: sign-in, lists, calls, cancels (`inbound.gate.Gate`)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from approvals.domain import fingerprint
from approvals.domain.model import Caller, Cause
from approvals.errors import Refusal
from gateway.callers import Callers
from gateway.inbound.gate import InboundCall, Line
from gateway.lookup import Down, Found, Lookup
from gateway.pipeline import Parts, Visit, handle_call
from gateway.protocol import answers
from gateway.protocol.classify import Era
from gateway.protocol.headers import HEADER_MISMATCH, params_disagree
from gateway.upstreams import Result, RpcError

INSTRUCTIONS = (
    "Some tool calls here wait until a person approves them. If a result says that a call is waiting, call the same "
    "tool again with exactly the same arguments to go on waiting and to collect the outcome. If a call is denied, do "
    "not repeat or rephrase it."
)


class Gateway:
    """Implements the agents' side over the pipeline."""

    def __init__(self, parts: Parts, *, callers: Callers, lookup: Lookup) -> None:
        self._parts, self._callers, self._lookup = parts, callers, lookup

    async def identify(self, bearer: str | None) -> Caller | None:
        """The caller a token stands for."""
        return await self._callers.recognise(bearer)

    def servers(self, caller: Caller) -> Sequence[str]:
        """The names of the servers this caller may use."""
        return [server.name for server in self._lookup.servers(caller, None)]

    def instructions(self, caller: Caller, server: str | None) -> str | None:  # noqa: ARG002 (the same for all)
        """How to work with a gateway that may hold a call."""
        return INSTRUCTIONS

    async def list_tools(self, caller: Caller, server: str | None) -> Sequence[dict[str, Any]] | RpcError:
        """The tools this caller could call."""
        return await self._lookup.tools(caller, server)

    async def call_tool(self, caller: Caller, server: str | None, call: InboundCall, line: Line) -> Result | RpcError:
        """Find the tool a name means, then walk the call."""
        found = await self._lookup.find(caller, server, call.name)
        if isinstance(found, RpcError):
            return found
        if isinstance(found, Down):
            text = answers.upstream_unavailable(server=found.server.name, tool=call.name, why=found.why)
            return Result(raw=text, is_error=True)
        schema = found.tool.definition.get("inputSchema")
        wrong = params_disagree(schema, call.arguments, call.params, required=call.era is Era.MODERN)
        if wrong is not None:
            return RpcError(code=HEADER_MISMATCH, message=wrong)
        visit = _visit(caller, found, call, line)
        # The visit alone holds the arguments from here, and lets go of them once the call is judged.
        del call
        return await handle_call(self._parts, visit)

    async def cancelled(self, caller: Caller, line: Line, reason: str | None) -> None:
        """The client cancelled in words: the request ends, unless it is running or has ended already."""
        if line.request is None:
            return
        actor = f"agent:{caller.agent}"
        try:
            await self._parts.desk.cancel(line.request, actor=actor, cause=Cause.CLIENT_CANCELLED, note=reason)
        except Refusal:
            return

    async def told(self, request_id: str) -> None:
        """A final outcome has been written to its agent."""
        self._parts.work.start(self._parts.desk.told(request_id))


def _visit(caller: Caller, found: Found, call: InboundCall, line: Line) -> Visit:
    return Visit(
        caller=replace(caller, client=call.client),
        found=found,
        name=call.name,
        call=fingerprint.make_call(
            server=found.server.name,
            tool=found.tool.name,
            arguments=call.arguments,
            tool_fingerprint=found.tool.fingerprint,
        ),
        arguments=call.arguments,
        line=line,
        progress=line.relay if call.progress_token is not None else None,
        trace=call.trace,
        streams=call.streams,
        modern=call.era is Era.MODERN,
        began=time.monotonic(),
    )
