"""The clients of the matrix, and how each makes a few calls through the gateway.

The `mcp` 2.x client runs here; those of other environments are programs that read a job and write a line
for each thing that happens; the Inspector is a command, once a call.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.acceptance.agents import MODERN, Said
from tests.acceptance.harness import BIN, MCP1_BIN, ROOT

FOLDER = Path(__file__).parent
PROGRAMS = FOLDER / "clients"
FIXTURES = ROOT / "tests" / "fixtures"
INSPECTOR = (
    FOLDER / "node_modules" / "@modelcontextprotocol" / "inspector" / "clients" / "launcher" / "build" / "index.js"
)
FASTMCP_BIN = ROOT / ".venv-fastmcp" / "bin"
PATIENCE_SECONDS = 90

Call = tuple[str, dict[str, Any]]


class Failed(Exception):
    """A client gave up, with what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a client is to do: the endpoint, the token, and the calls to make one after the other."""

    url: str
    token: str
    calls: Sequence[Call]
    folder: Path


@dataclass(slots=True, kw_only=True)
class Heard:
    """What a client made of it: the revision it spoke, the tools it saw, the tasks it asked after, and an answer
    or an error for each call.
    """

    version: str = ""
    tools: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    answers: list[Said | str] = field(default_factory=list)


Run = Callable[[Job], Awaitable[Heard]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A client of the matrix. `speaks` is the revision that it must be heard to speak.

    One that takes tasks must have asked after a held call as a task.
    """

    name: str
    title: str
    package: str
    speaks: str
    takes_tasks: bool = False
    run: Run


def _said(result: Any) -> Said:
    return Said(status=200, body={"result": result})


async def _calls(client: Client, job: Job) -> Heard:
    heard = Heard(version=str(client.protocol_version), tools=[tool.name for tool in (await client.list_tools()).tools])
    for tool, arguments in job.calls:
        try:
            result = await client.call_tool(tool, arguments)
        except MCPError as err:
            heard.answers.append(f"{err.error.code}: {err.error.message}")
        else:
            heard.answers.append(_said(result.model_dump(mode="json", by_alias=True, exclude_none=True)))
    return heard


@asynccontextmanager
async def _over_http(job: Job, mode: str) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {job.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE_SECONDS) as http,
        Client(streamable_http_client(job.url, http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def _over_stdio(job: Job, mode: str) -> AsyncIterator[Client]:
    server = StdioServerParameters(
        command=str(BIN / "placet"),
        args=["stdio", "--url", job.url],
        env={"PLACET_TOKEN": job.token, "PYTHONPATH": str(ROOT)},
    )
    async with Client(stdio_client(server), mode=mode) as client:
        yield client


def _mcp2(connect: Callable[[Job, str], AbstractAsyncContextManager[Client]], mode: str) -> Run:
    async def run(job: Job) -> Heard:
        async with asyncio.timeout(PATIENCE_SECONDS), connect(job, mode) as client:
            return await _calls(client, job)

    return run


def node(*, new: bool = False) -> str:
    """A Node.js; `new` is the one of the conformance suite, which is at least 22.19."""
    if not new:
        return "node"
    found = sorted((ROOT / "tests" / "conformance" / "node_modules").glob("node-*/bin/node"))
    return str(found[0]) if found else "node"


async def program(
    argv: Sequence[str], stdin: bytes = b"", *, fine: Sequence[int] = (0,), env: Mapping[str, str] | None = None
) -> bytes:
    """Run a program to its end, with one of the exit codes that are fine; what it printed.

    Raises:
        Failed: it ended with an error, or not in time.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, **(env or {})}
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            output, errors = await process.communicate(stdin)
    except TimeoutError as err:
        raise Failed(f"it did not end in {PATIENCE_SECONDS} s") from err
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    if process.returncode not in fine:
        raise Failed(f"it ended with {process.returncode}: {errors.decode(errors='replace')[-2000:]}")
    return output


def _by_program(*argv: str, mode: str = "") -> Run:
    async def run(job: Job) -> Heard:
        calls = [{"tool": tool, "arguments": arguments} for tool, arguments in job.calls]
        told = {"url": job.url, "token": job.token, "mode": mode, "calls": calls}
        output = await program(argv, json.dumps(told).encode())
        heard = Heard()
        for line in map(json.loads, output.splitlines()):
            if "version" in line:
                heard.version, heard.tools = line["version"], line["tools"]
            elif "task" in line:
                heard.tasks.append(line["task"])
            else:
                heard.answers.append(_said(line["result"]) if "result" in line else line["error"])
        return heard

    return run


_IS_ERROR = 5
"""What the Inspector ends with where a result says isError; it prints the result all the same."""


def _by_inspector(era: str, version: str) -> Run:
    """It does not say which revision it spoke; in neither of these eras does it fall back to the other."""

    async def run(job: Job) -> Heard:
        def command(*what: str) -> list[str]:
            target = ["--server-url", job.url, "--transport", "http", "--header", f"Authorization: Bearer {job.token}"]
            ways = ["--protocol-era", era, "--format", "json", "--quiet"]
            return [node(new=True), str(INSPECTOR), "--cli", *target, *ways, *what]

        env = {"HOME": str(job.folder)}
        listed = json.loads(await program(command("--method", "tools/list"), env=env))
        heard = Heard(version=version, tools=[tool["name"] for tool in _inner(listed)["tools"]])
        for tool, arguments in job.calls:
            call = ["--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments)]
            try:
                printed = await program(command(*call), fine=(0, _IS_ERROR), env=env)
                heard.answers.append(_said(_inner(json.loads(printed))))
            except Failed as err:
                heard.answers.append(str(err))
        return heard

    return run


def _inner(printed: Any) -> Any:
    return printed.get("result", printed)


_LEGACY = "2025-11-25"
DRIVERS = (
    Driver(
        name="mcp2-auto",
        title="mcp 2, auto",
        package="mcp 2",
        speaks=MODERN,
        run=_mcp2(_over_http, "auto"),
    ),
    Driver(
        name="mcp2-modern",
        title="mcp 2, modern",
        package="mcp 2",
        speaks=MODERN,
        run=_mcp2(_over_http, MODERN),
    ),
    Driver(
        name="mcp2-legacy",
        title="mcp 2, legacy",
        package="mcp 2",
        speaks=_LEGACY,
        run=_mcp2(_over_http, "legacy"),
    ),
    Driver(
        name="mcp1",
        title="mcp 1",
        package="mcp 1",
        speaks=_LEGACY,
        run=_by_program(str(MCP1_BIN / "python"), str(FIXTURES / "matrix_mcp1.py")),
    ),
    Driver(
        name="sdk1",
        title="TS sdk 1",
        package="@modelcontextprotocol/sdk",
        speaks=_LEGACY,
        run=_by_program(node(), str(PROGRAMS / "sdk1.mjs")),
    ),
    Driver(
        name="client2-auto",
        title="TS client 2, auto",
        package="@modelcontextprotocol/client",
        speaks=MODERN,
        run=_by_program(node(), str(PROGRAMS / "client2.mjs"), mode="auto"),
    ),
    Driver(
        name="client2-legacy",
        title="TS client 2, legacy",
        package="@modelcontextprotocol/client",
        speaks=_LEGACY,
        run=_by_program(node(), str(PROGRAMS / "client2.mjs"), mode="legacy"),
    ),
    Driver(
        name="inspector-legacy",
        title="Inspector --cli, legacy",
        package="@modelcontextprotocol/inspector",
        speaks=_LEGACY,
        run=_by_inspector("legacy", _LEGACY),
    ),
    Driver(
        name="inspector-modern",
        title="Inspector --cli, modern",
        package="@modelcontextprotocol/inspector",
        speaks=MODERN,
        run=_by_inspector("modern", MODERN),
    ),
    Driver(
        name="fastmcp4",
        title="fastmcp 4",
        package="fastmcp 4",
        speaks=MODERN,
        takes_tasks=True,
        run=_by_program(str(FASTMCP_BIN / "python"), str(FIXTURES / "matrix_fastmcp4.py"), mode="auto"),
    ),
    Driver(
        name="stdio-auto",
        title="placet stdio, auto",
        package="mcp 2",
        speaks=MODERN,
        run=_mcp2(_over_stdio, "auto"),
    ),
    Driver(
        name="stdio-legacy",
        title="placet stdio, legacy",
        package="mcp 2",
        speaks=_LEGACY,
        run=_mcp2(_over_stdio, "legacy"),
    ),
)
"""The columns of the matrix."""
