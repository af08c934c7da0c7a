"""Large things are worked on in threads of their own, while the event loop goes on; small ones at once."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from approvals.domain import fingerprint
from approvals.domain.model import Caller, Client
from gateway import heavy, pipeline
from gateway.gate import Gateway
from gateway.inbound.gate import InboundCall, Line
from gateway.lookup import Found
from gateway.parts import Parts
from gateway.policy.model import Verdict
from gateway.protocol.classify import Era
from gateway.protocol.jsonrpc import parse
from gateway.refusals import Refusals
from gateway.upstreams import Result
from gateway.upstreams.schemas import Problem
from tests.fakes.gate import FakeGate, served
from tests.fakes.wire import WAIT, agent

LARGE = {"a": "x" * 100_000}


class Blocked:
    """A piece of work that stands still until the loop says so: on the loop itself, nobody ever would."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._go = threading.Event()
        self.entered = asyncio.Event()
        self.released: list[bool] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._loop.call_soon_threadsafe(self.entered.set)
        self.released.append(self._go.wait(WAIT))
        return self._work(*args, **kwargs)

    async def let_go_after_some_beats(self) -> None:
        """The loop's heart beats while the work stands still."""
        await asyncio.wait_for(self.entered.wait(), WAIT)
        for _ in range(10):
            await asyncio.sleep(0)
        self._go.set()


async def test_small_work_is_done_at_once_and_large_work_in_a_thread() -> None:
    here = threading.get_ident()
    assert await heavy.run(heavy.HEAVY_FROM_BYTES, threading.get_ident) == here
    assert await heavy.run(heavy.HEAVY_FROM_BYTES + 1, threading.get_ident) != here


async def test_threads_at_large_work_let_the_loop_go_on_often() -> None:
    await heavy.run(1_000_000, int)
    assert sys.getswitchinterval() == pytest.approx(heavy.SWITCH_SECONDS)


async def test_what_large_work_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await heavy.run(1_000_000, int, "x")


async def test_only_so_much_is_worked_on_at_once_and_the_rest_waits_its_turn() -> None:
    works = [Blocked(lambda: None) for _ in range(heavy.AT_ONCE + 1)]
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(heavy.run(1_000_000, work))
        *first, last = works
        for work in first:
            await asyncio.wait_for(work.entered.wait(), WAIT)
        assert not last.entered.is_set()
        for work in works:
            await work.let_go_after_some_beats()
    assert [work.released for work in works] == [[True]] * len(works)


@pytest.mark.parametrize(
    ("value", "large"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"a": "x" * 1_000, "b": [1, 2.5, None, True]}, False, id="an everyday call"),
        pytest.param(LARGE, True, id="a long string"),
        pytest.param({"x" * 100_000: 1}, True, id="a long name"),
        pytest.param({"a": [{"b": ["x" * 100_000]}]}, True, id="a long string deep down"),
        pytest.param([0] * 3_000, True, id="many small values"),
        pytest.param({"a": {f"k{n}": 0 for n in range(2_000)}}, True, id="many members"),
    ],
)
def test_what_is_large_is_seen_without_counting_all_of_it(value: Any, large: bool) -> None:
    assert (heavy.weight(value) > heavy.HEAVY_FROM_BYTES) is large


async def test_small_requests_are_answered_while_a_large_body_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Blocked(parse)

    def parsing(raw: bytes) -> Any:
        return work(raw) if len(raw) > heavy.HEAVY_FROM_BYTES else parse(raw)

    monkeypatch.setattr("gateway.inbound.body.parse", parsing)
    async with served(FakeGate()) as running, agent(running.url) as ada, agent(running.url) as bob:
        async with asyncio.TaskGroup() as group:
            large = group.create_task(ada.modern("tools/call", name="echo", arguments=LARGE))
            await asyncio.wait_for(work.entered.wait(), WAIT)
            assert (await bob.modern("tools/list")).status == 200
            await work.let_go_after_some_beats()
        assert large.result().status == 200
    assert work.released == [True]


async def test_the_loop_goes_on_while_a_large_call_is_made_canonical_and_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Blocked(fingerprint.make_call)
    checked = Blocked(lambda _: (Problem(pointer="/a", message="is too long"),))
    monkeypatch.setattr(fingerprint, "make_call", made)
    monkeypatch.setattr(pipeline, "_record", lambda *_: None)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(_call(checked))
        await made.let_go_after_some_beats()
        await checked.let_go_after_some_beats()
    answer = call.result()
    assert isinstance(answer, Result)
    assert "is too long" in json.loads(answer.raw)["content"][0]["text"]
    assert (made.released, checked.released) == ([True], [True])


async def _call(problems: Callable[..., Any]) -> Any:
    tool = SimpleNamespace(name="echo", fingerprint="f" * 64, definition={}, drifted=False, problems=problems)
    found = Found(server=cast(Any, SimpleNamespace(name="files")), tool=cast(Any, tool))
    ruling = SimpleNamespace(verdict=Verdict.ALLOW)

    async def find(*_: object) -> Found:
        return found

    async def nothing(_: object) -> None:
        """The client brings nothing."""

    parts = SimpleNamespace(
        conversations=SimpleNamespace(returned=nothing),
        holding=SimpleNamespace(result_tool=False, policy_tool=False, answer_tool=False),
        refusals=Refusals(60),
        journal=SimpleNamespace(room=True),
        judge=SimpleNamespace(judge=lambda *_: SimpleNamespace(ruling=ruling)),
        desk=SimpleNamespace(repeats=SimpleNamespace(may_find=lambda *_: False)),
        showing=SimpleNamespace(back=nothing),
        switches=SimpleNamespace(why=lambda *_: None),
    )
    gateway = Gateway(
        cast(Parts, parts),
        callers=cast(Any, None),
        lookup=cast(Any, SimpleNamespace(find=find)),
        relaying=cast(Any, SimpleNamespace(log_level=lambda _: None)),
        cursors=cast(Any, None),
    )
    call = InboundCall(
        request_id=1,
        name="echo",
        arguments=LARGE,
        era=Era.MODERN,
        version="2026-07-28",
        client=Client(name="c", version="1"),
        raw_sha256="0" * 64,
        session="s",
    )
    return await gateway.call_tool(Caller(agent="ada"), "files", call, cast(Line, SimpleNamespace(request=None)))
