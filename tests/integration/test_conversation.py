"""Requests with a client behind them, in all four pairings of protocol eras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from gateway.asking import Given, Question, Refused, Side, declares, relayable
from gateway.conversation import BAD_STATE, Conversations
from gateway.protocol.verdict import Code, Verdict
from gateway.upstreams import InputRequired, Peer, Relay, Result, RpcError
from gateway.work import Work

KEY = bytes(32)
FORMS = b'{"elicitation":{},"sampling":{},"roots":{"listChanged":true},"experimental":{"x":{}}}'
RELAY = Relay(method="tools/call", params=b'{"name":"t","arguments":{}}', session="s", timeout=5, capabilities=FORMS)
ACCEPT = b'{"action":"accept","content":{"size":1.5}}'
NO = Refused(verdict=Verdict(code=Code.POLICY_DENIED, text="Not with this answer.", retryable=False))


@dataclass
class FakeCheck:
    """A check that says what it was made to say, and keeps what it was shown."""

    says: Refused | None = None
    asks: frozenset[str] = frozenset({"elicitation/create", "sampling/createMessage", "roots/list"})
    shown: list[Given] = field(default_factory=list)

    async def may_ask(self, method: str) -> bool:
        return method in self.asks

    async def passed(self, given: Sequence[Given], side: Side) -> Refused | None:
        self.shown += given
        return self.says


@dataclass
class FakeLine:
    """A client's line that answers whatever it is asked."""

    live: bool = True
    answer: Result | RpcError = field(default_factory=lambda: Result(raw=ACCEPT))
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    heard: list[tuple[str, Any]] = field(default_factory=list)
    request: str | None = None
    tells: str | None = None

    async def open(self) -> None:
        """Nothing to open."""

    async def progress(self, progress: float, message: str, total: float | None = None) -> None:
        self.heard.append(("said", message))

    async def relay(self, params: Any) -> None:
        self.heard.append(("progress", params))

    async def message(self, params: bytes) -> None:
        self.heard.append(("message", params))

    async def told(self, method: str, params: bytes) -> None:
        self.heard.append((method, params))

    async def pause(self) -> None:
        self.heard.append(("pause", b""))

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        self.asked.append((method, params))
        return self.answer


@dataclass
class FakeUpstream:
    """A server whose behaviour is one function."""

    act: Callable[[Relay, Peer], Any]
    seen: list[Relay] = field(default_factory=list)

    async def request(self, relay: Relay, *, peer: Peer, sent: Callable[[], None]) -> Any:
        sent()
        self.seen.append(relay)
        return await self.act(relay, peer)


def _side(line: FakeLine, *, modern: bool = False, **more: Any) -> Side:
    facts: dict[str, Any] = {"agent": "bot", "session": "s", "digest": "d", "capabilities": FORMS}
    return Side(line=line, modern=modern, **(facts | more))


async def _asking(relay: Relay, peer: Peer) -> Result:
    given = await peer.ask("elicitation/create", b'{"message":"How much?","requestedSchema":{}}')
    assert isinstance(given, Result)
    return Result(raw=b'{"content":[],"given":' + given.raw + b"}")


async def _needing(relay: Relay, peer: Peer) -> Any:
    params = json.loads(relay.params)
    if "inputResponses" not in params:
        return InputRequired(
            raw=b'{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create",'
            b'"params":{"message":"?"}}},"requestState":"up\\u0021"}'
        )
    return Result(raw=json.dumps({"state": params.get("requestState"), "got": params["inputResponses"]}).encode())


class Uses:
    """What was used, in memory."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    async def first(self, what: str, until: datetime) -> bool:
        new = what not in self._seen
        self._seen.add(what)
        return new


async def _run(talk: Conversations, up: FakeUpstream, side: Side, check: FakeCheck | None = None) -> Any:
    """As a request comes in: what the client comes back with is looked at first."""
    back = await talk.returned(side)
    if isinstance(back, RpcError):
        return back
    return await talk.run(up, RELAY, side, check or FakeCheck(), back=back)  # type: ignore[arg-type]


async def _with(act: Callable[[Relay, Peer], Any], play: Callable[[Conversations, FakeUpstream], Any]) -> Any:
    async with asyncio.TaskGroup() as group:
        work = Work(group)
        answer = await play(Conversations(work, KEY, Uses().first), FakeUpstream(act))
        work.cancel()
    return answer


async def test_an_older_server_asks_an_older_client_on_its_own_stream() -> None:
    line = FakeLine()

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        return await _run(talk, up, _side(line))

    answer = await _with(_asking, play)
    assert line.asked == [("elicitation/create", b'{"message":"How much?","requestedSchema":{}}')]
    assert answer.raw == b'{"content":[],"given":' + ACCEPT + b"}"


@pytest.mark.parametrize("capabilities", [b"{}", b'{"sampling":{}}', b'{"elicitation":{"url":{}}}'])
async def test_a_client_that_did_not_declare_it_is_not_asked(capabilities: bytes) -> None:
    line = FakeLine()

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        return await _run(talk, up, _side(line, capabilities=capabilities))

    answer = await _with(_asking, play)
    assert line.asked == []
    assert b'"decline"' in answer.raw


async def test_a_modern_server_that_needs_input_asks_an_older_client_and_is_asked_again_with_the_answers() -> None:
    line = FakeLine()

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        answer = await _run(talk, up, _side(line))
        assert len(up.seen) == 2
        assert b'"size":1.5' in up.seen[1].params
        return answer

    answer = json.loads((await _with(_needing, play)).raw)
    assert answer == {"state": "up!", "got": {"k": {"action": "accept", "content": {"size": 1.5}}}}


async def test_an_older_server_that_asks_a_modern_client_is_parked_until_it_comes_back() -> None:
    line = FakeLine(live=False)

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        first = await _run(talk, up, _side(line, modern=True))
        assert isinstance(first, InputRequired)
        told = json.loads(first.raw)
        ((key, asked),) = told["inputRequests"].items()
        assert asked["method"] == "elicitation/create"
        again = _side(
            line, modern=True, state=told["requestState"], answers=b'{"' + key.encode() + b'":' + ACCEPT + b"}"
        )
        answer = await _run(talk, up, again)
        assert len(up.seen) == 1
        assert await _run(talk, up, again) == BAD_STATE
        return answer

    assert (await _with(_asking, play)).raw == b'{"content":[],"given":' + ACCEPT + b"}"


async def test_a_modern_client_gets_a_modern_servers_question_with_its_state_sealed() -> None:
    line = FakeLine(live=False)

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        first = await _run(talk, up, _side(line, modern=True))
        state = json.loads(first.raw)["requestState"]
        assert "up!" not in state
        again = _side(line, modern=True, state=state, answers=b'{"k":' + ACCEPT + b"}")
        for wrong in (
            replace(again, agent="eve"),
            replace(again, digest="other"),
            replace(again, state=state[:-2] + "xx"),
        ):
            assert await _run(talk, up, wrong) == BAD_STATE
        assert len(up.seen) == 1
        return await _run(talk, up, again)

    assert json.loads((await _with(_needing, play)).raw)["state"] == "up!"


async def test_a_modern_client_that_leaves_cancels_the_request_upstream() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def forever(relay: Relay, peer: Peer) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        async with asyncio.timeout(5):
            waiting = asyncio.get_running_loop().create_task(_run(talk, up, _side(FakeLine(live=False), modern=True)))
            await begun.wait()
            waiting.cancel()
            await ended.wait()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    await _with(forever, play)
    assert ended.is_set()


@pytest.mark.parametrize(
    ("capabilities", "method", "params", "declared"),
    [
        (b'{"elicitation":{}}', "elicitation/create", b"{}", True),
        (b'{"elicitation":{}}', "elicitation/create", b'{"mode":"url"}', False),
        (b'{"elicitation":{"form":{}}}', "elicitation/create", b'{"mode":"form"}', True),
        (b'{"elicitation":{"url":{}}}', "elicitation/create", b'{"mode":"url"}', True),
        (b'{"elicitation":{"url":{}}}', "elicitation/create", b"{}", False),
        (b'{"sampling":{}}', "sampling/createMessage", b"{}", True),
        (b"{}", "roots/list", b"{}", False),
        (b'{"roots":{}}', "roots/list", b"{}", True),
        (b'{"roots":{}}', "tasks/list", b"{}", False),
        (b"not json", "roots/list", b"{}", False),
    ],
)
def test_only_what_a_client_declared_is_passed_on(
    capabilities: bytes, method: str, params: bytes, declared: bool
) -> None:
    assert declares(capabilities, Question(method=method, params=params)) is declared


def test_only_what_can_be_relayed_is_declared_upstream() -> None:
    assert json.loads(relayable(FORMS)) == {"elicitation": {}, "sampling": {}, "roots": {"listChanged": True}}
    assert relayable(b"[") == b"{}"
