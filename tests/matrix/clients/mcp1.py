"""The `mcp` 1.x client: a job on stdin, a JSON line for each thing that happens on stdout (see common.mjs)."""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


def say(**line):
    print(json.dumps(line), flush=True)


async def main(job):
    headers = {"Authorization": f"Bearer {job['token']}"}
    async with (
        streamablehttp_client(job["url"], headers=headers) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        hello = await session.initialize()
        say(version=hello.protocolVersion, tools=[tool.name for tool in (await session.list_tools()).tools])
        for one in job["calls"]:
            try:
                result = await session.call_tool(one["tool"], one["arguments"])
            except Exception as err:
                say(error=f"{type(err).__name__}: {err}")
            else:
                say(result=result.model_dump(mode="json", by_alias=True, exclude_none=True))


asyncio.run(main(json.load(sys.stdin)))
