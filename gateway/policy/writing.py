"""Plain data into the text of a file that our strict readers read back as the same data.

YAML as a person would write it: a mapping or list stands on one line where it fits, texts are quoted only where
they must be. JSON is plain JSON. Numbers are int or Decimal and written out exactly.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

WIDTH = 110
BLOCKS = frozenset({"tools", "tests"})
"""Keys whose values never stand on one line with them."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*")
_NOT_PLAIN = re.compile(r"yes|no|on|off|true|false|null", re.IGNORECASE)


def as_yaml(value: dict[str, Any]) -> str:
    """The YAML text of a mapping."""
    return "".join(line + "\n" for line in _mapping(value, "")) if value else "{}\n"


def as_json(value: Any, indent: int = 0) -> str:
    """The JSON text of plain data, two spaces a level."""
    inner, outer = "  " * (indent + 1), "  " * indent
    if isinstance(value, dict) and value:
        members = [f"{inner}{_json_text(key)}: {as_json(item, indent + 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{outer}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + as_json(item, indent + 1) for item in value) + f"\n{outer}]"
    return _scalar(value, _json_text)


def quoted(text: str) -> str:
    """A text as it stands in YAML, in quotes only where it must be."""
    return _yaml_text(text)


def _mapping(value: dict[str, Any], indent: str) -> list[str]:
    lines: list[str] = []
    for key, item in value.items():
        head = f"{indent}{_yaml_text(key)}:"
        one_line = f"{head} {_flow(item)}"
        if not item or not isinstance(item, dict | list) or (key not in BLOCKS and len(one_line) <= WIDTH):
            lines.append(one_line)
        elif isinstance(item, dict):
            lines += [head, *_mapping(item, indent + "  ")]
        else:
            lines += [head, *_list(item, indent + "  ")]
    return lines


def _list(value: list[Any], indent: str) -> list[str]:
    lines: list[str] = []
    for item in value:
        one_line = f"{indent}- {_flow(item)}"
        if not item or not isinstance(item, dict | list) or len(one_line) <= WIDTH:
            lines.append(one_line)
            continue
        inner = _mapping(item, indent + "  ") if isinstance(item, dict) else _list(item, indent + "  ")
        lines += [f"{indent}- {inner[0].lstrip(' ')}", *inner[1:]]
    return lines


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_yaml_text(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value, _yaml_text)


def _scalar(value: Any, text: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    written: str = text(value)
    return written


def _number(value: Decimal) -> str:
    return format(value, "f") if -30 <= value.adjusted() <= 30 else f"{value:e}"


def _yaml_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _NOT_PLAIN.fullmatch(text):
        return text
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"


def _json_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
