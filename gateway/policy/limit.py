"""A limit of a policy: how much, per window, for whom, and what one call costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from gateway.policy.names import NamePattern
from gateway.policy.paths import ArgumentPath
from gateway.policy.windows import EXACT, Window

CounterKey = tuple[str, str]
"""Whose budget: the counter with its window, and the values of its scope."""


class OnExceed(StrEnum):
    """What happens to a call that a limit has no room for."""

    DENY = "deny"
    REQUIRE_APPROVAL = "require_approval"


class Scope(StrEnum):
    """Whose calls share one budget. `grant` is an agent's credential at one server (policy.md 3.4)."""

    GRANT = "grant"
    AGENT = "agent"
    OWNER = "owner"
    SERVER = "server"
    TOOL = "tool"
    ALL = "all"
    SESSION = "session"

    @property
    def words(self) -> str:
        """What people read: to them a grant is a standing one."""
        return "agent on this server" if self is Scope.GRANT else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthOf:
    """The amount `len(args.path)`: how many characters, elements or members."""

    path: ArgumentPath

    @property
    def text(self) -> str:
        """As it is written."""
        return f"len({self.path.text})"


Price = Decimal | ArgumentPath | LengthOf
"""A number, or where that stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """An amount for each tool, as written; the most specific name counts, and 0 is free."""

    each: tuple[tuple[NamePattern, Price], ...]

    @property
    def text(self) -> str:
        """In words: it is too long to be said as it is written."""
        return "the price of each tool"

    def of(self, tool: str, risk: str) -> Price | None:
        """The price of a tool, None if nothing names it."""
        named = [(pattern, price) for pattern, price in self.each if pattern.matches(tool, risk)]
        return min(named, key=lambda pair: pair[0].rank)[1] if named else None


Amount = Price | Prices
"""What one call costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A budget: at most `max` per window, for each value of its scope (and of its unit)."""

    pointer: str
    counter: str
    window: Window
    max: Decimal
    scope: tuple[Scope | ArgumentPath, ...] = (Scope.GRANT,)
    amount: Amount = Decimal(1)
    unit: ArgumentPath | None = None
    on_exceed: OnExceed = OnExceed.DENY
    reason: str | None = None
    id: str | None = None

    @property
    def budget(self) -> str:
        """What tells its counters from those of other names and windows: the first half of a CounterKey."""
        return f"{self.counter}/{self.window.id}"

    def raised(self, was: Decimal, to: Decimal) -> Limit:
        """The limit while people have raised it; not if the policy allows less by now than what they raised."""
        if self.max < was or to <= self.max:
            return self
        return replace(self, max=to, window=self.window.raised(EXACT.subtract(to, self.max)))

    @property
    def whose(self) -> str:
        """Its scope in words: `agent and args.to`."""
        return " and ".join(part.words if isinstance(part, Scope) else part.text for part in self.scope)
