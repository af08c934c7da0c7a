"""Checking arguments against a tool's input schema, offline and within bounds.

Schemas come from upstreams, so they are measured before they are compiled: references that multiply are
refused, and where a schema refers to itself no error tree is built, because building one can take
exponential time (measured: 16 nested objects under a two-branched recursive anyOf take 6 s, 20 do not end),
while the yes-or-no check stays fast. For the same reason only the first error is built for long arguments: each error
holds a copy of what it is about, and all are built at once. Nothing is ever fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jsonschema_rs

MAX_SCHEMA_BYTES = 256 * 1024
MAX_PROBLEMS = 5
_MAX_EXPANDED = 100_000
_MAX_EXPLAINED = 5_000
_MAX_CHAIN = 200
_MAX_COPIED = 8 * 1024 * 1024
_PER_VALUE = 4
_MAX_MESSAGE = 300
_PATTERNS = jsonschema_rs.FancyRegexOptions(backtrack_limit=50_000, size_limit=1_000_000)

_ONE = ("items", "contains", "unevaluatedItems", "additionalItems", "additionalProperties", "propertyNames")
_ONE_MORE = ("unevaluatedProperties", "not", "if", "then", "else", "contentSchema")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_PATTERNED = "patternProperties"
_BRANCHES = ("anyOf", "oneOf")
_MAPS = ("properties", _PATTERNED, "dependentSchemas", "dependencies")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one place of the arguments; `pointer` is empty for the arguments as a whole."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.pointer or 'the arguments'}: {self.message}"


class UnusableSchema(ValueError):
    """The schema cannot be checked against; `str()` says why."""


class ArgumentCheck:
    """The compiled input schema of one tool."""

    def __init__(self, schema: Any) -> None:
        """Measure and compile.

        Raises:
            UnusableSchema: in words for an operator.
        """
        if not isinstance(schema, dict):
            raise UnusableSchema("it has no input schema")
        if len(json.dumps(schema)) > MAX_SCHEMA_BYTES:
            raise UnusableSchema(f"its input schema is longer than {MAX_SCHEMA_BYTES} bytes")
        measure = _Measure(schema)
        expanded = measure.expanded()
        if expanded > _MAX_EXPANDED:
            raise UnusableSchema("the references in its input schema multiply beyond what can be checked")
        try:
            self._validator = jsonschema_rs.validator_for(schema, offline=True, pattern_options=_PATTERNS)
        except (ValueError, jsonschema_rs.ReferencingError) as err:
            raise UnusableSchema(f"its input schema is not valid: {_cut(getattr(err, 'message', str(err)))}") from err
        self._schema = schema
        self._explains = not measure.recursive and expanded <= _MAX_EXPLAINED
        self._branches = measure.branches

    def problems(self, arguments: dict[str, Any]) -> tuple[Problem, ...]:
        """Everything that is wrong, up to `MAX_PROBLEMS`; empty when the arguments fit."""
        if self._validator.is_valid(arguments):
            return ()
        if self._explains and _copied_at_worst(arguments) <= _MAX_COPIED:
            return tuple(_problem(err) for err in islice(self._validator.iter_errors(arguments), MAX_PROBLEMS))
        plain = tuple(islice(_plain_problems(self._schema, arguments), MAX_PROBLEMS))
        if plain or not self._explains or self._branches:
            return plain or _UNEXPLAINED
        try:
            self._validator.validate(arguments)
        except jsonschema_rs.ValidationError as err:
            return (_problem(err),)
        return _UNEXPLAINED


def _copied_at_worst(arguments: dict[str, Any]) -> int:
    """How many characters the errors of a schema may hold, if there is one for every value, about the whole."""
    values, characters, todo = 0, 0, [arguments]
    while todo:
        node: Any = todo.pop()
        values += 1
        if isinstance(node, str):
            characters += len(node)
        elif isinstance(node, dict):
            todo += node.keys()
            todo += node.values()
        elif isinstance(node, list):
            todo += node
    return values * (characters + _PER_VALUE * values)


_UNEXPLAINED = (Problem(pointer="", message="they do not fit the tool's input schema; read it again"),)


def _plain_problems(schema: dict[str, Any], arguments: dict[str, Any]) -> Iterator[Problem]:
    properties, required = schema.get("properties"), schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in arguments:
            yield Problem(pointer="", message=_cut(f"{json.dumps(name)} is required: add it"))
    if schema.get("additionalProperties") is False and isinstance(properties, dict) and not schema.get(_PATTERNED):
        for name in arguments:
            if name not in properties:
                yield Problem(pointer=_pointer([name]), message="the tool takes no such argument: remove it")


def _problem(err: Any) -> Problem:
    return Problem(pointer=_pointer(err.instance_path), message=_message(err))


def _message(err: Any) -> str:
    match err.kind:
        case jsonschema_rs.ValidationErrorKind.Required():
            return _cut(f"{err.message}: add it")
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties():
            return _cut(f"{err.message}: remove them")
        case _:
            return _cut(err.message)


def _pointer(path: list[Any]) -> str:
    return _cut("".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE else text[:_MAX_MESSAGE] + "…"


class _Measure:
    """How many schema nodes stand in a schema once its references are written out, loops cut."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._anchors: dict[str, Any] = {}
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()
        self.recursive = False
        self.branches = False
        self._find_anchors()

    def expanded(self) -> int:
        return self._size(self._root, 0)

    def _size(self, node: Any, depth: int) -> int:
        if not isinstance(node, dict):
            return 1
        if depth > _MAX_CHAIN:
            raise UnusableSchema("its input schema is nested too deep, references followed")
        key = id(node)
        if key in self._open:
            self.recursive = True
            return 1
        if key not in self._sizes:
            self._open.add(key)
            self.branches = self.branches or any(keyword in node for keyword in _BRANCHES)
            self._sizes[key] = 1 + sum(self._size(child, depth + 1) for child in self._applied(node))
            self._open.discard(key)
        return self._sizes[key]

    def _applied(self, node: dict[str, Any]) -> Iterator[Any]:
        yield from _inside(node)
        for keyword in _REFERENCES:
            reference = node.get(keyword)
            if isinstance(reference, str):
                yield self._target(reference)

    def _target(self, reference: str) -> Any:
        base, _, fragment = reference.partition("#")
        node = self._anchors.get(base, None) if base else self._root
        if fragment and not fragment.startswith("/"):
            return self._anchors.get(fragment)
        for step in fragment.split("/")[1:]:
            step = _unescape(step)
            if isinstance(node, dict):
                node = node.get(step)
            elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            else:
                return None
        return node

    def _find_anchors(self) -> None:
        todo: list[Any] = [self._root]
        while todo:
            node = todo.pop()
            if isinstance(node, dict):
                for keyword in ("$anchor", "$dynamicAnchor", "$id"):
                    name = node.get(keyword)
                    if isinstance(name, str):
                        self._anchors.setdefault(name.removeprefix("#"), node)
                todo += node.values()
            elif isinstance(node, list):
                todo += node


def _inside(node: dict[str, Any]) -> Iterator[Any]:
    for keyword in (*_ONE, *_ONE_MORE):
        if isinstance(node.get(keyword), dict):
            yield node[keyword]
    for keyword in _LISTS:
        if isinstance(node.get(keyword), list):
            yield from node[keyword]
    for keyword in _MAPS:
        if isinstance(node.get(keyword), dict):
            yield from node[keyword].values()


def _unescape(step: str) -> str:
    from_percent = step.replace("%25", "%").replace("%24", "$").replace("%7E", "~").replace("%2F", "/")
    return from_percent.replace("~1", "/").replace("~0", "~")
