"""The tests a condition can make of one value: one function each, its docstring is its reference.

Nothing is coerced: a text is never a number, true is never 1. A value of the wrong kind raises `Unfit`,
which counts against the call on whatever side the condition stands (policy.md 3.2). Numbers are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.policy.places import Unfit, address_of, host_of, plain_path

Test = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One operator: `wants` names the kind of its value, `yes` and `no` how the trace speaks of it."""

    name: str
    test: Test
    wants: str
    yes: str
    no: str


OPERATORS: dict[str, Operator] = {}
"""Every operator by each of its spellings."""


def operator(*names: str, wants: str, yes: str, no: str) -> Callable[[Test], Test]:
    """Register a test under its names; `{v}` in the phrases is the policy's value."""

    def register(test: Test) -> Test:
        for name in names:
            OPERATORS[name] = Operator(name=names[0], test=test, wants=wants, yes=yes, no=no)
        return test

    return register


def number(value: Any) -> Decimal:
    """The exact number of a JSON value.

    Raises:
        Unfit: it is not a number, or not a finite one.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unfit(f"is {kind(value)}, not a number")
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        raise Unfit("is not a finite number")
    return exact


def kind(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float | Decimal):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list | tuple) else "an object"


def same(actual: Any, wanted: Any) -> bool:
    """Are two JSON values equal? Numbers by value, lists and objects by their parts; texts are in NFC already."""
    if kind(actual) != kind(wanted):
        return False
    if isinstance(wanted, list | tuple):
        return len(actual) == len(wanted) and all(map(same, actual, wanted))
    if isinstance(wanted, dict):
        return actual.keys() == wanted.keys() and all(same(actual[k], v) for k, v in wanted.items())
    return bool(number(actual) == number(wanted)) if kind(wanted) == "a number" else bool(actual == wanted)


def _key(value: Any) -> Hashable:
    """What two JSON values have in common exactly if they are the same."""
    if isinstance(value, list | tuple):
        return "a list", tuple(map(_key, value))
    if isinstance(value, dict):
        return "an object", frozenset((name, _key(member)) for name, member in value.items())
    return kind(value), number(value) if kind(value) == "a number" else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The values of a list in a policy file: to look one up takes no longer in a long list."""

    keys: frozenset[Hashable]
    kinds: frozenset[str]

    @classmethod
    def of(cls, items: Iterable[Any]) -> Known:
        """Those values."""
        listed = list(items)
        return cls(keys=frozenset(map(_key, listed)), kinds=frozenset(map(kind, listed)))

    def __contains__(self, value: Any) -> bool:
        return _key(value) in self.keys


def _alike(actual: Any, wanted: Any) -> None:
    if kind(actual) != kind(wanted):
        raise Unfit(f"is {kind(actual)}, compared with {kind(wanted)}")


@operator("eq", "==", wants="any", yes="is {v}", no="is not {v}")
def equals(actual: Any, wanted: Any) -> bool:
    """Equal, and of the same kind: the text "1" is not the number 1."""
    _alike(actual, wanted)
    return same(actual, wanted)


@operator("neq", "!=", wants="any", yes="is not {v}", no="is {v}")
def differs(actual: Any, wanted: Any) -> bool:
    """Not equal, but of the same kind."""
    _alike(actual, wanted)
    return not same(actual, wanted)


@operator("lt", "<", wants="number", yes="is < {v}", no="is not < {v}")
def less(actual: Any, wanted: Any) -> bool:
    """A number below the value."""
    return number(actual) < number(wanted)


@operator("lte", "<=", wants="number", yes="is <= {v}", no="is not <= {v}")
def at_most(actual: Any, wanted: Any) -> bool:
    """A number not above the value."""
    return number(actual) <= number(wanted)


@operator("gt", ">", wants="number", yes="is > {v}", no="is not > {v}")
def greater(actual: Any, wanted: Any) -> bool:
    """A number above the value."""
    return number(actual) > number(wanted)


@operator("gte", ">=", wants="number", yes="is >= {v}", no="is not >= {v}")
def at_least(actual: Any, wanted: Any) -> bool:
    """A number not below the value."""
    return number(actual) >= number(wanted)


@operator("between", wants="range", yes="is between {v}", no="is not between {v}")
def between(actual: Any, wanted: Any) -> bool:
    """A number from the first to the second of two values, both included."""
    low, high = wanted
    return number(low) <= number(actual) <= number(high)


@operator("in", wants="list", yes="is one of {v}", no="is not one of {v}")
def one_of(actual: Any, wanted: Any) -> bool:
    """One of the values in the list."""
    if kind(actual) not in wanted.kinds:
        raise Unfit(f"is {kind(actual)}, unlike everything in the list")
    return actual in wanted


@operator("not_in", wants="list", yes="is none of {v}", no="is one of {v}")
def none_of(actual: Any, wanted: Any) -> bool:
    """None of the values in the list, but of the kind of one of them."""
    return not one_of(actual, wanted)


@operator("contains", wants="any", yes="contains {v}", no="does not contain {v}")
def contains(actual: Any, wanted: Any) -> bool:
    """A text that has the value in it, or a list that has it as an element."""
    if isinstance(actual, list | tuple):
        return any(same(item, wanted) for item in actual)
    return text(wanted) in text(actual)


@operator("not_contains", wants="any", yes="does not contain {v}", no="contains {v}")
def lacks(actual: Any, wanted: Any) -> bool:
    """A text or a list without the value in it."""
    return not contains(actual, wanted)


@operator("starts_with", wants="text", yes="starts with {v}", no="does not start with {v}")
def starts_with(actual: Any, wanted: Any) -> bool:
    """A text that begins with the value."""
    return text(actual).startswith(text(wanted))


@operator("ends_with", wants="text", yes="ends with {v}", no="does not end with {v}")
def ends_with(actual: Any, wanted: Any) -> bool:
    """A text that ends with the value."""
    return text(actual).endswith(text(wanted))


@operator("regex", "matches", wants="pattern", yes="matches {v}", no="does not match {v}")
def matches(actual: Any, wanted: Any) -> bool:
    """A text that an RE2 pattern matches: as a whole under `require`, anywhere in it under `deny_if` and
    `approve_if`, so that a pattern without anchors is never the looser reading. `full: true|false` decides it."""
    return wanted.search(text(actual)) is not None


@operator("glob", wants="glob", yes="matches {v}", no="does not match {v}")
def glob(actual: Any, wanted: Any) -> bool:
    """A whole text like the value, in which * stands for any characters and ? for one."""
    return wanted.fullmatch(text(actual)) is not None


@operator("subset_of", wants="list", yes="has only elements of {v}", no="has elements outside {v}")
def subset_of(actual: Any, wanted: Any) -> bool:
    """A list, all of whose elements are in the value."""
    if not isinstance(actual, list | tuple):
        raise Unfit(f"is {kind(actual)}, not a list")
    return all(item in wanted for item in actual)


@operator("len_eq", wants="count", yes="has length {v}", no="does not have length {v}")
def length_is(actual: Any, wanted: Any) -> bool:
    """A text, list or object with exactly this many characters, elements or members."""
    return length(actual) == int(wanted)


@operator("len_lt", wants="count", yes="is shorter than {v}", no="is not shorter than {v}")
def shorter(actual: Any, wanted: Any) -> bool:
    """Fewer characters, elements or members than this."""
    return length(actual) < int(wanted)


@operator("len_lte", wants="count", yes="has length <= {v}", no="does not have length <= {v}")
def length_at_most(actual: Any, wanted: Any) -> bool:
    """Not more characters, elements or members than this."""
    return length(actual) <= int(wanted)


@operator("len_gt", wants="count", yes="is longer than {v}", no="is not longer than {v}")
def longer(actual: Any, wanted: Any) -> bool:
    """More characters, elements or members than this."""
    return length(actual) > int(wanted)


@operator("len_gte", wants="count", yes="has length >= {v}", no="does not have length >= {v}")
def length_at_least(actual: Any, wanted: Any) -> bool:
    """Not fewer characters, elements or members than this."""
    return length(actual) >= int(wanted)


@operator("cidr", wants="networks", yes="is in {v}", no="is not in {v}")
def in_networks(actual: Any, wanted: Any) -> bool:
    """An IP address inside one of the networks. A name is not an address: it is not looked up."""
    try:
        address = address_of(text(actual))
    except ValueError as err:
        raise Unfit("is not a plain IP address") from err
    return any(address in network for network in wanted)


@operator("host_in", wants="hosts", yes="has its host in {v}", no="does not have its host in {v}")
def host_in(actual: Any, wanted: Any) -> bool:
    """An absolute URL whose host is in the list; `*.example.com` stands for every host under it. URLs whose host
    programs read differently (a user part, a backslash, an address that is not in its plain form) are none."""
    host = host_of(text(actual))
    return any(host.endswith(known[1:]) if known.startswith("*.") else host == known for known in wanted)


@operator("path_under", wants="directories", yes="is under {v}", no="is not under {v}")
def path_under(actual: Any, wanted: Any) -> bool:
    """An absolute path inside one of the directories. `..`, backslashes, encoded dots and slashes and invisible
    characters are refused, links are not followed."""
    path = plain_path(text(actual))
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in wanted)


def text(value: Any) -> str:
    """The text of a JSON text.

    Raises:
        Unfit: it is something else.
    """
    if not isinstance(value, str):
        raise Unfit(f"is {kind(value)}, not a text")
    return value


def length(value: Any) -> int:
    """How many characters, elements or members.

    Raises:
        Unfit: it has no length.
    """
    if not isinstance(value, str | list | tuple | dict):
        raise Unfit(f"is {kind(value)}, which has no length")
    return len(value)
