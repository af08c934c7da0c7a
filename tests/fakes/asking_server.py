"""A server that asks its client how much to send, in the middle of a call or by its result; it writes down what it did.

`python -m tests.fakes.asking_server sessions|rounds FILE`: the session era alone, or the modern one alone. It binds a
free port and prints it as its first line. FILE gets one line a call: what was sent to whom, or that it was declined.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from tests.fakes.mcp_sdk_server import App, Receive, Scope, Send, without_the_modern_era

Ctx = Context[Any, Any]
QUESTION = "How much is to be sent?"
FORM = {"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]}
KEY = "how_much"


def build(file: Path, mode: str) -> MCPServer[Any]:
    """The server."""
    server = MCPServer("asking", version="1.0")

    def done(to: str, answer: ElicitResult) -> str:
        content = answer.content or {}
        line = {"to": to, "action": answer.action, "amount": content.get("amount")}
        with file.open("a") as log:
            log.write(json.dumps(line) + "\n")
        return f"sent {content['amount']} to {to}" if answer.action == "accept" else f"nothing sent: {answer.action}"

    async def transfer(to: str, ctx: Ctx, amount: int = 1) -> str | InputRequiredResult:
        """Send money, as much as the client says."""
        del amount
        if mode == "sessions":
            asked = await ctx.session.elicit_form(QUESTION, FORM, related_request_id=ctx.request_id)
            return done(to, ElicitResult(action=asked.action, content=asked.content))
        answer = (ctx.input_responses or {}).get(KEY)
        if isinstance(answer, ElicitResult):
            return done(to, answer)
        question = ElicitRequest(params=ElicitRequestFormParams(message=QUESTION, requested_schema=FORM))
        return InputRequiredResult(input_requests={KEY: question}, request_state=f"asked about {to}")

    server.add_tool(transfer)
    return server


def without_the_session_era(app: App) -> App:
    """Refuse whatever is not of the modern era."""

    async def new(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower() for name, _ in scope.get("headers", [])}
        if scope["type"] != "http" or b"mcp-method" in headers:
            await app(scope, receive, send)
            return
        error = {"code": -32022, "message": "Unsupported version", "data": {"supported": ["2026-07-28"]}}
        body = json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()
        await send({"type": "http.response.start", "status": 400, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    return new


def main(mode: str, file: Path) -> None:
    """Serve."""
    app: App = build(file, mode).streamable_http_app()
    app = without_the_modern_era(app) if mode == "sessions" else without_the_session_era(app)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
