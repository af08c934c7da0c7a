"""A list of tools for the commands that look at policies with one: a saved `tools/list`, or a server's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.cli.common import USAGE, fail, run
from gateway.cli.tool_lists import Definition, from_file, of_server

F = TypeVar("F", bound=Callable[..., Any])


def tools_options(function: F) -> F:
    """The options that name a list of tools."""
    saved = click.option("--tools", metavar="FILE", help="With the tools of a saved tools/list (- for stdin).")
    asked = click.option("--server", help="With the tools of a server of the configuration; it is asked for them.")
    seen = click.option("--last-seen", is_flag=True, help="With --server: as they were last seen; nobody is asked.")
    return saved(asked(seen(function)))


def listed(tools: str | None, server: str | None, config: Path | None, *, last_seen: bool) -> Sequence[Definition]:
    """The definitions that the options name; none where they name no list."""
    if tools is not None and server is not None:
        fail("Either --tools or --server; not both.", USAGE)
    if last_seen and server is None:
        fail("--last-seen goes with --server.", USAGE)
    if tools is not None:
        return from_file(tools).tools
    if server is None:
        return ()
    name = server
    return run(lambda: of_server(config, name, last_seen=last_seen)).tools
