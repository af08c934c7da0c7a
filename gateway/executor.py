"""Running a call: everything is checked once more, claimed once, sent once, settled once.

The order is the promise (house.md 2.5, step 7): the policy, the tool and the caller as they are now;
then all counters of the call or none; then the claim; then the bytes. What fails before a byte was
sent gives the counters back; what nobody can answer for is `unknown` and keeps them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals.desk import Desk
from approvals.domain import cancel_window
from approvals.domain.answered import answered_in
from approvals.domain.happening import Event, Happened
from approvals.domain.model import ApprovalRequest, Cause, Outcome, State, ToolCall
from approvals.domain.stops import Pause
from approvals.errors import NotClaimable, Refusal, StaleBinding, Unavailable
from approvals.storage.requests import Query
from gateway.answering import AnswerCheck
from gateway.asking import LinePeer, NobodyThere, Side, relayable
from gateway.catalog import NOWHERE, Catalog, Place, Tool
from gateway.conversation import Answer, Back, Conversations, converse
from gateway.judge import Judge, Judgement
from gateway.limits import Exceeded, Limits, Reservation, waived_by
from gateway.metrics import Metrics
from gateway.protocol.raw import dump, join_object, split_object
from gateway.servers import Server, Servers
from gateway.switches import Switches
from gateway.upstreams import InputRequired, NoAnswer, Relay, RpcError, Unsent

log = logging.getLogger(__name__)

LEASE_MARGIN = timedelta(seconds=60)
"""A lease outlasts the call's own timeout by this much, so that only a dead process loses it."""
SETTLE_AGAIN_SECONDS = 0.5
SCAN_SECONDS = 2.0
RECOVER_BATCH = 200
Start = Callable[[Coroutine[Any, Any, object]], None]
"""Starts a job that outlives whoever asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """The connection a run goes by: the client's side if one is attached, and its trace context.

    `check` judges what the client answers while the run goes on; `peer` is the client of an approved run, which the
    server may ask.
    """

    side: Side | None = None
    trace: Mapping[str, str] = field(default_factory=dict)
    check: AnswerCheck | None = None
    peer: LinePeer | None = None

    @property
    def place(self) -> Place:
        """Whose list of tools counts."""
        return self.side.place if self.side is not None else NOWHERE


BY_ITSELF = Via()
"""A run that no connection waits for."""


class Executor:
    """Runs approved calls, and allowed ones."""

    def __init__(
        self,
        *,
        desk: Desk,
        limits: Limits,
        servers: Servers,
        catalog: Catalog,
        judge: Judge,
        switches: Switches,
        metrics: Metrics,
        conversations: Conversations,
    ) -> None:
        self._desk, self._limits, self._servers, self._catalog = desk, limits, servers, catalog
        self._judge, self._switches, self._metrics = judge, switches, metrics
        self._conversations = conversations
        self._alone: set[str] = set()

    async def run(self, request: ApprovalRequest, via: Via = BY_ITSELF) -> ApprovalRequest | Exceeded:
        """Run an approved request if it may still run; the request as it is afterwards.

        Exceeded: a limit has no room now; the approval stays, as it does while its agent is paused.
        """
        if answered_in(request.call) is not None:
            # An answer goes to the server in the run that waits for it; it is no call.
            return request
        server = self._access(request)
        if not isinstance(server, Server):
            return request if isinstance(server, Pause) else await self._cancel(request, server)
        try:
            checked = await self._check(server, request, via)
        except (Unsent, NoAnswer) as err:
            return await self._cannot(server, request, via, str(err))
        if isinstance(checked, Cause):
            return await self._cancel(request, checked)
        tool, judgement = checked
        uses = judgement.ruling.limits
        taken = await self._limits.reserve(uses, waived_by(request.rule, uses))
        if isinstance(taken, Exceeded):
            return taken
        try:
            claimed = await self._claim(server, request, via)
        except (NotClaimable, StaleBinding) as refused:
            await self._limits.release(taken)
            current: ApprovalRequest = refused.fields["request"]
            return current
        except Refusal:
            await self._limits.release(taken)
            raise
        taken, _ = await self._limits.pretend(judgement.ruling.shadow_limits, taken)
        with self._metrics.upstream_seconds.labels(server.name).time():
            happened = await _attempt(server, claimed, tool, via)
        if happened.cause is Cause.UNSENT:
            await self._limits.release(taken)
        if via.check is not None:
            await via.check.ended(happened)
        await self._limits.settle(taken)
        return await self._settle(claimed, happened)

    async def run_allowed(
        self, server: Server, call: ToolCall, tool: Tool, taken: Reservation, via: Via, back: Back | None = None
    ) -> Answer:
        """Run a call that needs nobody; what it had taken is given back if it was not sent.

        `back`: its client comes back with answers; what that takes was taken before.

        Raises:
            Unsent, NoAnswer: as the upstream says.
        """
        side, check = via.side, via.check
        if side is None or check is None:
            raise TypeError("an allowed call runs for a client that is there")
        relay, began = _relay(server, call, tool, via), datetime.now(UTC)
        try:
            with self._metrics.upstream_seconds.labels(server.name).time():
                answer = await self._conversations.run(server.upstream, relay, side, check, back=back)
        except (Unsent, NoAnswer) as err:
            await check.ended(_failed(err, began))
            if isinstance(err, Unsent):
                await self._limits.release(taken)
            raise
        finally:
            await self._limits.settle(taken)
        await check.ended(_came_to(answer, began))
        return answer

    async def recover(self, start: Start, closing: Callable[[], bool]) -> None:
        """Start what was approved to run without its agent (`execute_on_approve`), for ever.

        Each run is a job of the service: a slow one keeps no other waiting, and a stop in good order waits for it.
        """
        query = Query(states=frozenset({State.APPROVED}), limit=RECOVER_BATCH, oldest_first=True)
        async with self._desk.bus.watch_all() as watch:
            while True:
                for request in [] if closing() else await self._desk.search(query):
                    early = cancel_window.is_open(request, datetime.now(UTC))
                    alone = request.terms.execute_on_approve and not request.waiting and not early
                    if alone and request.id not in self._alone:
                        self._alone.add(request.id)
                        start(self._run_alone(request))
                await watch.changed(SCAN_SECONDS)

    async def _run_alone(self, request: ApprovalRequest) -> None:
        try:
            await self.run(request)
        finally:
            self._alone.discard(request.id)

    def _access(self, request: ApprovalRequest) -> Server | Pause | Cause:
        """The server, if the agent may use it now. An approval outlives a pause; a freeze it does not."""
        agent, name = request.caller.agent, request.call.server
        stop = self._switches.why(agent, name)
        if stop is not None:
            return stop if isinstance(stop, Pause) else Cause.FROZEN
        server = self._servers.seen_by(agent, name)
        return Cause.REVOKED if server is None or not self._switches.may_use(agent, name) else server

    async def _check(self, server: Server, request: ApprovalRequest, via: Via) -> tuple[Tool, Judgement] | Cause:
        """Tool and policy as they are now, asked of the server itself.

        Raises:
            Unsent, NoAnswer: it cannot be asked.
        """
        call = request.call
        tool = await self._catalog.tool(call.server, call.tool, place=via.place, max_age=0)
        if tool is None or tool.unusable is not None or tool.fingerprint != call.tool_fingerprint:
            return Cause.TOOL_CHANGED
        judgement = self._judge.again(server, tool, request, via.side.session if via.side is not None else "")
        return Cause.POLICY_CHANGED if self._judge.is_stricter(judgement, request) else (tool, judgement)

    async def _claim(self, server: Server, request: ApprovalRequest, via: Via) -> ApprovalRequest:
        lease = timedelta(seconds=server.call_seconds) + LEASE_MARGIN
        session = via.side.session if via.side is not None else None
        return await self._desk.claim(request.id, binding=request.binding, lease=lease, session=session)

    async def _cannot(self, server: Server, request: ApprovalRequest, via: Via, why: str) -> ApprovalRequest:
        """The server cannot be asked what its tools are now, so the call is not sent to it."""
        began = datetime.now(UTC)
        try:
            claimed = await self._claim(server, request, via)
        except (NotClaimable, StaleBinding) as refused:
            current: ApprovalRequest = refused.fields["request"]
            return current
        return await self._settle(
            claimed, _ended(Event.RAISED, began, kind=State.FAILED, cause=Cause.UNSENT, error=why)
        )

    async def _cancel(self, request: ApprovalRequest, cause: Cause) -> ApprovalRequest:
        try:
            return await self._desk.cancel(request.id, actor="placet", cause=cause)
        except Refusal as refused:
            # Somebody else moved it first: what it is now is the answer.
            current: ApprovalRequest = refused.fields.get("request", request)
            return current

    async def _settle(self, request: ApprovalRequest, happened: Happened) -> ApprovalRequest:
        # The call was made: its result is kept until the store takes it or the lease has surely run out.
        until = request.claim.lease_until if request.claim is not None else datetime.now(UTC)
        while True:
            try:
                return await self._desk.settle(request.id, happened)
            except Unavailable:
                if datetime.now(UTC) > until:
                    raise
                log.warning("result not recorded yet", extra={"request": request.id})
                await asyncio.sleep(SETTLE_AGAIN_SECONDS)


def _relay(server: Server, call: ToolCall, tool: Tool, via: Via) -> Relay:
    side = via.side
    return Relay(
        method="tools/call",
        params=join_object({"name": dump(call.tool), "arguments": call.arguments}),
        session=side.session if side is not None else "",
        timeout=server.call_seconds,
        name=call.tool,
        meta=join_object({**split_object(call.meta), **{name: dump(value) for name, value in via.trace.items()}}),
        capabilities=relayable(side.capabilities) if side is not None else b"{}",
        progress=side is not None and side.progress,
        log_level=side.log_level if side is not None else None,
        definition=tool.definition,
        live=side is not None and side.can_be_asked,
        asking=side.asking if side is not None else 0,
    )


async def _attempt(server: Server, request: ApprovalRequest, tool: Tool, via: Via) -> Happened:
    began, relay = datetime.now(UTC), _relay(server, request.call, tool, via)
    until = asyncio.get_running_loop().time() + relay.timeout + relay.asking
    try:
        return _came_to(await converse(server.upstream, relay, via.peer or NobodyThere(), until=until), began)
    except (Unsent, NoAnswer) as err:
        return _failed(err, began)


def _failed(err: Unsent | NoAnswer, began: datetime) -> Happened:
    if isinstance(err, Unsent):
        return _ended(Event.RAISED, began, kind=State.FAILED, cause=Cause.UNSENT, error=str(err))
    return _ended(Event.LOST, began, kind=State.UNKNOWN, cause=Cause.NO_ANSWER, error=str(err))


def _came_to(answer: Answer, began: datetime) -> Happened:
    if isinstance(answer, InputRequired):
        return _ended(Event.RETURNED, began, kind=State.SUCCEEDED, result=answer.raw)
    if isinstance(answer, RpcError):
        raw, said = _raw(answer), answer.message
        return _ended(Event.RAISED, began, kind=State.FAILED, cause=Cause.UPSTREAM_ERROR, error=said, result=raw)
    if answer.is_error:
        return _ended(Event.RAISED, began, kind=State.FAILED, cause=Cause.UPSTREAM_ERROR, result=answer.raw)
    return _ended(Event.RETURNED, began, kind=State.SUCCEEDED, result=answer.raw)


def _ended(
    event: Event,
    began: datetime,
    *,
    kind: State,
    cause: Cause | None = None,
    error: str | None = None,
    result: bytes | None = None,
) -> Happened:
    outcome = Outcome(kind=kind.value, result=result, error=error, started_at=began, finished_at=datetime.now(UTC))
    return Happened(event=event, actor="placet", cause=cause, outcome=outcome)


def _raw(error: RpcError) -> bytes:
    body = {"code": error.code, "message": error.message} | ({} if error.data is None else {"data": error.data})
    return json.dumps({"error": body}, ensure_ascii=False).encode()
