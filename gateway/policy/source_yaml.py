"""YAML text into a tree with places, without the parts of YAML that surprise people.

Refused: a key twice, anchors, aliases, merge keys, tags, directives, several documents, tabs, and the
unquoted words that YAML 1.1 takes for booleans (`no`, `on`, …). Numbers are decimal and written as in
JSON; other things that look like numbers (0x1F, 0755, 1_000, .inf) are refused with the advice to quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from gateway.policy.source import MAX_DEPTH, MAX_DIGITS, MAX_NODES, Node, Problem, Scalar, exact, pointer, visible

_BOOLEAN_1_1 = re.compile(r"yes|no|on|off", re.IGNORECASE)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_ALMOST = re.compile(
    r"[-+]?(?:0x[0-9a-f_]+|0o[0-7_]+|0b[01_]+|[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+|\.(?:inf|nan))", re.IGNORECASE
)
_WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


class _Stop(Exception):
    """What follows cannot be told apart any more."""


class YamlReader:
    """Reads one text; `problems` collects what is wrong."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._nodes = 0
        self.problems: list[Problem] = []

    def read(self) -> Node | None:
        """The tree, or None when the text is not YAML at all."""
        for found in re.finditer("\t", self._text):
            line = self._text.count("\n", 0, found.start()) + 1
            column = found.start() - (self._text.rfind("\n", 0, found.start()) + 1) + 1
            self._note('a tab; YAML is indented with spaces (inside a text, write it as "\\t")', line, column)
            return None
        try:
            return self._document(yaml.parse(self._text, Loader=yaml.SafeLoader))
        except _Stop:
            return None
        except yaml.reader.ReaderError as err:
            line = self._text.count("\n", 0, err.position) + 1
            column = err.position - (self._text.rfind("\n", 0, err.position) + 1) + 1
            self._note(f"the character U+{ord(self._text[err.position]):04X} cannot stand in a YAML file", line, column)
        except yaml.MarkedYAMLError as err:
            mark = err.problem_mark or err.context_mark
            text = ", ".join(part for part in (err.context, err.problem) if part)
            self._note(f"not valid YAML: {text}", mark.line + 1 if mark else 1, mark.column + 1 if mark else 1)
        return None

    def _document(self, events: Iterator[yaml.Event]) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._at(event, "a second document; one file holds one document")
                    raise _Stop
                if event.version or event.tags:
                    self._at(event, "YAML directives (%YAML, %TAG) are not allowed")
            elif isinstance(event, yaml.NodeEvent):
                root = self._node(event, events, ())
        return root

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], path: tuple[str | int, ...]) -> Node:
        self._nodes += 1
        if len(path) > MAX_DEPTH or self._nodes > MAX_NODES:
            self._at(event, f"nested deeper than {MAX_DEPTH} levels, or more than {MAX_NODES} values")
            raise _Stop
        self._refuse_cleverness(event, path)
        line, column = _place(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(events, path, line, column)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(child := next(events), yaml.SequenceEndEvent):
                items.append(self._node(child, events, (*path, len(items))))
            return Node(value=items, line=line, column=column)
        value = self._scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None
        return Node(value=value, line=line, column=column)

    def _mapping(self, events: Iterator[yaml.Event], path: tuple[str | int, ...], line: int, column: int) -> Node:
        members: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key in members:
                self._at(event, f"{visible(key)} stands twice here (first in line {keys[key][0]})", (*path, key))
            keys.setdefault(key, _place(event))
            members[key] = self._node(next(events), events, (*path, key))
        return Node(value=members, line=line, column=column, keys=keys)

    def _key(self, event: yaml.Event, path: tuple[str | int, ...]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._at(event, "a key must be a plain word or a text in quotes", path)
            raise _Stop
        self._refuse_cleverness(event, path)
        key: str = event.value
        if event.style is None and key == "<<":
            self._at(event, "merge keys (<<) are not allowed; write the keys out", path)
        elif event.style is None:
            value = self._scalar(event, (*path, key))
            if not isinstance(value, str) and not _BOOLEAN_1_1.fullmatch(key):
                self._at(event, f"the key {visible(key)} is not text; put it in quotes", (*path, key))
        return key

    def _scalar(self, event: yaml.ScalarEvent, path: tuple[str | int, ...]) -> Scalar:
        text: str = event.value
        if event.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _BOOLEAN_1_1.fullmatch(text):
            self._at(
                event,
                f'{text!r} without quotes: some readers take it for a boolean; write true, false or "{text}"',
                path,
            )
        elif _INTEGER.fullmatch(text) and len(text) <= MAX_DIGITS:
            return int(text)
        elif _NUMBER.fullmatch(text) and len(text) <= MAX_DIGITS:
            try:
                return exact(text)
            except ValueError as err:
                self._at(event, str(err), path)
        elif _ALMOST.fullmatch(text) or _NUMBER.fullmatch(text):
            self._at(
                event,
                f"YAML readers differ about {visible(text)}; write a decimal number or put it in quotes",
                path,
            )
        return text

    def _refuse_cleverness(self, event: yaml.Event, path: tuple[str | int, ...]) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._at(event, f"the alias *{event.anchor} is not allowed; write the value out", path)
            return
        if anchor := getattr(event, "anchor", None):
            self._at(event, f"the anchor &{anchor} is not allowed", path)
        if tag := getattr(event, "tag", None):
            self._at(event, f"the tag {visible(tag)} is not allowed", path)

    def _at(self, event: yaml.Event, message: str, path: tuple[str | int, ...] = ()) -> None:
        line, column = _place(event)
        self._note(message, line, column, path)

    def _note(self, message: str, line: int, column: int, path: tuple[str | int, ...] = ()) -> None:
        self.problems.append(Problem(file=self._file, line=line, column=column, message=message, pointer=pointer(path)))


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
