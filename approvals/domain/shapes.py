"""The shape of calls that a standing grant speaks for, and its bounds: read from JSON, checked, held against a call.

Pure. A shape is closed: it is one call's own arguments, in which some places are loosened. What it does not name must
be there, and be exactly the same; what a call has besides, or lacks, is outside. Numbers are compared as the decimals
that their canonical form writes, never as floats, and a number is never taken for a text or a truth value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from approvals.domain import prefixes
from approvals.domain.fingerprint import canonical
from approvals.domain.plain import spelled

PLACES_MAX, VALUES_MAX, TEXT_MAX = 50, 50, 1_000
LEAST = timedelta(minutes=1)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?")
_LARGEST, _FINEST = Decimal(10) ** 15, -12


class TooWide(ValueError):
    """A shape or its bounds cannot be granted. `field` is the place in the proposal."""

    def __init__(self, field: str, why: str) -> None:
        self.field, self.why = field, why
        super().__init__(f"{field}: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The widest that anything may be granted here."""

    longest: timedelta = timedelta(hours=24)
    most_uses: int = 100


WIDEST = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """A text that begins so, and goes on plainly."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A number, or a decimal written as a text, from `low` to `high`, both included."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """One of these single values, each as canonical JSON."""

    values: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anything:
    """Any single value of the same JSON type."""


Matcher = Prefix | Range | OneOf | Anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one argument may come to over all uses together."""

    argument: str
    most: Decimal


class Scope(StrEnum):
    """Which calls of the agent are meant."""

    AGENT = "agent"
    """All that it makes."""
    SESSION = "session"
    """Those that come over the session in which the granted call was made, until that session ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a reviewer proposes to grant. `places` are the loosened arguments by JSON Pointer, in their order.

    Two proposals are the same grant if they are equal.
    """

    places: tuple[tuple[str, Matcher], ...]
    lasts: timedelta
    uses: int
    budget: Budget | None = None
    scope: Scope = Scope.AGENT


def read(data: Mapping[str, Any]) -> Proposal:
    """A proposal from its JSON: `arguments`, `for_seconds`, `uses`, `budget`, `scope`.

    Raises:
        TooWide: a place of it makes no sense by itself.
    """
    loosened = {str(place): _matcher(str(place), said) for place, said in data.get("arguments", {}).items()}
    if len(loosened) > PLACES_MAX:
        raise TooWide("arguments", f"at most {PLACES_MAX} arguments are loosened")
    budget = data.get("budget")
    return Proposal(
        places=tuple(sorted(loosened.items())),
        lasts=timedelta(seconds=data["for_seconds"]),
        uses=data["uses"],
        budget=None
        if budget is None
        else Budget(argument=str(budget["argument"]), most=_number("budget/max", budget["max"])),
        scope=Scope(data.get("scope", Scope.AGENT)),
    )


def written(proposal: Proposal) -> dict[str, Any]:
    """The JSON that `read` takes."""
    budget = proposal.budget
    return {
        "arguments": {place: _said(matcher) for place, matcher in proposal.places},
        "for_seconds": int(proposal.lasts.total_seconds()),
        "uses": proposal.uses,
        "budget": None if budget is None else {"argument": budget.argument, "max": plainly(budget.most)},
        "scope": proposal.scope.value,
    }


def check(proposal: Proposal, arguments: bytes, limits: Limits) -> None:
    """Refuse what is too wide, or is not about this call.

    Raises:
        TooWide: naming the place.
    """
    if not LEAST <= proposal.lasts <= limits.longest:
        raise TooWide("for", f"from a minute to {spelled(limits.longest)}")
    if not 1 <= proposal.uses <= limits.most_uses:
        raise TooWide("uses", f"from 1 to {limits.most_uses}")
    base = json.loads(arguments)
    for place, matcher in proposal.places:
        why = _unfit(matcher, _at(base, place))
        if why is not None:
            raise TooWide(f"arguments{place}", why)
    if proposal.budget is not None:
        _check_budget(proposal.budget, base)
    if base and not _bounded(proposal, base):
        raise TooWide("arguments", "every argument may be anything; bound at least one of them")
    differs = why_outside(proposal, arguments, arguments)
    if differs is not None:
        raise TooWide("arguments", f"it does not cover this very call: {differs}")


def _check_budget(budget: Budget, base: Any) -> None:
    if amount_of(_at(base, budget.argument)) is None:
        raise TooWide("budget/argument", "this call has no amount there")
    if budget.most <= 0:
        raise TooWide("budget/max", "must be more than nothing")


def why_outside(proposal: Proposal, base: bytes, given: bytes) -> str | None:
    """Why a call's arguments are outside the shape that was granted on `base`, None if they are inside."""
    return _differs("", json.loads(base), json.loads(given), dict(proposal.places))


def amount_in(proposal: Proposal, arguments: bytes) -> Decimal | None:
    """What a call takes of the budget: nothing where there is none, None where it cannot be told."""
    if proposal.budget is None:
        return Decimal(0)
    found = amount_of(_at(json.loads(arguments), proposal.budget.argument))
    return found if found is not None and found >= 0 else None


def amount_of(value: Any) -> Decimal | None:
    """The number of a JSON value, or of a decimal written as a text; None if it is none, or finer than we can add."""
    if isinstance(value, str):
        return Decimal(value) if _DECIMAL.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = Decimal(canonical(value).decode())
    exponent = number.as_tuple().exponent
    fine = isinstance(exponent, int) and exponent >= _FINEST
    return number if fine and abs(number) < _LARGEST else None


def plainly(number: Decimal) -> str:
    """A decimal without exponent and without needless zeros."""
    return format(number.normalize() + 0, "f")


def leaves(value: Any, at: str = "") -> list[tuple[str, Any]]:
    """Every single value with its JSON Pointer; an empty object or list counts as one."""
    if isinstance(value, dict) and value:
        return [leaf for name, one in value.items() for leaf in leaves(one, f"{at}/{_escaped(name)}")]
    if isinstance(value, list) and value:
        return [leaf for number, one in enumerate(value) for leaf in leaves(one, f"{at}/{number}")]
    return [(at, value)]


def _matcher(place: str, said: Mapping[str, Any]) -> Matcher:
    match dict(said):
        case {"prefix": str() as text, **rest} if not rest:
            return Prefix(text=text)
        case {"range": {"max": high, **low}, **rest} if not rest and set(low) <= {"min"}:
            bounds = _number(f"arguments{place}", low.get("min", 0)), _number(f"arguments{place}", high)
            if bounds[0] > bounds[1]:
                raise TooWide(f"arguments{place}", "the range is empty: min is more than max")
            return Range(low=bounds[0], high=bounds[1])
        case {"one_of": list() as values, **rest} if not rest and values:
            return OneOf(values=_values(place, values))
        case {"any": True, **rest} if not rest:
            return Anything()
    raise TooWide(f"arguments{place}", "say one of prefix, range (with max), one_of (with values), or any: true")


def _values(place: str, values: list[Any]) -> tuple[bytes, ...]:
    if len(values) > VALUES_MAX or any(isinstance(one, dict | list) for one in values):
        raise TooWide(f"arguments{place}", f"a set has at most {VALUES_MAX} values, each a single one")
    if any(isinstance(one, str) and len(one) > TEXT_MAX for one in values):
        raise TooWide(f"arguments{place}", f"a value of a set has at most {TEXT_MAX} characters")
    try:
        return tuple(sorted({canonical(one) for one in values}))
    except ValueError as err:
        raise TooWide(f"arguments{place}", str(err)) from None


def _number(place: str, said: Any) -> Decimal:
    try:
        found = amount_of(said)
    except (ValueError, InvalidOperation):
        found = None
    if found is None:
        raise TooWide(place, "is no number with at most 15 digits before and 12 behind the point")
    return found


def _said(matcher: Matcher) -> dict[str, Any]:
    match matcher:
        case Prefix():
            return {"prefix": matcher.text}
        case Range():
            return {"range": {"min": plainly(matcher.low), "max": plainly(matcher.high)}}
        case OneOf():
            return {"one_of": [json.loads(one) for one in matcher.values]}
        case Anything():
            return {"any": True}


class _Nothing:
    """What is not there; unlike null."""


NOTHING = _Nothing()


def _at(value: Any, pointer: str) -> Any:
    """The value at a JSON Pointer, NOTHING where there is none."""
    if not pointer.startswith("/"):
        return NOTHING
    for step in pointer[1:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value and _escaped(name) == step:
            value = value[name]
        elif isinstance(value, list) and step in map(str, range(len(value))):
            value = value[int(step)]
        else:
            return NOTHING
    return value


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _unfit(matcher: Matcher, value: Any) -> str | None:
    if value is NOTHING:
        return "this call has no such argument"
    if isinstance(value, dict | list):
        return "it has parts; loosen those one by one"
    match matcher:
        case Prefix():
            return prefixes.why_not(matcher.text, value) if isinstance(value, str) else "only a text has a prefix"
        case Range():
            return "it is no number" if amount_of(value) is None else None
        case OneOf() | Anything():
            return None


def _bounded(proposal: Proposal, base: Any) -> bool:
    loose = {place for place, matcher in proposal.places if isinstance(matcher, Anything)}
    if proposal.budget is not None:
        loose.discard(proposal.budget.argument)
    return any(place not in loose for place, _ in leaves(base))


def _differs(at: str, base: Any, given: Any, loosened: Mapping[str, Matcher]) -> str | None:
    matcher = loosened.get(at)
    if matcher is not None:
        return None if _matches(matcher, base, given) else f"{at} is outside of what was granted"
    if type(base) is not type(given):
        return _other(at, base, given)
    if isinstance(base, dict):
        odd = sorted(base.keys() ^ given.keys())
        if odd:
            return f"{at}/{_escaped(odd[0])} is {'missing' if odd[0] in base else 'new'}"
        return _first(_differs(f"{at}/{_escaped(name)}", base[name], given[name], loosened) for name in base)
    if isinstance(base, list):
        if len(base) != len(given):
            return f"{at} has {len(given)} items, not {len(base)}"
        pairs = enumerate(zip(base, given, strict=True))
        return _first(_differs(f"{at}/{number}", *pair, loosened) for number, pair in pairs)
    return _other(at, base, given)


def _other(at: str, base: Any, given: Any) -> str | None:
    """Single values are the same if their canonical forms are: 1 and 1.0 are, 1 and true are not."""
    return None if canonical(base) == canonical(given) else f"{at or 'it'} is another"


def _first(found: Any) -> str | None:
    return next((one for one in found if one is not None), None)


def _matches(matcher: Matcher, base: Any, value: Any) -> bool:
    match matcher:
        case Prefix():
            return isinstance(value, str) and prefixes.follows(matcher.text, value)
        case Range():
            number = amount_of(value)
            same = isinstance(value, str) == isinstance(base, str)
            return same and number is not None and matcher.low <= number <= matcher.high
        case OneOf():
            return not isinstance(value, dict | list) and canonical(value) in matcher.values
        case Anything():
            return _kind(value) == _kind(base)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__
