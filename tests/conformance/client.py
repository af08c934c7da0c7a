"""The client that the suite drives: the gateway's own upstream side, as the gateway uses it.

The suite starts it with the address of its server as last argument, and the scenario in the environment. It lists
the tools through the catalogue, as the gateway does, and calls those that the catalogue would let an agent call.
Behind the calls stands an agent that answers what it is asked, and fills forms with their defaults.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from gateway.catalog import Catalog, Tool
from gateway.upstreams import InputRequired, NoAnswer, Relay, Result, RpcError, Unsent, nothing
from gateway.upstreams.http import HttpUpstream

NAME = "suite"
CALL_SECONDS = 15.0
ROUNDS_MAX = 10
CAPABILITIES = b'{"elicitation":{},"sampling":{},"roots":{}}'
_SAMPLES: dict[str, Any] = {"string": "word", "integer": 1, "number": 1.5, "boolean": True, "object": {}, "array": []}

Call = tuple[str, dict[str, Any]]


class Agent:
    """Answers everything, at once."""

    async def progress(self, params: dict[str, Any]) -> None:
        """Nothing to do."""

    async def message(self, params: bytes) -> None:
        """Nothing to do."""

    async def paused(self) -> None:
        """The stream is followed again by itself."""

    async def told(self, method: str, params: bytes) -> None:
        """Nothing to do."""

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Accept a form with its defaults; say a word as the model; show no roots."""
        match method:
            case "elicitation/create":
                content = _filled(json.loads(params).get("requestedSchema", {}))
                return _result({"action": "accept", "content": content})
            case "sampling/createMessage":
                return _result({"role": "assistant", "model": "none", "content": {"type": "text", "text": "word"}})
            case "roots/list":
                return _result({"roots": []})
            case _:
                return RpcError(code=-32601, message="Method not found")


def _result(value: Any) -> Result:
    return Result(raw=json.dumps(value).encode())


def _filled(schema: dict[str, Any]) -> dict[str, Any]:
    fields = schema.get("properties", {})
    required = schema.get("required", [])
    return {
        name: field.get("default", _SAMPLES.get(field.get("type"), "word"))
        for name, field in fields.items()
        if "default" in field or name in required
    }


def calls(scenario: str, tools: dict[str, Tool], context: dict[str, Any]) -> Iterator[Call]:
    """What to call: what the suite asks for, else every tool once."""
    if "toolCalls" in context:
        yield from ((wanted["name"], wanted["arguments"]) for wanted in context["toolCalls"])
    elif scenario == "json-schema-2020-12-preservation":
        yield "json_schema_echo", {"schema": tools["json_schema_2020_12_tool"].definition["inputSchema"]}
    else:
        yield from ((name, _filled(tool.definition["inputSchema"])) for name, tool in tools.items())


class Player:
    """Plays one scenario against one upstream."""

    def __init__(self, upstream: HttpUpstream) -> None:
        self._upstream = upstream
        self._agent = Agent()

    async def play(self, scenario: str, context: dict[str, Any]) -> None:
        """List the tools and make the calls; where headers are looked at, use the other methods too."""
        tools = {tool.name: tool for tool in await Catalog({NAME: self._upstream}).tools(NAME)}
        for name, arguments in calls(scenario, tools, context):
            params = {"name": name, "arguments": arguments}
            await self._ask("tools/call", params, name=name, definition=tools[name].definition)
        if scenario == "http-standard-headers":
            await self._read_everything()

    async def _read_everything(self) -> None:
        for resource in (await self._ask("resources/list", {}))["resources"]:
            await self._ask("resources/read", {"uri": resource["uri"]}, name=resource["uri"])
        for prompt in (await self._ask("prompts/list", {}))["prompts"]:
            await self._ask("prompts/get", {"name": prompt["name"]}, name=prompt["name"])

    async def _ask(
        self, method: str, params: dict[str, Any], *, name: str | None = None, definition: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask, answer what is asked back, and ask again, until there is a result."""
        more: dict[str, Any] = {}
        for _ in range(ROUNDS_MAX):
            relay = Relay(
                method=method,
                params=json.dumps(params | more, ensure_ascii=False).encode(),
                session="suite",
                timeout=CALL_SECONDS,
                name=name,
                capabilities=CAPABILITIES,
                definition=definition,
                repeatable=method != "tools/call",
            )
            answer = await self._upstream.request(relay, peer=self._agent, sent=nothing)
            if not isinstance(answer, InputRequired):
                print(f"{method} {name}: {answer}")
                return {} if isinstance(answer, RpcError) else dict(json.loads(answer.raw))
            more = await self._answers(json.loads(answer.raw))
        raise NoAnswer(f"{method} {name} still asks after {ROUNDS_MAX} rounds")

    async def _answers(self, asked: dict[str, Any]) -> dict[str, Any]:
        answers: dict[str, Any] = {}
        for key, request in asked.get("inputRequests", {}).items():
            answer = await self._agent.ask(request["method"], json.dumps(request.get("params", {})).encode())
            answers[key] = json.loads(answer.raw) if isinstance(answer, Result) else {"action": "cancel"}
        more: dict[str, Any] = {"inputResponses": answers}
        return more | ({"requestState": asked["requestState"]} if "requestState" in asked else {})


async def main(url: str) -> None:
    """Play the scenario against `url`."""
    upstream = HttpUpstream(name=NAME, url=url)
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    async with asyncio.TaskGroup() as group:
        group.create_task(upstream.run())
        try:
            await Player(upstream).play(os.environ["MCP_CONFORMANCE_SCENARIO"], context)
        finally:
            await upstream.close()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[-1]))
    except* (Unsent, NoAnswer) as failed:
        sys.exit("; ".join(str(err) for err in failed.exceptions))
