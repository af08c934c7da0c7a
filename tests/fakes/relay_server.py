"""The fixture server with everything, and tools that ask and announce on ways of their own.

`stdio` speaks both eras over stdio, `http` both over HTTP; `http-legacy` refuses the modern era as an old server
does. Over HTTP it binds a free port and prints it as its first line.
"""

from __future__ import annotations

import os
import socket
import sys

import anyio
import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.types import SamplingMessage

from tests.fakes.everything.plain import Ctx, text
from tests.fakes.everything.server import build
from tests.fakes.mcp_sdk_server import App, without_the_modern_era


async def ask_page(ctx: Ctx) -> str:
    """Send the user to a page."""
    answer = await ctx.session.elicit_url("Sign in", "https://example.com/in", "e1", related_request_id=ctx.request_id)
    return f"action={answer.action}"


async def ask_aside(ctx: Ctx) -> str:
    """Have the client's model answer, on no request's stream."""
    question = SamplingMessage(role="user", content=text("aside"))
    with anyio.fail_after(5):
        answer = await ctx.session.create_message([question], max_tokens=5)
    return str(answer.content.text if answer.content.type == "text" else answer.content.type)


async def ask_roots(ctx: Ctx) -> str:
    """Ask for the roots, on no request's stream."""
    with anyio.fail_after(5):
        listed = await ctx.session.list_roots()
    return ", ".join(str(root.uri) for root in listed.roots)


async def change(ctx: Ctx, kind: str, uri: str = "") -> str:
    """Announce a change."""
    match kind:
        case "tools":
            await ctx.notify_tools_changed()
            await ctx.session.send_tool_list_changed()
        case "prompts":
            await ctx.notify_prompts_changed()
            await ctx.session.send_prompt_list_changed()
        case "resources":
            await ctx.notify_resources_changed()
            await ctx.session.send_resource_list_changed()
        case _:
            await ctx.notify_resource_updated(uri)
            await ctx.session.send_resource_updated(uri)
    return "announced"


def process() -> int:
    """Which process this is."""
    return os.getpid()


def main(mode: str) -> None:
    """Serve."""
    server: MCPServer = build()
    for tool in (ask_page, ask_aside, ask_roots, change, process):
        server.add_tool(tool)
    if mode == "stdio":
        server.run("stdio")
        return
    app: App = server.streamable_http_app()
    if mode == "http-legacy":
        app = without_the_modern_era(app)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
