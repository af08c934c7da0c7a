"""Strict JSON: bytes to one value with one meaning, or the reason why not (security.md 2c, rules 1 to 6).

Caps are counted on the bytes, in a few passes, before any object is built. The hooks of the C scanner then mark what
has two meanings (a repeated name, a number that does not survive) in the tree, and only a tree with a mark is walked
again, to say where. Strings are walked only when the bytes hold something that could be wrong with them.
What is deliberately elsewhere: the envelope and its members (`jsonrpc`), and what a method means (`classify`).
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import Any

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_VALUES = 10_000
MAX_KEY_BYTES = 256
MAX_STRING_BYTES = 256 * 1024
MAX_NUMBER_CHARS = 64
MAX_SAFE_INTEGER = 2**53 - 1

PARSE_ERROR = -32700
INVALID_REQUEST = -32600


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """Why a body is refused: a JSON-RPC code, a sentence, and where (JSON pointer, byte offset) if known."""

    code: int
    message: str
    pointer: str | None = None
    offset: int | None = None
    id: str | int | None = None


@dataclass(frozen=True, slots=True)
class _Flaw:
    """A mark left in the tree in place of a value that is refused. `name` is the member at fault, if one is."""

    why: str
    name: str | None = None
    code: int = INVALID_REQUEST


_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_WHITESPACE = b" \t\r\n"
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
# Integral numbers from here on keep their exponent in RFC 8785, below it they become plain digits.
_CANONICAL_EXPONENT_FROM = 1e21


def read(body: bytes) -> Any | Malformed:
    """The one value of `body`, or why it is refused. Never raises on any bytes."""
    text = _text(body)
    if isinstance(text, Malformed):
        return text
    if (problem := _over_caps(body)) is not None:
        return problem
    reader = _Reader()
    try:
        value = reader.decoder.decode(text)
    except json.JSONDecodeError as err:
        return _syntax(text, err)
    except (RecursionError, ValueError) as err:
        return Malformed(code=PARSE_ERROR, message=f"The body is not valid JSON ({type(err).__name__}).")
    if reader.flawed or _strings_need_a_look(body):
        return _first_flaw(value) or value
    return value


def pointer_to(path: tuple[str | int, ...]) -> str:
    """The JSON pointer (RFC 6901) of a path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def visible(text: str, limit: int = 60) -> str:
    """`text` as printable ASCII in quotes, cut to `limit`: safe to put into a message."""
    shown = json.dumps(text[:limit])
    return shown if len(text) <= limit else f'{shown[:-1]}…" ({len(text)} characters)'


def _text(body: bytes) -> str | Malformed:
    if len(body) > MAX_BYTES:
        return Malformed(
            code=INVALID_REQUEST,
            message=f"The body has {len(body)} bytes; at most {MAX_BYTES} are read. Send less in one call.",
        )
    if not body.strip(_WHITESPACE):
        return Malformed(code=PARSE_ERROR, message="The body is empty. Send one JSON-RPC object.")
    if body.startswith(b"\xef\xbb\xbf"):
        return Malformed(
            code=PARSE_ERROR, message="The body starts with a byte order mark. Send plain UTF-8 without it.", offset=0
        )
    if (at := body.find(b"\x00")) >= 0:
        return Malformed(code=PARSE_ERROR, message="The body holds a NUL byte. Send plain UTF-8 JSON.", offset=at)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as err:
        return Malformed(
            code=PARSE_ERROR, message=f"The body is not UTF-8 ({err.reason}). Encode it as UTF-8.", offset=err.start
        )


def _over_caps(body: bytes) -> Malformed | None:
    # Every step is one pass in C that takes a few milliseconds at most, for no other thread runs during one.
    commas, openers = body.count(b","), body.count(b"[") + body.count(b"{")
    if commas + openers < MAX_VALUES and openers <= MAX_DEPTH:
        return None  # with what stands in strings counted in, so there are no more of them
    skeleton = _skeleton(body)
    if skeleton is None:
        return _TOO_MANY_VALUES
    openers = skeleton.count(b"[") + skeleton.count(b"{")
    empties = skeleton.count(b"[]") + skeleton.count(b"{}")
    # In valid JSON every member or element but the first of its container follows a comma.
    if max(openers, 1 + skeleton.count(b",") + openers - empties) > MAX_VALUES:
        return _TOO_MANY_VALUES
    if openers <= MAX_DEPTH:
        return None
    # Where brackets pair up, there are no more of them than this: what comes behind is never reached by a parser.
    brackets = skeleton.translate(None, _NOT_BRACKETS)[: 2 * MAX_VALUES]
    if any(depth > MAX_DEPTH for depth in accumulate(map(_STEP.__getitem__, brackets))):
        return Malformed(
            code=INVALID_REQUEST,
            message=f"The body is nested deeper than {MAX_DEPTH} levels. Send a flatter structure.",
        )
    return None


def _skeleton(body: bytes) -> bytes | None:
    """The body without blanks, each string shrunk to one quote; None if it has more strings than values may have.

    So a bracket or comma inside a string does not count, and `[""]` is not empty.
    """
    # A run of backslashes pairs up from its start; a quote behind an odd one stands in a string.
    plain = body.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in body else body
    # Two quotes a string, and two strings a member: its name and its value.
    if plain.count(b'"') > 4 * MAX_VALUES:
        return None
    return b'"'.join(plain.split(b'"')[::2]).translate(None, _WHITESPACE)


_TOO_MANY_VALUES = Malformed(
    code=INVALID_REQUEST,
    message=f"The body holds too many values; at most {MAX_VALUES} are read. Send less in one call.",
)


def _syntax(text: str, err: json.JSONDecodeError) -> Malformed:
    offset = len(text[: err.pos].encode("utf-8", "replace"))
    what = "more than one JSON value" if err.msg == "Extra data" else err.msg[:1].lower() + err.msg[1:]
    return Malformed(
        code=PARSE_ERROR,
        message=f"The body is not valid JSON: {what} (line {err.lineno}, column {err.colno}). Send one JSON object.",
        offset=offset,
    )


class _Reader:
    """The hooks of one `json` decoding; `flawed` tells whether any of them left a mark."""

    __slots__ = ("decoder", "flawed")

    def __init__(self) -> None:
        self.flawed = False
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._fraction,
            parse_constant=self._constant,
        )

    def _flaw(self, why: str, name: str | None = None, code: int = INVALID_REQUEST) -> _Flaw:
        self.flawed = True
        return _Flaw(why, name, code)

    def _object(self, pairs: list[tuple[str, Any]]) -> Any:
        members = dict(pairs)
        if len(members) != len(pairs):
            name = _repeated([name for name, _ in pairs])
            return self._flaw("this name appears twice in one object. Send each name once", name)
        plain = True
        for name in members:
            if not name.isascii():
                plain = False
            if len(name) > MAX_KEY_BYTES // 4 and len(name.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
                return self._flaw(f"a name is longer than {MAX_KEY_BYTES} bytes. Use a shorter one", name)
        if plain:
            return members
        normal = [unicodedata.normalize("NFC", name) for name in members]
        if len(set(normal)) != len(normal):
            return self._flaw("two names of one object are the same text in Unicode (NFC). Send one", _repeated(normal))
        return members

    def _integer(self, lexeme: str) -> Any:
        if len(lexeme) > MAX_NUMBER_CHARS:
            return self._flaw(_TOO_LONG)
        number = int(lexeme)
        if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
            return number
        return self._flaw(f"the integer {lexeme} is outside ±(2^53-1), which many programs round. {_AS_A_STRING}")

    def _fraction(self, lexeme: str) -> Any:
        if len(lexeme) > MAX_NUMBER_CHARS:
            return self._flaw(_TOO_LONG)
        number = float(lexeme)
        if _survives(lexeme, number):
            return number
        return self._flaw(f"the number {lexeme} does not survive as a 64-bit float. {_AS_A_STRING}")

    def _constant(self, lexeme: str) -> Any:
        return self._flaw(f"{lexeme} is not JSON. {_AS_A_STRING}, or leave it out", code=PARSE_ERROR)


_AS_A_STRING = "Send it as a string"
_TOO_LONG = f"a number is longer than {MAX_NUMBER_CHARS} characters. {_AS_A_STRING}"


def _survives(lexeme: str, number: float) -> bool:
    """Whether the float is exactly the number written, and stays acceptable in its RFC 8785 form."""
    if not math.isfinite(number):
        return False
    if number == 0:
        mantissa = re.split("[eE]", lexeme)[0]
        return not mantissa.strip("-0.")
    if MAX_SAFE_INTEGER < abs(number) < _CANONICAL_EXPONENT_FROM:
        return False
    return Decimal(repr(number)) == Decimal(lexeme)


def _repeated(names: list[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _strings_need_a_look(body: bytes) -> bool:
    return len(body) > MAX_STRING_BYTES or b"\\u0000" in body or _SURROGATE.search(body) is not None


def _first_flaw(value: Any) -> Malformed | None:
    for path, node in _walk(value):
        if isinstance(node, _Flaw):
            where = (*path, node.name) if node.name is not None else path
            return _refused(where, node.why, node.code)
        if isinstance(node, str) and (why := _wrong_with(node)) is not None:
            return _refused(path, why)
        if isinstance(node, dict):
            for name in node:
                if (why := _wrong_with_name(name)) is not None:
                    return _refused((*path, name), why)
    return None


def _walk(value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while stack:
        path, node = stack.pop()
        yield path, node
        if isinstance(node, dict):
            stack.extend(((*path, name), member) for name, member in reversed(node.items()))
        elif isinstance(node, list):
            stack.extend(((*path, at), node[at]) for at in range(len(node) - 1, -1, -1))


def _wrong_with(text: str) -> str | None:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return "a string holds half of a surrogate pair, which is not a character. Send whole characters"
    if size > MAX_STRING_BYTES:
        return f"a string has {size} bytes; at most {MAX_STRING_BYTES} are read. Send less in one call"
    return None


def _wrong_with_name(name: str) -> str | None:
    if "\x00" in name:
        return "a name holds the character U+0000. Use another name"
    return _wrong_with(name)


def place(pointer: str) -> str:
    """How a message begins that speaks of `pointer`."""
    return f"At {pointer}" if pointer else "At the top level"


def _refused(path: tuple[str | int, ...], why: str, code: int = INVALID_REQUEST) -> Malformed:
    pointer = pointer_to(path)
    # The pointer travels in JSON and logs: half characters and controls in names are shown escaped.
    shown = json.dumps(pointer)[1:-1][:200] if not pointer.isascii() or not pointer.isprintable() else pointer[:200]
    return Malformed(code=code, message=f"{place(shown)}: {why}.", pointer=shown)
