"""Texts of callers, compared and shown: NFC for comparing, invisible characters written out for showing."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from typing import Any

SHOWN = 80


def normal(text: str, *, fold: bool = False) -> str:
    """A text in the form in which texts are compared."""
    if text.isascii():
        return text.casefold() if fold else text
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", composed.casefold()) if fold else composed


def normalised(value: Any, *, fold: bool = False) -> Any:
    """A JSON value with every text in it in the form in which texts are compared."""
    if isinstance(value, str):
        return normal(value, fold=fold)
    if isinstance(value, list | tuple):
        return [normalised(item, fold=fold) for item in value]
    return {key: normalised(item, fold=fold) for key, item in value.items()} if isinstance(value, dict) else value


def printed(value: Any) -> str:
    """A JSON value as plain text: a number in its shortest form, a text as it is."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return _shortest(exact) if exact.is_finite() else str(exact)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _shortest(exact: Decimal) -> str:
    """Without zeros at its end, and never rounded, as `normalize` would past 28 digits."""
    sign, digits, exponent = exact.as_tuple()
    kept = "".join(map(str, digits)).rstrip("0") or "0"
    power = int(exponent) + len(digits) - len(kept) if kept != "0" else 0
    plain = Decimal((sign if kept != "0" else 0, tuple(map(int, kept)), power))
    return format(plain, "f") if abs(plain.adjusted()) < 40 else str(plain)


def hides_something(text: str) -> bool:
    """Does it hold control, format or otherwise invisible characters?"""
    return not text.isprintable() and any(
        unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} and c not in "\n\t" for c in text
    )


def shown(value: Any) -> str:
    """A JSON value as a trace shows it: bounded, on one line, nothing invisible."""
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) < 40 else str(value)
    if isinstance(value, str) and len(value) > SHOWN:
        value = value[: SHOWN - 1] + "…"
    if isinstance(value, list | tuple):
        return _cut("[" + ", ".join(shown(item) for item in value[:20]) + ("]" if len(value) <= 20 else ", …]"))
    if isinstance(value, dict):
        return "an object" if value else "{}"
    written = json.dumps(value, ensure_ascii=False, default=str)
    return _cut("".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in written))


def _cut(text: str) -> str:
    return text if len(text) <= 2 * SHOWN else text[: 2 * SHOWN - 1] + "…"
