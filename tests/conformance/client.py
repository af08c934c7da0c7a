"""The client that the suite drives: the gateway's own upstream side, as the gateway uses it.

The suite starts it with the address of its server as last argument, and the scenario in the environment. It lists
the tools through the catalogue, as the gateway does, and calls those that the catalogue would let an agent call.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from gateway.catalog import Catalog, Tool
from gateway.upstreams import NoAnswer, Outgoing, RpcError, Unsent, nothing
from gateway.upstreams.http import HttpUpstream

NAME = "suite"
CALL_SECONDS = 15.0
_SAMPLES: dict[str, Any] = {"string": "word", "integer": 1, "number": 1.5, "boolean": True, "object": {}, "array": []}

Call = tuple[str, dict[str, Any]]


def calls(scenario: str, tools: dict[str, Tool], context: dict[str, Any]) -> Iterator[Call]:
    """What to call: what the suite asks for, else every tool once."""
    if "toolCalls" in context:
        yield from ((wanted["name"], wanted["arguments"]) for wanted in context["toolCalls"])
    elif scenario == "json-schema-2020-12-preservation":
        yield "json_schema_echo", {"schema": tools["json_schema_2020_12_tool"].definition["inputSchema"]}
    else:
        yield from ((name, _sample(tool.definition["inputSchema"])) for name, tool in tools.items())


def _sample(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {name: _SAMPLES.get(properties.get(name, {}).get("type"), "word") for name in schema.get("required", [])}


async def play(upstream: HttpUpstream) -> None:
    """List the tools, and make the calls."""
    tools = {tool.name: tool for tool in await Catalog({NAME: upstream}).tools(NAME)}
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    for name, arguments in calls(os.environ["MCP_CONFORMANCE_SCENARIO"], tools, context):
        call = Outgoing(
            tool=name,
            arguments=json.dumps(arguments, ensure_ascii=False).encode(),
            agent="suite",
            timeout=CALL_SECONDS,
            definition=tools[name].definition,
        )
        answer = await upstream.call_tool(call, progress=None, sent=nothing)
        print(f"{name}: {answer.message if isinstance(answer, RpcError) else answer.raw.decode()}")


async def main(url: str) -> None:
    """Play the scenario against `url`."""
    upstream = HttpUpstream(name=NAME, url=url)
    async with asyncio.TaskGroup() as group:
        group.create_task(upstream.run())
        try:
            await play(upstream)
        finally:
            await upstream.close()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[-1]))
    except* (Unsent, NoAnswer) as failed:
        sys.exit("; ".join(str(err) for err in failed.exceptions))
