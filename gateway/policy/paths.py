"""Paths into a call's arguments: `args.a.b`, `args["a.b"]`, `args.list[0]`, `args.list[*].id`.

A dot always steps into an object; a key that holds a dot needs the quoted form, so the two can never
be taken for each other (policy.md 2, no. 6). What is not there is `Missing`, never None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from approvals.domain.terms import Steps

_STEP = re.compile(r'\.([^.\[\]"\s]+)|\[(\d{1,9})\]|\[(\*)\]|\[("(?:[^"\\]|\\.)*")\]')


MOST_VALUES = 10_000
"""How many values one path may stand for in one call."""


class Missing(Exception):
    """Nothing is at the path; `str()` says what. `looked_at` values were there before it was known."""

    looked_at = 0


class TooMany(Missing):
    """A path stands for more values than are looked at."""


class Every:
    """The step `[*]`: every element of a list."""


EVERY = Every()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentPath:
    """A parsed path. `text` is how it was written."""

    text: str
    steps: tuple[str | int | Every, ...]

    @property
    def several(self) -> bool:
        """Can it stand for more than one value?"""
        return any(isinstance(step, Every) for step in self.steps)

    @property
    def plain_steps(self) -> Steps:
        """The steps as plain data, None for every element."""
        return tuple(None if isinstance(step, Every) else step for step in self.steps)

    def values(self, arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Every value at the path with its own exact path.

        Raises:
            Missing: some part of it is not there.
        """
        found: list[tuple[str, Any]] = []
        try:
            found.extend(islice(_walk(arguments, self.steps, "args"), MOST_VALUES + 1))
            if len(found) > MOST_VALUES:
                raise TooMany(f"{self.text} stands for more than {MOST_VALUES} values")
        except Missing as err:
            err.looked_at = len(found)
            raise
        return found


def present(path: ArgumentPath, arguments: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What there is at a path, element by element, whatever is missing beside it."""
    yield from _there(arguments, path.steps, "args")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrap:
    """Where the arguments of a tool that calls other tools say which one, and with what."""

    pointer: str
    tool: ArgumentPath
    arguments: ArgumentPath


def parse_path(text: str) -> ArgumentPath:
    """The path a policy file names.

    Raises:
        ValueError: it is not a path, in words for the author of the file.
    """
    if not text.startswith("args"):
        raise ValueError(f"the path {text!r} must start with 'args.'")
    at, steps = len("args"), []
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(
                f"the path {text!r} cannot be read from character {at + 1} on; "
                'write args.name, args["any key"], args.list[0] or args.list[*]'
            )
        steps.append(_step(found))
        at = found.end()
    if not steps:
        raise ValueError("the path 'args' names no argument; write args.name")
    return ArgumentPath(text=text, steps=tuple(steps))


def _step(found: re.Match[str]) -> str | int | Every:
    name, index, every, quoted = found.groups()
    if name is not None:
        return name
    if index is not None:
        return int(index)
    if every is not None:
        return EVERY
    try:
        return str(json.loads(quoted))
    except ValueError as err:
        raise ValueError(f"the quoted key {quoted} is not a JSON string") from err


def _walk(value: Any, steps: tuple[str | int | Every, ...], at: str) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield at, value
        return
    if isinstance(steps[0], Every) and isinstance(value, list) and len(value) > MOST_VALUES:
        raise TooMany(f"{at} has more than {MOST_VALUES} elements")
    for here, inner in _into(value, steps[0], at):
        yield from _walk(inner, steps[1:], here)


def _there(value: Any, steps: tuple[str | int | Every, ...], at: str) -> Iterator[tuple[str, Any]]:
    if not steps:
        yield at, value
        return
    try:
        inner = _into(value, steps[0], at)
    except Missing:
        return
    for here, item in inner:
        yield from _there(item, steps[1:], here)


def _into(value: Any, step: str | int | Every, at: str) -> Iterable[tuple[str, Any]]:
    if isinstance(step, str):
        here = f"{at}.{step}" if _STEP.fullmatch(f".{step}") else f"{at}[{json.dumps(step)}]"
        if not isinstance(value, Mapping) or step not in value:
            raise Missing(f"{here} is missing")
        return [(here, value[step])]
    if not isinstance(value, list):
        raise Missing(f"{at} is not a list")
    if isinstance(step, int):
        if step >= len(value):
            raise Missing(f"{at}[{step}] is missing")
        return [(f"{at}[{step}]", value[step])]
    return ((f"{at}[{number}]", item) for number, item in enumerate(value))
