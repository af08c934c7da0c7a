"""A rule says `self_service`: each kind of client puts the page before its user, and the call runs once.

The clients are those of the matrix, as programs; Ada decides when the client has told that it was asked to open the
page, and by then its user has opened it or would not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.agents import Said
from tests.acceptance.counting import Shop, open_shop
from tests.acceptance.harness import MCP1_BIN, PATIENCE_SECONDS
from tests.matrix.drivers import FASTMCP_BIN, FIXTURES, PROGRAMS, node

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

SDK1 = (node(), str(PROGRAMS / "sdk1.mjs"))
CLIENT2 = (node(), str(PROGRAMS / "client2.mjs"))
FASTMCP = (str(FASTMCP_BIN / "python"), str(FIXTURES / "matrix_fastmcp4.py"))
MCP1 = (str(MCP1_BIN / "python"), str(FIXTURES / "matrix_mcp1.py"))
SHOWN = {"action": "require_approval", "approval": {"self_service": True}}
MODERN = [
    pytest.param(CLIENT2, "auto", id="TS client 2, modern"),
    pytest.param(FASTMCP, "auto", id="fastmcp 4, which takes tasks"),
]
OLDER = [
    pytest.param(SDK1, "", id="TS sdk 1"),
    pytest.param(CLIENT2, "legacy", id="TS client 2, legacy"),
    pytest.param(MCP1, "", id="mcp 1"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def it(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop"), tools={"pay": SHOWN}) as made:
        yield made


async def called(it: Shop, argv: Sequence[str], mode: str, to: str, opens: str, when: str | None = None) -> list[Any]:
    """One call by a program, approved by Ada at the first line of this kind; its lines but for the first of all."""
    calls = [{"tool": "pay", "arguments": {"to": to, "amount": 5}}]
    job = {"url": it.placet.mcp("shop"), "token": it.placet.agent.text, "mode": mode, "calls": calls, "opens": opens}
    pipe, lines = asyncio.subprocess.PIPE, []
    process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(job).encode())
            process.stdin.close()
            async for line in process.stdout:
                lines.append(json.loads(line))
                if sum(when in one for one in lines) == 1 and when in lines[-1]:
                    await it.ada.approve(await it.ada.pending_of(to=to))
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return lines[1:]


@pytest.mark.parametrize(("argv", "mode"), [*MODERN, *OLDER])
async def test_the_user_is_asked_once_to_open_the_page_and_the_call_runs_once(
    it: Shop, argv: Sequence[str], mode: str, request: pytest.FixtureRequest
) -> None:
    to = request.node.callspec.id
    lines = await called(it, argv, mode, to, "accept", "asked")
    (asked,) = [line["asked"] for line in lines if "asked" in line]
    said = Said(status=200, body=lines[-1])
    assert (said.code, said.text, it.seen(to)) == ("approved", f"pay 5 to {to}", 1)
    assert (asked["mode"], asked["url"]) == ("url", f"{it.placet.url}/requests/{said.verdict['request']}")


async def test_a_client_that_takes_tasks_asks_after_one_when_its_user_has_opened_the_page(it: Shop) -> None:
    lines = await called(it, FASTMCP, "auto", "task", "accept", "task")
    said = Said(status=200, body=lines[-1])
    assert (said.code, said.text, it.seen("task")) == ("approved", "pay 5 to task", 1)
    assert [next(iter(line)) for line in lines][:2] == ["asked", "task"]
    assert lines[1]["task"] == said.verdict["request"]


@pytest.mark.parametrize(("argv", "mode"), MODERN)
async def test_a_user_who_does_not_open_it_is_told_at_once_that_the_call_waits(
    it: Shop, argv: Sequence[str], mode: str, request: pytest.FixtureRequest
) -> None:
    to = f"at once {request.node.callspec.id}"
    lines = await called(it, argv, mode, to, "decline")
    assert (Said(status=200, body=lines[-1]).code, it.seen(to)) == ("approval_pending", 0)
    assert (await it.ada.pending_of(to=to))["state"] == "pending"


@pytest.mark.parametrize(("argv", "mode"), OLDER)
async def test_an_older_client_goes_on_waiting_for_others_to_decide(
    it: Shop, argv: Sequence[str], mode: str, request: pytest.FixtureRequest
) -> None:
    to = f"others {request.node.callspec.id}"
    lines = await called(it, argv, mode, to, "decline", "asked")
    assert (Said(status=200, body=lines[-1]).text, it.seen(to)) == (f"pay 5 to {to}", 1)
