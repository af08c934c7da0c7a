"""An MCP server that has all that the protocol has: the peer that the official conformance suite asks for.

The names, the arguments and the texts are the suite's; what it finds here it must find through the gateway too.
Tools come from three rooms: `plain` (content, progress, logs), `asking` (live questions of the session era),
`rounds` (questions as results of the modern era). `listings` has resources, prompts and completion.
"""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver import MCPServer, RequestStateSecurity
from mcp.types import EmptyResult, SetLevelRequestParams, SubscribeRequestParams, UnsubscribeRequestParams

from tests.fakes.everything import asking, listings, plain, rounds

_STATE_KEY = b"a key that seals nothing but the state of test rounds"


def build() -> MCPServer[Any]:
    """The server, ready to be served over any transport."""
    server: MCPServer[Any] = MCPServer(
        "everything",
        version="1.0",
        log_level="WARNING",
        instructions="Every kind of tool, resource and prompt, for tests.",
        tools=[plain.schema_tool()],
        request_state_security=RequestStateSecurity(keys=[_STATE_KEY]),
    )
    for tool in (*plain.TOOLS, *asking.TOOLS, *rounds.TOOLS):
        server.add_tool(tool)
    listings.add_to(server)
    _serve_session_methods(server)
    return server


def _serve_session_methods(server: MCPServer[Any]) -> None:
    """Methods of the session era that the SDK leaves to the lower layer; they have nothing to answer."""

    async def accept(context: Any, params: Any) -> EmptyResult:
        return EmptyResult()

    lower = server._lowlevel_server
    lower.add_request_handler("logging/setLevel", SetLevelRequestParams, accept)
    lower.add_request_handler("resources/subscribe", SubscribeRequestParams, accept)
    lower.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, accept)
