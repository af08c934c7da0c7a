"""The `fastmcp` 4.x client, which takes a held call as a task: a job on stdin, JSON lines on stdout (see common.mjs)."""

import asyncio
import json
import sys

import fastmcp_tasks.client  # the client declares the Tasks extension because this is imported
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport


def say(**line):
    print(json.dumps(line), flush=True)


get = fastmcp_tasks.client._send_get


async def tell_and_get(session, task_id, *more, **named):
    say(task=task_id)
    return await get(session, task_id, *more, **named)


fastmcp_tasks.client._send_get = tell_and_get


async def main(job):
    transport = StreamableHttpTransport(job["url"], headers={"Authorization": f"Bearer {job['token']}"})
    async with Client(transport, mode=job["mode"], timeout=job.get("timeout")) as client:
        tools = [tool.name for tool in await client.list_tools()]
        say(version=client.session.protocol_version, tools=tools)
        for one in job["calls"]:
            try:
                result = await client.call_tool_mcp(one["tool"], one["arguments"])
            except Exception as err:
                say(error=f"{type(err).__name__}: {err}")
            else:
                say(result=result.model_dump(mode="json", by_alias=True, exclude_none=True))


asyncio.run(main(json.load(sys.stdin)))
