"""Our conditions as Intercept's, on its two sides: what must hold to allow, and what must hold to ask a person.

Intercept compares loosely (the number 1 equals the text "1") and takes what is missing or of another kind as "does
not hold". Where that would let a call pass, a second condition pins the kind down: `regex` is for texts only, `lte`
for numbers only. What cannot be said exactly is None, and whoever asked writes something stricter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.policy.conditions import Side
from gateway.policy.convert_values import anchored, escaped, kinds, plain_path, twinless, unglobbed

LARGEST_NUMBER = Decimal("1.7e308")
"""No JSON number of an Intercept call is larger, so `lte` this holds for every number and nothing else."""
INVERSE = {
    "lt": "gte",
    "lte": "gt",
    "gt": "lte",
    "gte": "lt",
    "eq": "neq",
    "neq": "eq",
    "in": "not_in",
    "not_in": "in",
    "exists": "not_exists",
    "not_exists": "exists",
}
"""The operator that holds exactly when this one definitely does not."""

Written = list[dict[str, Any]]


def required(said: Mapping[str, Any], side: Side) -> Written | None:
    """Conditions that hold together exactly when this one, standing on that side, definitely does."""
    if "all" in said:
        return _together([required(one, side) for one in said["all"]])
    if "not" in said:
        return refused(said["not"], side.turned())
    if "any" in said or said.get("fold") or not plain_path(said["path"]):
        return None
    return _leaf(said, side)


def refused(said: Mapping[str, Any], side: Side) -> Written | None:
    """Conditions that hold together exactly when this one, standing on that side, definitely does not."""
    if "any" in said:
        return _together([refused(one, side) for one in said["any"]])
    if "not" in said:
        return required(said["not"], side.turned())
    if "all" in said or said.get("op") not in INVERSE:
        return None
    return required({**said, "op": INVERSE[said["op"]]}, side)


def _together(each: Sequence[Written | None]) -> Written | None:
    found = [written for written in each if written is not None]
    return [condition for written in found for condition in written] if len(found) == len(each) else None


def paths(said: Mapping[str, Any]) -> set[str]:
    """Every path that a condition looks at, but for those it only asks to be there or not."""
    for kind in ("any", "all"):
        if kind in said:
            return {path for one in said[kind] for path in paths(one)}
    if "not" in said:
        return paths(said["not"])
    return set() if said["op"] in {"exists", "not_exists"} else {said["path"]}


def is_exact(said: Mapping[str, Any]) -> bool:
    """Is a value of another kind no matter to it? Only then nothing is lost where it asks a person."""
    for kind in ("any", "all"):
        if kind in said:
            return all(map(is_exact, said[kind]))
    if "not" in said:
        return is_exact(said["not"])
    loose = bool(said.get("coerce")) and said["op"] != "contains"
    return loose or said["op"] in {"exists", "not_exists"}


def _leaf(said: Mapping[str, Any], side: Side) -> Written | None:
    path, op, value = said["path"], said["op"], said.get("value")
    match op:
        case "exists" | "not_exists":
            return [{"path": path, "op": "exists", "value": op == "exists"}]
        case "lt" | "lte" | "gt" | "gte":
            return [{"path": path, "op": op, "value": value}]
        case "between" if isinstance(value, list):
            return [{"path": path, "op": "gte", "value": value[0]}, {"path": path, "op": "lte", "value": value[1]}]
        case "eq" | "neq" | "in" | "not_in":
            return _equality(said)
        case "contains" if said.get("coerce") or twinless(value):
            return [{"path": path, "op": "contains", "value": value}]
        case "starts_with":
            return _regex(path, f"^{escaped(str(value))}")
        case "ends_with":
            return _regex(path, f"{escaped(str(value))}$")
        case "glob":
            return _regex(path, f"^{unglobbed(str(value))}$")
        case "regex":
            full = said.get("full", side is Side.REQUIRE)
            return _regex(path, anchored(str(value)) if full else str(value))
        case _:
            return None


def _equality(said: Mapping[str, Any]) -> Written | None:
    path, op, value = said["path"], said["op"], said["value"]
    plain = {"path": path, "op": op, "value": value}
    if said.get("coerce"):
        return [plain]
    found = kinds(value if op in {"in", "not_in"} else [value])
    if found == {"a text"}:
        return [plain] if op in {"eq", "in"} and twinless(value) else [plain, *_regex(path, "^")]
    if found == {"a number"}:
        return [plain, {"path": path, "op": "lte", "value": LARGEST_NUMBER}]
    return None


def _regex(path: str, pattern: str) -> Written:
    return [{"path": path, "op": "regex", "value": pattern}]
