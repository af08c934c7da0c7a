"""The demo's scripted agent: four calls that meet the four verdicts.

A small MCP client of revision 2026-07-28 over aiohttp. It sends a progress token, reads the stream
while its call is held, and repeats the same call when it is told to come back, as a good client does.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

VERSION = "2026-07-28"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the agent was told: the text, and Placet's verdict where there is one."""

    text: str
    is_error: bool
    verdict: dict[str, Any]


class DemoAgent:
    """Calls tools at one endpoint with one bearer token."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str, on_progress: Callable[[str], None]) -> None:
        self._http, self._url, self._token = http, url, token
        self._on_progress = on_progress
        self._ids = 0

    async def call(self, tool: str, arguments: dict[str, Any]) -> Told:
        """Call a tool; a pending answer is collected by calling again, for as long as it takes."""
        while True:
            told = await self._once(tool, arguments)
            if told.verdict.get("code") != "approval_pending":
                return told
            self._on_progress("Still no decision. The agent comes back with the same call, as it was told.")

    async def _once(self, tool: str, arguments: dict[str, Any]) -> Told:
        self._ids += 1
        body = {
            "jsonrpc": "2.0",
            "id": self._ids,
            "method": "tools/call",
            "params": {
                "name": tool,
                "arguments": arguments,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": VERSION,
                    "io.modelcontextprotocol/clientCapabilities": {},
                    "io.modelcontextprotocol/clientInfo": {"name": "placet-demo-agent", "version": "1.0"},
                    "progressToken": self._ids,
                },
            },
        }
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": "tools/call",
            "Mcp-Name": tool,
        }
        async with self._http.post(self._url, json=body, headers=headers) as response:
            if response.content_type == "text/event-stream":
                return await self._from_stream(response)
            return _told(json.loads(await response.read()))

    async def _from_stream(self, response: aiohttp.ClientResponse) -> Told:
        async for message in _events(response):
            if message.get("method") == "notifications/progress":
                self._on_progress(str(message["params"].get("message", "")))
            elif "id" in message:
                return _told(message)
        raise ConnectionError("the gateway ended the stream without an answer")


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    data: list[str] = []
    async for raw in response.content:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].lstrip())
        elif not line and data:
            text, data = "\n".join(data), []
            if text:
                yield json.loads(text)


def _told(message: dict[str, Any]) -> Told:
    if "error" in message:
        return Told(text=message["error"]["message"], is_error=True, verdict={})
    result = message["result"]
    text = "\n".join(block["text"] for block in result.get("content", []) if block.get("type") == "text")
    meta = result.get("_meta") or {}
    return Told(text=text, is_error=bool(result.get("isError")), verdict=meta.get("placet/verdict") or {})
