"""`when:` for one call: which arguments its expression sees, what the clock shows, and what came of it.

Only the arguments that an expression names are passed, in the form in which texts are compared, and only as much as is
sure to be judged soon: what is larger cannot be judged. Numbers are those of CEL (64 bits, or floating point), so money
belongs in conditions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from gateway.policy.cel import Unjudged, When
from gateway.policy.conditions import Judged
from gateway.policy.model import Facts
from gateway.policy.schedule import DAYS
from gateway.policy.texts import normal, shown
from gateway.policy.zones import local

MOST_CHARACTERS = 100_000
MOST_VALUES = 10_000
MOST_STEPS = 10_000
"""How often loops can go round together: the library's own budget."""
MOST_WORK = 5_000_000
"""How many characters an expression can look at, counted each time round of its loops: a tenth of a second at worst."""
SHOWN_ARGUMENTS = 3
"""How many of the arguments that an expression names are told with what came of it."""

_LOOP = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\s*\(")
_WORD = re.compile(r"\bargs\b")
_FIELD = re.compile(r'\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)|\s*\[\s*(?:"([^"\\\n]*)"|\'([^\'\\\n]*)\')\s*\]')


def named(source: str) -> frozenset[str] | None:
    """The arguments that an expression names; None if it may look at any.

    Every `args` of the text must be followed by the name of one, or all of them are passed: what is found too much
    costs time, what is found too little would be missing.
    """
    names: set[str] = set()
    for word in _WORD.finditer(source):
        field = _FIELD.match(source, word.end())
        if field is None:
            return None
        names.add(next(name for name in field.groups() if name is not None))
    return frozenset(names)


def loops(source: str) -> int:
    """How many loops over lists an expression has, at most."""
    return len(_LOOP.findall(source))


def judged(when: When, facts: Facts) -> Judged:
    """What an expression says of a call."""
    arguments = facts.arguments
    seen = arguments if when.names is None else {name: arguments[name] for name in when.names if name in arguments}
    quoted = shown(when.text)
    try:
        holds = when.program.holds(_variables(when.zone, facts, _passed(seen, when.loops)))
    except Unjudged as err:
        return Judged(holds=None, why=f"when {quoted} cannot be judged: {shown(str(err))[1:-1]}")
    return Judged(holds=holds, why=f"when {quoted} {'holds' if holds else 'does not hold'}{_values(when, seen)}")


def _values(when: When, seen: Mapping[str, Any]) -> str:
    told = [f"args.{name} is {shown(seen[name])}" for name in sorted(when.names or ()) if name in seen]
    return f": {', '.join(told[:SHOWN_ARGUMENTS])}" if told else ""


def _passed(seen: Mapping[str, Any], loops: int) -> Any:
    """The arguments as CEL takes them, if judging them is sure to end soon.

    Raises:
        Unjudged: it is not.
    """
    plain = _Plain()
    passed = plain.value(seen)
    rounds = min(MOST_STEPS, plain.longest**loops)
    if rounds * plain.characters > MOST_WORK:
        raise Unjudged(f"its loops would look at {plain.characters} characters up to {rounds} times")
    return passed


def _variables(zone: ZoneInfo, facts: Facts, arguments: Any) -> dict[str, Any]:
    known = {
        "args": arguments,
        "tool": facts.tool,
        "server": facts.server,
        "agent": facts.agent,
        "owner": facts.owner or "",
        "risk": facts.risk.kind.value,
    }
    there = local(facts.now, zone)
    return known if there is None else known | _clock(there)


def _clock(there: datetime) -> dict[str, Any]:
    return {
        "now.hour": there.hour,
        "now.minute": there.minute,
        "now.weekday": DAYS[there.weekday()],
        "now.date": there.date().isoformat(),
    }


@dataclass(slots=True)
class _Plain:
    """Makes JSON values of a call those that CEL takes, and counts them."""

    characters: int = 0
    values: int = 0
    longest: int = 1

    def value(self, value: Any) -> Any:
        self.values += 1
        if isinstance(value, str):
            self.characters += len(value)
        if self.values > MOST_VALUES or self.characters > MOST_CHARACTERS:
            raise Unjudged(f"its arguments hold more than {MOST_VALUES} values or {MOST_CHARACTERS} characters")
        if isinstance(value, str):
            return normal(value)
        if isinstance(value, Mapping | list | tuple):
            self.longest = max(self.longest, len(value))
        if isinstance(value, Mapping):
            # By key, for a replay knows by this whether arguments were looked at that were not kept.
            return {self.value(key): self.value(value[key]) for key in value}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value if value is None or isinstance(value, bool) else _number(value)


def _number(value: int | float | Decimal) -> int | float:
    if isinstance(value, Decimal):
        whole = value.is_finite() and value.adjusted() < 20 and value == value.to_integral_value()
        value = int(value) if whole else float(value)
    if isinstance(value, float) and not isfinite(value):
        raise Unjudged("a number is not finite")
    return value
