"""A few combinators that check a JSON value and say where it is wrong, in Slack's words.

A `Check` takes a value and its JSON pointer and yields a `Problem` for each thing that is wrong;
yielding nothing means the value is fine. The tables in `elements`, `richtext`, `blocks` and
`views` are built from these and hold no logic of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and the JSON pointer to it."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


Check = Callable[[Any, str], Iterator[Problem]]


def string(longest: int, *, shortest: int = 1) -> Check:
    """A string of `shortest` to `longest` characters."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(at, "must provide a string")
        elif len(value) < shortest:
            yield Problem(at, f"must be more than {shortest - 1} characters")
        elif len(value) > longest:
            yield Problem(at, f"must be less than {longest + 1} characters")

    return check


def boolean(value: Any, at: str) -> Iterator[Problem]:
    """A JSON boolean."""
    if not isinstance(value, bool):
        yield Problem(at, "must be a valid boolean")


def anything(_value: Any, _at: str) -> Iterator[Problem]:
    """A value whose inside is not looked at."""
    yield from ()


def integer(lowest: int, highest: int) -> Check:
    """A whole number within bounds."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if isinstance(value, bool) or not isinstance(value, int):
            yield Problem(at, "must provide an integer")
        elif value < lowest:
            yield Problem(at, f"must be greater than or equal to {lowest}")
        elif value > highest:
            yield Problem(at, f"must be less than or equal to {highest}")

    return check


def one_of(*words: str) -> Check:
    """One of a few words."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if value not in words:
            yield Problem(at, "must be a valid enum value")

    return check


def web_url(value: Any, at: str) -> Iterator[Problem]:
    """An http(s), mailto or slack link."""
    if not isinstance(value, str) or not value.lower().startswith(("http://", "https://", "mailto:", "slack:")):
        yield Problem(at, "invalid url")


def array(item: Check, most: int, *, least: int = 1) -> Check:
    """An array of `least` to `most` items, each passing `item`."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(at, "must provide an array")
            return
        if len(value) < least:
            yield Problem(at, f"no fewer than {least} items allowed")
        if len(value) > most:
            yield Problem(at, f"no more than {most} items allowed")
        for index, member in enumerate(value):
            yield from item(member, f"{at}/{index}")

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *extra: Check) -> Check:
    """An object with exactly these fields; `extra` checks see the whole object."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, "must provide an object")
            return
        for name in required:
            if value.get(name) is None:
                yield Problem(at, f"missing required field: {name}")
        for name, inner in value.items():
            if name == "type":
                continue
            if name not in known:
                yield Problem(at, f"invalid additional property: {name}")
            elif inner is not None:
                yield from known[name](inner, f"{at}/{name}")
        for rule in extra:
            yield from rule(value, at)

    return check


def tagged(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` says which of `kinds` it must pass."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, "must provide an object")
            return
        kind = value.get("type")
        if kind is None:
            yield Problem(at, "missing required field: type")
        elif not isinstance(kind, str) or kind not in kinds:
            yield Problem(f"{at}/type", f"unsupported type: {kind}")
        else:
            yield from kinds[kind](value, at)

    return check


def within(check: Check, *, says: str) -> Check:
    """The same check, announced first by what holds the broken part."""

    def outer(value: Any, at: str) -> Iterator[Problem]:
        problems = list(check(value, at))
        if problems:
            yield Problem(at, says)
        yield from problems

    return outer


def both(*checks: Check) -> Check:
    """A value that must pass every check, in order."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        for part in checks:
            yield from part(value, at)

    return check


def needs_any(*names: str) -> Check:
    """An object that has at least one of the fields."""

    def check(value: Any, at: str) -> Iterator[Problem]:
        if isinstance(value, dict) and all(value.get(name) is None for name in names):
            yield Problem(at, f"missing required field: {names[0]}")

    return check
