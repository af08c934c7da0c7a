"""Limits that are never reached: no call fits them at all, or another one is always used up before them.

Another limit comes first when it counts every call that this one counts, for the same callers or for more of them
together, and leaves room for no more of them, in the longest time this one looks at, than this one allows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count
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
    order: int
    everywhere: bool = False

    @property
    def said(self) -> Mapping[str, Any]:
        """The limit as plain data."""
        return self.part.said


def of_limits(reading: Reading, tools: Tools | None) -> Iterator[Finding]:
    """Every limit that never stops a call, or stops every one."""
    budgets = list(_budgets(reading))
    wide = [one for one in budgets if one.names.kind != "exact"]
    by_name: dict[str, list[Budget]] = {}
    for one in budgets:
        by_name.setdefault(one.names.text, []).append(one)
    sharing: dict[tuple[str, ...], list[Budget]] = {}
    for one in budgets:
        sharing.setdefault(_account(one), []).append(one)
    for one in budgets:
        amount = _costs(one)
        if not isinstance(amount, str | Mapping) and amount > one.said["max"]:
            text = f"no call ever fits: one costs {wording.number(amount)}, and {wording.limit(one.said)}"
            yield Finding(kind=Kind.NEVER_REACHED, rule=one.part.rule, text=text)
            continue
        near = [*wide, *(other for other in by_name[one.names.text] if other.names.kind == "exact")]
        users = sharing[_account(one)]
        first = next((other for other in near if other is not one and _first(other, one, users, tools)), None)
        if first is not None:
            text = f"is never reached: {first.part.rule} comes first ({wording.limit(first.said)})"
            yield Finding(kind=Kind.NEVER_REACHED, rule=one.part.rule, text=text)


def _budgets(reading: Reading) -> Iterator[Budget]:
    order = count()
    for part in reading.everywhere():
        yield Budget(part=part, names=EVERYTHING, everywhere=True, order=next(order))
    for name, entry in reading.plain.get("tools", {}).items():
        if entry.get("mode") == "shadow":
            continue
        said = parts(entry.get("limits", []), ("tools", name, "limits"))
        said += [rate(name, entry["rate_limit"], ("tools", name, "rate_limit"))] if "rate_limit" in entry else []
        for part in said:
            yield Budget(part=part, names=reading.names[name], order=next(order))


def _first(other: Budget, one: Budget, users: list[Budget], tools: Tools | None) -> bool:
    """Is the other limit always used up no later than this one? `users` are all that count where this one does."""
    if other.said.get("on_exceed") == "require_approval" or not (_plain(one) and _plain(other)):
        return False
    if not all(_counted_by(other, user, tools) and _costs(user) == _costs(one) for user in users):
        return False
    if not _wider(str(other.said.get("scope", "grant")), str(one.said.get("scope", "grant"))):
        return False
    most = _most(other, one)
    if most is None or most > one.said["max"]:
        return False
    # Of two that come to the same, the later one is told, and none is told of both.
    back = _most(one, other)
    same = back is not None and back <= other.said["max"] and _stands_before(one, other)
    return not same


def _stands_before(one: Budget, other: Budget) -> bool:
    """Do both count the same calls, and is the one the earlier?"""
    return one.order < other.order and one.names == other.names and one.everywhere is other.everywhere


def _plain(one: Budget) -> bool:
    """Is it one of those that can be compared?"""
    scope = one.said.get("scope", "grant")
    return one.said.keys() <= PLAIN and isinstance(scope, str) and not scope.startswith("args")


def _account(one: Budget) -> tuple[str, ...]:
    """What makes limits count on the same counter."""
    return tuple(str(one.said.get(key)) for key in ("counter", "window", "scope"))


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
