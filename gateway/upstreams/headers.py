"""The headers that mirror a modern request's body: `Mcp-Name` and `Mcp-Param-*`.

Pure. `Mcp-Param-X` belongs to a property of the tool's input schema that carries `x-mcp-header: "X"`.
A tool that marks properties wrongly cannot be called over HTTP and must be left out by a client,
so `fault` says what is wrong. Values that are not plain visible ASCII travel as base64.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

from gateway.upstreams import Unfit

MARKER = "x-mcp-header"
MAX_VALUE_CHARACTERS = 8000
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_ENCODED = re.compile(r"=\?base64\?.*\?=", re.DOTALL)
_TYPES = ("string", "integer", "boolean")
_MAX_SCHEMA_NODES = 50_000

# Places of a schema that hold further schemas, off the pure chain of `properties`.
_ONE = ("items", "contains", "unevaluatedItems", "additionalProperties", "propertyNames", "unevaluatedProperties")
_ONE_MORE = ("not", "if", "then", "else", "contentSchema")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAPS = ("patternProperties", "dependentSchemas", "$defs", "definitions")

Chain = tuple[str, ...] | None
"""The property names from the root to a place in the schema; None once another keyword was crossed."""


def encode(value: str) -> str:
    """A header value that arrives as exactly this string."""
    if _PLAIN.fullmatch(value) and not _ENCODED.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode('ascii')}?="


def fault(schema: Any) -> str | None:
    """What is wrong with the marked properties of an input schema, or None."""
    taken: dict[str, str] = {}
    for chain, node in _places(schema):
        if MARKER not in node:
            continue
        if not chain:
            return f"{MARKER} stands where no argument can be named (only `properties` may lead to it)"
        where, token = "/".join(chain), node[MARKER]
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            return f"{MARKER} of {where} is not a header name"
        if node.get("type") not in _TYPES:
            return f"{MARKER} of {where} needs type string, integer or boolean"
        if token.lower() in taken:
            return f"{MARKER} {token} is used for both {taken[token.lower()]} and {where}"
        taken[token.lower()] = where
    return None


def parameters(schema: Any, arguments: Any) -> dict[str, str]:
    """The `Mcp-Param-*` headers of one call. The schema has no fault.

    Raises:
        Unfit: a marked argument is too long for a header.
    """
    headers: dict[str, str] = {}
    for chain, node in _places(schema):
        if not chain or MARKER not in node:
            continue
        rendered = _render(_at(arguments, chain))
        if rendered is None:
            continue
        value = encode(rendered)
        if len(value) > MAX_VALUE_CHARACTERS:
            raise Unfit(
                f"the argument {'/'.join(chain)} has to be repeated in a header and is too long for one "
                f"({len(value)} of at most {MAX_VALUE_CHARACTERS} characters)"
            )
        headers[f"Mcp-Param-{node[MARKER]}"] = value
    return headers


def _render(value: Any) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int():
            return str(value)
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return None


def _at(arguments: Any, chain: tuple[str, ...]) -> Any:
    for name in chain:
        if not isinstance(arguments, dict):
            return None
        arguments = arguments.get(name)
    return arguments


def _places(schema: Any) -> Iterator[tuple[Chain, dict[str, Any]]]:
    todo: list[tuple[Chain, Any]] = [((), schema)]
    visited = 0
    while todo and visited < _MAX_SCHEMA_NODES:
        chain, node = todo.pop()
        if not isinstance(node, dict):
            continue
        visited += 1
        yield chain, node
        todo += _below(chain, node)


def _below(chain: Chain, node: dict[str, Any]) -> Iterator[tuple[Chain, Any]]:
    properties = node.get("properties")
    if isinstance(properties, dict):
        for name, child in properties.items():
            yield (None if chain is None else (*chain, name)), child
    for keyword in (*_ONE, *_ONE_MORE):
        yield None, node.get(keyword)
    for keyword in _LISTS:
        children = node.get(keyword)
        if isinstance(children, list):
            yield from ((None, child) for child in children)
    for keyword in _MAPS:
        children = node.get(keyword)
        if isinstance(children, dict):
            yield from ((None, child) for child in children.values())
