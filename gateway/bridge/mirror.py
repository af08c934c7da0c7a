"""The headers that repeat a modern request's body, for what stands between the bridge and the gateway.

`Mcp-Param-*` needs the tool's schema, which the client has asked for in `tools/list`: what was marked there is
remembered, within bounds. A tool that marks its schema wrongly gets no such headers.
"""

from __future__ import annotations

from typing import Any

from gateway.bridge.messages import Asked, parsed
from gateway.upstreams import Unsent
from gateway.upstreams.headers import MARKER, encode, fault, parameters

MAX_TOOLS = 2000
_MAX_NAME_CHARACTERS = 8000


class Mirror:
    """Knows the marked schemas of this client's tools."""

    def __init__(self) -> None:
        self._schemas: dict[str, Any] = {}

    def learn(self, listed: bytes) -> None:
        """Remember what a `tools/list` result marks; forget what it no longer does."""
        tools = parsed(listed).get("tools") if MARKER.encode() in listed or self._schemas else None
        for tool in tools if isinstance(tools, list) else ():
            if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
                continue
            schema = tool.get("inputSchema")
            self._schemas.pop(tool["name"], None)
            if len(self._schemas) < MAX_TOOLS and _is_marked(schema) and fault(schema) is None:
                self._schemas[tool["name"]] = schema

    def headers(self, asked: Asked) -> dict[str, str]:
        """The headers of one request. A value too long for a header is left out: the gateway reads the body."""
        headers = {"Mcp-Method": asked.method}
        if asked.name is not None and len(asked.name) <= _MAX_NAME_CHARACTERS:
            headers["Mcp-Name"] = encode(asked.name)
        schema = self._schemas.get(asked.name or "") if asked.method == "tools/call" else None
        if schema is None:
            return headers
        try:
            return headers | parameters(schema, asked.arguments)
        except Unsent:
            return headers


def _is_marked(schema: Any) -> bool:
    if isinstance(schema, dict):
        return MARKER in schema or any(map(_is_marked, schema.values()))
    return isinstance(schema, list) and any(map(_is_marked, schema))
