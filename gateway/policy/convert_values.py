"""What the writers of other formats know of values: their kinds, patterns, paths and windows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from gateway.policy.durations import duration
from gateway.policy.operators import kind

WINDOWS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
"""The windows that every format has, and means alike: those of the calendar."""

_PLAIN_PATH = re.compile(r"args(\.[^.\[\]\"\s]+)+")
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


def plain_path(path: str) -> bool:
    """Is this a path of plain names, which every format reads alike?"""
    return _PLAIN_PATH.fullmatch(path) is not None


def kinds(values: Iterable[Any]) -> set[str]:
    """What kinds of JSON value these are."""
    return {kind(value) for value in values}


def twinless(value: Any) -> bool:
    """Is this a text, or a list of texts, that no other JSON value is printed as?"""
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, str) and not _twin(item) for item in items)


def _twin(text: str) -> bool:
    try:
        return not isinstance(json.loads(text), str)
    except ValueError:
        return False


def escaped(text: str) -> str:
    """A text as a pattern that matches just it; readable, and the same in every engine of the RE2 kind."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def anchored(text: str) -> str:
    """A pattern that matches a whole text, whoever reads it."""
    simple = text.startswith("^") and text.endswith("$") and "|" not in text and not text.endswith("\\$")
    return text if simple else f"^(?:{text})$"


def unglobbed(text: str) -> str:
    """The pattern of a glob."""
    return "".join("(?s:.*)" if c == "*" else "(?s:.)" if c == "?" else escaped(c) for c in text)


def uncounted(limit: Mapping[str, Any]) -> str | None:
    """Why no window of the calendar comes near this limit, or None."""
    if limit["window"] == "inflight":
        return "calls at a time: the limit is not written"
    return "a bucket: the limit is not written" if limit.get("kind") == "bucket" else None


def exact_window(limit: Mapping[str, Any]) -> str | None:
    """The window of a limit, where it is one of the calendar that all formats have."""
    window = limit["window"]
    return window if window in WINDOWS and limit.get("kind", "fixed") == "fixed" else None


def nearest_window(limit: Mapping[str, Any]) -> str:
    """The shortest window of the calendar that is not shorter than that of the limit, else the longest there is."""
    window = limit["window"]
    if window in WINDOWS:
        return str(window)
    try:
        length = timedelta(seconds=window) if isinstance(window, int) else duration(window)
    except ValueError:
        return "day"
    return next((name for name, named in WINDOWS.items() if length <= named), "day")
