"""One request to an upstream with the client behind it, whichever protocol eras the two speak (protocol.md 1.3).

An older server asks its client in the middle of a request; a modern one answers that it needs input first. An older
client can be asked on its own stream; a modern one is answered `input_required` and comes back. So there are four
pairings, and all of them are here. What a client answers is checked before it goes to the server (`asking.Check`).
A modern client's `requestState` is sealed and good for one use: in it are the questions with the upstream's own state,
or the id of a request that is parked with us.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals.domain.fingerprint import sha256_hex
from gateway.asking import (
    ANSWER_SECONDS,
    ELICIT,
    ROOTS,
    SAMPLE,
    Check,
    Given,
    LinePeer,
    NobodyThere,
    ParkingPeer,
    Question,
    Refused,
    Side,
    plain,
    yields,
)
from gateway.protocol import questions
from gateway.protocol.raw import dump, join_object, split_object, with_members
from gateway.protocol.state_token import NONCE_BYTES, Bound, seal, unseal
from gateway.upstreams import InputRequired, Relay, Result, RpcError, Upstream, nothing
from gateway.work import Job, Work

Answer = Result | RpcError | InputRequired
Once = Callable[[str, datetime], Awaitable[bool]]
"""Takes a token's hash and when it runs out; whether this is its first use, anywhere."""

ROUNDS_MAX = 10
ROUND_PAUSE_SECONDS = 0.25
"""Before a server is asked again that only said: later."""
PARKED_MAX = 2_000
STATE_SECONDS = 3_600
CARRIED_MAX = 192 * 1024
"""A client's request may hold strings of 256 KiB; a sealed state is to fit with room to spare."""
INVALID_PARAMS, INTERNAL, REFUSED = -32602, -32603, 2
BAD_STATE = RpcError(
    code=INVALID_PARAMS,
    message="At /params/requestState: it is not one this gateway gave you for this request, or it was used, or it has "
    "run out. Make the request again without it, and without inputResponses.",
)
TOO_MANY = RpcError(code=INTERNAL, message="Too many requests wait for their clients. Try again later.")
TOO_LONG = RpcError(code=INTERNAL, message="The server's questions are too long to be carried to its client.")
TOO_OFTEN = RpcError(code=INTERNAL, message=f"The server asked for input more than {ROUNDS_MAX} times.")
NO_TIME = RpcError(code=INTERNAL, message="The server asked for more input, and the time for this call is over.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A request of a modern client that waits for it to come back; the run of an approval request, where it is one."""

    bound: Bound
    job: Job[Any]
    peer: ParkingPeer
    request: str | None = None
    until: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What a modern client came back to: a parked request, or the server's own state and what it had asked.

    `first`: it answers what it was not asked yet, with its first request.
    """

    parked: Parked | None = None
    state: str | None = None
    asked: Mapping[str, Question] = field(default_factory=dict)
    first: bool = False


class Conversations:
    """Runs requests, and keeps those that are parked."""

    def __init__(self, work: Work, key: bytes, once: Once) -> None:
        self._work, self._key, self._once = work, key, once
        self._parked: dict[str, Parked] = {}

    async def returned(self, side: Side) -> Back | RpcError | None:
        """What the client comes back with; None if this request is its first."""
        if side.state is None:
            return _unasked(side.answers) if side.answers is not None else None
        now = int(time.time())
        content = unseal(self._key, bound_of(side), side.state, now=now)
        if content is None:
            return BAD_STATE
        if "p" in content:
            parked = self._parked.pop(str(content["p"]), None)
            return BAD_STATE if parked is None else Back(parked=parked)
        ends = datetime.fromtimestamp(now, UTC) + timedelta(seconds=STATE_SECONDS)
        if not await self._once(sha256_hex(side.state.encode()), ends):
            return BAD_STATE
        asked = {key: Question(method=one[0], params=one[1].encode()) for key, one in content["q"].items()}
        return Back(state=content.get("u"), asked=asked)

    async def run(
        self, upstream: Upstream, relay: Relay, side: Side, check: Check, *, back: Back | None = None
    ) -> Answer:
        """Send the request and bring it to an answer, or to the point where this client must come back.

        Raises:
            Unsent, NoAnswer: as the upstream says.
        """
        if not side.modern:
            # A client of the session era that leaves has not cancelled: the request belongs to the service.
            if side.can_be_asked:
                await side.line.open()
            return await self._work.run(converse(upstream, relay, LinePeer(side=side, check=check)))
        if back is not None and back.parked is not None:
            back.parked.peer.came_back(side)
            return await self._until_asked(back.parked, relay)
        if back is not None:
            again = await _with_answers(relay, back, side, check)
            if isinstance(again, Refused):
                return instead(again, relay, None)
            relay = again
        peer = ParkingPeer(side=side, check=check)
        job = self._work.begin(upstream.request(relay, peer=peer, sent=nothing))
        return await self._until_asked(Parked(bound=bound_of(side), job=job, peer=peer), relay)

    def let_go(self, back: Back, side: Side) -> None:
        """The client came back, and its request may not go on: whatever its server asked is declined."""
        if back.parked is not None:
            back.parked.peer.came_back(replace(side, answers=None))

    def park(self, job: Job[Any], peer: ParkingPeer, request: str | None = None) -> Answer:
        """Keep a request until its client comes back, and say what it is asked."""
        self._sweep()
        asked = {key: _asking(question) for key, question in peer.requests().items()}
        if len(self._parked) >= PARKED_MAX:
            peer.came_back(replace(peer.side, answers=None))
            return TOO_MANY
        parked_id, bound = secrets.token_hex(16), bound_of(peer.side)
        until = time.monotonic() + ANSWER_SECONDS
        self._parked[parked_id] = Parked(bound=bound, job=job, peer=peer, request=request, until=until)
        state = dump(self._seal(bound, {"p": parked_id}))
        members = {"resultType": b'"input_required"', "inputRequests": join_object(asked), "requestState": state}
        return InputRequired(raw=join_object(members))

    async def _until_asked(self, parked: Parked, relay: Relay) -> Answer:
        job, peer = parked.job, parked.peer
        ends: set[asyncio.Future[Any]] = {job.done, peer.wanted()}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # A modern client that closes its stream has cancelled (protocol.md 0, no. 4).
            job.cancel()
            raise
        if not job.done.done():
            answer = self.park(job, peer)
            if isinstance(answer, RpcError):
                job.cancel()
            return answer
        answer = job.done.result()
        if peer.refused is not None and not isinstance(answer, InputRequired):
            return instead(peer.refused, relay, answer)
        return self._sealed(answer, parked.bound) if isinstance(answer, InputRequired) else answer

    def _sealed(self, answer: InputRequired, bound: Bound) -> Answer:
        members = split_object(answer.raw)
        asked = {key: (one.method, one.params.decode()) for key, one in _asked_in(members).items()}
        content: dict[str, Any] = {"q": asked}
        if "requestState" in members:
            content["u"] = members["requestState"].decode()
        token = self._seal(bound, content)
        if len(token) > CARRIED_MAX:
            return TOO_LONG
        return InputRequired(raw=with_members(answer.raw, {"requestState": dump(token)}))

    def _seal(self, bound: Bound, content: dict[str, Any]) -> str:
        expires = int(time.time()) + STATE_SECONDS
        return seal(self._key, secrets.token_bytes(NONCE_BYTES), bound, content, expires=expires)

    def _sweep(self) -> None:
        now = time.monotonic()
        for parked_id in [key for key, parked in self._parked.items() if parked.until < now]:
            # Its questions ran out long ago, and were declined then.
            del self._parked[parked_id]


async def converse(
    upstream: Upstream, relay: Relay, peer: LinePeer | NobodyThere, *, until: float | None = None
) -> Result | RpcError:
    """Send a request, answer what the server asks by its result, and send again, up to a whole answer.

    `until` is on the loop's clock: nothing is sent after it. A refused answer ends it, with what the server says to a
    question that was declined if it asked in the middle of its work, else without another word to it.

    Raises:
        Unsent, NoAnswer: as the upstream says.
    """
    answer = await upstream.request(relay, peer=peer, sent=nothing)
    for _ in range(ROUNDS_MAX):
        if not isinstance(answer, InputRequired):
            return answer if peer.refused is None else instead(peer.refused, relay, answer)
        again = await _next_round(answer, peer)
        if peer.refused is not None:
            return instead(peer.refused, relay, None)
        if isinstance(again, RpcError):
            return again
        left = relay.timeout if until is None else min(relay.timeout, until - asyncio.get_running_loop().time())
        if left <= 0:
            return NO_TIME
        params = with_members(relay.params, again)
        answer = await upstream.request(replace(relay, params=params, timeout=left), peer=peer, sent=nothing)
    return TOO_OFTEN


def instead(refused: Refused, relay: Relay, answer: Result | RpcError | None) -> Result | RpcError:
    """What the agent is told of a request whose answers were refused; `answer` is what the server said in the end."""
    if relay.method != "tools/call":
        return RpcError(code=REFUSED, message=refused.verdict.text)
    raw = answer.raw if isinstance(answer, Result) else None
    return Result(raw=questions.instead(refused.verdict, raw), is_error=True)


async def _next_round(answer: InputRequired, peer: LinePeer | NobodyThere) -> dict[str, bytes] | RpcError:
    members = split_object(answer.raw)
    asked = _asked_in(members)
    if not asked:
        await asyncio.sleep(ROUND_PAUSE_SECONDS)
    given = await peer.ask_all(list(asked.values()))
    if asked and not any(yields(one) for one in given):
        await peer.again()
    failed = next((one for one in given if isinstance(one, RpcError)), None)
    if failed is not None:
        return failed
    answers = {key: one.raw for key, one in zip(asked, given, strict=True) if isinstance(one, Result)}
    again = {"inputResponses": join_object(answers)} if answers else {}
    return again | ({"requestState": members["requestState"]} if "requestState" in members else {})


async def _with_answers(relay: Relay, back: Back, side: Side, check: Check) -> Relay | Refused:
    """The request for the next round, with what the client answered of what it was asked."""
    answers = split_object(side.answers or b"{}")
    given = {
        key: Given(question=question, answer=plain(question.method, Result(raw=answers[key])))
        for key, question in back.asked.items()
        if key in answers
    }
    told = any(one.yields for one in given.values())
    # Without an answer too it is a new request to the server, and time has passed.
    refused = await check.passed(list(given.values()) if told else (), side)
    if refused is not None:
        return refused
    extra: dict[str, bytes] = {}
    if given:
        passed = {key: one.answer.raw for key, one in given.items() if isinstance(one.answer, Result)}
        extra["inputResponses"] = join_object(passed)
    if back.state is not None:
        extra["requestState"] = back.state.encode()
    return replace(relay, params=with_members(relay.params, extra))


def _unasked(answers: bytes) -> Back:
    """A client that knows a server's questions may answer them at once: what they were is seen by the answers."""
    asked = {}
    for key, text in split_object(answers).items():
        members = split_object(text).keys()
        method = ELICIT if "action" in members else ROOTS if "roots" in members else SAMPLE
        asked[key] = Question(method=method, params=b"{}")
    return Back(asked=asked, first=True)


def _asked_in(members: Mapping[str, bytes]) -> dict[str, Question]:
    """The questions of an `input_required`, by key."""
    asked = {}
    for key, text in split_object(members.get("inputRequests", b"{}")).items():
        one = split_object(text)
        asked[key] = Question(method=str(json.loads(one["method"])), params=one.get("params", b"{}"))
    return asked


def _asking(question: Question) -> bytes:
    return join_object({"method": dump(question.method), "params": question.params})


def bound_of(side: Side) -> Bound:
    """What the states of a request that was sent to a server are good for."""
    return Bound(purpose="request", agent=side.agent, digest=side.digest)
