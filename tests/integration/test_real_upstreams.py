"""Servers that people really use, behind our transports: git and time (modern, stdio), everything and filesystem
(legacy, from npm; `npm ci` in tests/npm installs them)."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.catalog import Catalog
from gateway.upstreams import Result, Upstream, Wants, nothing
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.stdio import StdioUpstream
from tests.fakes.upstreams import Client, relay, running, send_call, tool_call

SCRIPTS = Path(sys.executable).parent
NPM = Path(__file__).parents[1] / "npm"
PACKAGES = NPM / "node_modules" / "@modelcontextprotocol"


def npm_server(name: str, *arguments: str) -> list[str]:
    script = PACKAGES / name / "dist" / "index.js"
    if not script.exists():
        pytest.fail(f"{name} is not installed: run `npm ci` in {NPM.relative_to(NPM.parents[1])}", pytrace=False)
    return ["node", str(script), *arguments]


async def said(upstream: Upstream, tool: str, arguments: dict[str, Any]) -> Result:
    answer = await send_call(upstream, tool_call(tool, json.dumps(arguments).encode()))
    assert isinstance(answer, Result)
    return answer


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    (tmp_path / "new.txt").write_text("hello")
    return tmp_path


async def test_git_status_of_a_real_repository(repository: Path) -> None:
    command = [str(SCRIPTS / "mcp-server-git"), "--repository", str(repository)]
    async with running(StdioUpstream(name="git", command=command)) as git:
        catalog = Catalog({"git": git})
        tools = {tool.name for tool in await catalog.tools("git")}
        assert {"git_status", "git_commit", "git_add"} <= tools
        assert catalog.withheld("git") == []
        answer = await said(git, "git_status", {"repo_path": str(repository)})
        assert not answer.is_error
        assert b"new.txt" in answer.raw
        status = await catalog.tool("git", "git_status")
        assert status is not None
        assert status.problems({"repo_path": str(repository)}) == ()
        assert [problem.pointer for problem in status.problems({"repo_path": 7})] == ["/repo_path"]


async def test_the_time_in_a_zone() -> None:
    command = [str(SCRIPTS / "mcp-server-time"), "--local-timezone", "UTC"]
    async with running(StdioUpstream(name="time", command=command)) as upstream:
        answer = await said(upstream, "get_current_time", {"timezone": "Europe/Athens"})
        assert b"Europe/Athens" in answer.raw
        assert (await said(upstream, "get_current_time", {"timezone": "Nowhere/Land"})).is_error


async def test_filesystem_writes_a_file(tmp_path: Path) -> None:
    async with running(StdioUpstream(name="files", command=npm_server("server-filesystem", str(tmp_path)))) as files:
        tools = {tool.name for tool in await Catalog({"files": files}).tools("files")}
        assert {"read_text_file", "write_file", "move_file"} <= tools
        target = tmp_path / "note.txt"
        await said(files, "write_file", {"path": str(target), "content": "written once"})
        assert target.read_text() == "written once"
        assert (await said(files, "read_text_file", {"path": "/etc/passwd"})).is_error


async def everything(upstream: Upstream) -> None:
    """What server-everything does, whatever the transport."""
    catalog = Catalog({"everything": upstream})
    assert {"echo", "get-sum"} <= {tool.name for tool in await catalog.tools("everything")}
    (left_out,) = catalog.withheld("everything")
    assert (left_out.name, left_out.unusable) == (
        "simulate-research-query",
        "it can only be called as a task, which is not passed through",
    )
    assert b"The sum of 2 and 3 is 5" in (await said(upstream, "get-sum", {"a": 2, "b": 3})).raw
    steps: list[float] = []

    async def progress(params: dict[str, Any]) -> None:
        steps.append(params["progress"])

    long = tool_call("trigger-long-running-operation", b'{"duration":0.2,"steps":2}')
    await send_call(upstream, long, progress=progress)
    assert steps == [1, 2]


async def test_everything_over_stdio() -> None:
    async with running(StdioUpstream(name="everything", command=npm_server("server-everything", "stdio"))) as upstream:
        await everything(upstream)


@pytest.fixture
def everything_url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = npm_server("server-everything", "streamableHttp")
    with subprocess.Popen(command, env={**os.environ, "PORT": str(port)}, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"listening on port" in line:
                break
        yield f"http://127.0.0.1:{port}/mcp"
        process.kill()


async def test_everything_over_http(everything_url: str) -> None:
    async with running(HttpUpstream(name="everything", url=everything_url)) as upstream:
        await everything(upstream)


async def test_everything_over_http_is_used_by_two_agents_in_sessions_of_their_own(everything_url: str) -> None:
    async with running(HttpUpstream(name="everything", url=everything_url)) as upstream:
        answers = await asyncio.gather(
            *(
                send_call(upstream, tool_call("echo", b'{"message":"%d"}' % number, session=agent))
                for number, agent in enumerate(["ada", "bob", "ada", "bob"])
            )
        )
        for number, answer in enumerate(answers):
            assert isinstance(answer, Result)
            assert b"Echo: %d" % number in answer.raw


ABLE = b'{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{"listChanged":true}}'


async def everything_asks(upstream: Upstream) -> None:
    """What server-everything asks of a client that can be asked, whatever the transport."""
    client = Client(
        create=b'{"action":"accept","content":{"name":"Ada"}}',
        createMessage=b'{"role":"assistant","model":"m","content":{"type":"text","text":"four"}}',
        list=b'{"roots":[{"uri":"file:///work-of-ada","name":"A"}]}',
    )
    watched, updated = "demo://resource/dynamic/text/1", asyncio.Event()

    def hear(method: str, _params: bytes) -> None:
        if method == "notifications/resources/updated":
            updated.set()

    shown = await upstream.request(relay("tools/list", capabilities=ABLE), peer=client, sent=nothing)
    assert isinstance(shown, Result)
    names = {tool["name"] for tool in json.loads(shown.raw)["tools"]}
    assert names - {tool["name"] for tool in await upstream.list_tools()} == {
        "trigger-elicitation-request", "trigger-sampling-request", "get-roots-list", "trigger-url-elicitation",
    }  # fmt: skip
    hello = await upstream.hello(session="ada", capabilities=ABLE)
    assert hello.capabilities["resources"] == {"subscribe": True, "listChanged": True}
    listening = upstream.listen(Wants(uris=frozenset({watched})), session="ada", capabilities=ABLE, hear=hear)
    async with listening as accepted:
        assert accepted.uris == {watched}
        for tool, arguments, expected in (
            ("trigger-elicitation-request", b"{}", b"Name: Ada"),
            ("trigger-sampling-request", b'{"prompt":"2+2"}', b"four"),
            ("get-roots-list", b"{}", b"file:///work-of-ada"),
            ("trigger-url-elicitation", b'{"url":"https://example.com"}', b"completed the URL elicitation"),
            ("toggle-subscriber-updates", b"{}", b"Started"),
        ):
            answer = await upstream.request(tool_call(tool, arguments, capabilities=ABLE), peer=client, sent=nothing)
            assert isinstance(answer, Result)
            assert expected in answer.raw
        async with asyncio.timeout(10):
            await updated.wait()
    asked = [method for method, _ in client.asked]
    assert asked == ["elicitation/create", "sampling/createMessage", "roots/list", "elicitation/create"]
    await upstream.forget("ada")


async def test_everything_asks_its_client_over_stdio() -> None:
    async with running(StdioUpstream(name="everything", command=npm_server("server-everything", "stdio"))) as upstream:
        await everything_asks(upstream)


async def test_everything_asks_its_client_over_http(everything_url: str) -> None:
    async with running(HttpUpstream(name="everything", url=everything_url)) as upstream:
        await everything_asks(upstream)
