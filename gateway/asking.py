"""The client behind one request, as its server may ask it: what it declared, how it is reached, what it answered.

Only what the client declared is asked; the rest is declined on its behalf. An answer is new content: nobody has judged
or approved it with the call. So nothing that a client answers goes to a server unless the `Check` of the run has passed
it, and only what the check has seen goes: an elicitation's answer in canonical form, no words of an error.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from approvals.domain.fingerprint import canonical
from gateway.catalog import Place
from gateway.inbound.gate import Line
from gateway.protocol.raw import join_object, split_object
from gateway.protocol.verdict import Verdict
from gateway.upstreams import Result, RpcError

ANSWER_SECONDS = 600.0
"""How long a client may take to answer one question."""
REVIEW_SECONDS = 900.0
"""How long people may take to look at an answer, while the server waits for it."""
ASKING_SECONDS = ANSWER_SECONDS + REVIEW_SECONDS
"""How long a server may wait for answers, in all questions of one call."""
ELICIT, SAMPLE, ROOTS = "elicitation/create", "sampling/createMessage", "roots/list"
KINDS = {ELICIT: "elicitation", SAMPLE: "sampling", ROOTS: "roots"}
"""What a server may ask of a client, and the capability that says so."""
METHOD_NOT_FOUND = -32601
DECLINED, CANCELLED = Result(raw=b'{"action":"decline"}'), Result(raw=b'{"action":"cancel"}')
NOT_OFFERED = RpcError(code=METHOD_NOT_FOUND, message="The client behind the gateway offers no such method")
NO_ANSWER = RpcError(code=-32603, message="The client behind the gateway did not answer")


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

    @property
    def asking(self) -> float:
        """How long a server may wait for its answers, in seconds; nothing where it answers no questions."""
        return 0.0 if relayable(self.capabilities) == b"{}" else ASKING_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a server wants of the client; `params` is its text."""

    method: str
    params: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A question, and what the client answered."""

    question: Question
    answer: Result | RpcError

    @property
    def content(self) -> dict[str, Any]:
        """The fields of a form that was filled in."""
        if self.question.method != ELICIT or isinstance(self.answer, RpcError):
            return {}
        content = json.loads(self.answer.raw).get("content")
        return content if isinstance(content, dict) else {}

    @property
    def yields(self) -> bool:
        """Does it tell the server anything? A question that was declined does not."""
        return yields(self.answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The answers do not go to the server; the verdict tells the agent why."""

    verdict: Verdict


class Check(Protocol):
    """What stands between a client's answers and the server, for one run."""

    async def may_ask(self, method: str) -> bool:
        """May the client be asked this in the run at all?"""
        ...

    async def passed(self, given: Sequence[Given], side: Side) -> Refused | None:
        """Judge answers that tell something, or, without any, that the request is made again; None lets it go on."""
        ...


class AsksNothing:
    """The check of a request in which no client is asked anything."""

    async def may_ask(self, method: str) -> bool:
        """No."""
        del method
        return False

    async def passed(self, given: Sequence[Given], side: Side) -> Refused | None:
        """There is nothing to judge."""
        del given, side
        return None


ASKS_NOTHING = AsksNothing()


def relayable(capabilities: bytes) -> bytes:
    """What of a client's capabilities the gateway can pass on, as JSON text to declare upstream."""
    try:
        declared = split_object(capabilities)
    except ValueError:
        return b"{}"
    return join_object({name: text for name, text in declared.items() if name in KINDS.values()})


def declares(capabilities: bytes, question: Question) -> bool:
    """Did the client declare that it can be asked this?"""
    kind = KINDS.get(question.method)
    try:
        declared = split_object(capabilities)
    except ValueError:
        return False
    if kind is None or kind not in declared:
        return False
    if kind != "elicitation":
        return True
    modes = split_object(declared[kind])
    mode = str(json.loads(split_object(question.params).get("mode", b'"form"')))
    # An empty object is the older way to say: forms.
    return mode in modes or (mode == "form" and not modes)


def refusal(method: str) -> Result | RpcError:
    """What a server is answered on behalf of a client that cannot or must not be asked."""
    return DECLINED if method == ELICIT else NOT_OFFERED


def yields(answer: Result | RpcError) -> bool:
    """Does an answer tell the server anything? A question that was declined does not."""
    return isinstance(answer, Result) and answer not in (DECLINED, CANCELLED)


def plain(method: str, answer: Result | RpcError) -> Result | RpcError:
    """An answer with nothing in it that could carry more than it says."""
    if isinstance(answer, RpcError):
        return NO_ANSWER if method == ELICIT else RpcError(code=answer.code, message=NO_ANSWER.message)
    if method != ELICIT:
        return answer
    try:
        said = json.loads(answer.raw)
        if said.get("action") == "accept":
            content = {"content": said["content"]} if isinstance(said.get("content"), dict) else {}
            return Result(raw=canonical({"action": "accept", **content}))
    except (ValueError, AttributeError):
        return DECLINED
    return CANCELLED if said.get("action") == "cancel" else DECLINED


@dataclass(slots=True, kw_only=True)
class LinePeer:
    """A client of the session era: asked on its own stream. `refused` is set once an answer was not let through."""

    side: Side
    check: Check
    refused: Refused | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _open: int = 0
    _quiet: asyncio.Future[None] | None = None

    async def progress(self, params: dict[str, Any]) -> None:
        """Report on."""
        if self.side.progress:
            await self.side.line.relay(params)

    async def message(self, params: bytes) -> None:
        """A log line of the server's."""
        await self.side.line.message(params)

    async def told(self, method: str, params: bytes) -> None:
        """Another notification."""
        await self.side.line.told(method, params)

    async def paused(self) -> None:
        """The server wants to be asked again later: so may the client."""
        await self.side.line.pause()

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Ask the client one question, and have its answer checked."""
        return (await self.ask_all([Question(method=method, params=params)]))[0]

    async def ask_all(self, questions: Sequence[Question]) -> list[Result | RpcError]:
        """Ask the client what belongs together, and have its answers checked together."""
        given = await self._given(questions)
        async with self._turn:
            if any(one.yields for one in given) and self.refused is None:
                self.refused = await self.check.passed(given, self.side)
        if self.refused is not None:
            return [refusal(one.question.method) for one in given]
        return [one.answer for one in given]

    async def again(self) -> None:
        """The request is to be made again with nothing that the client said: have that checked too."""
        if self.refused is None:
            self.refused = await self.check.passed((), self.side)

    def wanted(self) -> asyncio.Future[None] | None:
        """Done as soon as the client must come back with an answer; None where it is asked on its stream."""
        return None

    def quiet(self) -> asyncio.Future[None] | None:
        """Done as soon as no question to the client is open; None if none is."""
        if not self._open:
            return None
        if self._quiet is None or self._quiet.done():
            self._quiet = asyncio.get_running_loop().create_future()
        return self._quiet

    async def _given(self, questions: Sequence[Question]) -> list[Given]:
        return [Given(question=one, answer=await self._answer(one)) for one in questions]

    async def _answer(self, question: Question) -> Result | RpcError:
        if self.refused is not None or not declares(self.side.capabilities, question):
            return refusal(question.method)
        if not await self.check.may_ask(question.method):
            return refusal(question.method)
        self._open += 1
        try:
            return plain(question.method, await self._asked(question))
        finally:
            self._open -= 1
            if not self._open and self._quiet is not None and not self._quiet.done():
                self._quiet.set_result(None)

    async def _asked(self, question: Question) -> Result | RpcError:
        if not self.side.line.live:
            return refusal(question.method)
        return await self.side.line.ask(question.method, question.params)


@dataclass(slots=True, kw_only=True)
class _Asked:
    question: Question
    answer: asyncio.Future[Result | RpcError]


@dataclass(slots=True, kw_only=True)
class ParkingPeer(LinePeer):
    """A modern client: what it is asked waits until it comes back, for a bounded time."""

    asked: dict[str, _Asked] = field(default_factory=dict)
    _wanted: asyncio.Future[None] | None = None

    def wanted(self) -> asyncio.Future[None]:
        """Done as soon as the client must come back with an answer."""
        self._wanted = asyncio.get_running_loop().create_future()
        if any(not one.answer.done() for one in self.asked.values()):
            self._wanted.set_result(None)
        return self._wanted

    def quiet(self) -> None:
        """Its questions are not open on a connection."""

    def requests(self) -> dict[str, Question]:
        """What it is to be asked when it is sent back."""
        return {key: one.question for key, one in self.asked.items() if not one.answer.done()}

    def came_back(self, side: Side) -> None:
        """Take what the client came back with; what it left out is declined."""
        self.side = side
        answers: Mapping[str, bytes] = split_object(side.answers or b"{}")
        for key, one in list(self.asked.items()):
            if not one.answer.done():
                given = answers.get(key)
                one.answer.set_result(Result(raw=given) if given is not None else refusal(one.question.method))

    async def _given(self, questions: Sequence[Question]) -> list[Given]:
        answers = await asyncio.gather(*(self._answer(one) for one in questions))
        return [Given(question=one, answer=answer) for one, answer in zip(questions, answers, strict=True)]

    async def _asked(self, question: Question) -> Result | RpcError:
        key = f"ask-{secrets.token_hex(8)}"
        one = _Asked(question=question, answer=asyncio.get_running_loop().create_future())
        self.asked[key] = one
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)
        try:
            return await asyncio.wait_for(one.answer, ANSWER_SECONDS)
        except TimeoutError:
            return refusal(question.method)
        finally:
            self.asked.pop(key, None)


class NobodyThere:
    """No client is attached: nothing can be told or asked."""

    refused: None = None

    async def progress(self, params: dict[str, Any]) -> None:
        """Nobody hears it."""

    async def message(self, params: bytes) -> None:
        """Nobody hears it."""

    async def told(self, method: str, params: bytes) -> None:
        """Nobody hears it."""

    async def paused(self) -> None:
        """Nobody waits."""

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Nobody can answer."""
        del params
        return refusal(method)

    async def ask_all(self, questions: Sequence[Question]) -> list[Result | RpcError]:
        """Nobody can answer."""
        return [refusal(one.method) for one in questions]

    async def again(self) -> None:
        """Nobody was waited for, so nothing has changed since the request was judged."""


def peer_of(side: Side, check: Check) -> LinePeer:
    """The client as a server's requests find it."""
    return ParkingPeer(side=side, check=check) if side.modern else LinePeer(side=side, check=check)
