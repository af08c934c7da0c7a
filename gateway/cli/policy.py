"""`placet policy`: the group; each command of it has a file of its own."""

from __future__ import annotations

from collections.abc import Mapping

import click

from gateway.cli.lazy import LazyGroup

COMMANDS: Mapping[str, tuple[str, str]] = {
    "check": ("gateway.cli.policy_check", "Say everything that is wrong with policy files."),
    "explain": ("gateway.cli.policy_explain", "Print the ruling on a call, with every rule considered."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Check policies, and explain what a call would get."""
