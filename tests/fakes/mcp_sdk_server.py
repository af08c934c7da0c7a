"""A small MCP server made with the official SDK: the independent peer of the upstream tests.

`stdio` speaks both eras over stdio, `http` both over HTTP, `http-legacy` refuses the modern era as an old server
does. Over HTTP it binds a free port and prints it as its first line.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Any

import anyio
import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from pydantic import Field

server = MCPServer("peer", version="1.0")
cancelled = 0


@server.tool()
def echo(text: str) -> str:
    """Say it back."""
    return text


@server.tool()
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@server.tool()
def region(name: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    """A tool whose argument is repeated in a header."""
    return f"in {name}"


@server.tool()
async def count(to: int, ctx: Context[Any, Any]) -> str:
    """Report progress step by step."""
    for step in range(to):
        await ctx.report_progress(step + 1, to, f"step {step + 1}")
    return f"counted to {to}"


@server.tool()
def fail() -> str:
    """Raise."""
    raise ValueError("on purpose")


@server.tool()
async def hang(ctx: Context[Any, Any]) -> str:
    """Report that it began, then never end; remember being cancelled."""
    global cancelled
    try:
        await ctx.report_progress(1, 2, "hanging")
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        cancelled += 1
        raise
    return "never"


@server.tool()
def cancellations() -> int:
    """How many hanging calls were cancelled."""
    return cancelled


@server.tool()
def environment() -> list[str]:
    """The names in this process's environment."""
    return sorted(os.environ)


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def without_the_modern_era(app: App) -> App:
    """Answer modern requests the way a server from before it does."""

    async def old(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower() for name, _ in scope.get("headers", [])}
        if b"mcp-method" not in headers:
            await app(scope, receive, send)
            return
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "Bad Request: No session"}}
        await send({"type": "http.response.start", "status": 400, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(error).encode()})

    return old


def main(mode: str) -> None:
    """Serve."""
    if mode == "stdio":
        server.run("stdio")
        return
    app: App = server.streamable_http_app()
    if mode == "http-legacy":
        app = without_the_modern_era(app)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
