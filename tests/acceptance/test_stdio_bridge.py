"""`placet stdio` before a real `placet serve`: the official stdio clients hold, collect, are denied, and cancel.

The upstream writes down every call it gets, so that "once" is counted and not believed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.session import ElicitationFnT

from tests.acceptance.agents import Mode, Said, heard
from tests.acceptance.counting import ASKS, Shop, bell, open_shop, shop
from tests.acceptance.harness import BIN, MCP1_BIN, PATIENCE_SECONDS, ROOT, Placet, serving

MODES: list[Mode] = ["auto", "legacy"]
VERSIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}
Call = Callable[[Placet, str, dict[str, Any]], Coroutine[Any, Any, Said]]


def payment(to: str) -> dict[str, Any]:
    return {"to": to, "amount": 5}


def command(placet: Placet, *options: str) -> list[str]:
    return [str(BIN / "placet"), "stdio", "--url", placet.mcp("shop"), *options]


@asynccontextmanager
async def bridged(
    placet: Placet, mode: Mode, *options: str, elicitation: ElicitationFnT | None = None
) -> AsyncIterator[Client]:
    """The official 2.x client over the bridge."""
    program, *rest = command(placet, *options)
    server = StdioServerParameters(command=program, args=rest, env={"PLACET_TOKEN": placet.agent.text})
    async with Client(stdio_client(server), mode=mode, elicitation_callback=elicitation) as client:
        yield client


def by_mcp2(mode: Mode) -> Call:
    async def call(placet: Placet, tool: str, arguments: dict[str, Any]) -> Said:
        async with bridged(placet, mode) as client:
            assert client.protocol_version == VERSIONS[mode]
            assert sorted(one.name for one in (await client.list_tools()).tools) == ["hang", "pay", "read"]
            return heard(await client.call_tool(tool, arguments))

    return call


async def by_mcp1(placet: Placet, tool: str, arguments: dict[str, Any]) -> Said:
    process = await asyncio.create_subprocess_exec(
        str(MCP1_BIN / "python"),
        str(ROOT / "tests" / "fixtures" / "mcp1_stdio_agent.py"),
        tool,
        json.dumps(arguments),
        *command(placet),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PLACET_TOKEN": placet.agent.text},
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    assert process.returncode == 0, errors.decode()
    return Said(status=200, body={"result": json.loads(output.splitlines()[-1])})


CLIENTS = [
    pytest.param(by_mcp2("auto"), id="mcp 2, modern"),
    pytest.param(by_mcp2("legacy"), id="mcp 2, legacy"),
    pytest.param(by_mcp1, id="mcp 1"),
]


@pytest.mark.parametrize("call", CLIENTS)
async def test_an_allowed_call_comes_back_as_the_server_said_it(tmp_path: Path, call: Call) -> None:
    async with open_shop(tmp_path) as it:
        said = await call(it.placet, "read", payment("ann"))
    assert (said.refused, said.text, said.verdict, it.seen("ann")) == (False, "read 5 to ann", {}, 1)


@pytest.mark.parametrize("call", CLIENTS)
async def test_a_held_call_is_approved_while_it_waits(tmp_path: Path, call: Call) -> None:
    async with open_shop(tmp_path) as it:
        async with asyncio.TaskGroup() as group:
            called = group.create_task(call(it.placet, "pay", payment("ann")))
            asked = await it.ada.pending_of(**payment("ann"))
            assert (asked["waiting"], asked["agent"], it.seen("ann")) == (True, "claude-ada", 0)
            await it.ada.approve(asked)
        said = called.result()
        assert (said.refused, said.code, said.text) == (False, "approved", "pay 5 to ann")
        assert (said.verdict["request"], it.seen("ann")) == (asked["id"], 1)


@pytest.mark.parametrize("call", CLIENTS)
async def test_a_held_call_is_denied_with_the_reason(tmp_path: Path, call: Call) -> None:
    async with open_shop(tmp_path) as it:
        async with asyncio.TaskGroup() as group:
            called = group.create_task(call(it.placet, "pay", payment("ann")))
            await it.ada.deny(await it.ada.pending_of(**payment("ann")), "Not this quarter")
        said = called.result()
    assert (said.refused, said.code, said.verdict["reason"]) == (True, "approval_denied", "Not this quarter")
    assert it.seen("ann") == 0


@pytest.mark.parametrize("mode", MODES)
async def test_a_hold_that_ends_pending_is_collected_by_repeating(tmp_path: Path, mode: Mode) -> None:
    async with open_shop(tmp_path) as it, bridged(it.placet, mode, "--wait", "1s") as client:
        first = heard(await client.call_tool("pay", payment("ann")))
        (asked,) = await it.ada.next_pending()
        assert (first.refused, first.code, first.verdict["request"]) == (True, "approval_pending", asked["id"])
        left = await it.ada.until(asked["id"], lambda shown: not shown["waiting"])
        assert left["state"] == "pending"
        assert first.verdict["url"] == f"{it.placet.url}/requests/{asked['id']}"
        await it.ada.approve(asked)
        again = heard(await client.call_tool("pay", payment("ann")))
        assert (again.code, again.text, again.verdict["request"]) == ("approved", "pay 5 to ann", asked["id"])
        assert it.seen("ann") == 1


@pytest.mark.parametrize("mode", MODES)
async def test_the_bridge_goes_on_waiting_when_the_gateway_no_longer_holds(tmp_path: Path, mode: Mode) -> None:
    limits = {"hold": {"plain": "1s", "with_progress": "1s"}}
    async with open_shop(tmp_path, limits=limits) as it, bridged(it.placet, mode) as client:
        told: asyncio.Queue[float] = asyncio.Queue()

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            assert message is not None
            assert "waiting for approval req_" in message
            await told.put(progress)

        async with asyncio.TaskGroup() as group:
            call = client.call_tool("pay", payment("ann"), progress_callback=progressed)
            called = group.create_task(call)
            # Each hold says once where it stands: the third has begun, so the bridge has called three times.
            heard_of = [await asyncio.wait_for(told.get(), PATIENCE_SECONDS) for _ in range(3)]
            (asked,) = await it.ada.next_pending()
            await it.ada.approve(asked)
        assert heard_of == sorted(set(heard_of))
        said = heard(called.result())
        assert (said.code, said.text, said.verdict["request"]) == ("approved", "pay 5 to ann", asked["id"])
        assert it.seen("ann") == 1
        assert len(await it.ada.requests()) == 1


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancel_of_the_client_ends_the_request_in_words(tmp_path: Path, mode: Mode) -> None:
    async with open_shop(tmp_path) as it, bridged(it.placet, mode) as client:
        called = asyncio.get_running_loop().create_task(client.call_tool("pay", payment("ann")))
        asked = await it.ada.pending_of(**payment("ann"))
        called.cancel()
        ended = await it.ada.until_state(asked["id"], "cancelled")
        assert (ended["cause"], it.seen("ann")) == ("client_cancelled", 0)
        with pytest.raises(asyncio.CancelledError):
            await called
        # The connection is as good as before.
        assert heard(await client.call_tool("read", payment("ann"))).text == "read 5 to ann"


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_that_leaves_cancels_nothing(tmp_path: Path, mode: Mode) -> None:
    async with open_shop(tmp_path) as it:
        program, *rest = command(it.placet)
        asked = await _left_behind(it, [program, *rest], mode)
        left = await it.ada.until(asked["id"], lambda shown: not shown["waiting"])
        assert left["state"] == "pending"
        await it.ada.approve(left)
        async with bridged(it.placet, mode) as client:
            said = heard(await client.call_tool("pay", payment("ann")))
        assert (said.code, said.verdict["request"], it.seen("ann")) == ("approved", asked["id"], 1)


async def _left_behind(it: Shop, argv: list[str], mode: Mode) -> dict[str, Any]:
    """A client of a few lines that asks, waits until it is held, and closes its end."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PLACET_TOKEN": it.placet.agent.text},
    )
    assert process.stdin is not None
    prefix = "io.modelcontextprotocol/"
    params: dict[str, Any] = {"name": "pay", "arguments": payment("ann")}
    if mode == "auto":
        params["_meta"] = {prefix + "protocolVersion": VERSIONS["auto"], prefix + "clientCapabilities": {}}
    else:
        opening = {
            "protocolVersion": VERSIONS["legacy"],
            "capabilities": {},
            "clientInfo": {"name": "x", "version": "1"},
        }
        _say(process.stdin, {"id": 0, "method": "initialize", "params": opening})
        _say(process.stdin, {"method": "notifications/initialized"})
    _say(process.stdin, {"id": 1, "method": "tools/call", "params": params})
    asked = await it.ada.pending_of(**payment("ann"))
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    return asked


def _say(pipe: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    pipe.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_a_held_call_outlives_a_restart_of_the_gateway(tmp_path: Path, mode: Mode, how: signal.Signals) -> None:
    it = shop(tmp_path)
    async with serving(it.placet), bridged(it.placet, mode) as client:
        told = asyncio.Event()

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            told.set()

        async with asyncio.TaskGroup() as group:
            called = group.create_task(client.call_tool("pay", payment("ann"), progress_callback=progressed))
            asked = await it.ada.pending_of(**payment("ann"))
            # Only a call that is known to be held is ever sent again.
            await asyncio.wait_for(told.wait(), PATIENCE_SECONDS)
            await it.placet.stop(how)
            await it.placet.start()
            waiting = await it.ada.until(asked["id"], lambda shown: bool(shown["waiting"]))
            assert waiting["state"] == "pending"
            await it.ada.approve(waiting)
        said = heard(called.result())
        assert (said.code, said.text, said.verdict["request"]) == ("approved", "pay 5 to ann", asked["id"])
        assert it.seen("ann") == 1
        # A session of the gateway that was is opened again without the client's doing.
        assert len((await client.list_tools()).tools) == 3


@pytest.mark.parametrize("mode", MODES)
async def test_a_running_call_that_loses_its_gateway_is_unknown_and_not_sent_again(tmp_path: Path, mode: Mode) -> None:
    it = shop(tmp_path, tools={"pay": ASKS, "hang": {}, "read": {}}, server={"timeouts": {"call": "1h"}})
    async with serving(it.placet), bridged(it.placet, mode) as client:
        async with bell(it) as arrived, asyncio.TaskGroup() as group:
            called = group.create_task(_error_of(client, "hang", payment("eve")))
            await arrived.wait()
            await it.placet.stop(signal.SIGKILL)
        error = called.result()
        assert (error.code, error.data) == (504, {"code": "outcome_unknown", "retryable": False})
        assert "Whether the call ran is not known" in error.message
        await it.placet.start()
        assert heard(await client.call_tool("read", payment("fay"))).text == "read 5 to fay"
        assert (it.seen("eve"), it.seen("fay")) == (1, 1)


async def _error_of(client: Client, tool: str, arguments: dict[str, Any]) -> Any:
    with pytest.raises(MCPError) as raised:
        await client.call_tool(tool, arguments)
    return raised.value.error


async def test_a_wrong_token_is_said_to_the_client(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as it:
        program, *rest = command(it.placet)
        server = StdioServerParameters(command=program, args=rest, env={"PLACET_TOKEN": "plc_agent_nobody"})

        def names_the_variable(err: MCPError) -> bool:
            said = err.error.message
            return err.error.code == 401 and "$PLACET_TOKEN" in said and "plc_agent_nobody" not in said

        with pytest.RaisesGroup(pytest.RaisesExc(MCPError, check=names_the_variable), flatten_subgroups=True):
            async with Client(stdio_client(server), mode="legacy"):
                pass
