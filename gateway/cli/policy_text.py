"""A ruling in words: every rule considered with the value that failed, and how the limits stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from gateway.policy.model import Considered
from gateway.policy.standings import Standing, plain
from gateway.policy.verdicts import Final


def trace(final: Final) -> list[str]:
    """Every rule considered, one a line; those that had a say are marked, and the one that decided more so."""
    layers = len({one.policy for one in final.ruling.trace}) > 1
    rows = [(_mark(one, final), _name(one, layers=layers), one.why) for one in final.ruling.trace]
    width = min(max((len(name) for _, name, _ in rows), default=0), 60)
    return [f"{mark} {name:<{width}}  {why}" for mark, name, why in rows]


def limits(final: Final) -> list[str]:
    """How every limit of the call stands, one a line."""
    rows = [
        (">" if one.rule == final.rule else " ", one.counter, _standing(one), _more(one)) for one in final.standings
    ]
    width, middle = (max((len(row[at]) for row in rows), default=0) for at in (1, 2))
    return [f"{mark} {name:<{width}}  {left:<{middle}}  more {more}" for mark, name, left, more in rows]


def indented(lines: Sequence[str], by: str) -> list[str]:
    """Lines moved to the right."""
    return [by + line for line in lines]


def _mark(one: Considered, final: Final) -> str:
    if not one.matched:
        return " "
    decided = one.rule == final.rule and one.policy == final.ruling.policy
    return ">" if decided else "*"


def _name(one: Considered, *, layers: bool) -> str:
    rule = one.rule or "(no rule)"
    return f"{one.policy}#{rule}" if layers else rule


def _standing(one: Standing) -> str:
    unit = f" {one.unit}" if one.unit is not None else ""
    return f"{plain(one.remaining)} of {plain(one.max)}{unit} left"


def _more(one: Standing) -> str:
    if one.resets_at is None:
        return "when a running call ends"
    return f"at {one.resets_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
