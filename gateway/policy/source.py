"""Strict reading of YAML and JSON text into a tree that knows where every value stands.

One rule: what two parsers could read differently is refused, never guessed (security.md 1e P2).
`read()` returns the tree or raises `SourceErrors` with everything that is wrong, each with file,
line and column. What the values mean is the loaders' matter. Numbers are exact: int or Decimal.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 200_000
MAX_DIGITS = 64
MAX_POWER = 400
"""Numbers have so many digits before or after the point; those of 64-bit floating point have fewer."""

Scalar = None | bool | int | Decimal | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a file; `str()` is the line to print."""

    file: str
    line: int
    column: int
    message: str
    pointer: str = ""
    hint: str | None = None

    def __str__(self) -> str:
        place = f" (at {_written_out(self.pointer)})" if self.pointer else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.message}{hint}{place}"


class SourceErrors(Exception):
    """A file cannot be taken; `problems` has everything that is wrong with it.

    `node` is the tree as far as it could be read, for looking for more to say.
    """

    def __init__(self, problems: Iterable[Problem], node: Node | None = None) -> None:
        self.node = node
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(slots=True, kw_only=True)
class Node:
    """One value of a file with its place; `keys` are the places of a mapping's keys."""

    value: dict[str, Node] | list[Node] | Scalar
    line: int
    column: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)

    def plain(self) -> Any:
        """The value without places, as dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def find(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Line and column of the value at `path`, or of the deepest part of it that is there."""
        node = self
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[str(part)]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
            else:
                break
        return node.line, node.column

    def find_key(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Line and column of the last key of `path`, where there is one, else of its value."""
        node = self
        for part in path[:-1]:
            child = node.child(part)
            if child is None:
                return self.find(path)
            node = child
        return node.keys.get(str(path[-1]), self.find(path)) if path else (node.line, node.column)

    def find_pointer(self, text: str) -> tuple[int, int]:
        """Line and column of what a JSON Pointer names, or of the deepest part of it that is there."""
        node = self
        for token in text.split("/")[1:]:
            part = token.replace("~1", "/").replace("~0", "~")
            child = node.child(int(part) if isinstance(node.value, list) and part.isdigit() else part)
            if child is None:
                break
            node = child
        return node.line, node.column

    def child(self, part: str | int) -> Node | None:
        """The value under one key or index, if there is one."""
        if isinstance(self.value, dict):
            return self.value.get(str(part))
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None


def exact(text: str) -> Decimal:
    """The number that a text in JSON's form writes.

    Raises:
        ValueError: it is too large or too small to be meant.
    """
    try:
        number = Decimal(text)
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > MAX_POWER:
        raise ValueError(f"a number with more than {MAX_POWER} digits before or after the point")
    return number


def pointer(path: Iterable[str | int]) -> str:
    """The JSON Pointer (RFC 6901) of a path of keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """A did-you-mean for an unknown word, if something known is close to it."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{found[0]}'?" if found else None


def visible(text: str, limit: int = 80) -> str:
    """Text of a file, quoted for a message: bounded, with invisible characters written out."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"'{_written_out(cut)}'"


def _written_out(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
