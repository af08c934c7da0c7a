"""How far a command has come that reads a long recording, on stderr."""

from __future__ import annotations

import sys

import click

TELLS = 2_000
"""A recording of fewer calls is read before anybody wonders."""
CLEAR = "\r\033[K"


class Progress:
    """Says how far it is: all the time on a terminal, else at every tenth."""

    def __init__(self) -> None:
        self._tenth = 0

    def __call__(self, done: int, count: int) -> None:
        """So many calls of so many have been read."""
        if count < TELLS:
            return
        if sys.stderr.isatty():
            click.echo(f"{CLEAR}{done} of {count} calls" if done < count else CLEAR, err=True, nl=False)
        elif done * 10 // count > self._tenth:
            self._tenth = done * 10 // count
            click.echo(f"{done} of {count} calls", err=True)
