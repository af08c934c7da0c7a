"""Does one rule hold wherever another does? Asked of plain conditions, and answered yes only where that is certain.

It decides whether a change tightens or loosens, and whether a rule can ever be the one that decides. Yes means: where
the one holds the other does, and where nobody can say of the one, the other holds or nobody can say of it either. So
it is the same answer under `require` and under `deny_if`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.policy.convert_values import kinds
from gateway.policy.operators import kind, same
from gateway.policy.texts import normalised

UPPER = {"lt", "lte", "len_lt", "len_lte"}
LOWER = {"gt", "gte", "len_gt", "len_gte"}
_ORDERED = {"lt", "lte", "gt", "gte"}


def rule_implies(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Does the other rule hold wherever the one does? Its conditions must all hold, and its expression."""
    if "when" in other and other["when"] != one.get("when"):
        return False
    return all(
        any(implies(mine, theirs) for mine in one.get("conditions", [])) for theirs in other.get("conditions", [])
    )


def implies(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Does the other condition hold wherever the one does?"""
    if alike(one, other):
        return True
    if "all" in other:
        return all(implies(one, part) for part in other["all"])
    if "any" in one:
        return all(implies(part, other) for part in one["any"])
    if "any" in other:
        return any(implies(one, part) for part in other["any"])
    if "all" in one:
        return any(implies(part, other) for part in one["all"])
    if "not" in one or "not" in other:
        return "not" in one and "not" in other and implies(other["not"], one["not"])
    options = ("fold", "full", "coerce")
    if one["path"] != other["path"] or any(one.get(key) != other.get(key) for key in options):
        return False
    return _leaf(one["op"], one.get("value"), other["op"], other.get("value"))


def alike(one: Any, other: Any) -> bool:
    """Are two pieces of plain data the same? Numbers by value."""
    return same(normalised(one), normalised(other))


def _leaf(op: str, value: Any, other_op: str, other: Any) -> bool:
    if op in {"eq", "in"}:
        items = value if op == "in" else [value]
        return _comparable(items, other_op, other) and all(_satisfies(item, other_op, other) for item in items)
    if op == "between" and isinstance(value, list):
        low, high = value
        return _bounded(other_op, other, low, high)
    if {op, other_op} <= UPPER or {op, other_op} <= LOWER:
        return _bound(op, value, other_op, other)
    return op == other_op and op in _SAME_OP and _SAME_OP[op](value, other)


def _comparable(items: Sequence[Any], other_op: str, other: Any) -> bool:
    """Can nobody say of the other wherever nobody can of the one? Values of the same kinds are compared with both."""
    if other_op not in {"in", "not_in", "eq", "neq"}:
        return len(kinds(items)) == 1
    return kinds(items) == kinds(other if other_op in {"in", "not_in"} else [other])


def _satisfies(value: Any, op: str, wanted: Any) -> bool:
    """Is this one value certain to pass the test?"""
    if op in {"eq", "in"}:
        return any(same(value, item) for item in (wanted if op == "in" else [wanted]))
    if op in {"not_in", "neq"}:
        return not any(same(value, item) for item in (wanted if op == "not_in" else [wanted]))
    if op == "starts_with":
        return isinstance(value, str) and value.startswith(str(wanted))
    if kind(value) != "a number":
        return False
    if op == "between":
        return bool(wanted[0] <= value <= wanted[1])
    return _bounded(op, wanted, value, value)


def _bounded(op: str, bound: Any, low: Decimal | int, high: Decimal | int) -> bool:
    if op == "between":
        return bool(bound[0] <= low and high <= bound[1])
    tests = {"lt": high < bound, "lte": high <= bound, "gt": low > bound, "gte": low >= bound} if op in _ORDERED else {}
    return bool(tests.get(op, False))


def _bound(op: str, value: Any, other_op: str, other: Any) -> bool:
    if op.startswith("len_") is not other_op.startswith("len_"):
        return False
    if value == other:
        return op.endswith("e") <= other_op.endswith("e")
    return bool(value < other) if op in UPPER else bool(value > other)


def _excludes(value: Any, other: Any) -> bool:
    return kinds(value) == kinds(other) and all(any(same(item, mine) for mine in value) for item in other)


def _subset(value: Any, other: Any) -> bool:
    return all(any(same(item, theirs) for theirs in _listed(other)) for item in _listed(value))


def _networks(value: Any, other: Any) -> bool:
    wide = [ipaddress.ip_network(item) for item in _listed(other)]
    each = [ipaddress.ip_network(item) for item in _listed(value)]
    return all(any(_inside(mine, theirs) for theirs in wide) for mine in each)


def _inside(one: Any, other: Any) -> bool:
    return one.version == other.version and bool(one.subnet_of(other))


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


_SAME_OP: Mapping[str, Callable[[Any, Any], bool]] = {
    "not_in": _excludes,
    "starts_with": lambda value, other: str(value).startswith(str(other)),
    "ends_with": lambda value, other: str(value).endswith(str(other)),
    "cidr": _networks,
    "subset_of": _subset,
    "host_in": _subset,
    "path_under": _subset,
}
"""Both conditions have this operator: is what passes with the one's value certain to pass with the other's?"""
