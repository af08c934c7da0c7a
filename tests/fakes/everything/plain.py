"""Tools that ask nobody: each kind of content, errors, progress, logs, changes of the lists, headers and schemas."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

Ctx = Context[Any, Any]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _red_dot() -> bytes:
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _one_silent_sample() -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 2) + b"\x00\x00"
    return b"RIFF" + struct.pack("<I", len(body)) + body


PNG = _red_dot()
WAV = _one_silent_sample()


def text(words: str) -> TextContent:
    """Text content."""
    return TextContent(type="text", text=words)


def image() -> ImageContent:
    """One red pixel."""
    return ImageContent(type="image", data=base64.b64encode(PNG).decode(), mime_type="image/png")


def resource(uri: str, words: str, mime_type: str = "text/plain") -> EmbeddedResource:
    """A text resource in a result."""
    contents = TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    return EmbeddedResource(type="resource", resource=contents)


def test_simple_text() -> CallToolResult:
    """Answer with text."""
    return CallToolResult(content=[text("This is a simple text response for testing.")])


def test_image_content() -> CallToolResult:
    """Answer with an image."""
    return CallToolResult(content=[image()])


def test_audio_content() -> CallToolResult:
    """Answer with sound."""
    sound = AudioContent(type="audio", data=base64.b64encode(WAV).decode(), mime_type="audio/wav")
    return CallToolResult(content=[sound])


def test_embedded_resource() -> CallToolResult:
    """Answer with a resource inside the result."""
    return CallToolResult(content=[resource("test://embedded-resource", "This is an embedded resource content.")])


def test_multiple_content_types() -> CallToolResult:
    """Answer with text, an image and a resource at once."""
    data = resource("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
    return CallToolResult(content=[text("Multiple content types test:"), image(), data])


def test_error_handling() -> CallToolResult:
    """Fail."""
    raise RuntimeError("This tool intentionally returns an error for testing")


async def test_tool_with_progress(ctx: Ctx) -> str:
    """Report progress three times."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100, f"{done} of 100")
    return "Three steps reported"


async def test_tool_with_logging(ctx: Ctx) -> str:
    """Log three lines."""
    for line in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.log("info", line)
    return "Three lines logged"


async def test_logging_tool(ctx: Ctx) -> str:
    """Log one line, which only they see who asked for logs."""
    await ctx.log("info", "A line nobody may have asked for")
    return "One line logged"


async def test_reconnection(ctx: Ctx) -> str:
    """Hang up on the client in the middle of the call; the answer waits for it to come back."""
    await ctx.log("info", "Before the connection is closed")
    await ctx.close_sse_stream()
    await ctx.log("info", "After the connection was closed")
    return "The client came back"


def test_x_mcp_header(
    region: Annotated[
        str, Field(description="Repeated in a header", json_schema_extra={"x-mcp-header": "Region"})
    ] = "",  # noqa: PT028  # a tool, not a test
) -> str:
    """Say which region came, in the body and in the header alike."""
    return f"region: {region or 'none'}"


def test_missing_capability(ctx: Ctx) -> str:
    """Refuse clients that declared no sampling."""
    declared = ctx.client_capabilities
    if declared is None or declared.sampling is None:
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "This tool needs a client that can sample", needed)
    return "The client can sample"


async def test_trigger_tool_change(ctx: Ctx) -> str:
    """Tell listeners that the tools changed."""
    await ctx.notify_tools_changed()
    return "Tools changed"


async def test_trigger_prompt_change(ctx: Ctx) -> str:
    """Tell listeners that the prompts changed."""
    await ctx.notify_prompts_changed()
    return "Prompts changed"


def greet(name: str) -> str:
    """Greet. The suite's scenarios of the tasks extension call it as a tool that never needs a task."""
    return f"Hello, {name}!"


def slow_compute(seconds: float, label: str) -> str:
    """Answer at once what a server with the tasks extension would take time for."""
    return f"{label} would have taken {seconds:g} seconds"


def confirm_delete(filename: str) -> str:
    """Refuse what a server with the tasks extension would ask about first."""
    return f"{filename} stays"


TOOLS = (
    greet,
    slow_compute,
    confirm_delete,
    test_simple_text,
    test_image_content,
    test_audio_content,
    test_embedded_resource,
    test_multiple_content_types,
    test_error_handling,
    test_tool_with_progress,
    test_tool_with_logging,
    test_logging_tool,
    test_reconnection,
    test_x_mcp_header,
    test_missing_capability,
    test_trigger_tool_change,
    test_trigger_prompt_change,
)

_STRING = {"type": "string"}
_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {"$anchor": "addressDef", "type": "object", "properties": {"street": _STRING, "city": _STRING}}
    },
    "properties": {
        "name": _STRING,
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": _STRING,
        "email": _STRING,
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


def schema_tool() -> Tool:
    """A tool whose input schema uses the whole vocabulary of JSON Schema 2020-12."""

    def accept() -> str:
        return "Accepted"

    tool = Tool.from_function(accept, name="json_schema_2020_12_tool", description="Take what the schema allows.")
    return tool.model_copy(update={"parameters": _SCHEMA})
