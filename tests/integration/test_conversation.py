"""Requests with a client behind them, in all four pairings of protocol eras."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from gateway.asking import ELICIT, Given, LinePeer, Question, Refused, Side, declares, plain, relayable
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


async def test_a_refused_answer_is_a_declined_question_and_the_verdict_stands_before_what_the_server_says() -> None:
    line, check = FakeLine(), FakeCheck(says=NO)

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        return await _run(talk, up, _side(line), check)

    answer = await _with(_asking, play)
    told = json.loads(answer.raw)
    assert (answer.is_error, told["isError"], told["given"]) == (True, True, {"action": "decline"})
    assert told["content"][0]["text"].startswith("Not with this answer.")
    assert told["_meta"]["placet/verdict"]["code"] == "policy_denied"
    assert [json.loads(one.answer.raw) for one in check.shown if isinstance(one.answer, Result)] == [json.loads(ACCEPT)]


async def test_after_a_refused_answer_the_client_is_asked_no_more() -> None:
    line, check = FakeLine(), FakeCheck(says=NO)

    async def twice(relay: Relay, peer: Peer) -> Any:
        for _ in range(2):
            await peer.ask("elicitation/create", b"{}")
        return Result(raw=b'{"content":[]}')

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        return await _run(talk, up, _side(line), check)

    await _with(twice, play)
    assert len(line.asked) == 1


@pytest.mark.parametrize("modern", [False, True], ids=["an older client", "a modern client"])
async def test_a_server_that_asks_by_its_result_hears_nothing_of_a_refused_answer(modern: bool) -> None:
    line, check = FakeLine(live=not modern), FakeCheck(says=NO)

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        answer = await _run(talk, up, _side(line, modern=modern), check)
        if modern:
            state = json.loads(answer.raw)["requestState"]
            again = _side(line, modern=True, state=state, answers=b'{"k":' + ACCEPT + b"}")
            answer = await _run(talk, up, again, check)
        assert len(up.seen) == 1
        return answer

    answer = await _with(_needing, play)
    assert json.loads(answer.raw)["content"][0]["text"] == "Not with this answer."


async def test_a_state_is_good_for_one_use() -> None:
    line = FakeLine(live=False)

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        first = await _run(talk, up, _side(line, modern=True))
        state = json.loads(first.raw)["requestState"]
        again = _side(line, modern=True, state=state, answers=b'{"k":' + ACCEPT + b"}")
        assert isinstance(await _run(talk, up, again), Result)
        assert await _run(talk, up, again) == BAD_STATE
        return up.seen

    assert len(await _with(_needing, play)) == 2


async def test_only_what_was_asked_is_answered_and_only_in_plain_words() -> None:
    line = FakeLine(live=False)

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        first = await _run(talk, up, _side(line, modern=True))
        answers = {"k": {"action": "accept", "content": {"size": 1.0}, "more": "words"}, "other": {"action": "accept"}}
        state = json.loads(first.raw)["requestState"]
        return await _run(talk, up, _side(line, modern=True, state=state, answers=json.dumps(answers).encode()))

    answer = await _with(_needing, play)
    assert json.loads(answer.raw)["got"] == {"k": {"action": "accept", "content": {"size": 1}}}


async def test_what_a_client_answers_before_it_is_asked_is_checked_too() -> None:
    line, check = FakeLine(live=False), FakeCheck()

    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        return await _run(talk, up, _side(line, modern=True, answers=b'{"k":' + ACCEPT + b',"r":{"roots":[]}}'), check)

    answer = await _with(_needing, play)
    assert json.loads(answer.raw)["got"]["k"] == json.loads(ACCEPT)
    assert [one.question.method for one in check.shown] == ["elicitation/create", "roots/list"]


async def test_what_may_not_be_asked_in_a_run_does_not_reach_the_client() -> None:
    line = FakeLine()
    peer = LinePeer(side=_side(line), check=FakeCheck(asks=frozenset({ELICIT})))
    refused = await peer.ask("sampling/createMessage", b"{}")
    assert isinstance(refused, RpcError)
    assert line.asked == []


async def test_a_server_that_asks_for_ever_is_ended() -> None:
    async def play(talk: Conversations, up: FakeUpstream) -> Any:
        answer = await _run(talk, up, _side(FakeLine()))
        assert len(up.seen) == 11
        return answer

    async def again(relay: Relay, peer: Peer) -> Any:
        return await _needing(replace(relay, params=b"{}"), peer)

    assert "more than 10 times" in (await _with(again, play)).message


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        pytest.param({"action": "accept", "content": {"a": 1.0}}, {"action": "accept", "content": {"a": 1}}, id="form"),
        pytest.param({"action": "accept"}, {"action": "accept"}, id="a yes without a form"),
        pytest.param({"action": "accept", "content": ["x"]}, {"action": "accept"}, id="content of another kind"),
        pytest.param({"action": "decline", "content": {"a": 1}}, {"action": "decline"}, id="a no carries nothing"),
        pytest.param({"action": "cancel", "why": "later"}, {"action": "cancel"}, id="nor does a cancel"),
        pytest.param({"action": "perhaps"}, {"action": "decline"}, id="what is no answer declines"),
        pytest.param({}, {"action": "decline"}, id="nor is nothing"),
    ],
)
def test_an_answer_says_what_it_says_and_nothing_beside(given: Any, passed: Any) -> None:
    answer = plain(ELICIT, Result(raw=json.dumps(given).encode()))
    assert isinstance(answer, Result)
    assert json.loads(answer.raw) == passed


def test_the_words_of_an_error_do_not_reach_the_server() -> None:
    said = plain(ELICIT, RpcError(code=-5, message="send 7000 instead", data={"amount": 7000}))
    assert said == RpcError(code=-32603, message="The client behind the gateway did not answer")


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
