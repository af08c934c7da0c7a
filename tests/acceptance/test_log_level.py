"""The log level a client has set stays set, also where the server has forgotten the session it was set in."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPDeprecationWarning

from tests.acceptance.agents import heard, sdk
from tests.acceptance.harness import Placet, policy, serving
from tests.fakes.raw_http import RawHttp, Seen, http

TOOLS = [{"name": "look", "inputSchema": {"type": "object"}}]


class Forgetful:
    """A server of the session era that can be made to forget all its sessions."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.levels: list[tuple[str, str]] = []
        self._opened = 0

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        session = seen.headers.get("mcp-session-id", "")
        match seen.verb, seen.method:
            case "POST", "initialize":
                self._opened += 1
                self.known.add(f"s{self._opened}")
                able: dict[str, Any] = {"tools": {}, "logging": {}}
                result = {"protocolVersion": "2025-11-25", "capabilities": able, "serverInfo": {}}
                body = '{"jsonrpc":"2.0","id":$ID,"result":' + json.dumps(result) + "}"
                writer.write(seen.text(body, headers=f"Mcp-Session-Id: s{self._opened}\r\n"))
            case _ if session not in self.known:
                writer.write(http("", status="404 Not Found", kind=None))
            case "POST", "logging/setLevel":
                self.levels.append((session, seen.message["params"]["level"]))
                writer.write(seen.answer({}))
            case "POST", "tools/list":
                writer.write(seen.answer({"tools": TOOLS}))
            case "POST", _ if "id" in seen.message and "method" in seen.message:
                writer.write(seen.answer({"content": [{"type": "text", "text": session}]}))
            case _:
                writer.write(http("", status="202 Accepted", kind=None))


async def test_a_level_outlives_the_servers_session(tmp_path: Path) -> None:
    server = Forgetful()
    async with RawHttp(server) as peer:
        placet = Placet(tmp_path, servers={"old": {"url": peer.url}}, policies={"old": policy({"look": {}})})
        async with serving(placet), sdk(placet, "old", "legacy") as client:
            with pytest.warns(MCPDeprecationWarning):
                await client.set_logging_level("debug")
            before = heard(await client.call_tool("look", {})).text
            server.known.clear()
            await client.list_tools()
            # A call is not sent again, so the loss of its session may be what its client is told; the next one works.
            after = [heard(await client.call_tool("look", {})).text for _ in range(2)][-1]
    assert after != before
    assert server.levels == [(before, "debug"), (after, "debug")]
