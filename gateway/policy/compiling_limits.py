"""Limits and rates as written into budgets: windows known, scopes known, amounts exact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from gateway.policy.collecting import Collector, Path
from gateway.policy.compiling_conditions import argument_path
from gateway.policy.durations import duration, written
from gateway.policy.model import Limit, OnExceed, Scope, Window
from gateway.policy.paths import ArgumentPath
from gateway.policy.shapes import LimitShape, countable
from gateway.policy.source import nearest, pointer

NAMED_WINDOWS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
SHORTEST_WINDOW = timedelta(seconds=1)
LONGEST_WINDOW = timedelta(days=31)
MOST_CALLS = 1_000_000_000


def limits(notes: Collector, shapes: Sequence[LimitShape], path: Path) -> tuple[Limit, ...]:
    """The limits of a list that can be compiled; `path` is what the list stands under."""
    each = [_limit(notes, shape, (*path, "limits", index)) for index, shape in enumerate(shapes)]
    return tuple(limit for limit in each if limit is not None)


def _limit(notes: Collector, shape: LimitShape, path: Path) -> Limit | None:
    for key in ("burst", "tz", "unit"):
        if getattr(shape, key) is not None:
            notes.not_yet((*path, key), key)
    if shape.kind == "bucket":
        notes.not_yet((*path, "kind"), "kind: bucket")
    window = window_of(notes, shape.window, (*path, "window"), shape.kind)
    scope = _scope(notes, shape.scope, (*path, "scope"))
    amount = _amount(notes, shape, path)
    if window is None or scope is None or amount is None:
        return None
    return Limit(
        pointer=pointer(path),
        counter=shape.counter,
        window=window,
        max=shape.max,
        scope=scope,
        amount=amount,
        on_exceed=OnExceed(shape.on_exceed),
        reason=shape.on_deny,
        id=shape.id,
    )


def window_of(notes: Collector, value: Any, path: Path, kind: str | None) -> Window | None:
    """A window by its name, its duration or its seconds; durations roll unless `kind` says fixed."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        notes.problem(path, "a window is minute, hour, day, a duration like 10m, or a whole number of seconds")
        return None
    if isinstance(value, str) and value in NAMED_WINDOWS:
        return Window(name=value, length=NAMED_WINDOWS[value], rolling=kind == "sliding")
    if value in {"week", "month", "inflight"}:
        notes.not_yet(path, f"window: {value}")
        return None
    try:
        length = timedelta(seconds=value) if isinstance(value, int) else duration(value)
    except (ValueError, OverflowError):
        hint = nearest(str(value), NAMED_WINDOWS) or "minute, hour, day, a duration like 10m, or seconds"
        notes.problem(path, f"{value!r} is not a window", hint)
        return None
    if not SHORTEST_WINDOW <= length <= LONGEST_WINDOW:
        notes.problem(path, f"a window is between {written(SHORTEST_WINDOW)} and {written(LONGEST_WINDOW)} long")
        return None
    return Window(name=written(length), length=length, rolling=kind != "fixed")


def _scope(notes: Collector, value: Any, path: Path) -> Scope | None:
    if isinstance(value, str) and value in set(Scope):
        return Scope(value)
    if isinstance(value, list) or value == "session" or (isinstance(value, str) and value.startswith("args.")):
        notes.not_yet(path, f"scope: {value}")
    else:
        notes.problem(path, f"{value!r} is not a scope", nearest(str(value), Scope) or "one of " + ", ".join(Scope))
    return None


def _amount(notes: Collector, shape: LimitShape, path: Path) -> Decimal | ArgumentPath | None:
    said = [key for key in ("amount", "increment", "increment_from") if getattr(shape, key) is not None]
    if len(said) > 1:
        notes.problem((*path, said[1]), f"{said[0]} and {said[1]} say the same thing; keep one")
        return None
    if not said:
        return Decimal(1)
    value, here = getattr(shape, said[0]), (*path, said[0])
    if isinstance(value, str) and value.startswith("len("):
        notes.not_yet(here, "amount: len(…)")
        return None
    if isinstance(value, str):
        found = argument_path(notes, value, here)
        if found is not None and found.several:
            notes.problem(here, "an amount is one number; [*] stands for several")
        return found
    try:
        return countable(value)
    except ValueError:
        notes.problem(here, "an amount is a number above 0, or args.path")
        return None


def rate(notes: Collector, value: Any, tool: str, path: Path) -> tuple[Limit, ...]:
    """The limit that a `rate_limit` is short for; its counter belongs to the entry it stands under."""
    if value is None:
        return ()
    here = (*path, "rate_limit")
    if isinstance(value, str):
        count, _, word = value.partition("/")
        if not count.isascii() or not count.isdigit() or not 0 < int(count) <= MOST_CALLS or word not in NAMED_WINDOWS:
            notes.problem(here, f"{value!r} is not a rate; write 30/minute, 30/hour or 30/day")
            return ()
        most: Decimal | None = Decimal(count)
        window = window_of(notes, word, here, None)
    elif isinstance(value, dict) and set(value) == {"max", "window"}:
        most = _rate_max(notes, value["max"], here)
        window = window_of(notes, value["window"], here, None)
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
