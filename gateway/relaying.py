"""Everything but tool calls, under policy: resources, prompts, completion, log levels, and hearing of changes.

Resources and prompts pass only where every layer of the server's policy says so (`resources`, `prompts`); a method
the policy does not know is refused, in every era the same. Lists are gathered from all pages of all servers of the
path and cut into pages of our own, so that one slow or dead server never blocks the others. On the aggregate, prompts
are named as tools are, and a resource is read from the server that has it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from approvals.domain.fingerprint import canonical, sha256_hex
from approvals.domain.model import Caller
from approvals.domain.stops import Stop
from gateway.asking import ASKS_NOTHING, Given, LinePeer, Refused, Side, relayable
from gateway.conversation import Answer, Conversations
from gateway.inbound.gate import InboundAsk, Line, Welcome
from gateway.lists import INVALID_PARAMS, LISTS, UNREACHABLE, Lists, allows, nowhere, refused, relay_of, side_of
from gateway.lookup import SEPARATOR, Lookup
from gateway.paging import Cursors
from gateway.protocol import stopped
from gateway.protocol.classify import MODERN
from gateway.protocol.verdict import Code, Verdict
from gateway.servers import Server
from gateway.switches import Switches
from gateway.upstreams import Hear, Hello, NoAnswer, Result, RpcError, Unsent, Wants, nothing
from gateway.work import PATIENCE_SECONDS, Work, enough

log = logging.getLogger(__name__)

HELLO_SECONDS = 4.0
STOPPED = 3
"""Our own code, beside those of `lists`."""
_KIND = {"resources/read": "resources", "prompts/get": "prompts"}


class Relaying:
    """Relays for one caller at a time."""

    def __init__(
        self,
        lookup: Lookup,
        conversations: Conversations,
        switches: Switches,
        *,
        cursors: Cursors,
        work: Work,
        instructions: str,
        tasks: bool = False,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._lookup, self._conversations = lookup, conversations
        self._lists = Lists(cursors, work, patience=patience)
        self._work, self._patience = work, patience
        self._switches = switches
        self._instructions, self._tasks = instructions, tasks
        self._levels: dict[str, str] = {}
        self._hearers: dict[Hear, None] = {}

    async def hello(self, caller: Caller, server: str | None) -> Welcome:
        """What the servers of a path can do, as far as policy lets it through. A server that is silent is left out."""
        asked = self._lookup.servers(caller, server)
        said = await asyncio.gather(*(_hello(one) for one in asked))
        found = [(one, hello) for one, hello in zip(asked, said, strict=True) if hello is not None]
        capabilities: dict[str, Any] = {"tools": {"listChanged": True}}
        for one, hello in found:
            for name in ("resources", "prompts"):
                if name in hello.capabilities and allows(one, name):
                    capabilities[name] = _joined(capabilities.get(name), hello.capabilities[name])
            capabilities |= {name: {} for name in ("completions", "logging") if name in hello.capabilities}
        if self._tasks:
            capabilities["extensions"] = {"io.modelcontextprotocol/tasks": {}}
        own = [hello.instructions for _, hello in found if hello.instructions and len(asked) == 1]
        return Welcome(capabilities=capabilities, instructions="\n\n".join([*own, self._instructions]))

    async def ask(self, caller: Caller, server: str | None, ask: InboundAsk, line: Line) -> Answer:
        """Judge and relay one request. A server that is stopped is not asked, and is left out of lists."""
        servers = self._lookup.servers(caller, server)
        prefixed = server is None and len(servers) > 1
        stops = {one.name: stop for one in servers if (stop := self._switches.why(caller.agent, one.name)) is not None}
        going = [one for one in servers if one.name not in stops]
        if servers and not going:
            return _stopped(ask, stops[servers[0].name])
        if ask.method == "logging/setLevel":
            return await self._set_level(going, ask, line)
        if ask.method in LISTS:
            return await self._lists.page(caller, going, ask, line, prefixed=prefixed)
        targets = await self._targets(servers, ask, prefixed=prefixed)
        if isinstance(targets, RpcError):
            return targets
        if all(one.name in stops for one, _, _ in targets):
            return _stopped(ask, stops[targets[0][0].name])
        answer: Answer | None = None
        for one, params, name in (target for target in targets if target[0].name not in stops):
            answer = await self._one(caller, one, ask, line, params=params, name=name)
            if not (isinstance(answer, RpcError) and len(targets) > 1 and answer.code in {-32002, INVALID_PARAMS}):
                break
        return answer if answer is not None else nowhere(ask)

    def log_level(self, session: str) -> str | None:
        """The level an older-era client has set."""
        return self._levels.get(session)

    async def left(self, session: str) -> None:
        """A client's session is over: ours with the servers are too."""
        self._levels.pop(session, None)
        for server in self._lookup.every():
            await server.upstream.forget(session)

    def tools_changed(self) -> None:
        """The policy changed what may be called: who listens is told to list again."""
        for hear in list(self._hearers):
            hear("notifications/tools/list_changed", b"{}")

    @asynccontextmanager
    async def listen(
        self, caller: Caller, server: str | None, wants: Wants, *, session: str, capabilities: bytes, hear: Hear
    ) -> AsyncIterator[Wants]:
        """Hear of changes of every server of the path that policy lets be seen."""
        accepted = Wants(tools=wants.tools)
        async with AsyncExitStack() as stack:
            able = relayable(capabilities)
            entering = [
                _entered(
                    stack,
                    one.upstream.listen(
                        _visible(one, wants),
                        session=session,
                        capabilities=able,
                        hear=partial(self._news, caller, one.name, hear),
                    ),
                )
                for one in self._lookup.servers(caller, server)
            ]
            # Side by side: one that is slow takes its own time and not that of the others on top.
            said = await asyncio.gather(*entering)
            failed = [got for got in said if not isinstance(got, Wants)]
            if failed and len(failed) == len(said):
                raise failed[0]
            for got in (got for got in said if isinstance(got, Wants)):
                accepted = Wants(
                    tools=accepted.tools,
                    prompts=accepted.prompts or got.prompts,
                    resources=accepted.resources or got.resources,
                    uris=accepted.uris | got.uris,
                )
            if wants.tools:
                self._hearers[hear] = None
            try:
                yield accepted
            finally:
                self._hearers.pop(hear, None)

    def _news(self, caller: Caller, server: str, hear: Hear, method: str, params: bytes) -> None:
        """Pass on what a server tells of, if its policy, the agent's rights and the stops of now let it be heard."""
        kind = method.removeprefix("notifications/").partition("/")[0]
        heard = any(kind == "tools" or allows(one, kind) for one in self._lookup.servers(caller, server))
        if heard and self._switches.why(caller.agent, server) is None:
            hear(method, params)

    async def _set_level(self, servers: Sequence[Server], ask: InboundAsk, line: Line) -> Answer:
        level = ask.parsed.get("level")
        if level not in LEVELS:
            return RpcError(code=INVALID_PARAMS, message=f"At /params/level: must be one of {', '.join(LEVELS)}.")
        self._levels[ask.session] = str(level)
        # Jobs of the service: a server that is not waited for is told all the same.
        jobs = [self._work.run(_tell_level(one, str(level), ask, line)) for one in servers]
        await enough(jobs, patience=self._patience, good=lambda _: True)
        answer = jobs[0].result() if len(jobs) == 1 else None
        return answer if isinstance(answer, RpcError) else Result(raw=b"{}")

    async def _targets(
        self, servers: Sequence[Server], ask: InboundAsk, *, prefixed: bool
    ) -> list[tuple[Server, bytes, str | None]] | RpcError:
        """Where a request goes: the servers to try in turn, with the params and the name each of them knows."""
        kind = _KIND.get(ask.method) or _completed(ask)
        if kind is None:
            return RpcError(code=INVALID_PARAMS, message="At /params/ref: must be a ref/prompt or a ref/resource.")
        name = ask.name if ask.name is not None else _ref_name(ask)
        found = []
        for one in servers:
            own = _own(one, name, prefixed=prefixed and kind == "prompts")
            if own is not None and allows(one, kind):
                found.append((one, _renamed(ask, own), own if ask.name is not None else None))
        if not found:
            return refused(ask.method) if servers else nowhere(ask)
        return found

    async def _one(
        self, caller: Caller, server: Server, ask: InboundAsk, line: Line, *, params: bytes, name: str | None
    ) -> Answer:
        # With the server in it: what one server has asked is never answered to another.
        digest = sha256_hex(b"\x00".join((ask.method.encode(), server.name.encode(), params)))
        side = replace(side_of(caller.agent, ask, line), digest=digest)
        level = self._levels.get(ask.session)
        seconds, live = server.list_seconds, side.can_be_asked
        relay = relay_of(ask, params=params, name=name, seconds=seconds, level=level, live=live)
        check = _Again(
            lookup=self._lookup,
            switches=self._switches,
            caller=caller,
            server=server.name,
            kind=_KIND.get(ask.method) or _completed(ask) or "",
        )
        back = await self._conversations.returned(side)
        if isinstance(back, RpcError):
            return back
        try:
            return await self._conversations.run(
                server.upstream, replace(relay, asking=side.asking), side, check, back=back
            )
        except (Unsent, NoAnswer) as err:
            return RpcError(code=UNREACHABLE, message=f"The server {server.name} cannot be asked: {err}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Again:
    """What was asked while a resource or prompt is read: its answer goes on only where the policy of now lets it."""

    lookup: Lookup
    switches: Switches
    caller: Caller
    server: str
    kind: str

    async def may_ask(self, method: str) -> bool:
        """Whatever its client has declared."""
        del method
        return True

    async def passed(self, given: Sequence[Given], side: Side) -> Refused | None:
        """Judged anew, for time has passed; what is answered has no rules of its own."""
        del given, side
        stop = self.switches.why(self.caller.agent, self.server)
        if stop is not None:
            return Refused(verdict=stopped.answer(stop, now=datetime.now(UTC)))
        if any(allows(one, self.kind) for one in self.lookup.servers(self.caller, self.server)):
            return None
        text = f"The policy lets no {self.kind} through any more. What was answered was not given to the server."
        return Refused(verdict=Verdict(code=Code.POLICY_DENIED, text=text, retryable=False))


def _stopped(ask: InboundAsk, stop: Stop) -> RpcError:
    message, data = stopped.method(stop, name=ask.method, now=datetime.now(UTC))
    return RpcError(code=STOPPED, message=message, data=data)


LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")


async def _entered(stack: AsyncExitStack, listening: AbstractAsyncContextManager[Wants]) -> Wants | Unsent | NoAnswer:
    try:
        return await stack.enter_async_context(listening)
    except (Unsent, NoAnswer) as err:
        log.warning("a server cannot be listened to: %s", err)
        return err


def _visible(server: Server, wants: Wants) -> Wants:
    """What of it the server's policy lets be seen."""
    return replace(
        wants,
        prompts=wants.prompts and allows(server, "prompts"),
        resources=wants.resources and allows(server, "resources"),
        uris=wants.uris if allows(server, "resources") else frozenset(),
    )


async def _hello(server: Server) -> Hello | None:
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            return await server.upstream.hello()
    except (Unsent, NoAnswer, TimeoutError) as err:
        log.warning("server said nothing of itself: %s", err, extra={"server": server.name})
        return None


async def _tell_level(server: Server, level: str, ask: InboundAsk, line: Line) -> Answer | None:
    hello = await _hello(server)
    if hello is None or hello.version in MODERN or "logging" not in hello.capabilities:
        return None
    seconds = server.list_seconds
    relay = relay_of(ask, params=canonical({"level": level}), name=None, seconds=seconds, level=None)
    try:
        peer = LinePeer(side=side_of("", ask, line), check=ASKS_NOTHING)
        return await server.upstream.request(relay, peer=peer, sent=nothing)
    except (Unsent, NoAnswer) as err:
        log.warning("log level not set: %s", err, extra={"server": server.name})
        return None


def _joined(one: Mapping[str, Any] | None, other: Any) -> dict[str, Any]:
    """Flags that any of the servers has."""
    flags = dict(one or {})
    if isinstance(other, dict):
        flags |= {name: True for name, value in other.items() if value is True}
    return flags


def _own(server: Server, name: str | None, *, prefixed: bool) -> str | None:
    if name is None or not prefixed:
        return name if name is not None else ""
    prefix = server.name + SEPARATOR
    return name.removeprefix(prefix) if name.startswith(prefix) else None


def _renamed(ask: InboundAsk, own: str) -> bytes:
    params = dict(ask.parsed)
    if ask.method == "prompts/get":
        params["name"] = own
    elif ask.method == "completion/complete" and "name" in params.get("ref", {}):
        params["ref"] = {**params["ref"], "name": own}
    return canonical(params)


def _completed(ask: InboundAsk) -> str | None:
    if ask.method != "completion/complete":
        return None
    ref = ask.parsed.get("ref")
    kinds = {"ref/prompt": "prompts", "ref/resource": "resources"}
    return kinds.get(str(ref.get("type"))) if isinstance(ref, dict) else None


def _ref_name(ask: InboundAsk) -> str | None:
    ref = ask.parsed.get("ref")
    name = ref.get("name", ref.get("uri")) if isinstance(ref, dict) else None
    return name if isinstance(name, str) else None
