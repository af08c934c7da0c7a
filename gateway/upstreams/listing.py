"""Reading a whole `tools/list`, page by page, within bounds, whatever the transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.upstreams import InputRequired, NoAnswer, Overlarge, Result, RpcError
from gateway.upstreams.asks import Ask, plain
from gateway.upstreams.rpc import METHOD_NOT_FOUND

MAX_PAGES = 100
MAX_TOOLS = 2000
MAX_LIST_BYTES = 32 * 1024 * 1024
_THREAD_FROM_BYTES = 256 * 1024


async def every_page(
    name: str, ask: Callable[[Ask], Awaitable[Result | RpcError | InputRequired]], place: tuple[str, str] = ("", "{}")
) -> list[dict[str, Any]]:
    """All tool definitions of upstream `name`, as it lists them in the session of `place`.

    Raises:
        NoAnswer, Overlarge: an error, something that is no tool list, or more than the bounds.
    """
    tools: list[dict[str, Any]] = []
    cursor: str | None = None
    seen: set[str] = set()
    size = 0
    for _ in range(MAX_PAGES):
        answer = await ask(plain("tools/list", {} if cursor is None else {"cursor": cursor}, place=place))
        if isinstance(answer, InputRequired):
            raise NoAnswer(f"{name} asks for input before it lists its tools, which it was not offered")
        if isinstance(answer, RpcError):
            if answer.code == METHOD_NOT_FOUND and not tools:
                return []
            raise NoAnswer(f"{name} answered tools/list with an error: {answer.message[:300]} (code {answer.code})")
        size += len(answer.raw)
        page, cursor = _page(name, await _loads(answer.raw))
        tools += page
        if len(tools) > MAX_TOOLS or size > MAX_LIST_BYTES:
            raise Overlarge(f"{name} lists more than {MAX_TOOLS} tools or {MAX_LIST_BYTES} bytes of them")
        if cursor is None:
            return tools
        if cursor in seen:
            raise NoAnswer(f"{name} lists its tools in a circle (a cursor came twice)")
        seen.add(cursor)
    raise Overlarge(f"{name} lists its tools on more than {MAX_PAGES} pages")


async def _loads(raw: bytes) -> Any:
    return json.loads(raw) if len(raw) < _THREAD_FROM_BYTES else await asyncio.to_thread(json.loads, raw)


def _page(name: str, body: dict[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    tools, cursor = body.get("tools"), body.get("nextCursor")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise NoAnswer(f"{name} answered tools/list without a list of tools")
    if cursor is not None and not isinstance(cursor, str):
        raise NoAnswer(f"{name} answered tools/list with a nextCursor that is not a string")
    return tools, cursor or None
