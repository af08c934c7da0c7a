"""The tools a command looks at: those of a configured server, of an address, or of a saved `tools/list`.

A saved answer is read as strictly as one on the wire. It may be the result, the whole JSON-RPC response, several pages
of either in a list or one a line, or the plain list of tools. A page that says that there is more must be followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from approvals.bus import bus_for
from approvals.domain.plain import visible
from gateway.cli.common import USAGE, fail
from gateway.cli.session import Session, opened
from gateway.desks import holder
from gateway.fleet import Authorize, upstream_of
from gateway.keys import load
from gateway.oauth.upstreams import UpstreamOauth
from gateway.policy.model import Policy
from gateway.policy.source import MAX_CHARACTERS, SourceErrors
from gateway.policy.source_json import JsonReader
from gateway.settings import ServerSettings
from gateway.upstreams import NoAnswer, Unsent, Upstream
from gateway.upstreams.http import HttpUpstream
from gateway.work import Work

Definition = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The tools, where they were listed, and the policies that judge them where they are a server's."""

    source: str
    tools: Sequence[Definition]
    policies: tuple[Policy, ...] = ()
    configured: bool = False


def from_file(file: Path | str) -> Listed:
    """The tools of a saved `tools/list`; `-` is standard input."""
    source = "standard input" if str(file) == "-" else str(file)
    try:
        with click.open_file(str(file), "rb") as stream:
            text = stream.read(4 * MAX_CHARACTERS + 1).decode("utf-8-sig")
    except OSError as err:
        fail(f"{source} cannot be read: {err.strerror or err}", USAGE)
    except UnicodeDecodeError as err:
        fail(f"{source} is not UTF-8 ({err.reason} at byte {err.start}).")
    try:
        return Listed(source=source, tools=definitions(text, source))
    except ValueError as err:
        fail(f"{source}: {err}")
    except SourceErrors as err:
        fail(str(err))


def definitions(text: str, source: str) -> list[Definition]:
    """The tools in the text of a saved answer.

    Raises:
        SourceErrors: it is not JSON that everybody reads the same way; with file, line and column.
        ValueError: no list of tools is in it, in words that say where.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        value = _read(text, source)
    except SourceErrors:
        if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
            raise
        return _pages([_read(line, f"{source} (line {at})") for at, line in enumerate(lines, 1)])
    if isinstance(value, list) and not (value and all(_is_page(one) for one in value)):
        return _tools(value, "")
    return _pages(value if isinstance(value, list) else [value])


def _read(text: str, source: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it is longer than {MAX_CHARACTERS} characters")
    reader = JsonReader(text, source)
    node = reader.read()
    if reader.problems or node is None:
        raise SourceErrors(reader.problems, node)
    return _as_sent(node.plain())


def _as_sent(value: Any) -> Any:
    """The numbers as they come from the wire, so that a definition has the fingerprint it has there."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _as_sent(item) for key, item in value.items()}
    return [_as_sent(item) for item in value] if isinstance(value, list) else value


def _is_page(value: object) -> bool:
    return isinstance(value, dict) and ("tools" in value or "result" in value or "error" in value)


def _pages(pages: Sequence[Any]) -> list[Definition]:
    found: list[Definition] = []
    cursor: object = None
    for number, page in enumerate(pages):
        where = f"page {number + 1}: " if len(pages) > 1 else ""
        result = _result(page, where)
        found += _tools(result["tools"], where)
        cursor = result.get("nextCursor")
        if cursor is None and number < len(pages) - 1:
            raise ValueError(f"{where}it is the last page by its own word, and another follows; save one list only")
    if cursor is not None:
        raise ValueError('the list goes on: the last page has a "nextCursor"; save the pages that follow too')
    return found


def _result(page: Any, where: str) -> dict[str, Any]:
    if isinstance(page, dict) and isinstance(page.get("error"), dict):
        raise ValueError(
            f"{where}the server answered with an error: {visible(str(page['error'].get('message')))[:200]}"
        )
    result = page.get("result", page) if isinstance(page, dict) else None
    if not isinstance(result, dict) or not isinstance(result.get("tools"), list):
        raise ValueError(
            f'{where}no list of tools is in it; expected {{"tools": […]}}, a JSON-RPC response with that, or its pages'
        )
    return result


def _tools(tools: Sequence[Any], where: str) -> list[Definition]:
    for at, tool in enumerate(tools):
        if not isinstance(tool, dict):
            raise ValueError(f"{where}tools[{at}] is no object")
        if not isinstance(tool.get("name"), str) or not tool["name"]:
            raise ValueError(f"{where}tools[{at}] has no name")
    return list(tools)


async def of_server(config: Path | None, name: str, *, last_seen: bool) -> Listed:
    """The tools of a configured server: asked now, or as they were last seen."""
    async with opened(config) as session:
        server = session.settings.servers.get(name)
        if server is None:
            known = ", ".join(session.settings.servers) or "none"
            fail(f"There is no server {name!r} in the configuration. It has: {known}.", USAGE)
        pins = await session.db.read(lambda tx: tx.pins.of(name))
        seen = [dict(pin.seen_definition) for pin in pins.values()]
        if last_seen and not seen:
            fail(f"No tool of {name} was seen yet: start `placet serve` once, or leave out --last-seen.")
        tools = seen if last_seen else await _asked(session, server, seen_before=bool(seen))
    return Listed(source=name, tools=tools, policies=server.policies, configured=True)


async def _asked(session: Session, server: ServerSettings, *, seen_before: bool) -> Sequence[Definition]:
    hint = "; --last-seen takes its tools as they were last seen" if seen_before else ""

    def made(authorize: Authorize) -> Upstream:
        return upstream_of(server, authorize)

    return await _list(made, f"{server.name} cannot be asked{hint}", session)


async def of_address(url: str, token: str | None) -> Listed:
    """The tools of a server at an address, which needs no configuration."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def made(_authorize: Authorize) -> Upstream:
        return HttpUpstream(name="the server", url=url, headers=headers)

    return Listed(source=url, tools=await _list(made, "It cannot be asked", None))


async def _list(make: Callable[[Authorize], Upstream], trouble: str, session: Session | None) -> Sequence[Definition]:
    """Start an upstream, ask it once, and end it."""
    answer: Sequence[Definition] | str = ""
    async with asyncio.TaskGroup() as group:
        work = Work(group)
        try:
            upstream = make(_authorize(session, work))
        except ValueError as err:
            fail(str(err), USAGE)
        loop = work.loop("upstream", upstream.run)
        try:
            answer = await upstream.list_tools()
        except (Unsent, NoAnswer) as err:
            answer = str(err)
        finally:
            await upstream.close()
            loop.cancel()
            work.cancel()
    if isinstance(answer, str):
        fail(f"{trouble}: {answer}.")
    return answer


def _authorize(session: Session | None, work: Work) -> Authorize:
    if session is None:
        return lambda _server: None
    settings = session.settings
    part = UpstreamOauth(
        db=session.db,
        bus=bus_for(session.db),
        holder=holder(),
        keys=lambda: load(settings.keys_file),
        run=work.run,
    )
    return part.authorizer
