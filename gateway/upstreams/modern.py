"""The modern era over HTTP: one stateless POST a request, everything in its `_meta` and headers.

Closing the response stream is the cancellation, so cancelling the awaiting task is enough. A server
has no requests of its own here; one that sends some is not answered.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

from gateway.upstreams import Result, RpcError
from gateway.upstreams.asks import Ask, discovering
from gateway.upstreams.era import HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION, Modern
from gateway.upstreams.headers import encode, parameters
from gateway.upstreams.replies import Receiver, StatusError, events
from gateway.upstreams.rpc import Asked, Told, read
from gateway.upstreams.sse import Reader
from gateway.upstreams.wire import Wire, WrongEra

log = logging.getLogger(__name__)

_MODERN_CODES = frozenset({HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION})
_NO_VERDICT = frozenset({401, 403, 408, 429})
_MAX_NOTICE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """Passes progress of one request on, and notice of changed tools."""

    name: str
    request_id: int
    ask: Ask
    tools_changed: Callable[[], None]

    async def told(self, message: Told) -> None:
        """A notification on the request's own stream."""
        if message.method == "notifications/tools/list_changed":
            self.tools_changed()
        token = message.params.get("progressToken")
        if message.method == "notifications/progress" and self.ask.progress and token == self.request_id:
            await self.ask.progress(message.params)

    async def asked(self, message: Asked) -> None:
        """A request, which this era does not have."""
        log.warning(
            "modern upstream sent a request, ignored", extra={"server": self.name, "method": message.method[:60]}
        )


class ModernDialect:
    """Requests to a server that said it is modern."""

    filters_tools = True

    def __init__(self, wire: Wire, spoken: Modern, tools_changed: Callable[[], None]) -> None:
        self._wire = wire
        self._spoken = spoken
        self._tools_changed = tools_changed

    async def ask(self, ask: Ask) -> Result | RpcError:
        """One POST; errors that come with an HTTP status of 400 or more are the answer all the same."""
        try:
            answer = await post(self._wire, ask, self._spoken.version, self._tools_changed)
        except StatusError as err:
            if err.error is not None and (err.ours or err.error.code in _MODERN_CODES):
                answer = err.error
            elif 400 <= err.status < 500 and err.status not in _NO_VERDICT:
                raise WrongEra(str(err), rejected=err.error is not None, error=err.error) from err
            else:
                raise
        if isinstance(answer, RpcError) and answer.code == UNSUPPORTED_VERSION:
            raise WrongEra(f"{self._wire.name} no longer speaks {self._spoken.version}", rejected=True, error=answer)
        return answer

    async def listen(self, tools_changed: Callable[[], None]) -> bool:
        """Subscribe to changes of the tool list, and stay."""
        if not self._spoken.list_changed:
            return False
        ask = Ask(method="subscriptions/listen", params={"notifications": {"toolsListChanged": True}})
        request_id = self._wire.next_id()
        body = ask.text(request_id, version=self._spoken.version)
        async with self._wire.post(body, _headers(ask, self._spoken.version), forever=True) as reply:
            if reply.status != 200 or reply.media_type != "text/event-stream":
                return False
            async for event in events(reply, Reader(max_event_bytes=_MAX_NOTICE_BYTES), name=self._wire.name):
                message = read(event.data)
                if isinstance(message, Told) and message.method == "notifications/tools/list_changed":
                    tools_changed()
        return True

    async def close(self) -> None:
        """Nothing was begun."""


async def discover(wire: Wire, version: str) -> Result | RpcError:
    """Send `server/discover`.

    Raises:
        StatusError, NoAnswer, Unsent: there was no JSON-RPC answer.
    """
    return await post(wire, discovering(), version, lambda: None)


async def post(wire: Wire, ask: Ask, version: str, tools_changed: Callable[[], None]) -> Result | RpcError:
    """Send one modern request and read its answer."""
    request_id = wire.next_id()
    headers = _headers(ask, version)
    ear = Ear(name=wire.name, request_id=request_id, ask=ask, tools_changed=tools_changed)
    async with wire.post(ask.text(request_id, version=version), headers, before=ask.mark) as reply:
        return await Receiver(name=wire.name, request_id=request_id, listener=ear).receive(reply)


def _headers(ask: Ask, version: str) -> dict[str, str]:
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": ask.method}
    if ask.call is not None:
        headers["Mcp-Name"] = encode(ask.call.tool)
        if ask.call.definition is not None:
            headers |= parameters(ask.call.definition.get("inputSchema"), json.loads(ask.call.arguments))
    return headers
