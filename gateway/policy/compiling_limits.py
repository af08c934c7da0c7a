"""Limits and rates as written into budgets: windows known, scopes known, amounts exact."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from gateway.policy.collecting import Collector, Path
from gateway.policy.compiling_conditions import argument_path
from gateway.policy.compiling_names import tool_pattern
from gateway.policy.compiling_windows import window_of
from gateway.policy.limit import Amount, LengthOf, Limit, OnExceed, Price, Prices, Scope
from gateway.policy.paths import ArgumentPath
from gateway.policy.shapes import LimitShape, countable
from gateway.policy.source import nearest, pointer

RATE_WINDOWS = ("minute", "hour", "day")
MOST_CALLS = 1_000_000_000


def limits(notes: Collector, shapes: Sequence[LimitShape], path: Path) -> tuple[Limit, ...]:
    """The limits of a list that can be compiled; `path` is what the list stands under."""
    each = [_limit(notes, shape, (*path, "limits", index)) for index, shape in enumerate(shapes)]
    return tuple(limit for limit in each if limit is not None)


def _limit(notes: Collector, shape: LimitShape, path: Path) -> Limit | None:
    window = window_of(
        notes, shape.window, (*path, "window"), kind=shape.kind, tz=shape.tz, burst=shape.burst, most=shape.max
    )
    scope = _scope(notes, shape.scope, (*path, "scope"))
    amount = _amount(notes, shape, path)
    unit = _single(notes, shape.unit, (*path, "unit"), "a unit is one text") if shape.unit is not None else None
    if window is None or scope is None or amount is None or (unit is None and shape.unit is not None):
        return None
    return Limit(
        pointer=pointer(path),
        counter=shape.counter,
        window=window,
        max=shape.max,
        scope=scope,
        amount=amount,
        unit=unit,
        on_exceed=OnExceed(shape.on_exceed),
        reason=shape.on_deny,
        id=shape.id,
    )


def _scope(notes: Collector, value: Any, path: Path) -> tuple[Scope | ArgumentPath, ...] | None:
    if not isinstance(value, list):
        one = _scope_part(notes, value, path)
        return None if one is None else (one,)
    if not value:
        notes.problem(path, "a list of scopes names at least one")
        return None
    parts = [_scope_part(notes, part, (*path, index)) for index, part in enumerate(value)]
    for index, part in enumerate(parts):
        if part is not None and part in parts[:index]:
            notes.problem((*path, index), f"{value[index]!r} stands twice in the scope")
    known = tuple(part for part in parts if part is not None)
    return known if len(known) == len(parts) else None


def _scope_part(notes: Collector, value: Any, path: Path) -> Scope | ArgumentPath | None:
    if isinstance(value, str) and value in set(Scope):
        return Scope(value)
    if isinstance(value, str) and value.startswith("args"):
        return argument_path(notes, value, path)
    known = [*Scope, "args.path"]
    notes.problem(path, f"{value!r} is not a scope", nearest(str(value), Scope) or "one of " + ", ".join(known))
    return None


def _amount(notes: Collector, shape: LimitShape, path: Path) -> Amount | None:
    said = [key for key in ("amount", "increment", "increment_from") if getattr(shape, key) is not None]
    if len(said) > 1:
        notes.problem((*path, said[1]), f"{said[0]} and {said[1]} say the same thing; keep one")
        return None
    if not said:
        return Decimal(1)
    value, here = getattr(shape, said[0]), (*path, said[0])
    return _prices(notes, value, here) if isinstance(value, dict) else _price(notes, value, here)


def _prices(notes: Collector, value: dict[str, Any], path: Path) -> Prices | None:
    each = []
    for name, said in value.items():
        here = (*path, name)
        free = isinstance(said, int | Decimal) and not isinstance(said, bool) and said == 0
        named, price = tool_pattern(notes, name, here), Decimal(0) if free else _price(notes, said, here)
        if named is not None and price is not None:
            each.append((named, price))
    if not value:
        notes.problem(path, 'prices name at least one tool, as in {pay: 5, "*": 1}')
    return Prices(each=tuple(each)) if value and len(each) == len(value) else None


def _price(notes: Collector, value: Any, path: Path) -> Price | None:
    if isinstance(value, str) and value.startswith("len("):
        if not value.endswith(")"):
            notes.problem(path, f"{value!r} has no closing bracket; write len(args.path)")
            return None
        inside = _single(notes, value[4:-1].strip(), path, "an amount is one number")
        return LengthOf(path=inside) if inside is not None else None
    if isinstance(value, str):
        return _single(notes, value, path, "an amount is one number")
    try:
        return countable(value)
    except ValueError:
        notes.problem(path, "an amount is a number above 0, args.path, len(args.path), or a price for each tool")
        return None


def _single(notes: Collector, value: str, path: Path, why: str) -> ArgumentPath | None:
    found = argument_path(notes, value, path)
    if found is not None and found.several:
        notes.problem(path, f"{why}; [*] stands for several")
        return None
    return found


def rate(notes: Collector, value: Any, tool: str, path: Path) -> tuple[Limit, ...]:
    """The limit that a `rate_limit` is short for; its counter belongs to the entry it stands under."""
    if value is None:
        return ()
    here = (*path, "rate_limit")
    if isinstance(value, str):
        count, _, word = value.partition("/")
        if not count.isascii() or not count.isdigit() or not 0 < int(count) <= MOST_CALLS or word not in RATE_WINDOWS:
            notes.problem(here, f"{value!r} is not a rate; write 30/minute, 30/hour or 30/day")
            return ()
        most: Decimal | None = Decimal(count)
        window = window_of(notes, word, here)
    elif isinstance(value, dict) and set(value) == {"max", "window"}:
        most = _rate_max(notes, value["max"], here)
        window = window_of(notes, value["window"], here)
    else:
        notes.problem(here, "a rate is written 30/minute, or {max: 30, window: 60} with the window in seconds")
        return ()
    if window is None or most is None:
        return ()
    return (Limit(pointer=pointer(here), counter=f"{tool}_rate_{window.name}", window=window, max=most),)


def _rate_max(notes: Collector, value: Any, path: Path) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST_CALLS:
        notes.problem((*path, "max"), f"max is a whole number of at least 1, at most {MOST_CALLS}")
        return None
    return Decimal(value)
