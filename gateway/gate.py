"""The gateway as the agents' side sees it: sign-in, lists, calls, cancels (`inbound.gate.Gate`)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime

from approvals.domain import fingerprint
from approvals.domain.answered import answered_in
from approvals.domain.model import Caller, Cause
from approvals.errors import Invalid, NotFound, Refusal, Unavailable
from approvals.grants import Grants
from gateway import heavy, own_tools
from gateway.asking import Side, relayable
from gateway.callers import Callers
from gateway.catalog import Place
from gateway.inbound.gate import Answered, Called, InboundAsk, InboundCall, Line, Welcome
from gateway.lookup import Down, Found, Lookup
from gateway.paging import Cursors, ToolPage
from gateway.parts import Parts
from gateway.pipeline import collect, handle_call
from gateway.policy import justifying
from gateway.protocol import stopped, unasked
from gateway.protocol.asked import ANSWER_META, ANSWER_TOOL
from gateway.protocol.classify import Era
from gateway.protocol.headers import HEADER_MISMATCH, params_disagree
from gateway.relaying import Relaying
from gateway.upstreams import Hear, Result, RpcError, Wants
from gateway.visits import Visit

INSTRUCTIONS = (
    "Some tool calls here wait until a person approves them. If a result says that a call is waiting, call the same "
    "tool again with exactly the same arguments to go on waiting and to collect the outcome. If a call is denied, do "
    "not repeat or rephrase it."
)

BAD_CURSOR = RpcError(code=-32602, message="At /params/cursor: it is not one of ours. List from the start.")


class Gateway:
    """Implements the agents' side over the pipeline."""

    def __init__(self, parts: Parts, *, callers: Callers, lookup: Lookup, relaying: Relaying, cursors: Cursors) -> None:
        self._parts, self._callers, self._lookup, self._relaying = parts, callers, lookup, relaying
        self._cursors = cursors

    async def identify(self, bearer: str | None) -> Caller | None:
        """The caller a token stands for."""
        return await self._callers.recognise(bearer)

    def admits(self, caller: Caller) -> bool:
        """Whether an open stream of this caller may stay open."""
        return self._callers.admits(caller)

    def servers(self, caller: Caller) -> Sequence[str]:
        """The names of the servers this caller may use."""
        return [server.name for server in self._lookup.servers(caller, None)]

    def instructions(self, caller: Caller, server: str | None) -> str | None:  # noqa: ARG002 (the same for all)
        """How to work with a gateway that may hold a call."""
        return INSTRUCTIONS

    async def list_tools(
        self, caller: Caller, server: str | None, *, session: str, capabilities: bytes, cursor: str | None
    ) -> ToolPage | RpcError:
        """One page of the tools this caller could call: the servers' in their order, then our own."""
        found = await self._lookup.tools(caller, server, Place(session, relayable(capabilities)))
        if isinstance(found, RpcError):
            return found
        asked = await self._parts.desk.asks(caller.agent)
        shown = [*found, *own_tools.listed(self._parts.holding, asked=asked)]
        servers = [*(one.name for one in self._lookup.servers(caller, server)), own_tools.OURSELVES]
        path = "" if server is None else server
        page = self._cursors.tools(shown, cursor, agent=caller.agent, path=path, servers=servers)
        return page if page is not None else BAD_CURSOR

    async def hello(self, caller: Caller, server: str | None) -> Welcome:
        """What the servers of the path can do, and how to work with a gateway that may hold a call."""
        return await self._relaying.hello(caller, server)

    async def ask(self, caller: Caller, server: str | None, ask: InboundAsk, line: Line) -> Answered:
        """Any other request, under policy."""
        return await self._relaying.ask(caller, server, ask, line)

    def listen(
        self, caller: Caller, server: str | None, wants: Wants, *, session: str, capabilities: bytes, hear: Hear
    ) -> AbstractAsyncContextManager[Wants]:
        """Hear of changes while the block lasts."""
        return self._relaying.listen(caller, server, wants, session=session, capabilities=capabilities, hear=hear)

    async def left(self, session: str) -> None:
        """A client's session is over, and the grants that were bound to it."""
        with contextlib.suppress(Unavailable):
            # What is missed here is noticed by `still_here`, and no call comes over the session meanwhile.
            await Grants(self._parts.desk).session_over(session)
        await self._relaying.left(session)

    async def still_here(self, sessions: Callable[[], Collection[str]]) -> None:
        """Whatever other session of this process people were asked about is over."""
        with contextlib.suppress(Unavailable):
            await Grants(self._parts.desk).sessions_left(sessions)

    async def task(self, caller: Caller, task_id: str) -> bytes | RpcError:
        """A held call as a task."""
        return await self._parts.tasks.show(caller, task_id)

    async def task_update(self, caller: Caller, task_id: str, responses: bytes) -> RpcError | None:
        """A task of ours never asks for input."""
        del responses
        shown = await self._parts.tasks.show(caller, task_id)
        return shown if isinstance(shown, RpcError) else None

    async def task_cancel(self, caller: Caller, task_id: str) -> RpcError | None:
        """The client cancels a task in words."""
        return await self._parts.tasks.cancel(caller, task_id)

    def watch_tasks(
        self, caller: Caller, task_ids: frozenset[str], *, hear: Callable[[bytes], None]
    ) -> AbstractAsyncContextManager[frozenset[str]]:
        """Hear of each change of these tasks."""
        return self._parts.tasks.watch(caller, task_ids, hear=hear)

    async def call_tool(self, caller: Caller, server: str | None, call: InboundCall, line: Line) -> Called:
        """Find the tool a name means, then walk the call."""
        if own_tools.adds(self._parts.holding, call.name):
            if call.name == own_tools.POLICY:
                return await own_tools.ask_policy(self._parts, self._lookup, caller, server, call)
            if call.name == ANSWER_TOOL and (unkept := await self._answer(caller, call)) is not None:
                return unkept
            return await self._collect(caller, call, line)
        found = await self._lookup.find(caller, server, call.name, Place(call.session, relayable(call.capabilities)))
        if isinstance(found, RpcError):
            return found
        if isinstance(found, Down):
            if (stop := self._parts.switches.why(caller.agent, found.server.name)) is not None:
                return Result(raw=stopped.call(stop, tool=call.name, now=datetime.now(UTC)), is_error=True)
            text = unasked.upstream_unavailable(server=found.server.name, tool=call.name, why=found.why)
            return Result(raw=text, is_error=True)
        schema = found.tool.definition.get("inputSchema")
        why = call.arguments.pop(justifying.field_of(schema), None)
        wrong = params_disagree(schema, call.arguments, call.params, required=call.era is Era.MODERN)
        if wrong is not None:
            return RpcError(code=HEADER_MISMATCH, message=wrong)
        visit = await self._visit(caller, found, call, line)
        visit.why = why
        # The visit alone holds the arguments from here, and lets go of them once the call is judged.
        del call
        return await handle_call(self._parts, visit)

    async def _answer(self, caller: Caller, call: InboundCall) -> Called | None:
        """Keep what an agent answers to a reviewer; a result where it could not be kept."""
        request_id, said = call.arguments.get("request"), call.arguments.get("answer")
        if not isinstance(request_id, str) or not isinstance(said, str) or len(call.arguments) != 2:
            problems = [("", "give request, the id req_…, and answer, a text")]
            return Result(raw=unasked.invalid_arguments(tool=call.name, problems=problems), is_error=True)
        try:
            await self._parts.desk.answer(request_id, agent=caller.agent, text=said)
        except NotFound:
            return None
        except Invalid as wrong:
            problems = [(f"/{wrong.fields['field']}", str(wrong.fields["why"]))]
            return Result(raw=unasked.invalid_arguments(tool=call.name, problems=problems), is_error=True)
        except Refusal as failed:
            return Result(raw=unasked.gateway_unavailable(tool=call.name, why=failed.agent_text), is_error=True)
        return None

    async def _collect(self, caller: Caller, call: InboundCall, line: Line) -> Called:
        request_id = call.arguments.get("request")
        request = await self._parts.desk.get(request_id) if isinstance(request_id, str) else None
        if request is not None and (parent := answered_in(request.call)) is not None:
            # The outcome is that of the call in whose run the answer was given.
            request = await self._parts.desk.get(parent)
        if request is None or request.caller.agent != caller.agent:
            problems = [("/request", "you have no request of this id; it stands in the answer that said to wait")]
            return Result(raw=unasked.invalid_arguments(tool=call.name, problems=problems), is_error=True)
        place = Place(call.session, relayable(call.capabilities))
        found = await self._lookup.find(caller, request.call.server, request.call.tool, place)
        if not isinstance(found, Found):
            gone = unasked.upstream_unavailable(
                server=request.call.server, tool=call.name, why="its tools are not known"
            )
            return Result(raw=gone, is_error=True)
        return await collect(self._parts, await self._visit(caller, found, call, line), request)

    async def cancelled(self, caller: Caller, line: Line, reason: str | None) -> bool:
        """The client cancelled in words: the request ends, unless it is running, has ended, or others wait for it."""
        if line.request is None:
            return True
        if self._parts.desk.attached.waiters(line.request) > 1:
            return False
        actor = f"agent:{caller.agent}"
        try:
            await self._parts.desk.cancel(line.request, actor=actor, cause=Cause.CLIENT_CANCELLED, note=reason)
        except Refusal:
            return True
        return True

    async def told(self, request_id: str) -> None:
        """A final outcome has been written to its agent."""
        self._parts.work.start(self._parts.desk.told(request_id))

    async def _visit(self, caller: Caller, found: Found, call: InboundCall, line: Line) -> Visit:
        made = await heavy.run(
            heavy.weight(call.arguments),
            fingerprint.make_call,
            server=found.server.name,
            tool=found.tool.name,
            arguments=call.arguments,
            tool_fingerprint=found.tool.fingerprint,
        )
        side = Side(
            agent=caller.agent,
            line=line,
            modern=call.era is Era.MODERN,
            session=call.session,
            digest=fingerprint.call_key(caller.agent, made),
            capabilities=call.capabilities,
            progress=call.progress_token is not None,
            log_level=call.log_level or self._relaying.log_level(call.session),
            answers=call.input_responses,
            state=call.request_state,
        )
        return Visit(
            caller=replace(caller, client=call.client),
            found=found,
            name=call.name,
            call=made,
            arguments=call.arguments,
            side=side,
            trace=call.trace,
            streams=call.streams,
            tasks=call.tasks,
            began=time.monotonic(),
            reply=call.meta.get(ANSWER_META),
        )
