"""What a condition compares with: the value of the policy file, checked and made ready when it is loaded.

Patterns are compiled by RE2 (linear time), numbers are exact, texts are put in NFC. A value that an operator
could never work with is an error of the file, not of the first call that meets it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import re2

from gateway.policy.names import compile_glob
from gateway.policy.operators import Known, Operator, number
from gateway.policy.places import Network, Unfit, host_name, network_of, plain_path
from gateway.policy.texts import normal, normalised, printed

MAX_LENGTH = 10_000_000
"""No text or list of a call is longer."""


def prepare(op: Operator, value: Any, *, full: bool, fold: bool, coerce: bool = False) -> Any:
    """The policy's value, checked and made ready for `op.test`.

    Raises:
        ValueError: the operator cannot work with such a value, in words for the author of the file.
    """
    if op.wants == "pattern":
        return _pattern(normal(_text(op, value)), full=full, fold=fold)
    if op.wants == "glob":
        return compile_glob(normal(_text(op, value), fold=fold))
    ready = _READY[op.wants](op, value)
    if coerce:
        ready = [printed(item) for item in ready] if op.wants == "list" else printed(ready)
    ready = normalised(ready, fold=fold) if op.wants in _TEXTUAL else ready
    return Known.of(ready) if op.wants == "list" else ready


def _any(op: Operator, value: Any) -> Any:
    if value == "" and op.name in {"contains", "not_contains"}:
        raise ValueError(f"every text contains the empty text; {op.name} needs something to look for")
    return value


def _count(op: Operator, value: Any) -> Decimal:
    count = _number(op, value)
    if not 0 <= count <= MAX_LENGTH or count != int(count):
        raise ValueError(f"{op.name} needs a whole number that is not negative, at most {MAX_LENGTH}")
    return count


def _range(op: Operator, value: Any) -> list[Decimal]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("between needs a list of two numbers, the lower first")
    low, high = (_number(op, item) for item in value)
    if low > high:
        raise ValueError(f"between {low} and {high} can never hold; write the lower number first")
    return [low, high]


def _list(op: Operator, value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{op.name} needs a list with at least one value")
    return value


def _number(op: Operator, value: Any) -> Decimal:
    try:
        return number(value)
    except Unfit as err:
        raise ValueError(f"{op.name} needs a number as its value; this {err}") from err


def _text(op: Operator, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{op.name} needs a text as its value")
    return value


def _texts(op: Operator, value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) and item for item in items):
        raise ValueError(f"{op.name} needs a text or a list of texts")
    return items


def _networks(op: Operator, value: Any) -> list[Network]:
    return [network_of(item) for item in _texts(op, value)]


def _hosts(op: Operator, value: Any) -> list[str]:
    return [_host(item) for item in _texts(op, value)]


def _host(text: str) -> str:
    name = text.removeprefix("*.")
    if not name.isascii():
        raise ValueError(f"{text!r} is not ASCII; write the host as it is looked up, xn--…")
    try:
        plain = host_name(name.removeprefix("[").removesuffix("]"))
    except ValueError as err:
        raise ValueError("host_in needs host names, or *.name, without scheme, port or path") from err
    return text[: len(text) - len(name)] + plain


def _directories(op: Operator, value: Any) -> list[str]:
    try:
        return [plain_path(item) for item in _texts(op, value)]
    except Unfit as err:
        raise ValueError("path_under needs absolute directories without '..'") from err


def _pattern(source: str, *, full: bool, fold: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not fold
    try:
        plain = re2.compile(source, options)
        return re2.compile(f"\\A(?:{source})\\z", options) if full else plain
    except re2.error as err:
        said = err.args[0].decode() if err.args and isinstance(err.args[0], bytes) else str(err)
        raise ValueError(f"the pattern {source!r} is not RE2: {said}") from err


_TEXTUAL = frozenset({"any", "list", "text", "directories"})
FOLDED = _TEXTUAL | {"pattern", "glob"}
"""The kinds of value that can be compared without regard to case."""
_READY: dict[str, Callable[[Operator, Any], Any]] = {
    "any": _any,
    "number": _number,
    "count": _count,
    "range": _range,
    "list": _list,
    "text": _text,
    "networks": _networks,
    "hosts": _hosts,
    "directories": _directories,
}
