"""How limits stand, and what is said of one that has no room: in the numbers that agents, people and commands read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from gateway.policy.limit import CounterKey, OnExceed, Scope
from gateway.policy.model import LimitUse
from gateway.policy.windows import EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one limit stands: what is left of it, and when there is more (None: when a running call ends)."""

    rule: str
    counter: str
    used: Decimal
    max: Decimal
    resets_at: datetime | None
    unit: str | None = None

    @property
    def remaining(self) -> Decimal:
        """What may still be taken."""
        return max(Decimal(0), EXACT.subtract(self.max, self.used))

    def as_json(self) -> dict[str, str | None]:
        """The shape of `policy explain --json` (contract.md 7), with the unit where the limit has one."""
        shown = {
            "counter": self.counter,
            "remaining": plain(self.remaining),
            "resets_at": self.resets_at.isoformat() if self.resets_at is not None else None,
        }
        return shown if self.unit is None else {**shown, "unit": self.unit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Every limit of the call has room for it. `at`: by the clock that limits are counted on, if there are any."""

    standings: tuple[Standing, ...] = ()
    at: datetime | None = None


class Over(NamedTuple):
    """A limit that asks, which the call goes over: people can raise it."""

    key: CounterKey
    use: LimitUse
    amount: Decimal
    used: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceeded:
    """A limit has no room: `use.limit.on_exceed` says whether the call is refused or a person asked.

    `amount` is what the call costs of the budget. `retry_after` is None where waiting does not help: the call costs
    more than the limit ever allows. `over` are all the limits that ask which it goes over.
    """

    use: LimitUse
    amount: Decimal
    standing: Standing
    retry_after: timedelta | None
    standings: tuple[Standing, ...] = ()
    at: datetime | None = None
    over: tuple[Over, ...] = ()

    @property
    def rule(self) -> str:
        """The pointer of the limit, which is the rule that decided."""
        return self.use.limit.pointer

    @property
    def asks(self) -> bool:
        """Does a person decide about going over?"""
        return self.use.limit.on_exceed is OnExceed.REQUIRE_APPROVAL

    @property
    def reason(self) -> str:
        """What happened, in the policy's words if it has any, and in numbers."""
        said = (self.use.limit.reason or "").rstrip()
        end = "" if not said or said[-1] in ".!?" else "."
        return f"{said}{end} {self._numbers}" if said else self._numbers

    @property
    def allows(self) -> str | None:
        """What there is room for now, where an argument says what a call costs, and that may be told."""
        if self.use.of is None or self.use.secret or not self.standing.remaining:
            return None
        return f"a cost of at most {_counted(self.standing.remaining, self.use)}"

    @property
    def _numbers(self) -> str:
        limit, needed = self.use.limit, _counted(self.amount, self.use)
        at_once = "" if self.standing.max == limit.max else f" and {plain(self.standing.max)} at once"
        most = f"{_counted(limit.max, self.use)} {limit.window.per}{at_once} {_for_whom(self.use)}"
        if self.use.secret:
            return f"The limit {limit.counter!r} is {most}, and this call would go over it."
        if self.retry_after is None:
            return f"This call costs {needed}; the limit {limit.counter!r} never allows more than {most}."
        left = _counted(self.standing.remaining, self.use)
        return f"The limit {limit.counter!r} is {most}; {left} is left and this call needs {needed}."


def plain(number: Decimal) -> str:
    """A number without exponent and trailing zeros."""
    return format(EXACT.normalize(number), "f")


def words(use: LimitUse) -> str:
    """In what, per what and for whom a limit counts: what follows its number."""
    unit = f"{use.unit} " if use.unit is not None and not use.secret else ""
    return f"{unit}{use.limit.window.per} {_for_whom(use)}"


def _counted(amount: Decimal, use: LimitUse) -> str:
    return plain(amount) if use.unit is None or use.secret else f"{plain(amount)} {use.unit}"


def _for_whom(use: LimitUse) -> str:
    return "for everybody" if use.limit.scope == (Scope.ALL,) else f"for each {use.limit.whose}"
