"""What a call costs under one limit, and whose budgets pay: or why nobody can say, and then it is denied.

Amounts are exact decimals above 0, never cut, never guessed (policy.md 1.4, nos. 2 to 5). Values of arguments that
name a budget are compared as texts in NFC whatever their case, and only their hash is kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from gateway.policy.limit import Amount, CounterKey, LengthOf, Limit, Price, Prices, Scope
from gateway.policy.model import Facts
from gateway.policy.operators import kind, length, number
from gateway.policy.paths import ArgumentPath, Missing
from gateway.policy.places import Unfit
from gateway.policy.shapes import LARGEST_AMOUNT, SMALLEST_DIGIT
from gateway.policy.texts import hides_something, normal, printed, shown

MOST_BUDGETS = 100
"""So many budgets of one limit can pay for one call; a call that names more is denied."""
LONGEST_UNIT = 40


class Uncountable(Exception):
    """Nobody can say what the call costs or whose budget pays; `str()` says why, and what would help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`amount` is taken from each of the budgets `keys`; one that stands there twice pays twice.

    `of`: the argument that says the amount, if one does.
    """

    amount: Decimal
    keys: tuple[CounterKey, ...]
    unit: str | None = None
    of: ArgumentPath | None = None


def cost(limit: Limit, facts: Facts) -> Cost | None:
    """What the call costs under the limit; None when it costs nothing.

    Raises:
        Uncountable: an argument that says so is missing, or cannot be counted.
    """
    price = _said(limit.amount, facts)
    amount = _amount(price, facts)
    if amount == 0:
        return None
    unit = _unit(limit.unit, facts) if limit.unit is not None else None
    in_unit = [] if unit is None else [["unit", normal(unit, fold=True)]]
    keys = tuple((limit.budget, json.dumps([*parts, *in_unit], ensure_ascii=False)) for parts in _whose(limit, facts))
    of = price.path if isinstance(price, LengthOf) else price if isinstance(price, ArgumentPath) else None
    return Cost(amount=amount, keys=keys, unit=unit, of=of)


def _said(amount: Amount, facts: Facts) -> Price:
    """What is said of this tool."""
    if not isinstance(amount, Prices):
        return amount
    price = amount.of(facts.tool, facts.risk.kind)
    if price is None:
        raise Uncountable(f"the tool {shown(facts.tool)} has no price in it")
    return price


def _amount(price: Price, facts: Facts) -> Decimal:
    if isinstance(price, Decimal):
        return price
    return _length(price.path, facts) if isinstance(price, LengthOf) else _number(price, facts)


def _number(path: ArgumentPath, facts: Facts) -> Decimal:
    where, value = _one(path, facts, "give it as a number above 0")
    try:
        exact = number(value)
    except (Unfit, ArithmeticError) as err:
        raise Uncountable(f"{where} {err}; give it as a number above 0") from err
    if exact <= 0:
        raise Uncountable(f"{where} {shown(value)} is not above 0")
    exponent = exact.as_tuple().exponent
    if exact > LARGEST_AMOUNT or not isinstance(exponent, int) or exponent < -SMALLEST_DIGIT:
        raise Uncountable(f"{where} {shown(value)} is out of range")
    return exact


def _length(path: ArgumentPath, facts: Facts) -> Decimal:
    where, value = _one(path, facts, "it is counted by its length")
    try:
        size = length(value)
    except Unfit as err:
        raise Uncountable(f"{where} {err}") from err
    if size == 0:
        raise Uncountable(f"{where} is empty, and it is counted by its length")
    return Decimal(size)


def _whose(limit: Limit, facts: Facts) -> list[list[list[str]]]:
    """The scopes of each budget that pays: the product of what each part of the scope names."""
    parts = [_named(part, facts) for part in limit.scope]
    count = 1
    for part in parts:
        count *= len(part)
    if count > MOST_BUDGETS:
        what = ", ".join(part.text for part in limit.scope if isinstance(part, ArgumentPath))
        raise Uncountable(f"{what} names {count} budgets; at most {MOST_BUDGETS} can pay for one call")
    return [list(each) for each in product(*parts)]


def _named(part: Scope | ArgumentPath, facts: Facts) -> Sequence[list[str]]:
    if isinstance(part, ArgumentPath):
        return [[part.text, _hashed(text)] for text in _texts(part, facts)]
    return [_of_caller(part, facts)]


def _of_caller(scope: Scope, facts: Facts) -> list[str]:
    """A grant is an agent at one server; an agent without owner is its own owner."""
    match scope:
        case Scope.GRANT:
            return ["grant", facts.server, facts.agent]
        case Scope.AGENT:
            return ["agent", facts.agent]
        case Scope.OWNER:
            return ["owner", facts.owner] if facts.owner is not None else ["agent", facts.agent]
        case Scope.SERVER:
            return ["server", facts.server]
        case Scope.TOOL:
            return ["tool", facts.server, facts.tool]
        case Scope.ALL:
            return ["all"]
        case Scope.SESSION:
            return ["session", facts.server, facts.agent, facts.session]


def _texts(path: ArgumentPath, facts: Facts) -> list[str]:
    try:
        found = path.values(facts.arguments)
    except Missing as err:
        raise Uncountable(f"{err}, and it says whose budget pays") from err
    if not found:
        raise Uncountable(f"{path.text} is empty, and it says whose budget pays")
    return [normal(_text(where, value, "whose budget pays"), fold=True) for where, value in found]


def _unit(path: ArgumentPath, facts: Facts) -> str:
    where, value = _one(path, facts, "it says what unit the amount is in")
    unit = _text(where, value, "what unit the amount is in")
    if len(unit) > LONGEST_UNIT:
        raise Uncountable(f"{where} is longer than a unit can be")
    return unit


def _text(where: str, value: Any, what: str) -> str:
    """A value as the text that its budget is known by: 1 and "1" share one, and so do NFC and NFD."""
    if value is None or isinstance(value, list | tuple | dict):
        raise Uncountable(f"{where} is {kind(value)}, and it says {what}; give it as a text")
    text = normal(printed(value)).strip()
    if not text or hides_something(text):
        why = "has invisible characters" if text else "is empty"
        raise Uncountable(f"{where} {why}, and it says {what}")
    return text


def _one(path: ArgumentPath, facts: Facts, help_: str) -> tuple[str, Any]:
    try:
        return path.values(facts.arguments)[0]
    except Missing as err:
        raise Uncountable(f"{err}; {help_}") from err


def _hashed(text: str) -> str:
    return hashlib.sha256(b"placet/scope/1\x00" + text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
