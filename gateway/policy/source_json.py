"""JSON text (RFC 8259, nothing more) into a tree with places.

Refused: a name twice in one object, NaN and Infinity, comments, trailing commas and trailing data,
single quotes, lone surrogates. The first error of syntax ends the reading; duplicates are collected.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right

from gateway.policy.source import MAX_DEPTH, MAX_DIGITS, MAX_NODES, Node, Problem, Scalar, exact, pointer, visible

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z_]+")
_WORDS: dict[str, Scalar] = {"null": None, "true": True, "false": False}


class _Stop(Exception):
    """A syntax error: what follows cannot be told apart any more."""


class JsonReader:
    """Reads one text; `problems` collects what is wrong."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._lines = [0, *(m.end() for m in re.finditer(r"\n", text))]
        self._at = self._nodes = 0
        self.problems: list[Problem] = []

    def read(self) -> Node | None:
        """The tree, or None when the text is not JSON."""
        try:
            node = self._value(())
            self._skip()
            if self._at < len(self._text):
                raise self._stop("there is more text after the end of the JSON value")
        except _Stop:
            return None
        return node

    def _value(self, path: tuple[str | int, ...]) -> Node:
        self._skip()
        self._nodes += 1
        if len(path) > MAX_DEPTH:
            raise self._stop(f"nested deeper than {MAX_DEPTH} levels")
        if self._nodes > MAX_NODES:
            raise self._stop(f"more than {MAX_NODES} values")
        if self._peek() == "{":
            return self._object(path)
        if self._peek() == "[":
            return self._array(path)
        line, column = self._place(self._at)
        return Node(value=self._scalar(), line=line, column=column)

    def _object(self, path: tuple[str | int, ...]) -> Node:
        line, column = self._place(self._at)
        members: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        self._at += 1
        self._skip()
        while self._peek() != "}":
            start = self._at
            if self._peek() != '"':
                raise self._stop("a member name in double quotes, or '}', was expected here")
            name = self._string()
            if name in members:
                first = keys[name]
                self._note(
                    f"{visible(name)} stands twice in one object (first in line {first[0]})", start, (*path, name)
                )
            self._expect(":")
            place = self._place(start)
            members[name] = self._value((*path, name))
            keys.setdefault(name, place)
            self._comma_or("}")
        self._at += 1
        return Node(value=members, line=line, column=column, keys=keys)

    def _array(self, path: tuple[str | int, ...]) -> Node:
        line, column = self._place(self._at)
        items: list[Node] = []
        self._at += 1
        self._skip()
        while self._peek() != "]":
            items.append(self._value((*path, len(items))))
            self._comma_or("]")
        self._at += 1
        return Node(value=items, line=line, column=column)

    def _scalar(self) -> Scalar:
        if self._peek() == '"':
            return self._string()
        if word := _WORD.match(self._text, self._at):
            if word.group() not in _WORDS:
                raise self._stop(f"{visible(word.group())} is not a JSON value")
            self._at = word.end()
            return _WORDS[word.group()]
        number = _NUMBER.match(self._text, self._at)
        if number is None:
            raise self._stop("a JSON value was expected here")
        if len(number.group()) > MAX_DIGITS:
            raise self._stop(f"a number longer than {MAX_DIGITS} characters")
        self._at = number.end()
        try:
            return int(number.group()) if number.lastindex is None else exact(number.group())
        except ValueError as err:
            raise self._stop(str(err)) from err

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise self._stop("this text in quotes is not ended, or holds a control character or an unknown escape")
        text: str = json.loads(found.group())
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise self._stop("half of a surrogate pair is not a character")
        self._at = found.end()
        return text

    def _comma_or(self, close: str) -> None:
        self._skip()
        if self._peek() == close:
            return
        self._expect(",")
        self._skip()
        if self._peek() == close:
            raise self._stop(f"a comma before {close!r} is not JSON")

    def _expect(self, mark: str) -> None:
        self._skip()
        if self._peek() != mark:
            raise self._stop(f"{mark!r} was expected here")
        self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _place(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def _note(self, message: str, at: int, path: tuple[str | int, ...] = ()) -> None:
        line, column = self._place(at)
        self.problems.append(Problem(file=self._file, line=line, column=column, message=message, pointer=pointer(path)))

    def _stop(self, message: str) -> _Stop:
        self._note(message, self._at)
        return _Stop()
