"""The agents of the acceptance tests: plain HTTP in the modern era, and the official clients of both lines.

`Agent` speaks to the gateway by hand, so that a test can leave, be killed with its server, or send what no library
sends. `sdk` is the `mcp` 2.x client; `mcp1` runs the 1.x client in its own environment and reads its lines.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import aiohttp
import httpx2
from mcp import Client
from mcp.client.session import ElicitationFnT
from mcp.client.streamable_http import streamable_http_client

from approvals import tokens
from tests.acceptance.harness import MCP1_BIN, PATIENCE_SECONDS, ROOT, Placet

VERDICT = "placet/verdict"
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
SOON_SECONDS = 5
"""More than the second a change may take, for a machine under load."""
Mode = Literal["auto", "legacy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answer to an agent, whatever carried it. `body` is None where there was none."""

    status: int
    body: Any

    @property
    def result(self) -> dict[str, Any]:
        """The result object."""
        assert "result" in self.body, self.body
        return dict(self.body["result"])

    @property
    def error(self) -> dict[str, Any]:
        """The JSON-RPC error."""
        assert "error" in self.body, self.body
        return dict(self.body["error"])

    @property
    def verdict(self) -> dict[str, Any]:
        """The gateway's verdict; empty where a call was only allowed."""
        return dict(self.result.get("_meta", {}).get(VERDICT, {}))

    @property
    def code(self) -> str | None:
        """The code of the verdict."""
        code: str | None = self.verdict.get("code")
        return code

    @property
    def refused(self) -> bool:
        """Whether the result is marked as an error."""
        return bool(self.result.get("isError", False))

    @property
    def text(self) -> str:
        """All text of the result."""
        return "\n".join(block["text"] for block in self.result["content"] if block["type"] == "text")


class Agent:
    """An agent with connections of its own."""

    def __init__(self, placet: Placet, server: str | None, token: tokens.Token | None = None) -> None:
        self.placet, self.url = placet, placet.mcp(server)
        self.headers = {**placet.bearer(token), "Accept": "application/json, text/event-stream"}
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS))
        self._ids = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.close()

    def modern(self, method: str, params: Mapping[str, Any], **meta: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """A message of the modern era and its headers."""
        self._ids += 1
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        prefix = "io.modelcontextprotocol/"
        told = {
            prefix + "protocolVersion": MODERN,
            prefix + "clientCapabilities": {},
            prefix + "clientInfo": {"name": "tester", "version": "1"},
            **meta,
        }
        message = {"jsonrpc": "2.0", "id": self._ids, "method": method, "params": {**params, "_meta": told}}
        return message, headers

    async def post(self, message: Any, headers: Mapping[str, str] | None = None) -> Said:
        """Send one message, or bytes as they are, and read the whole answer."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        sent = {**self.headers, "Content-Type": "application/json", **(headers or {})}
        async with self.http.post(self.url, data=data, headers=sent) as answer:
            text = await answer.text()
            if answer.content_type == "text/event-stream":
                return Said(status=answer.status, body=next(iter(_answers(text)), None))
            return Said(status=answer.status, body=json.loads(text) if text else None)

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, **meta: Any) -> Said:
        """Call a tool and wait for whatever comes of it."""
        return await self.post(*self.modern("tools/call", {"name": tool, "arguments": arguments or {}}, **meta))

    async def lost_call(self, tool: str, arguments: Mapping[str, Any] | None = None) -> Said | None:
        """Call a tool while the gateway may die: None if the connection was lost."""
        try:
            said = await self.call(tool, arguments)
        except aiohttp.ClientError:
            return None
        return said if said.body is not None else None

    async def until_status(self, status: int) -> None:
        """Ask again until this agent is answered with a status: a change is to count within a second."""
        async with asyncio.timeout(SOON_SECONDS):
            while (await self.post(*self.modern("tools/list", {}))).status != status:
                pass

    async def until_code(self, tool: str, arguments: Mapping[str, Any], code: str | None) -> Said:
        """Call again until the answer has a code: a stop made by a command counts within a second."""
        async with asyncio.timeout(SOON_SECONDS):
            while (said := await self.call(tool, arguments)).code != code:
                pass
        return said

    async def tools(self) -> list[str]:
        """The names that are listed."""
        answer = await self.post(*self.modern("tools/list", {}))
        return [tool["name"] for tool in answer.result["tools"]]


class OldAgent(Agent):
    """An agent of the older era, with a session."""

    async def open(self, version: str = LEGACY, capabilities: Mapping[str, Any] | None = None) -> Self:
        """Say hello and keep the session."""
        hello = {
            "protocolVersion": version,
            "capabilities": capabilities or {},
            "clientInfo": {"name": "old", "version": "1"},
        }
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello}
        sent = {**self.headers, "Content-Type": "application/json"}
        async with self.http.post(self.url, json=message, headers=sent) as answer:
            assert answer.status == 200, await answer.text()
            self.headers["Mcp-Session-Id"] = answer.headers["Mcp-Session-Id"]
        self.headers["MCP-Protocol-Version"] = version
        noted = await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert noted.status == 202
        return self

    def old_call(self, tool: str, arguments: Mapping[str, Any], rpc_id: int) -> dict[str, Any]:
        """A call as a message, with an id the test can name."""
        params = {"name": tool, "arguments": dict(arguments)}
        return {"jsonrpc": "2.0", "id": rpc_id, "method": "tools/call", "params": params}


def _answers(stream: str) -> list[Any]:
    """The JSON-RPC answers in an event stream."""
    data = [line.removeprefix("data:").strip() for line in stream.splitlines() if line.startswith("data:")]
    messages = [json.loads(one) for one in data if one]
    return [one for one in messages if "id" in one and "method" not in one]


@asynccontextmanager
async def sdk(
    placet: Placet,
    server: str | None,
    mode: Mode,
    token: tokens.Token | None = None,
    *,
    elicitation: ElicitationFnT | None = None,
) -> AsyncIterator[Client]:
    """The official 2.x client, connected. With `elicitation` it declares forms and addresses."""
    async with httpx2.AsyncClient(headers=placet.bearer(token), timeout=PATIENCE_SECONDS) as http:
        transport = streamable_http_client(placet.mcp(server), http_client=http)
        async with Client(transport, mode=mode, elicitation_callback=elicitation) as client:
            yield client


def heard(result: Any) -> Said:
    """What the 2.x client makes of a result, in the form of this module."""
    return Said(status=200, body={"result": result.model_dump(mode="json", by_alias=True, exclude_none=True)})


async def mcp1(placet: Placet, server: str, tool: str, arguments: Mapping[str, Any]) -> Said:
    """One call by the official 1.x client, which runs in its own environment."""
    process = await asyncio.create_subprocess_exec(
        str(MCP1_BIN / "python"),
        str(ROOT / "tests" / "fixtures" / "mcp1_agent.py"),
        placet.mcp(server),
        tool,
        json.dumps(arguments),
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
