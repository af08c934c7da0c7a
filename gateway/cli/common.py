"""What the commands share: the configuration file, the database, printing, and how a refusal ends a command."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

T = TypeVar("T")

FAILED, USAGE, DENIED, EXPIRED = 1, 2, 3, 4
"""Exit codes of contract.md 2."""

config_option = click.option(
    "--config", "config", type=click.Path(path_type=Path), help="The configuration file (default: ./placet.yaml)."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def config_file(given: Path | None) -> Path:
    """The configuration file a command works with."""
    from gateway.config import default_file

    return given if given is not None else default_file(os.environ, Path.cwd())


def program() -> str:
    """How this command was started, as it can be typed again: `placet`, or where it is, or the module."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m {started.parent.name}"
    if started.name != "placet" or shutil.which("placet") == str(started):
        return "placet"
    return shlex.quote(str(started))


def operator() -> str:
    """Who gives a command that asks for no person: the account on this machine, which is all that is known."""
    return f"cli:{getpass.getuser()}"


def fail(text: str, code: int = FAILED) -> NoReturn:
    """End the command with a sentence on stderr."""
    click.echo(text, err=True)
    raise SystemExit(code)


def say(value: Any, text: str, *, as_json: bool) -> None:
    """Print a value as JSON, or its text."""
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False) if as_json else text)


def run(job: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run an async command; a refusal ends it with its sentence."""
    from approvals.errors import Refusal

    try:
        return asyncio.run(job())
    except Refusal as refused:
        codes = {"not_allowed": DENIED, "expired": EXPIRED}
        fail(str(refused), codes.get(refused.code, FAILED))
