"""Limits that are never reached: no call fits them at all, or another one is always used up before them.

Another limit comes first when it counts every call that this one counts, for the same callers or for more of them
together, and leaves room for no more of them, in the longest time this one looks at, than this one allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from gateway.policy import wording
from gateway.policy.durations import duration
from gateway.policy.findings import Finding, Kind, Tools, covers
from gateway.policy.names import NamePattern, pattern
from gateway.policy.profiles import Part, Reading, parts, rate

CALENDAR = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
"""Windows that begin and end together, each inside one of the next."""
WIDER = {
    "grant": {"agent", "owner", "server", "all"},
    "agent": {"owner", "all"},
    "owner": {"all"},
    "tool": {"server", "all"},
    "server": {"all"},
    "session": {"grant", "agent", "owner", "server", "all"},
}
"""Scopes whose budgets are shared by everybody who shares one of this scope, and by others."""
PLAIN = frozenset({"counter", "window", "max", "scope", "amount", "on_exceed", "on_deny", "id", "kind"})
EVERYTHING = pattern("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit, and what names the calls it counts."""

    part: Part
    names: NamePattern
    everywhere: bool = False

    @property
    def said(self) -> Mapping[str, Any]:
        """The limit as plain data."""
        return self.part.said


def of_limits(reading: Reading, tools: Tools | None) -> Iterator[Finding]:
    """Every limit that never stops a call, or stops every one."""
    budgets = list(_budgets(reading))
    for one in budgets:
        amount = _costs(one)
        if not isinstance(amount, str | Mapping) and amount > one.said["max"]:
            text = f"no call ever fits: one costs {wording.number(amount)}, and {wording.limit(one.said)}"
            yield Finding(kind=Kind.NEVER_REACHED, rule=one.part.rule, text=text)
            continue
        first = next((other for other in budgets if other is not one and _first(other, one, budgets, tools)), None)
        if first is not None:
            text = f"is never reached: {first.part.rule} comes first ({wording.limit(first.said)})"
            yield Finding(kind=Kind.NEVER_REACHED, rule=one.part.rule, text=text)


def _budgets(reading: Reading) -> Iterator[Budget]:
    for part in reading.everywhere():
        yield Budget(part=part, names=EVERYTHING, everywhere=True)
    for name, entry in reading.plain.get("tools", {}).items():
        if entry.get("mode") == "shadow":
            continue
        for part in parts(entry.get("limits", []), ("tools", name, "limits")):
            yield Budget(part=part, names=reading.names[name])
        if "rate_limit" in entry:
            limit = rate(name, entry["rate_limit"], ("tools", name, "rate_limit"))
            yield Budget(part=limit, names=reading.names[name])


def _first(other: Budget, one: Budget, budgets: list[Budget], tools: Tools | None) -> bool:
    """Is the other limit always used up no later than this one?"""
    if other.said.get("on_exceed") == "require_approval" or not (_plain(one) and _plain(other)):
        return False
    users = [user for user in budgets if _shared(user, one)]
    if not all(_counted_by(other, user, tools) and _costs(user) == _costs(one) for user in users):
        return False
    if not _wider(str(other.said.get("scope", "grant")), str(one.said.get("scope", "grant"))):
        return False
    most = _most(other, one)
    if most is None or most > one.said["max"]:
        return False
    # Of two that come to the same, the later one is told, and none is told of both.
    back = _most(one, other)
    same = back is not None and back <= other.said["max"] and _first_by_place(one, other, budgets)
    return not same


def _first_by_place(one: Budget, other: Budget, budgets: list[Budget]) -> bool:
    return budgets.index(one) < budgets.index(other) and one.names == other.names and one.everywhere is other.everywhere


def _plain(one: Budget) -> bool:
    """Is it one of those that can be compared?"""
    scope = one.said.get("scope", "grant")
    return one.said.keys() <= PLAIN and isinstance(scope, str) and not scope.startswith("args")


def _shared(user: Budget, one: Budget) -> bool:
    """Do both count on the same counter?"""
    return all(user.said.get(key) == one.said.get(key) for key in ("counter", "window", "scope"))


def _costs(one: Budget) -> Any:
    return one.said.get("amount", 1)


def _counted_by(other: Budget, user: Budget, tools: Tools | None) -> bool:
    """Does the other limit count every call that this one counts?"""
    return other.everywhere or (not user.everywhere and covers(other.names, user.names, tools))


def _wider(scope: str, than: str) -> bool:
    return scope == than or scope in WIDER.get(than, set())


def _most(other: Budget, one: Budget) -> Decimal | None:
    """The most that one limit can have counted in its window, where the other lets no more pass."""
    times = _times(other.said, one.said)
    mine, theirs = _costs(one), _costs(other)
    if times is None:
        return None
    if isinstance(mine, str) or isinstance(theirs, str):
        return Decimal(other.said["max"]) * times if mine == theirs else None
    if isinstance(mine, Mapping) or isinstance(theirs, Mapping):
        return None
    return (Decimal(other.said["max"]) // Decimal(theirs)) * times * Decimal(mine)


def _times(other: Mapping[str, Any], one: Mapping[str, Any]) -> int | None:
    """How often the other's budget can be used up within one window of this one's."""
    theirs, mine = _length(other), _length(one)
    if theirs is None or mine is None:
        return None
    both = _aligned(other) and _aligned(one)
    if both:
        return max(1, mine // theirs)
    whole = -(-mine // theirs)
    return whole if _rolls(other) else whole + 1


def _length(said: Mapping[str, Any]) -> timedelta | None:
    window = said["window"]
    if said.get("kind") == "bucket" or window in {"month", "inflight"}:
        return None
    if window in CALENDAR:
        return CALENDAR[window]
    return timedelta(seconds=window) if isinstance(window, int) else duration(window)


def _aligned(said: Mapping[str, Any]) -> bool:
    return said["window"] in CALENDAR and said.get("kind", "fixed") == "fixed"


def _rolls(said: Mapping[str, Any]) -> bool:
    return not _aligned(said) and said.get("kind", "sliding") == "sliding"
