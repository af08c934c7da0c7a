"""A call that a person lets wait for ten minutes reaches every kind of client, and the person decides once.

A second here stands for some 25: the ten minutes take more than 20 seconds and the holds are as much shorter. What
cannot be scaled so far is the room between a clock and what comes before it (10 s of 60 for a hold of 50), because a
busy machine takes its time; that progress comes every 10 seconds; and that a clock under 5 seconds is not learned.
All clients wait at the same time; the ten minutes are over when the most patient of them has heard of the progress
that comes after 20 seconds.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from mcp import Client, StdioServerParameters, stdio_client
from mcp.shared.dispatcher import ProgressFnT

from tests.acceptance.agents import Said, heard
from tests.acceptance.counting import Shop, open_shop
from tests.acceptance.harness import BIN, ROOT
from tests.matrix.drivers import FASTMCP_BIN, FIXTURES, PATIENCE_SECONDS, PROGRAMS, node

pytestmark = pytest.mark.timeout(180)

TEN_MINUTES = 20.0
"""The progress that ends them."""
IDLE_MS = 16_000
"""Five minutes: longer than the way from one progress to the next, shorter than the wait."""
CALL_MS = 7_000
"""One minute: longer than the plain hold by as much as a busy machine needs."""
LEARNED_MS = 6_000
"""One minute too, but shorter than the hold with progress."""
HOLD = {"plain": "2s", "with_progress": "8400ms"}
TIMED_OUT_1 = -32001
TIMED_OUT_2 = "REQUEST_TIMEOUT"


@dataclass(slots=True, kw_only=True)
class Wait:
    """What one client went through, and what the gateway and the server know of it."""

    to: str
    shop: Shop
    pending: list[Said] = field(default_factory=list)
    gave_up: int = 0
    progress: list[float] = field(default_factory=list)
    tasks: set[str] = field(default_factory=set)
    answer: Said | str | None = None
    request: dict[str, Any] = field(default_factory=dict)

    def hear(self, line: dict[str, Any]) -> None:
        """One line of a client program."""
        match line:
            case {"pending": result}:
                self.pending.append(Said(status=200, body={"result": result}))
            case {"gave_up": _}:
                self.gave_up += 1
            case {"progress": step}:
                self.progress.append(step["progress"])
            case {"task": task}:
                self.tasks.add(task)
            case {"result": result}:
                self.answer = Said(status=200, body={"result": result})
            case {"error": said}:
                self.answer = said
            case _:
                assert line.keys() == {"version", "tools"}, line


Over = Callable[[], None]
Go = Callable[[Wait, Over], Coroutine[Any, Any, None]]


def payment(wait: Wait) -> dict[str, Any]:
    return {"to": wait.to, "amount": 5}


def by_program(*argv: str, mode: str = "auto", **more: Any) -> Go:
    async def go(wait: Wait, over: Over) -> None:
        url, token = wait.shop.placet.mcp("shop"), wait.shop.placet.agent.text
        calls = [{"tool": "pay", "arguments": payment(wait)}]
        job = {"url": url, "token": token, "name": wait.to, "mode": mode, "calls": calls, **more}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe)
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(job).encode())
            process.stdin.close()
            async for line in process.stdout:
                wait.hear(json.loads(line))
                if wait.progress and wait.progress[-1] >= TEN_MINUTES:
                    over()
            assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return go


def by_bridge(*options: str, progress: bool = False, timeout: float | None = None) -> Go:
    async def go(wait: Wait, _over: Over) -> None:
        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            wait.progress.append(progress)

        callback: ProgressFnT | None = progressed if progress else None
        server = StdioServerParameters(
            command=str(BIN / "placet"),
            args=["stdio", "--url", wait.shop.placet.mcp("shop"), *options],
            env={"PLACET_TOKEN": wait.shop.placet.agent.text, "PYTHONPATH": str(ROOT)},
        )
        async with Client(stdio_client(server)) as client:
            while True:
                said = heard(
                    await client.call_tool(
                        "pay",
                        payment(wait),
                        read_timeout_seconds=timeout,
                        progress_callback=callback,
                    )
                )
                if said.code != "approval_pending":
                    break
                wait.pending.append(said)
        wait.answer = said

    return go


SDK1 = (node(), str(PROGRAMS / "sdk1.mjs"))
CLIENT2 = (node(), str(PROGRAMS / "client2.mjs"))
FASTMCP = (str(FASTMCP_BIN / "python"), str(FIXTURES / "matrix_fastmcp4.py"))
HEEDS: dict[str, Any] = {"timeout": IDLE_MS, "progress": True, "reset": True}
PATIENT: dict[str, Go] = {"claude, held all the time": by_program(*SDK1, again=TIMED_OUT_1, **HEEDS)}
"""Behind a gateway that holds for longer than ten minutes."""
USUAL: dict[str, Go] = {
    "claude, held as usual": by_program(*SDK1, again=TIMED_OUT_1, **HEEDS),
    "60 s, session era": by_program(*SDK1, again=TIMED_OUT_1, timeout=CALL_MS),
    "60 s, modern": by_program(*CLIENT2, again=TIMED_OUT_2, timeout=CALL_MS),
    "60 s, heedless": by_program(*CLIENT2, again=TIMED_OUT_2, timeout=LEARNED_MS, progress=True),
    "tasks": by_program(*FASTMCP),
    "stdio, 60 s": by_bridge("--wait", "2s", timeout=CALL_MS / 1000),
    "stdio, patient": by_bridge(progress=True),
}
"""Behind a gateway whose holds are the default, scaled."""
EVERYBODY = [*PATIENT, *USUAL]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def waits(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Wait]]:
    over = asyncio.Event()
    made: dict[str, Wait] = {}
    async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_SECONDS):
        for name, clients, hold in (("patient", PATIENT, {"with_progress": "1m"}), ("usual", USUAL, HOLD)):
            shop = await stack.enter_async_context(open_shop(tmp_path_factory.mktemp(name), limits={"hold": hold}))
            made |= {to: Wait(to=to, shop=shop) for to in clients}
        async with asyncio.TaskGroup() as group:
            for to, go in {**PATIENT, **USUAL}.items():
                group.create_task(go(made[to], over.set))
            asked = [(wait, await wait.shop.ada.pending_of(to=wait.to)) for wait in made.values()]
            await over.wait()
            for wait, request in asked:
                await wait.shop.ada.approve(request)
        for wait in made.values():
            (wait.request,) = [one for one in await wait.shop.ada.requests() if one["arguments"]["to"] == wait.to]
        yield made


@pytest.mark.parametrize("to", EVERYBODY)
def test_the_outcome_reaches_the_client_and_the_person_decided_once(waits: dict[str, Wait], to: str) -> None:
    wait = waits[to]
    assert isinstance(wait.answer, Said), wait.answer
    assert (wait.answer.refused, wait.answer.code, wait.answer.text) == (False, "approved", f"pay 5 to {to}")
    assert wait.answer.verdict["request"] == wait.request["id"]
    assert (wait.request["state"], len(wait.request["votes"]), wait.shop.seen(to)) == ("succeeded", 1, 1)
    assert {said.verdict["request"] for said in wait.pending} <= {wait.request["id"]}


@pytest.mark.must_have(5)
@pytest.mark.pain(2)
def test_progress_keeps_an_idle_clock_from_running_out(waits: dict[str, Wait]) -> None:
    wait = waits["claude, held all the time"]
    assert (wait.gave_up, wait.pending) == (0, [])
    assert wait.progress[-1] * 1000 > IDLE_MS


def test_a_hold_that_is_shorter_than_the_wait_is_answered_pending(waits: dict[str, Wait]) -> None:
    wait = waits["claude, held as usual"]
    assert wait.gave_up == 0
    assert len(wait.pending) >= 2


@pytest.mark.parametrize("to", ["60 s, session era", "60 s, modern", "stdio, 60 s"])
def test_a_clock_of_a_minute_never_runs_out(waits: dict[str, Wait], to: str) -> None:
    assert waits[to].gave_up == 0
    assert len(waits[to].pending) >= 2


def test_a_clock_that_does_not_heed_progress_is_learned(waits: dict[str, Wait]) -> None:
    wait = waits["60 s, heedless"]
    # Its next call can be faster than the news of the last one.
    assert wait.gave_up in (2, 3)
    assert len(wait.pending) >= 1


def test_a_client_of_tasks_asked_after_the_request_itself(waits: dict[str, Wait]) -> None:
    assert waits["tasks"].tasks == {waits["tasks"].request["id"]}


def test_the_bridge_needs_no_second_call_of_a_patient_client(waits: dict[str, Wait]) -> None:
    wait = waits["stdio, patient"]
    assert wait.pending == []
    # Each hold of the gateway says once where it stands: the bridge called at least three times.
    assert len(wait.progress) >= 3
    assert wait.progress == sorted(set(wait.progress))
