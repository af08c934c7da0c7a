"""A list of tools for the commands that look at policies with one: a saved answer of tools/list, or a server's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli.common import USAGE, fail, run
from gateway.cli.session import opened
from gateway.policy.source import nearest
from gateway.policy.texts import shown
from gateway.protocol.strict import Malformed, read

F = TypeVar("F", bound=Callable[..., Any])
Definition = Mapping[str, Any]


def tools_options(function: F) -> F:
    """The options that name a list of tools."""
    saved = click.option(
        "--tools", type=click.Path(path_type=Path), help="A saved answer of tools/list (JSON) to look at it with."
    )
    live = click.option("--server", help="Look at it with the tools that this server of the configuration last listed.")
    return saved(live(function))


def listed(tools: Path | None, server: str | None, config: Path | None) -> tuple[Definition, ...]:
    """The definitions that the options name; none where they name no list."""
    if tools is not None and server is not None:
        fail("Either --tools or --server; not both.", USAGE)
    if tools is not None:
        return of_file(tools)
    return _of_server(server, config) if server is not None else ()


def of_file(file: Path) -> tuple[Definition, ...]:
    """The definitions of a saved list: the answer itself, its result, or the bare list."""
    try:
        value = read(file.read_bytes())
    except OSError as err:
        fail(f"{file} cannot be read: {err.strerror or err}", USAGE)
    if isinstance(value, Malformed):
        fail(f"{file} is no list of tools: {value.message}", USAGE)
    for key in ("result", "tools"):
        value = value.get(key, value) if isinstance(value, dict) else value
    if not isinstance(value, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in value
    ):
        fail(f'{file} is no list of tools: {{"tools": [{{"name": …}}, …]}} is expected.', USAGE)
    return tuple(value)


def _of_server(name: str, config: Path | None) -> tuple[Definition, ...]:
    async def job() -> Sequence[Definition]:
        async with opened(config) as session:
            known = session.settings.servers
            if name not in known:
                hint = nearest(name, known) or f"it has: {', '.join(known) or 'none'}"
                fail(f"There is no server {shown(name)} in the configuration; {hint}.", USAGE)
            pins = await session.db.read(lambda tx: tx.pins.of(name))
            return [pin.seen_definition for pin in pins.values()]

    found = tuple(run(job))
    if not found:
        fail(f"The server {shown(name)} was never asked for its tools; start `placet serve` once, or give --tools.")
    return found
