"""Text written by somebody else, made safe to look at: nothing invisible, nothing that reorders, bounded.

A character people cannot see is written as its code point in white brackets, `⟦U+202E⟧`; a white bracket in
the text itself is written the same way, so that the notation cannot be forged. What looks like one thing
and is another (mixed scripts, look-alike hosts, unusual forms) stays readable and is warned about.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals.domain.fingerprint import canonical

# Invisible although Unicode counts them as letters, marks or symbols: fillers, joiners, variation selectors,
# the empty Braille cell. And the bracket of the notation.
_EXTRA = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef\U0001d159\u27e6"
)
_HIDDEN_EXTRA = re.compile(f"[{_EXTRA}]")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPACES = frozenset({"Zs", "Zl", "Zp"})
_URL_HOST = re.compile(r"(?i)\b[a-z][a-z0-9+.-]{1,20}://(?:[^\s/@\"']{0,200}@)?([^\s/:?#\"'<>]{1,253})")
_WORD = re.compile(r"[^\W\d_]{2,}")
# Alphabets whose letters pass for one another. Scripts that are written together (kana and Latin) are not here.
_LOOK_ALIKE = frozenset(
    {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "FULLWIDTH", "MATHEMATICAL"}
)
_LISTED = 6
"""How many code points one warning names."""


def visible(text: str) -> str:
    """One line of text with everything invisible spelled out, line breaks too."""
    if text.isprintable() and not _HIDDEN_EXTRA.search(text):
        return text
    return "".join(char if _is_plain(char) else _code_point(char) for char in text)


def visible_lines(text: str) -> str:
    """The same for text of several lines: line breaks and tabs stay."""
    return "".join(part if part in ("\n", "\t") else visible(part) for part in re.split("([\n\t])", text))


def clock_time(at: datetime) -> str:
    """How a moment is written in a sentence."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def hour_of(at: datetime, now: datetime, *, seconds: bool = False) -> str:
    """The same, short: `17:48 UTC`, and with its day where that is not today, `2026-11-27 17:48 UTC`."""
    at = at.astimezone(UTC)
    day = "" if at.date() == now.astimezone(UTC).date() else "%Y-%m-%d "
    return at.strftime(f"{day}%H:%M{':%S' if seconds else ''} UTC")


def spelled(length: timedelta) -> str:
    """How a length of time is written in a sentence, to the minute: `24 h`, `1 h 30 min`."""
    hours, minutes = divmod(round(length.total_seconds() / 60), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes or not hours))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of the text, saying how many more there are."""
    if len(text) <= limit:
        return text
    return f"{text[:limit].rstrip()}… ({len(text) - limit:,} more characters)"


def pretty(value: Any, indent: str = "") -> str:
    """JSON over several lines. Numbers are written as in the canonical bytes, so they read as they run."""
    inner = indent + "  "
    if isinstance(value, dict) and value:
        rows = (f"{inner}{_string(key)}: {pretty(item, inner)}" for key, item in value.items())
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + pretty(item, inner) for item in value) + f"\n{indent}]"
    return _string(value) if isinstance(value, str) else canonical(value).decode()


def warnings(value: Any) -> tuple[str, ...]:
    """What in a JSON value is not what it looks like, one sentence a kind, naming the place and the characters."""
    kinds: dict[str, tuple[str, dict[str, None]]] = {}
    for path, text in _texts(value, ""):
        if text.isascii() and text.isprintable():
            continue
        for kind, found in _oddities(text):
            _, seen = kinds.setdefault(kind, (path, {}))
            seen.update(dict.fromkeys(found))
    return tuple(f"{kind} at {visible(path) or '/'}: {_listed(list(found))}" for kind, (path, found) in kinds.items())


def _oddities(text: str) -> Iterator[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for char in text:
        kind = _kind_of(char)
        if kind is not None:
            groups.setdefault(kind, []).append(f"U+{ord(char):04X}")
    yield from groups.items()
    if not unicodedata.is_normalized("NFC", text):
        changed = [f"U+{ord(char):04X}" for char in text if unicodedata.combining(char)]
        yield "text not in its normal form (NFC)", changed or ["letters with another standard spelling"]
    mixed = [visible(word) for word in _WORD.findall(text) if not word.isascii() and len(_scripts(word)) > 1]
    if mixed:
        yield "words that mix alphabets", mixed
    hosts = [_punycode(host) for host in _URL_HOST.findall(text) if not host.isascii()]
    if hosts:
        yield "addresses with letters beyond a-z", hosts


def _kind_of(char: str) -> str | None:
    if char in _BIDI:
        return "characters that reorder the text"
    if char == "\u27e6" or _is_plain(char) or char in "\n\r\t":
        return None
    if unicodedata.category(char) in _SPACES:
        return "spaces that are not a plain space"
    return "control characters" if unicodedata.category(char) == "Cc" else "invisible characters"


def _is_plain(char: str) -> bool:
    # `isprintable` is false for Cc, Cf, Cs, Co, Cn, Zl, Zp, and every Zs but the plain space.
    return char.isprintable() and not _HIDDEN_EXTRA.match(char)


def _code_point(char: str) -> str:
    return f"⟦U+{ord(char):04X}⟧"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            yield below, key
            yield from _texts(item, below)


def _scripts(word: str) -> set[str]:
    names = (unicodedata.name(char, "").split(" ", 1)[0] for char in word)
    return {name for name in names if name in _LOOK_ALIKE}


def _punycode(host: str) -> str:
    try:
        return visible(host.encode("idna").decode("ascii"))
    except UnicodeError:
        return visible(host)


def _listed(found: list[str]) -> str:
    shown = ", ".join(shorten(item, 60) for item in found[:_LISTED])
    return shown if len(found) <= _LISTED else f"{shown} and {len(found) - _LISTED} more"
