"""Raw JSON text, taken apart and put together without re-writing a value (contract.md 5).

An upstream's result reaches the agent byte for byte in its JSON values: numbers, escapes and unknown fields as
they came. So members are added and removed by slicing text at the top level of an object, never by dumping a
parsed tree. The scanner that finds the slices is the one of `json`; what it reads is thrown away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# parse_int=float: the values are not used, and int() would refuse very long digits.
_DECODER = json.JSONDecoder(parse_int=float)
_BLANK = re.compile(r"[ \t\n\r]*")
_META = "_meta"
_MAX_SLICED = 64 * 1024 * 1024


def split_object(raw: bytes) -> dict[str, bytes]:
    """The members of a JSON object as raw text, in their order.

    Raises:
        ValueError: not one JSON object of distinct names in UTF-8.
    """
    if len(raw) > _MAX_SLICED:
        raise ValueError("the JSON text is too long to take apart")
    text = raw.decode("utf-8")
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise ValueError("not a JSON object")
    members: dict[str, bytes] = {}
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        if members:
            at = _expect(text, at, ",")
        name, start, at = _member(text, at)
        if name in members:
            raise ValueError(f"the name {name[:60]!r} appears twice")
        members[name] = text[start:at].encode("utf-8")
        at = _skip(text, at)
    if _skip(text, at + 1) != len(text):
        raise ValueError("text after the JSON object")
    return members


def split_array(raw: bytes) -> list[bytes]:
    """The elements of a JSON array as raw text.

    Raises:
        ValueError: not one JSON array in UTF-8.
    """
    text = raw.decode("utf-8")
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise ValueError("not a JSON array")
    elements: list[bytes] = []
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        if elements:
            at = _expect(text, at, ",")
        end = _scan(text, at)[1]
        elements.append(text[at:end].encode("utf-8"))
        at = _skip(text, end)
    if _skip(text, at + 1) != len(text):
        raise ValueError("text after the JSON array")
    return elements


def join_object(members: Mapping[str, bytes]) -> bytes:
    """A JSON object of raw members."""
    return b"{" + b",".join(dump(name) + b":" + value for name, value in members.items()) + b"}"


def join_array(elements: list[bytes]) -> bytes:
    """A JSON array of raw elements."""
    return b"[" + b",".join(elements) + b"]"


def with_members(raw: bytes, extra: Mapping[str, bytes]) -> bytes:
    """`raw` with members set, replacing those of the same name."""
    if not extra:
        return raw
    if _lacks(raw, extra):
        return _in_front(raw, extra)
    return join_object({**split_object(raw), **extra})


def with_meta(raw: bytes, extra: Mapping[str, bytes]) -> bytes:
    """`raw` with members set inside its `_meta`; everything else in it stays."""
    if not extra:
        return raw
    if _lacks(raw, (_META,)):
        return _in_front(raw, {_META: join_object(extra)})
    members = split_object(raw)
    try:
        meta = split_object(members.get(_META, b"{}"))
    except ValueError:
        meta = {}
    members[_META] = join_object({**meta, **extra})
    return join_object(members)


def without(raw: bytes, names: frozenset[str]) -> bytes:
    """`raw` without the members of these names; untouched when there are none."""
    if _lacks(raw, names):
        return raw
    members = split_object(raw)
    kept = {name: value for name, value in members.items() if name not in names}
    return raw if len(kept) == len(members) else join_object(kept)


def dump(value: Any) -> bytes:
    """Compact ASCII JSON of a value of our own making."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def one_line(raw: bytes) -> bytes:
    """`raw` without line breaks. In valid JSON they stand only between tokens, so no value changes."""
    if b"\n" not in raw and b"\r" not in raw:
        return raw
    return raw.replace(b"\r", b" ").replace(b"\n", b" ")


def _lacks(raw: bytes, names: Mapping[str, bytes] | frozenset[str] | tuple[str, ...]) -> bool:
    # True only when no spelling of the names can be in the text. Without these two kinds of escape, JSON has one
    # spelling for each name (RFC 8259, 7).
    if b"\\u" in raw or b"\\/" in raw:
        return False
    return not any(json.dumps(name, ensure_ascii=False)[1:-1].encode("utf-8") in raw for name in names)


def _in_front(raw: bytes, extra: Mapping[str, bytes]) -> bytes:
    rest = raw.lstrip(b" \t\r\n")
    if not rest.startswith(b"{"):
        raise ValueError("not a JSON object")
    rest = rest[1:].lstrip(b" \t\r\n")
    head = join_object(extra)[:-1]
    return head + rest if rest.startswith(b"}") else head + b"," + rest


def _member(text: str, at: int) -> tuple[str, int, int]:
    if text[at : at + 1] != '"':
        raise ValueError(f"a name was expected at character {at}")
    name, at = _scan(text, at)
    start = _expect(text, _skip(text, at), ":")
    return str(name), start, _scan(text, start)[1]


def _scan(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError as err:
        raise ValueError("nested too deep") from err


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark!r} was expected at character {at}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
