"""What decided calls have in common: which of their arguments can be bounded, and the tightest bounds around them.

Arguments that decide what a call does (a command, a path, a URL, a query) are never bounded and never left open, so a
tool that has one gets no suggestion. Free text is left open, and that is said. Values of secret names are never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

from approvals.domain.redact import is_secret_name
from approvals.domain.terms import Steps
from gateway.policy.paths import parse_path
from gateway.policy.texts import shown

Scalar = str | bool | Decimal


class Odd(Enum):
    """What stands where no bound can be laid."""

    NULL = "null"
    NESTED = "nested"
    """A list, or what is too deep to look at."""


Value = Scalar | Odd
DEEPEST = 3
LONGEST_TEXT = 64
MOST_VALUES = 8
EACH_VALUE = 3
"""A value is taken for one of a few only if it stands in so many calls."""
SHORTEST_PREFIX = 3

# Whole words of a name.
_DECIDES = re.compile(
    r"command|cmd|script|code|sql|query|paths?|files?|filename|filepath|dir|directory|folder|url|uri|href|link|endpoint"
    r"|expression|expr|shell|program|exec|regex|pattern|template|html|selector|statement|argv"
)
_FREE = re.compile(
    r"text|body|message|content|prompt|description|comment|notes?|subject|title|summary|reason|memo|caption|instructions"
    r"|remark"
)
_IDENTIFIES = re.compile(r"ids?|uid|number|no|ref|code|key|timestamp|time|date|phone|zip|account|version")
_DOES = re.compile(r"^[/~]|^\.\.?/|\\|://|\.\.|[;|`<>\n]|\$\(|&&")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SPLIT = re.compile(r"[\W_]+")
_PLAIN = re.compile(r"[^.\[\]\"\s]+")


class Kind(StrEnum):
    """What an argument is good for, when calls are told apart."""

    BOUNDED = "bounded"
    """A number, or one of a few values."""
    OPEN = "open"
    """Free text, an identifier, a secret: nothing that bounds could mean."""
    NESTED = "nested"
    """A list, or what is too deep to look at."""
    DECIDES = "decides"
    """It decides what the call does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One condition on one argument. `op` and `value` are as a policy file has them."""

    path: str
    op: str
    value: Any

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Is the argument there, and within it?"""
        actual = values.get(self.path)
        if actual is None:
            return False
        match self.op:
            case "between":
                return _is_number(actual) and self.value[0] <= actual <= self.value[1]
            case "gte":
                return _is_number(actual) and actual >= self.value
            case "in":
                return any(type(actual) is type(one) and actual == one for one in self.value)
            case "starts_with":
                return isinstance(actual, str) and actual.startswith(self.value)
            case _:
                return isinstance(actual, str) and actual.endswith(self.value)

    def plain(self) -> dict[str, Any]:
        """As a condition of a policy file."""
        value = [_plain(one) for one in self.value] if isinstance(self.value, tuple) else _plain(self.value)
        if self.op == "in" and len(self.value) == 1:
            return {"path": self.path, "op": "eq", "value": value[0]}
        return {"path": self.path, "op": self.op, "value": value}

    def said(self) -> str:
        """In words."""
        match self.op:
            case "between":
                return f"{self.path} is {shown(self.value[0])} to {shown(self.value[1])}"
            case "gte":
                return f"{self.path} is at least {shown(self.value)}"
            case "in":
                return f"{self.path} is {' or '.join(map(shown, self.value))}"
            case "starts_with":
                return f"{self.path} starts with {shown(self.value)}"
            case _:
                return f"{self.path} ends with {shown(self.value)}"


def leaves(arguments: Mapping[str, Any], hidden: Sequence[Steps] = ()) -> dict[str, Value]:
    """Every argument by its path, as a policy names it; of what is hidden only that it is there."""
    return dict(_leaves(arguments, "args", (), hidden))


def _leaves(value: Mapping[str, Any], at: str, steps: Steps, hidden: Sequence[Steps]) -> Iterator[tuple[str, Value]]:
    for key, inner in value.items():
        path = f"{at}.{key}" if _PLAIN.fullmatch(key) else f"{at}[{json.dumps(key)}]"
        here = (*steps, key)
        if here in hidden:
            yield path, Odd.NULL
        elif isinstance(inner, Mapping) and inner and len(here) < DEEPEST:
            yield from _leaves(inner, path, here, hidden)
        elif isinstance(inner, bool | str):
            yield path, inner
        elif isinstance(inner, int | float):
            yield path, Decimal(repr(inner))
        else:
            yield path, Odd.NULL if inner is None else Odd.NESTED


def kind(path: str, values: Sequence[Value]) -> Kind:
    """What an argument is good for, by its name and everything that stood there."""
    texts = [value for value in values if isinstance(value, str)]
    if _named(_DECIDES, path) or any(_DOES.search(text) for text in texts):
        return Kind.DECIDES
    if Odd.NESTED in values:
        return Kind.NESTED
    free = _named(_FREE, path) or any(len(text) > LONGEST_TEXT or len(text.split()) > 2 for text in texts)
    if free or is_secret_name(_name(path)) or Odd.NULL in values:
        return Kind.OPEN
    if len({type(value) for value in values}) != 1:
        return Kind.OPEN
    return Kind.BOUNDED


def tightest(path: str, values: Sequence[Scalar]) -> Bound | None:
    """The tightest bound that all these values are within; None where none would mean anything."""
    distinct = sorted(set(values))
    few = len(distinct) <= MOST_VALUES and all(values.count(one) >= EACH_VALUE for one in distinct)
    numbers = all(_is_number(value) for value in values)
    if numbers and measures(path):
        return Bound(path=path, op="between", value=(distinct[0], distinct[-1]))
    if few:
        return Bound(path=path, op="in", value=tuple(distinct))
    texts = [value for value in distinct if isinstance(value, str)]
    if len(texts) < len(distinct):
        return None
    prefix, domain = _prefix(texts), {text.rpartition("@")[1:] for text in texts}
    if prefix is not None:
        return Bound(path=path, op="starts_with", value=prefix)
    if len(domain) == 1 and "@" in (only := domain.pop()):
        return Bound(path=path, op="ends_with", value="".join(only))
    return None


def measures(path: str) -> bool:
    """Can a number there be more or less, or does it only tell one thing from another?"""
    return not _named(_IDENTIFIES, path)


def _prefix(texts: Sequence[str]) -> str | None:
    """What all begin with, up to the end of a part."""
    first, last = min(texts), max(texts)
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    ends = [at for at in range(same) if first[at] in "/:-_."]
    cut = ends[-1] + 1 if ends else 0
    return first[:cut] if cut >= SHORTEST_PREFIX else None


def _named(words: re.Pattern[str], path: str) -> bool:
    """Is one of these a whole word of the argument's name?"""
    return any(words.fullmatch(word.lower()) for word in _SPLIT.split(_CAMEL.sub(" ", _name(path))))


def _name(path: str) -> str:
    last = parse_path(path).steps[-1]
    return last if isinstance(last, str) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, Decimal)


def _plain(value: Any) -> Any:
    whole = isinstance(value, Decimal) and value == value.to_integral_value() and value.adjusted() < 18
    return int(value) if whole else value
