"""What waits, as one person's list: calls that are alike are one entry, and a flood of them hides nothing else.

Grouping comes first and pages after it, so an entry counts all of its calls, however many pages the single calls would
have filled. An entry stands where the first of its calls in the chosen order would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from approvals.domain.folding import Folding

AGENTS_MOST = 3
"""So many agents are named for an entry; of the others there is the number."""

Place = tuple[datetime, str]
"""Where an entry stands: the time that orders it, and the id of its first call."""


class Order(StrEnum):
    """What comes first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    ENDS = "ends"
    """Whatever has the least time left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A call that one person may see waiting: does it fit what they ask for, and may they decide it?"""

    id: str
    fold: str | None
    agent: str
    created_at: datetime
    expires_at: datetime
    fits: bool = True
    mine: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What an entry says of its calls: `count` fit what was asked for, `alike` wait in all, `mine` they may decide.

    `agents` are the first few of `agents_count`; `expires_at` is when the first of them ends.
    """

    fold: str
    count: int
    alike: int
    mine: int
    agents: tuple[str, ...]
    agents_count: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call, or calls that are alike with the first of them."""

    first: Waiting
    group: Alike | None = None


def entries(waiting: Iterable[Waiting], *, folding: Folding, order: Order) -> list[Entry]:
    """All that fits, in order; calls become one entry where so many fit as `folding` asks for."""
    alike: dict[str, list[Waiting]] = {}
    alone: list[Entry] = []
    for one in waiting:
        if one.fold is None:
            alone += [Entry(first=one)] if one.fits else []
        else:
            alike.setdefault(one.fold, []).append(one)
    for fold, members in alike.items():
        fit = sorted((one for one in members if one.fits), key=lambda one: place(one, order), reverse=_last(order))
        if folding.folds(len(fit)) and fit:
            alone.append(Entry(first=fit[0], group=_group(fold, fit, members)))
        else:
            alone += [Entry(first=one) for one in fit]
    return sorted(alone, key=lambda entry: place(entry.first, order), reverse=_last(order))


def after(listed: Sequence[Entry], cursor: Place | None, order: Order) -> list[Entry]:
    """The entries behind a place."""
    if cursor is None:
        return list(listed)
    if _last(order):
        return [entry for entry in listed if place(entry.first, order) < cursor]
    return [entry for entry in listed if place(entry.first, order) > cursor]


def place(one: Waiting, order: Order) -> Place:
    """Where a call stands in this order."""
    return (one.expires_at if order is Order.ENDS else one.created_at), one.id


def _last(order: Order) -> bool:
    return order is Order.NEWEST


def _group(fold: str, fit: Sequence[Waiting], members: Sequence[Waiting]) -> Alike:
    agents = tuple(dict.fromkeys(one.agent for one in fit))
    return Alike(
        fold=fold,
        count=len(fit),
        alike=len(members),
        mine=sum(one.mine for one in fit),
        agents=agents[:AGENTS_MOST],
        agents_count=len(agents),
        expires_at=min(one.expires_at for one in fit),
    )
