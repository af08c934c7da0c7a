"""Servers that people really run, behind one gateway: what is allowed comes back, what is held waits, what changes
the world is looked at in the world.

everything (stdio and HTTP) and filesystem come from npm, git and time and binance from PyPI.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.acceptance.agents import Agent, sdk
from tests.acceptance.harness import BIN, MCP1_BIN, NPM_BIN, Placet, Reviewer, free_port, policy, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASKS = {"action": "require_approval"}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The running gateway and what its servers work on."""

    placet: Placet
    ada: Reviewer
    files: Path
    repository: Path


def npm(name: str, *arguments: str) -> list[str]:
    script = NPM_BIN / name
    if not script.exists():
        pytest.fail(f"{name} is not installed: run bash tests/install.sh", pytrace=False)
    return ["node", str(script.resolve()), *arguments]


def git(repository: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.com"}
    who |= {"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.com"}
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **who}).stdout


@asynccontextmanager
async def everything_over_http() -> AsyncIterator[str]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *npm("mcp-server-everything", "streamableHttp"),
        env={**os.environ, "PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            while b"listening on port" not in await process.stderr.readline():
                pass
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        await process.communicate()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("world")
    files, repository = folder / "files", folder / "repository"
    files.mkdir()
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    git(repository, "config", "user.name", "Agent")
    git(repository, "config", "user.email", "agent@example.com")
    (repository / "one.txt").write_text("one")
    git(repository, "add", "one.txt")
    git(repository, "commit", "-q", "-m", "first")
    everything = {"echo": {}, "get-sum": ASKS, "trigger-long-running-operation": {}}
    async with everything_over_http() as url:
        placet = Placet(
            folder,
            servers={
                "everything": {"command": npm("mcp-server-everything", "stdio")},
                "everything_http": {"url": url},
                "files": {"command": npm("mcp-server-filesystem", str(files))},
                "git": {"command": [str(BIN / "mcp-server-git"), "--repository", str(repository)]},
                "time": {"command": [str(BIN / "mcp-server-time"), "--local-timezone", "UTC"]},
                "binance": {
                    "command": [str(MCP1_BIN / "binance-mcp-server")],
                    "env": {"BINANCE_API_KEY": "x", "BINANCE_API_SECRET": "y", "BINANCE_TESTNET": "true"},
                },
            },
            policies={
                "everything": policy(everything),
                "everything_http": policy(everything),
                "files": policy({"write_file": ASKS, "read_text_file": {}}),
                "git": policy({"git_commit": ASKS, "git_add": {}, "git_log": {}, "git_status": {}}),
                "time": policy({"get_current_time": {}}),
                "binance": policy({"create_order": ASKS}),
            },
        )
        async with serving(placet):
            yield World(placet=placet, ada=Reviewer(placet, placet.ada), files=files, repository=repository)


@pytest.mark.parametrize("server", ["everything", "everything_http"])
async def test_everything_echoes_and_adds_only_after_approval(world: World, server: str) -> None:
    numbers = {"a": 2, "b": 3 if server == "everything" else 4}
    async with Agent(world.placet, server) as agent, asyncio.TaskGroup() as group:
        assert sorted(await agent.tools()) == ["echo", "get-sum", "trigger-long-running-operation"]
        assert (await agent.call("echo", {"message": "hello"})).text == "Echo: hello"
        called = group.create_task(agent.call("get-sum", numbers))
        await world.ada.approve(await world.ada.pending_of(**numbers))
        said = await called
    assert (said.code, said.text) == ("approved", f"The sum of 2 and {numbers['b']} is {sum(numbers.values())}.")


@pytest.mark.parametrize("server", ["everything", "everything_http"])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_progress_of_the_server_reaches_the_client(world: World, server: str, mode: Any) -> None:
    steps: list[tuple[float, float | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        steps.append((progress, total))

    async with sdk(world.placet, server, mode) as client:
        arguments = {"duration": 0.2, "steps": 2}
        await client.call_tool("trigger-long-running-operation", arguments, progress_callback=on_progress)
    assert steps == [(1, 2), (2, 2)]


async def test_a_file_is_written_only_after_approval(world: World) -> None:
    target = world.files / "note.txt"
    arguments = {"path": str(target), "content": "written once"}
    async with Agent(world.placet, "files") as agent, asyncio.TaskGroup() as group:
        called = group.create_task(agent.call("write_file", arguments))
        asked = await world.ada.pending_of(**arguments)
        assert not target.exists()
        await world.ada.approve(asked)
        assert (await called).code == "approved"
        assert target.read_text() == "written once"
        assert "written once" in (await agent.call("read_text_file", {"path": str(target)})).text
        outside = await agent.call("read_text_file", {"path": "/etc/hostname"})
    assert (outside.refused, outside.verdict) == (True, {})


async def test_a_commit_is_made_only_after_approval(world: World) -> None:
    (world.repository / "two.txt").write_text("two")
    place = {"repo_path": str(world.repository)}
    async with Agent(world.placet, "git") as agent, asyncio.TaskGroup() as group:
        await agent.call("git_add", {**place, "files": ["two.txt"]})
        denied = group.create_task(agent.call("git_commit", {**place, "message": "denied"}))
        await world.ada.deny(await world.ada.pending_of(message="denied"), "say what it does")
        assert (await denied).code == "approval_denied"
        assert git(world.repository, "log", "--format=%s").split() == ["first"]
        approved = group.create_task(agent.call("git_commit", {**place, "message": "second"}))
        asked = await world.ada.pending_of(message="second")
        assert git(world.repository, "log", "--format=%s").split() == ["first"]
        await world.ada.approve(asked)
        assert (await approved).code == "approved"
        assert "second" in (await agent.call("git_log", place)).text
    assert git(world.repository, "log", "--format=%s").split() == ["second", "first"]


async def test_the_time_is_told_without_asking_anybody(world: World) -> None:
    async with Agent(world.placet, "time") as agent:
        said = await agent.call("get_current_time", {"timezone": "Europe/Athens"})
        assert json.loads(said.text)["timezone"] == "Europe/Athens"
        assert (await agent.call("convert_time", {})).code == "policy_denied"


async def test_an_order_is_held_approved_and_fails_only_at_the_exchange(world: World) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "order_type": "MARKET", "quantity": 0.001}
    async with Agent(world.placet, "binance") as agent, asyncio.TaskGroup() as group:
        assert await agent.tools() == ["create_order"]
        called = group.create_task(agent.call("create_order", order))
        asked = await world.ada.pending_of(symbol="BTCUSDT")
        assert (asked["arguments"], asked["risk"]) == (order, "financial")
        await world.ada.approve(asked)
        said = await called
    assert said.code == "approved"
    answer = json.loads(said.text)
    assert answer["success"] is False
    assert answer["error"]["type"] != "validation_error"
    assert answer["error"]["message"]
    ended = await world.ada.show(asked["id"])
    assert (ended["state"], ended["outcome"]["kind"]) == ("succeeded", "succeeded")


async def test_one_address_for_all_servers_names_tools_by_their_server(world: World) -> None:
    async with Agent(world.placet, None) as agent:
        names = set(await agent.tools())
        assert {"everything__echo", "everything_http__echo", "files__write_file", "time__get_current_time"} <= names
        assert (await agent.call("everything__echo", {"message": "hi"})).text == "Echo: hi"
        unknown = await agent.call("echo", {"message": "hi"})
    assert unknown.error["code"] == -32602
