"""The modern era over HTTP: one stateless POST a request, everything in its `_meta` and headers.

Closing the response stream is the cancellation, so cancelling the awaiting task is enough. A server
has no requests of its own here; one that sends some is not answered. A call is sent once: so a server
that was silent for a while is asked what it speaks, before a call goes to it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace

from gateway.upstreams import Hello, InputRequired, NoAnswer, Relay, Result, RpcError, Unsent
from gateway.upstreams.asks import Ask, discovering, plain
from gateway.upstreams.era import HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION, Modern, judge_discover
from gateway.upstreams.headers import encode, parameters
from gateway.upstreams.listening import NOTHING, Listening, listen_params, offered
from gateway.upstreams.peers import Conversation
from gateway.upstreams.places import Key
from gateway.upstreams.replies import NotMcp, Receiver, StatusError
from gateway.upstreams.trust import ASSURANCE_SECONDS, Trust
from gateway.upstreams.wire import Wire, WrongEra

log = logging.getLogger(__name__)

_MODERN_CODES = frozenset({HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION})
_NO_VERDICT = frozenset({401, 403, 408, 429})


class ModernDialect:
    """Requests to a server that said it is modern."""

    filters_tools = True

    def __init__(self, wire: Wire, spoken: Modern, tools_changed: Callable[[], None]) -> None:
        self._wire = wire
        self._hello = spoken.hello
        self._tools_changed = tools_changed
        self._trust = Trust()
        self._trust.answered()

    async def ask(self, ask: Ask) -> Result | RpcError | InputRequired:
        """One POST; errors that come with an HTTP status of 400 or more are the answer all the same."""
        if not ask.relay.repeatable:
            await self._assure()
        try:
            answer = await self._answer(ask)
        except (Unsent, NoAnswer):
            self._trust.doubt()
            raise
        self._trust.answered()
        if isinstance(answer, RpcError) and answer.code == UNSUPPORTED_VERSION:
            raise WrongEra(self._stranger(), error=answer)
        return answer

    async def _answer(self, ask: Ask) -> Result | RpcError | InputRequired:
        try:
            return await post(self._wire, ask, self._hello.version, self._tools_changed)
        except StatusError as err:
            # An error that does not name the call is no answer to it, so nobody knows whether the call ran.
            error = err.error if err.ours or ask.relay.repeatable else None
            if error is not None and (err.ours or error.code in _MODERN_CODES):
                return error
            if not _is_verdict(err):
                raise
            raise WrongEra(str(err), error=error) from err

    async def _assure(self) -> None:
        """Have it say that it is modern still, if it was silent for a while."""
        async with self._trust.lock:
            if self._trust.fresh:
                return
            version = self._hello.version
            try:
                async with asyncio.timeout(ASSURANCE_SECONDS):
                    answer = await discover(self._wire, version)
            except StatusError as err:
                if err.error is None and not _is_verdict(err):
                    raise
                answer = err.error or RpcError(code=0, message="no JSON-RPC answer")
            except NotMcp as err:
                raise WrongEra(str(err)) from err
            except (NoAnswer, TimeoutError) as err:
                log.debug("upstream did not say what it speaks: %s", err, extra={"server": self._wire.name})
                return
            if not isinstance(judge_discover(answer, asked=version), Modern):
                raise WrongEra(self._stranger())
            self._trust.answered()

    def _stranger(self) -> str:
        return f"{self._wire.name} no longer speaks {self._hello.version}"

    async def hello(self, key: Key) -> Hello:  # noqa: ARG002 -- the same for everybody in this era
        """What discovery said."""
        return self._hello

    async def follow(self, listening: Listening) -> bool:
        """Subscribe on a stream of its own, and stay until it ends."""
        wants = offered(listening.wants, self._hello)
        if wants == NOTHING:
            listening.accept(NOTHING)
            return False
        asked = plain("subscriptions/listen", listen_params(wants), place=listening.place)
        ask = replace(asked, peer=listening)
        try:
            answer = await post(self._wire, ask, self._hello.version, self._tools_changed, forever=True)
        except StatusError as err:
            if err.error is None:
                raise
            answer = err.error
        if isinstance(answer, RpcError):
            listening.accept(NOTHING)
        return not isinstance(answer, RpcError)

    async def forget(self, session: str) -> None:
        """Nothing was begun."""

    def sweep(self) -> None:
        """Nothing was begun."""

    async def close(self) -> None:
        """Nothing was begun."""

    def abandon(self) -> None:
        """Nothing was begun."""


async def discover(wire: Wire, version: str) -> Result | RpcError | InputRequired:
    """Send `server/discover`.

    Raises:
        StatusError, NoAnswer, Unsent: there was no JSON-RPC answer.
    """
    return await post(wire, discovering(), version, lambda: None)


async def post(
    wire: Wire, ask: Ask, version: str, tools_changed: Callable[[], None], *, forever: bool = False
) -> Result | RpcError | InputRequired:
    """Send one modern request and read its answer."""
    request_id = wire.next_id()
    headers = _headers(ask.relay, version)
    talk = Conversation(ask, name=wire.name, token=request_id, tools_changed=tools_changed, respond=None)
    body = ask.text(request_id, version=version)
    async with wire.post(body, headers, before=ask.mark, forever=forever, once=not ask.relay.repeatable) as reply:
        return await Receiver(name=wire.name, request_id=request_id, listener=talk).receive(reply)


def _is_verdict(err: StatusError) -> bool:
    return 400 <= err.status < 500 and err.status not in _NO_VERDICT


def _headers(relay: Relay, version: str) -> dict[str, str]:
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": relay.method}
    if relay.name is not None:
        headers["Mcp-Name"] = encode(relay.name)
    if relay.method == "tools/call" and relay.definition is not None:
        headers |= parameters(relay.definition.get("inputSchema"), json.loads(relay.params).get("arguments"))
    return headers
