"""Pages put before the users of agents: which states are taken back, and what a live question does to its hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from approvals.domain.model import ApprovalRequest, State
from approvals.testing import samples
from gateway.asking import Side
from gateway.conversation import BAD_STATE, bound_of
from gateway.protocol.showing import Reply, Way
from gateway.protocol.state_token import NONCE_BYTES, seal
from gateway.showing import Back, Showing
from gateway.upstreams import Result, RpcError
from gateway.work import Work
from tests.fakes.desk import House, house

KEY = bytes(range(32))
SELF_SERVICE = samples.terms(self_service=True)
URL_TOO = b'{"elicitation":{"form":{},"url":{}}}'
OPENED, DECLINED = b'{"action":"accept"}', b'{"action":"decline"}'


@dataclass
class FakeLine:
    """A client's line whose user answers when the test says so."""

    live: bool = True
    asked: list[dict[str, Any]] = field(default_factory=list)
    heard: list[tuple[str, Any]] = field(default_factory=list)
    answer: asyncio.Future[Result | RpcError] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    withdrawn: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Nothing to open."""

    async def told(self, method: str, params: bytes) -> None:
        self.heard.append((method, json.loads(params)))

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        self.asked.append({"method": method, **json.loads(params)})
        self.was_asked.set()
        try:
            return await self.answer
        except asyncio.CancelledError:
            self.withdrawn.set()
            raise


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A house, and the part under test in it."""

    house: House
    work: Work
    showing: Showing

    async def asked(self, **changes: Any) -> ApprovalRequest:
        return await self.house.file(terms=SELF_SERVICE, **changes)

    def state(self, request: ApprovalRequest, side: Side) -> str:
        """The state that this side is given for a request."""
        given: str = json.loads(self.showing.round_trip(side, request).raw)["requestState"]
        return given

    async def has_noted(self, request: ApprovalRequest) -> bool:
        return (await self.house.now(request)).shown_at is not None


@pytest.fixture
async def at(database_url: str) -> AsyncIterator[Place]:
    async with house(database_url) as made, asyncio.TaskGroup() as group:
        work = Work(group)
        showing = Showing(
            made.desk, work, KEY, lambda id: f"https://placet/requests/{id}", clock=lambda: made.clock.now.timestamp()
        )
        yield Place(house=made, work=work, showing=showing)


def side(line: FakeLine | None = None, *, modern: bool = True, **more: Any) -> Side:
    facts: dict[str, Any] = {"agent": "bot", "session": "s", "digest": "d", "capabilities": URL_TOO}
    return Side(line=line or FakeLine(live=not modern), modern=modern, **(facts | more))  # type: ignore[arg-type]


def replying(answer: bytes) -> bytes:
    return b'{"approval":' + answer + b"}"


@pytest.mark.parametrize(
    ("answer", "reply", "noted"),
    [
        pytest.param(replying(OPENED), Reply.OPENED, True, id="opened"),
        pytest.param(replying(DECLINED), Reply.DECLINED, True, id="declined"),
        pytest.param(replying(b'{"action":"cancel"}'), Reply.DISMISSED, True, id="dismissed"),
        pytest.param(replying(b'{"action":"approve"}'), None, False, id="a word that is not the protocol's"),
        pytest.param(b"{}", None, False, id="without an answer"),
        pytest.param(None, None, False, id="without answers"),
    ],
)
async def test_a_client_comes_back_with_its_state(
    at: Place, answer: bytes | None, reply: Reply | None, *, noted: bool
) -> None:
    asked = await at.asked()
    back = await at.showing.back(side(state=at.state(asked, side()), answers=answer))
    assert isinstance(back, Back)
    assert (back.request.id, back.reply, back.request.shown_at is not None) == (asked.id, reply, noted)
    assert await at.has_noted(asked) is noted
    now = await at.house.now(asked)
    assert (now.state, now.revision) == (State.PENDING, 1)
    assert at.showing.way(side(), now) is (Way.NOT if noted else Way.ROUND_TRIP)


@pytest.mark.parametrize(
    "who",
    [
        pytest.param({"agent": "another"}, id="another agent"),
        pytest.param({"digest": "another"}, id="another call"),
    ],
)
async def test_a_state_is_good_for_one_agent_and_one_call(at: Place, who: dict[str, Any]) -> None:
    asked = await at.asked()
    state = at.state(asked, side())
    assert await at.showing.back(side(state=state, answers=replying(OPENED), **who)) == BAD_STATE
    assert not await at.has_noted(asked)


async def test_a_state_that_was_changed_or_made_up_is_refused(at: Place) -> None:
    state = at.state(await at.asked(), side())
    middle = len(state) // 2
    changed = state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]
    for bad in (changed, state[:-4], "", "made up", state + state):
        assert await at.showing.back(side(state=bad, answers=replying(OPENED))) == BAD_STATE, bad


async def test_a_state_is_good_as_long_as_its_request_can_be_collected(at: Place) -> None:
    asked = await at.asked()
    again = side(state=at.state(asked, side()), answers=replying(OPENED))
    at.house.clock.move(seconds=(asked.terms.timeout + asked.terms.collect_within).total_seconds() - 1)
    assert isinstance(await at.showing.back(again), Back)
    at.house.clock.move(seconds=1)
    assert await at.showing.back(again) == BAD_STATE


async def test_a_state_of_a_server_behind_the_gateway_is_left_to_who_gave_it(at: Place) -> None:
    who = side()
    state = seal(KEY, b"n" * NONCE_BYTES, bound_of(who), {"u": "theirs"}, expires=2**40)
    assert await at.showing.back(replace(who, state=state)) is None
    assert await at.showing.back(replace(who, answers=replying(OPENED))) is None


async def test_a_state_of_a_request_that_has_ended_shows_how_it_ended_as_often_as_it_comes(at: Place) -> None:
    asked = await at.asked()
    again = side(state=at.state(asked, side()), answers=replying(OPENED))
    await at.house.deny(asked)
    await at.house.desk.told(asked.id)
    for _ in range(2):
        back = await at.showing.back(again)
        assert isinstance(back, Back)
        assert (back.request.id, back.request.state) == (asked.id, State.DENIED)


@pytest.mark.parametrize(
    ("terms", "capabilities", "found"),
    [
        pytest.param(SELF_SERVICE, URL_TOO, Way.ROUND_TRIP, id="declared"),
        pytest.param(SELF_SERVICE, b'{"elicitation":{"url":{}}}', Way.ROUND_TRIP, id="url alone"),
        pytest.param(SELF_SERVICE, b'{"elicitation":{}}', Way.NOT, id="the older way to say: forms"),
        pytest.param(SELF_SERVICE, b'{"elicitation":{"form":{}}}', Way.NOT, id="forms"),
        pytest.param(SELF_SERVICE, b"{}", Way.NOT, id="nothing"),
        pytest.param(samples.terms(), URL_TOO, Way.NOT, id="the rule does not say so"),
    ],
)
async def test_only_what_was_declared_is_asked(at: Place, terms: Any, capabilities: bytes, found: Way) -> None:
    asked = await at.house.file(terms=terms)
    assert at.showing.way(side(capabilities=capabilities), asked) is found


async def test_nobody_is_asked_about_what_is_decided(at: Place) -> None:
    approved = await at.house.approve(await at.asked())
    assert at.showing.way(side(), approved) is Way.NOT


async def test_a_live_question_is_put_while_the_call_is_held_and_told_to_be_complete(at: Place) -> None:
    asked, line = await at.asked(), FakeLine()

    async def hold() -> ApprovalRequest:
        await line.was_asked.wait()
        line.answer.set_result(Result(raw=OPENED))
        while not await at.has_noted(asked):
            pass
        return await at.house.approve(asked)

    current = await at.showing.beside(side(line, modern=False), asked, hold())
    assert current.state is State.APPROVED
    (question,) = line.asked
    assert (question["method"], question["mode"]) == ("elicitation/create", "url")
    assert question["url"] == f"https://placet/requests/{asked.id}"
    assert line.heard == [("notifications/elicitation/complete", {"elicitationId": question["elicitationId"]})]


async def test_a_hold_does_not_wait_for_the_answer_and_takes_the_question_back(at: Place) -> None:
    asked, line = await at.asked(), FakeLine()

    async def hold() -> ApprovalRequest:
        await line.was_asked.wait()
        return asked

    assert await at.showing.beside(side(line, modern=False), asked, hold()) is asked
    await line.withdrawn.wait()
    assert line.heard == []
    assert not await at.has_noted(asked)


@pytest.mark.parametrize(
    ("answer", "noted"),
    [
        pytest.param(Result(raw=DECLINED), True, id="declined"),
        pytest.param(Result(raw=b'{"action":"approve"}'), False, id="an answer that is none"),
        pytest.param(RpcError(code=-32601, message="no such method"), False, id="an error"),
    ],
)
async def test_no_answer_ends_a_hold(at: Place, answer: Result | RpcError, *, noted: bool) -> None:
    asked, line, people = await at.asked(), FakeLine(), asyncio.Event()

    async def hold() -> ApprovalRequest:
        await line.was_asked.wait()
        line.answer.set_result(answer)
        await at.work.drained(5)
        people.set()
        return await at.house.approve(asked)

    current = await at.showing.beside(side(line, modern=False), asked, hold())
    assert people.is_set()
    assert current.state is State.APPROVED
    assert line.heard == []
    assert await at.has_noted(asked) is noted


async def test_each_live_question_has_an_id_of_its_own(at: Place) -> None:
    asked, lines = await at.asked(), [FakeLine(), FakeLine()]

    async def hold(line: FakeLine) -> ApprovalRequest:
        await line.was_asked.wait()
        return asked

    for line in lines:
        await at.showing.beside(side(line, modern=False), asked, hold(line))
    assert len({line.asked[0]["elicitationId"] for line in lines}) == 2
