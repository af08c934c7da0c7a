"""How much a reviewer can have read before a decision, and what follows when it was too little again and again.

Theory. A card cannot be read faster than its length allows: `SETTLE` seconds to see what it is about, and a second for
each `PER_SECOND` characters it shows, which is twice the pace of careful reading; no more than `LONGEST` is ever asked.
What a reviewer had is the time from when a surface first showed them the request to their decision; and since nobody
reads two things at once, it begins no earlier than their decision before (decisions given together, in bulk, count as
one moment). An approval that had less than the card needs is *too fast*. Denials never are: a no may be quick.

The meter looks at a reviewer's last decisions. When too many were approvals given too fast, their approvals take a
step more, and it goes away by itself as later decisions take their time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from approvals.domain.card import Card
from approvals.domain.model import Answer

SETTLE = 2.0
PER_SECOND = 50
LONGEST = 120.0
YES = "yes"
"""What `confirm` says where only a further step is asked for."""


class Known(StrEnum):
    """From when a reviewer's time is counted."""

    PAGE = "page"
    """They opened the request."""
    CARD = "card"
    """The channel that they decided in had its card."""
    FILED = "filed"
    """It was filed: nobody knows when they saw it."""
    BEFORE = "before"
    """They were busy with the decision before until then."""


class Mode(StrEnum):
    """What the meter is for."""

    RAISE = "raise"
    """Approvals of who decides too fast take a step more."""
    TELL = "tell"
    """It is only shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Friction:
    """When approving takes a step more.

    It goes by how many percent of the `last` decisions of a person, none older than `within`, were approvals given too
    fast: from `confirm_at` on a confirmation is asked for, from `type_at` on the name of the tool; with fewer decisions
    than `last` nothing is. `surfaces` are where it is asked: a program that has a person's token (`api`) reads nothing.
    """

    mode: Mode = Mode.RAISE
    last: int = 20
    within: timedelta = timedelta(days=7)
    confirm_at: int = 50
    type_at: int = 80
    surfaces: frozenset[str] = frozenset({"web", "slack", "cli"})


OFF = Friction(mode=Mode.TELL)
"""What a desk does that was told nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What is known of when a reviewer could begin to read. `before` is their last decision not given together."""

    filed: datetime
    opened: datetime | None = None
    delivered: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One decision with the time there was for it, and the time its card needs."""

    person: str
    answer: Answer
    at: datetime
    since: datetime
    known: Known
    needed: timedelta

    @property
    def took(self) -> timedelta:
        """How long they had."""
        return max(self.at - self.since, timedelta(0))

    @property
    def too_fast(self) -> bool:
        """Was it approved in less time than its card needs?"""
        return self.answer is Answer.APPROVE and self.took < self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A person's last decisions: how many there are, and how many were approvals, and approvals given too fast."""

    decisions: int
    approved: int
    too_fast: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What approving takes more, for one person and one call. `send` is what the decision's `confirm` must say."""

    level: int
    send: str
    why: str


def shown_length(card: Card) -> int:
    """How many characters of a card have to be read: what differs from call to call."""
    said = (card.arguments, card.justification or "", card.rule_reason or "", *card.warnings, *card.over)
    return sum(map(len, said))


def reading_time(characters: int) -> timedelta:
    """The least time in which so many characters can be taken in."""
    return timedelta(seconds=min(SETTLE + characters / PER_SECOND, LONGEST))


def since(moments: Moments) -> tuple[datetime, Known]:
    """From when a reviewer could read, and how that is known."""
    shown = [
        (at, known) for at, known in ((moments.opened, Known.PAGE), (moments.delivered, Known.CARD)) if at is not None
    ]
    began = min(shown, default=(moments.filed, Known.FILED))
    if moments.before is not None and moments.before > began[0]:
        return moments.before, Known.BEFORE
    return began


def meter(readings: Iterable[tuple[Answer, bool]]) -> Meter:
    """What the last decisions (answer, too fast) of somebody amount to."""
    listed = list(readings)
    return Meter(
        decisions=len(listed),
        approved=sum(answer is Answer.APPROVE for answer, _ in listed),
        too_fast=sum(fast for _, fast in listed),
    )


def level(friction: Friction, found: Meter) -> int:
    """0: nothing, 1: a confirmation, 2: the tool's name typed."""
    if found.decisions < friction.last:
        return 0
    share = 100 * found.too_fast / found.decisions
    return 2 if share >= friction.type_at else 1 if share >= friction.confirm_at else 0


def step(friction: Friction, found: Meter, *, tool: str, via: str) -> Step | None:
    """What this person must add to approve a call of this tool on this surface, or None."""
    at = level(friction, found)
    if friction.mode is Mode.TELL or via not in friction.surfaces or at == 0:
        return None
    why = f"You approved {found.too_fast} of your last {found.decisions} calls faster than they can be read"
    return Step(level=at, send=YES if at == 1 else tool, why=why)


def is_done(asked: Step | None, confirm: str | None) -> bool:
    """Does what the decision said fulfil what was asked? Who types the name has confirmed, too."""
    if asked is None:
        return True
    said = (confirm or "").strip()
    return bool(said) if asked.level == 1 else said == asked.send
