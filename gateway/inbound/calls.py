"""Requests that may take long: each has a line back to its client, and somebody who waits for its answer.

Who that is depends on what a lost connection means. In the modern era it is a cancel, in the sessions before 2025-11-25
there is no way back: the handler waits, and is cancelled with its connection. A session of 2025-11-25 may come back for
its stream, so there the wait belongs to the service, and the handler only looks on. While a request is held, only what
its answer needs is kept here, so that thousands can be held.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from approvals.domain.model import Caller
from gateway.inbound.feed import EventId
from gateway.inbound.gate import Called, Gate, InboundAsk, InboundCall, TaskCreated
from gateway.inbound.line import SseLine
from gateway.inbound.parked import Parked
from gateway.inbound.reply import failed
from gateway.inbound.sessions import Session
from gateway.inbound.sse import Tap
from gateway.protocol.classify import Era
from gateway.protocol.jsonrpc import RpcId
from gateway.protocol.results import called, envelope, error_envelope, input_required, task_created
from gateway.upstreams import InputRequired, RpcError
from gateway.work import Work

log = logging.getLogger(__name__)

_INTERNAL_ERROR = -32603
_FAULT = (
    "The gateway failed by a fault of its own while it handled this call. It is in its log. Nobody can say from here "
    "whether the call ran: look before you repeat it, or tell your user."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One request and its way back. `handed` holds it until the gateway takes it, and is empty from then on."""

    caller: Caller
    server: str | None
    session: Session | None
    rpc_id: RpcId
    era: Era
    method: str
    line: SseLine
    handed: list[InboundCall | InboundAsk]


class Calls:
    """Answers requests on their lines. `work` is the service's, None while it does not run yet."""

    def __init__(self, gate: Gate, parked: Parked, info: bytes, work: Callable[[], Work | None]) -> None:
        self._gate = gate
        self._parked = parked
        self._info = info
        self._work = work

    async def answer(self, turn: Turn) -> web.StreamResponse:
        """Answer one request; cancelled when its client leaves."""
        line = turn.line
        if turn.session is not None:
            turn.session.lines[turn.rpc_id] = line
        work = self._work() if line.resumable else None
        if work is None:
            return await self._serve(turn)
        try:
            line.waiter = work.run(self._serve(turn))
            return await line.waiter
        except asyncio.CancelledError:
            if line.dropped():
                self.left(line)
            raise

    def left(self, line: SseLine) -> None:
        """Nobody reads this line now: it is kept for a client that comes back in time."""
        self._parked.add(line)

    async def resume(self, line: SseLine, tap: Tap, at: EventId) -> None:
        """Give the rest of a line's stream to a client that has come back for it."""
        feed = line.feed
        if feed is None:
            return
        if not feed.finished:
            self._parked.remove(line)
        line.delivered = await feed.resume(tap, at.event) or line.delivered
        await self._tell(line)

    async def _serve(self, turn: Turn) -> web.StreamResponse:
        line, session = turn.line, turn.session
        try:
            async with asyncio.timeout(None) as line.scope:
                if line.over:
                    line.hang_up()
                answer = await self._ask(turn)
            body, status = self._render(turn, answer)
        except Exception as err:  # an edge: the stream may be open already, so the answer must go there
            if isinstance(err, TimeoutError) and line.scope is not None and line.scope.expired():
                response = await line.abandon()
                self._park(line)
                return response
            log.exception("request failed", extra={"agent": turn.caller.agent, "server": turn.server})
            line.tells = None
            fault = RpcError(code=_INTERNAL_ERROR, message=_FAULT)
            body, status = error_envelope(turn.rpc_id, code=fault.code, message=fault.message), 500
        finally:
            line.close()
            if session is not None and session.lines.get(turn.rpc_id) is line:
                del session.lines[turn.rpc_id]
        response = await line.finish(body, status)
        self._park(line)
        await self._tell(line)
        return response

    def _park(self, line: SseLine) -> None:
        # What was written may not have arrived: it is kept for who asks again.
        if line.feed is not None and line.feed.number is not None:
            self._parked.add(line)

    async def _ask(self, turn: Turn) -> Called:
        # Popped, so that the gateway alone decides how long the arguments stay in memory.
        match turn.handed.pop():
            case InboundCall() as call:
                handed = [call]
                del call
                return await self._gate.call_tool(turn.caller, turn.server, handed.pop(), turn.line)
            case InboundAsk() as ask:
                answer = await self._gate.ask(turn.caller, turn.server, ask, turn.line)
                if turn.session is not None and ask.method == "logging/setLevel" and not isinstance(answer, RpcError):
                    turn.session.log_level = ask.parsed["level"]
                return answer

    def _render(self, turn: Turn, answer: Called) -> tuple[bytes, int]:
        if isinstance(answer, RpcError):
            return failed(turn.rpc_id, answer, era=turn.era, method=turn.method)
        if isinstance(answer, InputRequired | TaskCreated):
            if turn.era is Era.LEGACY:
                raise TypeError(f"a {type(answer).__name__} cannot be told to a client of an older era")
            dress = input_required if isinstance(answer, InputRequired) else task_created
            return envelope(turn.rpc_id, dress(answer.raw, info=self._info)), 200
        return envelope(turn.rpc_id, called(answer.raw, era=turn.era, info=self._info, method=turn.method)), 200

    async def _tell(self, line: SseLine) -> None:
        tells, line.tells = (line.tells, None) if line.delivered else (None, line.tells)
        if tells is not None:
            await self._gate.told(tells)
