"""Conditions as written into conditions that can judge: paths parsed, values checked, patterns compiled."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.policy.collecting import Collector, Path
from gateway.policy.conditions import Condition, Group, Side
from gateway.policy.operands import FOLDED, prepare
from gateway.policy.operators import OPERATORS
from gateway.policy.paths import ArgumentPath, parse_path
from gateway.policy.shapes import ConditionShape
from gateway.policy.source import nearest, pointer
from gateway.policy.texts import shown

EQUALITIES = ("eq", "neq", "in", "not_in", "contains")
PRESENCES = ("exists", "not_exists")
OTHER_WORDS = {
    "=": "eq",
    "is": "eq",
    "equals": "eq",
    "<>": "neq",
    "ne": "neq",
    "not_equals": "neq",
    "greater": "gt",
    "greater_than": "gt",
    "less": "lt",
    "less_than": "lt",
    "min": "gte",
    "max": "lte",
    "one_of": "in",
    "any_of": "in",
    "none_of": "not_in",
    "includes": "contains",
    "prefix": "starts_with",
    "suffix": "ends_with",
    "like": "glob",
    "pattern": "regex",
    "range": "between",
    "length": "len_eq",
    "present": "exists",
    "missing": "not_exists",
    "ip": "cidr",
    "domain": "host_in",
    "url": "host_in",
}
"""Words of other languages, with ours: what is spelt alike is often another op."""


def conditions(
    notes: Collector, shapes: Sequence[ConditionShape], path: Path, side: Side
) -> tuple[Condition | Group, ...]:
    """Every condition of a list that can be compiled."""
    each = [_part(notes, shape, (*path, index), side) for index, shape in enumerate(shapes)]
    return tuple(part for part in each if part is not None)


def _part(notes: Collector, shape: ConditionShape, path: Path, side: Side) -> Condition | Group | None:
    groups = [key for key, of in (("any", shape.any), ("all", shape.all), ("not", shape.not_)) if of is not None]
    if len(groups) + (shape.path is not None or shape.op is not None) != 1:
        notes.problem(path, "a condition is either path, op and value, or one of any, all, not")
        return None
    if not groups:
        return condition(notes, shape, path, side)
    if shape.not_ is not None:
        inner = _part(notes, shape.not_, (*path, "not"), side.turned())
        return Group(pointer=pointer(path), kind="not", of=(inner,)) if inner else None
    of = shape.any if shape.any is not None else shape.all or []
    if not of:
        notes.problem((*path, groups[0]), f"{groups[0]} needs at least one condition")
    return Group(pointer=pointer(path), kind=groups[0], of=conditions(notes, of, (*path, groups[0]), side))


def condition(notes: Collector, shape: ConditionShape, path: Path, side: Side) -> Condition | None:
    """One `path op value`."""
    where = argument_path(notes, shape.path, (*path, "path"))
    if shape.op is None:
        notes.problem(path, "'op' is missing")
        return None
    _options(notes, shape, path)
    if shape.op in PRESENCES:
        return _presence(notes, shape, where, path)
    op = OPERATORS.get(shape.op)
    if op is None:
        notes.problem((*path, "op"), f"unknown op {shape.op!r}", _meant(shape.op))
        return None
    if "value" not in shape.model_fields_set:
        notes.problem(path, f"'value' is missing: what is {shape.op!r} to compare with?")
        return None
    full = shape.full if shape.full is not None else side is Side.REQUIRE
    try:
        ready = prepare(op, shape.value, full=full, fold=shape.fold, coerce=shape.coerce)
    except ValueError as err:
        notes.problem((*path, "value"), str(err))
        return None
    if where is None:
        return None
    return Condition(
        pointer=pointer(path),
        path=where,
        op=op,
        value=shape.value,
        ready=ready,
        said=shown(shape.value),
        fold=shape.fold,
        full=shape.full,
        coerce=shape.coerce,
    )


def _meant(word: str) -> str:
    """The op that somebody meant who wrote this word."""
    word = word.lower()
    if word in OTHER_WORDS:
        return f"did you mean '{OTHER_WORDS[word]}'?"
    known = [*OPERATORS, *PRESENCES]
    return nearest(word, known) or "known: " + ", ".join(known)


def _options(notes: Collector, shape: ConditionShape, path: Path) -> None:
    """An option that would change nothing is a mistake: its author believes that it does."""
    op = OPERATORS.get(shape.op or "")
    if op is None and shape.op not in PRESENCES:
        return
    if shape.fold and (op is None or op.wants not in FOLDED):
        notes.problem((*path, "fold"), f"{shape.op} compares no letters, so fold changes nothing; take it out")
    if shape.full is not None and (op is None or op.wants != "pattern"):
        notes.problem((*path, "full"), f"full belongs to regex; {shape.op} has no pattern")
    if shape.coerce and (op is None or op.name not in EQUALITIES):
        notes.problem((*path, "coerce"), f"coerce belongs to {', '.join(EQUALITIES)}; {shape.op} compares no texts")


def _presence(notes: Collector, shape: ConditionShape, where: ArgumentPath | None, path: Path) -> Condition | None:
    wanted = True if shape.value is None else shape.value
    if not isinstance(wanted, bool):
        notes.problem((*path, "value"), f"{shape.op} takes true, false, or no value")
        return None
    if where is None:
        return None
    return Condition(pointer=pointer(path), path=where, op=None, exists=wanted is (shape.op == "exists"))


def argument_path(notes: Collector, text: str | None, path: Path) -> ArgumentPath | None:
    """A path into the arguments."""
    if text is None:
        notes.problem(path, "'path' is missing")
        return None
    if text == "state" or text.startswith("state."):
        notes.problem(path, "paths into state belong to the Intercept dialect; use limits here")
        return None
    try:
        return parse_path(text)
    except ValueError as err:
        notes.problem(path, str(err))
        return None
