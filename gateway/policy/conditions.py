"""One condition of a rule, and groups of them (any, all, not).

Judging has three answers: it holds, it does not, or nobody can say (a field is missing or of the wrong
kind). "Nobody can say" counts as matched under `deny_if` and `approve_if` and as failed under `require`,
so an error is never a yes (policy.md 3.2). `[*]` means any element on the deny side, every one on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gateway.policy.looking import Looks, TooMuch
from gateway.policy.operators import Operator
from gateway.policy.paths import ArgumentPath, Missing, TooMany, present
from gateway.policy.places import Unfit
from gateway.policy.texts import hides_something, normalised, printed, shown

MOST_TOLD = 10
"""Of how many elements or conditions a trace tells that each of them is alike."""


class Side(Enum):
    """Which way a rule leans: what it means that a condition holds."""

    REQUIRE = "require"
    DENY = "deny"

    def turned(self) -> Side:
        """The other side: what stands under a `not`."""
        return Side.DENY if self is Side.REQUIRE else Side.REQUIRE


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Does it hold (None: nobody can say), and the value that says so."""

    holds: bool | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """`path op value`. `ready` is the value prepared for the operator, `said` for the trace.

    `coerce`: compare printed text, as Intercept does. `full` is as it was written, for a pattern.
    """

    pointer: str
    path: ArgumentPath
    op: Operator | None
    exists: bool = True
    value: Any = None
    ready: Any = field(default=None, compare=False, repr=False)
    said: str = field(default="", compare=False, repr=False)
    fold: bool = False
    full: bool | None = None
    coerce: bool = False

    def judge(self, arguments: Mapping[str, Any], side: Side, looks: Looks | None = None) -> Judged:
        """Judge the arguments of one call; `looks` is what all its conditions together may look at."""
        looks = looks or Looks()
        try:
            looks.take(1)
            return (
                self._presence(arguments, side, looks)
                if self.op is None
                else self._judge(self.op, arguments, side, looks)
            )
        except TooMuch as err:
            return Judged(holds=None, why=str(err))

    def _judge(self, op: Operator, arguments: Mapping[str, Any], side: Side, looks: Looks) -> Judged:
        try:
            found = self.path.values(arguments)
        except Missing as err:
            looks.take(err.looked_at)
            return Judged(holds=None, why=str(err))
        each: list[Judged] = []
        for where, value in found:
            by_length = op.wants == "count" and not isinstance(value, str)
            looks.take(1) if by_length else looks.take_all_of(value)
            each.append(self._test(op, where, value))
        if not each:
            return Judged(holds=side is Side.REQUIRE, why=f"{self.path.text} is empty")
        return either(each) if side is Side.DENY and self.path.several else both(each)

    def _presence(self, arguments: Mapping[str, Any], side: Side, looks: Looks) -> Judged:
        """Null counts as missing. Of several elements, one decides on the deny side, and every one on the other."""
        try:
            values = [value for _, value in self.path.values(arguments)]
        except TooMany as err:
            looks.take(err.looked_at)
            return Judged(holds=None, why=str(err))
        except Missing:
            values = [*(value for _, value in present(self.path, arguments)), None]
        some, every = any(value is not None for value in values), all(value is not None for value in values)
        looks.take(len(values))
        asked_of_one = (side is Side.DENY) is self.exists
        there = some if asked_of_one or not values else every
        return Judged(holds=there is self.exists, why=f"{self.path.text} is {'there' if there else 'missing'}")

    def _test(self, op: Operator, where: str, value: Any) -> Judged:
        actual, wanted = self._compared(op, value)
        try:
            holds = op.test(
                actual if op.wants == "count" and not isinstance(actual, str) else normalised(actual, fold=self.fold),
                wanted,
            )
        except (Unfit, ValueError, TypeError, ArithmeticError) as err:
            said = str(err) if isinstance(err, Unfit) else "cannot be compared"
            return Judged(holds=None, why=f"{where} {shown(value)} {said}")
        phrase = (op.yes if holds else op.no).replace("{v}", self.said)
        warning = " (it holds invisible characters)" if isinstance(value, str) and hides_something(value) else ""
        return Judged(holds=holds, why=f"{where} {shown(value)} {phrase}{warning}")

    def _compared(self, op: Operator, value: Any) -> tuple[Any, Any]:
        """What is compared with what. `contains` prints the elements of a list; in a text only a text is looked for."""
        if not self.coerce:
            return value, self.ready
        if op.name != "contains":
            return printed(value), self.ready
        if isinstance(value, list | tuple):
            return [printed(item) for item in value], self.ready
        return value, normalised(self.value, fold=self.fold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conditions under `any`, `all` or `not`."""

    pointer: str
    kind: str
    of: tuple[Condition | Group, ...]

    def judge(self, arguments: Mapping[str, Any], side: Side, looks: Looks | None = None) -> Judged:
        """Judge the arguments of one call; `looks` is what all its conditions together may look at."""
        looks = looks or Looks()
        if self.kind == "not":
            inner = both([part.judge(arguments, side.turned(), looks) for part in self.of])
            return Judged(holds=None if inner.holds is None else not inner.holds, why=inner.why)
        each = [part.judge(arguments, side, looks) for part in self.of]
        return either(each) if self.kind == "any" else both(each)


def both(each: Sequence[Judged]) -> Judged:
    """All of them: one that fails settles it, else one that nobody can judge."""
    return _first(each, lambda j: j.holds is False, lambda j: j.holds is None)


def either(each: Sequence[Judged]) -> Judged:
    """One of them: one that holds settles it, else one that nobody can judge."""
    return _first(each, lambda j: j.holds is True, lambda j: j.holds is None)


def _first(each: Sequence[Judged], *settles: Callable[[Judged], bool]) -> Judged:
    for test in settles:
        for judged in each:
            if test(judged):
                return judged
    more = f" and {len(each) - MOST_TOLD} more" if len(each) > MOST_TOLD else ""
    return Judged(holds=each[0].holds if each else True, why=" and ".join(j.why for j in each[:MOST_TOLD]) + more)
