"""What a call costs under one limit, and whose budgets pay: or why nobody can say, and then it is denied.

Amounts are exact decimals above 0, never cut, never guessed (policy.md 1.4, nos. 2 to 5).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal

from gateway.policy.model import CounterKey, Facts, Limit, Scope
from gateway.policy.operators import number
from gateway.policy.paths import ArgumentPath, Missing
from gateway.policy.places import Unfit
from gateway.policy.shapes import LARGEST_AMOUNT, SMALLEST_DIGIT
from gateway.policy.texts import shown


class Uncountable(Exception):
    """Nobody can say what the call costs or whose budget pays; `str()` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """`amount` is taken from each of the budgets `keys`."""

    amount: Decimal
    keys: tuple[CounterKey, ...]


def cost(limit: Limit, facts: Facts) -> Cost:
    """What the call costs under the limit.

    Raises:
        Uncountable: an argument that says so is missing, or cannot be counted.
    """
    return Cost(amount=_amount(limit, facts), keys=(_key(limit, facts),))


def _amount(limit: Limit, facts: Facts) -> Decimal:
    if not isinstance(limit.amount, ArgumentPath):
        return limit.amount
    try:
        where, value = limit.amount.values(facts.arguments)[0]
        exact = number(value)
    except Missing as err:
        raise Uncountable(str(err)) from err
    except (Unfit, ArithmeticError) as err:
        raise Uncountable(f"{limit.amount.text} {err}") from err
    if exact <= 0:
        raise Uncountable(f"{where} {shown(value)} is not above 0")
    exponent = exact.as_tuple().exponent
    if exact > LARGEST_AMOUNT or not isinstance(exponent, int) or exponent < -SMALLEST_DIGIT:
        raise Uncountable(f"{where} {shown(value)} is out of range")
    return exact


def _key(limit: Limit, facts: Facts) -> CounterKey:
    """Whose budget it is. A grant is an agent at one server; an agent without owner is its own owner."""
    owner = ["owner", facts.owner] if facts.owner is not None else ["agent", facts.agent]
    whose = {
        Scope.GRANT: ["grant", facts.server, facts.agent],
        Scope.AGENT: ["agent", facts.agent],
        Scope.OWNER: owner,
        Scope.SERVER: ["server", facts.server],
        Scope.TOOL: ["tool", facts.server, facts.tool],
        Scope.ALL: ["all"],
    }
    window = f"{int(limit.window.length.total_seconds() * 1000)}{'~' if limit.window.rolling else ''}"
    return (f"{limit.counter}/{window}", json.dumps(whose[limit.scope], ensure_ascii=False))
