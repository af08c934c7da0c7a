"""Shapes mined from decisions: the tightest box of bounds around calls that people always approved, or always denied.

A shape is learned from the earlier decisions and tried on the later ones. It must hold on both: not one call within it
was denied or edited. It never reaches beyond what was seen. What was not answered in time counts neither way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.policy.evidence import EACH_VALUE, MOST_VALUES, Bound, Kind, Odd, Scalar, Value, kind, measures, tightest

EARLIER = 70
"""The share of decisions, in percent, that a shape is learned from."""


class Said(StrEnum):
    """What came of asking people about one call."""

    APPROVED = "approved"
    DENIED = "denied"
    EDITED = "edited"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One call that people were asked about. `values` are its arguments by their paths."""

    call: str
    at: datetime
    said: Said
    values: Mapping[str, Value]
    reviewers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What a shape needs before it is told: decisions, by different people, on different days, some of them later."""

    decisions: int = 20
    denials: int = 10
    people: int = 2
    days: int = 2
    later: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Decisions within a shape."""

    approved: int = 0
    denied: int = 0
    edited: int = 0
    unanswered: int = 0
    people: tuple[str, ...] = ()
    days: int = 0
    first: datetime | None = None
    last: datetime | None = None

    @property
    def contrary(self) -> int:
        """Calls that people did not let run as they were."""
        return self.denied + self.edited


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Bounds that all must hold. `learned_until`: the last decision it was learned from; `later` those after it."""

    bounds: tuple[Bound, ...]
    within: Count
    later: Count
    learned_until: datetime
    leaves_open: tuple[str, ...] = ()

    def said(self) -> str:
        """The bounds in words."""
        return " and ".join(bound.said() for bound in self.bounds) or "whatever its arguments"


@dataclass(frozen=True, slots=True)
class NoShape:
    """Why nothing is suggested."""

    why: str


@dataclass(slots=True)
class Fields:
    """The arguments that stood in the calls of one tool, and what each of them is good for."""

    kinds: dict[str, Kind] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Decided]) -> Fields:
        """What is seen in these calls. An argument that is not in all of them cannot be bounded."""
        seen: dict[str, list[Value]] = {}
        for row in rows:
            for path, value in row.values.items():
                seen.setdefault(path, []).append(value)
        kinds = {path: kind(path, values) for path, values in sorted(seen.items())}
        partly = {path for path, values in seen.items() if len(values) < len(rows)}
        return cls({p: Kind.OPEN if k is Kind.BOUNDED and p in partly else k for p, k in kinds.items()})

    def having(self, *wanted: Kind) -> list[str]:
        """Arguments of these kinds."""
        return [path for path, one in self.kinds.items() if one in wanted]


def allowable(rows: Sequence[Decided], support: Support) -> Shape | NoShape:
    """The widest shape of calls that people always approved."""
    fields = Fields.of(rows)
    if acts := fields.having(Kind.DECIDES):
        return NoShape(f"{acts[0]} decides what the call does, which no bounds can")
    if nested := fields.having(Kind.NESTED):
        return NoShape(f"{nested[0]} is a list or an object, of which bounds say nothing")
    sample = _Sample.of(rows, fields)
    boxes = {_box(start, sample.earlier, fields) for start in _starts(sample.earlier, fields)}
    shapes = sorted((sample.shape(box) for box in boxes if box is not None), key=_widest)
    found = next((shape for shape in shapes if _too_weak(shape, support) is None), None)
    if found is not None:
        return found
    why = _too_weak(shapes[0], support) if shapes else None
    return NoShape(why or "no bounds tell what was approved from what was not")


def deniable(rows: Sequence[Decided], support: Support) -> Shape | NoShape:
    """The widest shape of calls that people never approved."""
    fields = Fields.of(rows)
    sample = _Sample.of(rows, fields)
    boxes: list[tuple[Bound, ...]] = [(), *((bound,) for bound in _never_approved(sample.earlier, fields))]
    for shape in map(sample.shape, boxes):
        approved = shape.within.approved + shape.within.edited
        if not approved and not _too_few(shape, shape.within.denied, shape.later.denied, support.denials, support):
            return shape
    return NoShape("nothing was denied often enough, and never approved")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """The decisions on the calls of one tool, parted by time."""

    fields: Fields
    earlier: tuple[Decided, ...]
    later: tuple[Decided, ...]

    @classmethod
    def of(cls, rows: Sequence[Decided], fields: Fields) -> _Sample:
        ordered = sorted(rows, key=lambda row: (row.at, row.call))
        cut = max(1, len(ordered) * EARLIER // 100)
        return cls(fields=fields, earlier=tuple(ordered[:cut]), later=tuple(ordered[cut:]))

    def shape(self, box: tuple[Bound, ...]) -> Shape:
        """A box, and what was decided within it."""
        bounded = {bound.path for bound in box}
        return Shape(
            bounds=box,
            within=_count(_within(box, [*self.earlier, *self.later])),
            later=_count(_within(box, self.later)),
            learned_until=self.earlier[-1].at,
            leaves_open=tuple(path for path in self.fields.kinds if path not in bounded),
        )


def _widest(shape: Shape) -> tuple[int, int, str]:
    """Most approvals first; of the same, most bounds."""
    return -shape.within.approved, -len(shape.bounds), shape.said()


def _too_weak(shape: Shape, support: Support) -> str | None:
    """Why the evidence is not enough to allow, or None."""
    if shape.within.contrary:
        return f"where {shape.said()}, {shape.within.contrary} were denied or edited later"
    return _too_few(shape, shape.within.approved, shape.later.approved, support.decisions, support)


def _too_few(shape: Shape, count: int, later: int, needed: int, support: Support) -> str | None:
    within = shape.within
    if count < needed:
        return f"where {shape.said()}, {count} were decided so, and at least {needed} are needed"
    if len(within.people) < support.people:
        return f"where {shape.said()}, only {', '.join(within.people) or 'nobody'} decided"
    if within.days < support.days:
        return f"where {shape.said()}, everything was decided on {within.days} day"
    if later < support.later:
        return f"where {shape.said()}, only {later} of the later decisions are to be found"
    return None


def _starts(rows: Sequence[Decided], fields: Fields) -> Iterator[tuple[Bound, ...]]:
    """Bounds that part what was approved from what was not: none, one, or one of a few values and a number."""
    yield ()
    for path in fields.having(Kind.BOUNDED):
        for bound in _parting(path, rows):
            yield (bound,)
            if bound.op == "in":
                for other in fields.having(Kind.BOUNDED):
                    yield from ((bound, more) for more in _between(other, _within((bound,), rows)))


def _parting(path: str, rows: Sequence[Decided]) -> Iterator[Bound]:
    yield from _between(path, rows)
    approved, contrary = _values(path, rows, Said.APPROVED), set(_values(path, rows, Said.DENIED, Said.EDITED))
    clean = sorted({value for value in approved if value not in contrary and not isinstance(value, Decimal)}, key=str)
    often = [value for value in clean if approved.count(value) >= EACH_VALUE]
    if contrary and often:
        most = sorted(often, key=lambda value: (-approved.count(value), str(value)))[:MOST_VALUES]
        yield Bound(path=path, op="in", value=tuple(sorted(most, key=str)))


def _between(path: str, rows: Sequence[Decided]) -> Iterator[Bound]:
    """Numbers below, and above, everything that was not approved."""
    approved = [value for value in _values(path, rows, Said.APPROVED) if isinstance(value, Decimal)]
    contrary = [value for value in _values(path, rows, Said.DENIED, Said.EDITED) if isinstance(value, Decimal)]
    if not approved or not contrary or not measures(path):
        return
    for side in ([v for v in approved if v < min(contrary)], [v for v in approved if v > max(contrary)]):
        if side:
            yield Bound(path=path, op="between", value=(min(side), max(side)))


def _box(start: tuple[Bound, ...], rows: Sequence[Decided], fields: Fields) -> tuple[Bound, ...] | None:
    """The tightest bounds around what was approved within a start; None if something else is within them."""
    approved = [row for row in _within(start, rows) if row.said is Said.APPROVED]
    if not approved:
        return None
    bounds = {bound.path: bound for bound in start}
    for path in fields.having(Kind.BOUNDED):
        bound = tightest(path, _values(path, approved, Said.APPROVED))
        if bound is not None:
            bounds[path] = bound
    box = tuple(bounds[path] for path in sorted(bounds))
    return None if any(row.said in {Said.DENIED, Said.EDITED} for row in _within(box, rows)) else box


def _never_approved(rows: Sequence[Decided], fields: Fields) -> Iterator[Bound]:
    for path in fields.having(Kind.BOUNDED):
        good = _values(path, rows, Said.APPROVED, Said.EDITED)
        denied = _values(path, rows, Said.DENIED)
        bad = sorted({value for value in denied if value not in set(good)}, key=str)
        words = [value for value in bad if not isinstance(value, Decimal) and denied.count(value) >= EACH_VALUE]
        if words:
            yield Bound(path=path, op="in", value=tuple(words[:MOST_VALUES]))
        numbers = [value for value in good if isinstance(value, Decimal)]
        above = [v for v in denied if isinstance(v, Decimal) and numbers and v > max(numbers)]
        if above and measures(path):
            yield Bound(path=path, op="gte", value=min(above))


def _within(box: tuple[Bound, ...], rows: Sequence[Decided]) -> list[Decided]:
    return [row for row in rows if all(bound.holds(row.values) for bound in box)]


def _values(path: str, rows: Sequence[Decided], *said: Said) -> list[Scalar]:
    found = (row.values.get(path) for row in rows if row.said in said)
    return [value for value in found if value is not None and not isinstance(value, Odd)]


def _count(rows: Sequence[Decided]) -> Count:
    said = [row.said for row in rows]
    return Count(
        approved=said.count(Said.APPROVED),
        denied=said.count(Said.DENIED),
        edited=said.count(Said.EDITED),
        unanswered=said.count(Said.UNANSWERED),
        people=tuple(sorted({person for row in rows for person in row.reviewers})),
        days=len({row.at.date() for row in rows}),
        first=min((row.at for row in rows), default=None),
        last=max((row.at for row in rows), default=None),
    )
