"""One request to an upstream with the client behind it, whichever protocol eras the two speak (protocol.md 1.3).

An older server asks its client in the middle of a request; a modern one answers that it needs input first. An older
client can be asked on its own stream; a modern one is answered `input_required` and comes back. So there are four
pairings, and all of them are here. Only what the client declared is passed on; the rest is declined on its behalf.
A modern client's `requestState` is sealed: the upstream's own inside, or the id of a request that is parked with us.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.catalog import Place
from gateway.inbound.gate import Line
from gateway.protocol.raw import dump, join_object, split_object, with_members
from gateway.protocol.state_token import NONCE_BYTES, Bound, seal, unseal
from gateway.upstreams import InputRequired, Relay, Result, RpcError, Upstream
from gateway.work import Job, Work

log = logging.getLogger(__name__)

Answer = Result | RpcError | InputRequired

ROUNDS_MAX = 10
PARKED_MAX = 2_000
PARK_SECONDS = 600.0
STATE_SECONDS = 3_600
METHOD_NOT_FOUND, INVALID_PARAMS = -32601, -32602
DECLINED = Result(raw=b'{"action":"decline"}')
NOT_OFFERED = RpcError(code=METHOD_NOT_FOUND, message="The client behind the gateway offers no such method")
BAD_STATE = RpcError(
    code=INVALID_PARAMS,
    message="At /params/requestState: it is not one this gateway gave you for this request, or it has run out. "
    "Make the request again without it.",
)
_KINDS = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The client's side of one request.

    `session` keys its upstream session; `capabilities` is what it declared, as JSON text. `answers` and `state` are
    what a modern client came back with. `digest` is of method and params, to which a state is bound.
    """

    agent: str
    line: Line
    modern: bool
    session: str
    digest: str
    capabilities: bytes = b"{}"
    progress: bool = False
    log_level: str | None = None
    answers: bytes | None = None
    state: str | None = None

    @property
    def place(self) -> Place:
        """Whose list of tools counts for it."""
        return Place(self.session, relayable(self.capabilities))

    @property
    def can_be_asked(self) -> bool:
        """Is there a stream on which the client answers questions, and did it declare any?"""
        return not self.modern and self.line.live and relayable(self.capabilities) != b"{}"


def relayable(capabilities: bytes) -> bytes:
    """What of a client's capabilities the gateway can pass on, as JSON text to declare upstream."""
    try:
        declared = split_object(capabilities)
    except ValueError:
        return b"{}"
    return join_object({name: text for name, text in declared.items() if name in _KINDS.values()})


@dataclass(slots=True, kw_only=True)
class LinePeer:
    """A client of the session era: asked on its own stream."""

    side: Side

    async def progress(self, params: dict[str, Any]) -> None:
        """Report on."""
        if self.side.progress:
            await self.side.line.relay(params)

    async def message(self, params: bytes) -> None:
        """A log line of the server's."""
        await self.side.line.message(params)

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Ask the client, if it declared that it can be asked this."""
        if not self.side.line.live or not declares(self.side.capabilities, method, params):
            return refusal(method)
        return await self.side.line.ask(method, params)

    async def told(self, method: str, params: bytes) -> None:
        """Another notification."""
        await self.side.line.told(method, params)

    async def paused(self) -> None:
        """The server wants to be asked again later: so may the client."""
        await self.side.line.pause()


@dataclass(slots=True, kw_only=True)
class QuietPeer(LinePeer):
    """A client whose call people have approved: what the server asks now was not before them, so it is declined."""

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Nothing that nobody approved goes upstream."""
        del params
        return refusal(method)


class NobodyThere:
    """No client is attached: nothing can be told or asked."""

    async def progress(self, params: dict[str, Any]) -> None:
        """Nobody hears it."""

    async def message(self, params: bytes) -> None:
        """Nobody hears it."""

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Nobody can answer."""
        del params
        return refusal(method)

    async def told(self, method: str, params: bytes) -> None:
        """Nobody hears it."""

    async def paused(self) -> None:
        """Nobody waits."""


@dataclass(slots=True, kw_only=True)
class _Asked:
    method: str
    params: bytes
    answer: asyncio.Future[Result | RpcError]


@dataclass(slots=True, kw_only=True)
class ParkingPeer(LinePeer):
    """A modern client that an older server asks: the request is parked until the client comes back."""

    asked: dict[str, _Asked] = field(default_factory=dict)
    _wanted: asyncio.Future[None] | None = None

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Wait for the client to come back with an answer, for a bounded time."""
        if not declares(self.side.capabilities, method, params):
            return refusal(method)
        key = f"ask-{secrets.token_hex(8)}"
        one = _Asked(method=method, params=params, answer=asyncio.get_running_loop().create_future())
        self.asked[key] = one
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        try:
            return await asyncio.wait_for(one.answer, PARK_SECONDS)
        except TimeoutError:
            return refusal(method)
        finally:
            self.asked.pop(key, None)

    def wanted(self) -> asyncio.Future[None]:
        """Done as soon as the client must come back with an answer."""
        self._wanted = asyncio.get_running_loop().create_future()
        if any(not one.answer.done() for one in self.asked.values()):
            self._wanted.set_result(None)
        return self._wanted

    def answer(self, answers: Mapping[str, bytes]) -> None:
        """Hand over what the client came back with; what it left out is declined."""
        for key, one in list(self.asked.items()):
            if not one.answer.done():
                given = answers.get(key)
                one.answer.set_result(Result(raw=given) if given is not None else refusal(one.method))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parked:
    bound: Bound
    job: Job[Answer]
    peer: ParkingPeer
    until: float


class Conversations:
    """Runs requests, and keeps those that are parked."""

    def __init__(self, work: Work, key: bytes) -> None:
        self._work, self._key = work, key
        self._parked: dict[str, _Parked] = {}

    async def run(self, upstream: Upstream, relay: Relay, side: Side, sent: Callable[[], None]) -> Answer:
        """Send the request and bring it to an answer, or to the point where this client must come back.

        Raises:
            Unsent, NoAnswer: as the upstream says.
        """
        if not side.modern:
            # A client of the session era that leaves has not cancelled: the request belongs to the service.
            return await self._work.run(self._live(upstream, relay, side, sent))
        bound = bound_of(side)
        if side.state is None:
            return await self._modern(upstream, _with_answers(relay, side.answers, None), side, sent, bound)
        content = unseal(self._key, bound, side.state, now=int(time.time()))
        if content is None:
            return BAD_STATE
        if "p" in content:
            return await self._resume(str(content["p"]), side, bound)
        state = content.get("u")
        return await self._modern(upstream, _with_answers(relay, side.answers, state), side, sent, bound)

    async def _live(self, upstream: Upstream, relay: Relay, side: Side, sent: Callable[[], None]) -> Answer:
        peer = LinePeer(side=side)
        await side.line.open() if side.line.live and relay.capabilities != b"{}" else None
        answer = await upstream.request(relay, peer=peer, sent=sent)
        for _ in range(ROUNDS_MAX):
            if not isinstance(answer, InputRequired):
                return answer
            members = split_object(answer.raw)
            answers: dict[str, bytes] = {}
            for key, text in split_object(members.get("inputRequests", b"{}")).items():
                one = split_object(text)
                given = await peer.ask(_word(one["method"]), one.get("params", b"{}"))
                if isinstance(given, RpcError):
                    return given
                answers[key] = given.raw
            again = {"inputResponses": join_object(answers)} if answers else {}
            again |= {"requestState": members["requestState"]} if "requestState" in members else {}
            answer = await upstream.request(
                replace(relay, params=with_members(relay.params, again)), peer=peer, sent=sent
            )
        return RpcError(code=-32603, message=f"The server asked for input more than {ROUNDS_MAX} times.")

    async def _modern(
        self, upstream: Upstream, relay: Relay, side: Side, sent: Callable[[], None], bound: Bound
    ) -> Answer:
        peer = ParkingPeer(side=side)
        job = self._work.begin(upstream.request(relay, peer=peer, sent=sent))
        return await self._until_asked(_Parked(bound=bound, job=job, peer=peer, until=0))

    async def _resume(self, parked_id: str, side: Side, bound: Bound) -> Answer:
        parked = self._parked.pop(parked_id, None)
        if parked is None or parked.bound != bound:
            return BAD_STATE
        parked.peer.side = side
        parked.peer.answer(split_object(side.answers or b"{}"))
        return await self._until_asked(parked)

    async def _until_asked(self, parked: _Parked) -> Answer:
        ends: set[asyncio.Future[Any]] = {parked.job.done, parked.peer.wanted()}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # A modern client that closes its stream has cancelled (protocol.md 0, no. 4).
            parked.job.cancel()
            raise
        if not parked.job.done.done():
            return self._park(parked)
        answer = parked.job.done.result()
        return self._sealed(answer, parked.bound) if isinstance(answer, InputRequired) else answer

    def _park(self, parked: _Parked) -> Answer:
        self._sweep()
        if len(self._parked) >= PARKED_MAX:
            parked.job.cancel()
            return RpcError(code=-32603, message="Too many requests wait for their clients. Try again later.")
        parked_id = secrets.token_hex(16)
        self._parked[parked_id] = replace(parked, until=time.monotonic() + PARK_SECONDS)
        requests = {
            key: join_object({"method": dump(one.method), "params": one.params})
            for key, one in parked.peer.asked.items()
            if not one.answer.done()
        }
        members = {"resultType": b'"input_required"', "inputRequests": join_object(requests)}
        members["requestState"] = dump(self._seal(parked.bound, {"p": parked_id}))
        return InputRequired(raw=join_object(members))

    def _sealed(self, answer: InputRequired, bound: Bound) -> InputRequired:
        members = split_object(answer.raw)
        state = members.get("requestState")
        inside = {"u": state.decode()} if state is not None else {}
        return InputRequired(raw=with_members(answer.raw, {"requestState": dump(self._seal(bound, inside))}))

    def _seal(self, bound: Bound, content: dict[str, Any]) -> str:
        expires = int(time.time()) + STATE_SECONDS
        return seal(self._key, secrets.token_bytes(NONCE_BYTES), bound, content, expires=expires)

    def _sweep(self) -> None:
        now = time.monotonic()
        for parked_id in [key for key, parked in self._parked.items() if parked.until < now]:
            self._parked.pop(parked_id).job.cancel()


def bound_of(side: Side) -> Bound:
    """What the states of a request that was sent to a server are good for."""
    return Bound(purpose="request", agent=side.agent, digest=side.digest)


def declares(capabilities: bytes, method: str, params: bytes) -> bool:
    """Did the client declare that it can be asked this?"""
    kind = _KINDS.get(method)
    try:
        declared = split_object(capabilities)
    except ValueError:
        return False
    if kind is None or kind not in declared:
        return False
    if kind != "elicitation":
        return True
    modes = split_object(declared[kind])
    mode = _word(split_object(params).get("mode", b'"form"'))
    # An empty object is the older way to say: forms.
    return mode in modes or (mode == "form" and not modes)


def refusal(method: str) -> Result | RpcError:
    """What a server is answered on behalf of a client that cannot or must not be asked."""
    return DECLINED if method == "elicitation/create" else NOT_OFFERED


def _with_answers(relay: Relay, answers: bytes | None, state: str | None) -> Relay:
    extra: dict[str, bytes] = {}
    if answers is not None:
        extra["inputResponses"] = answers
    if state is not None:
        extra["requestState"] = state.encode()
    return replace(relay, params=with_members(relay.params, extra)) if extra else relay


def _word(text: bytes) -> str:
    return str(json.loads(text))
