"""What a rule asks of an approval: who must say yes, by when, what silence means, and what beside is allowed.

Values like those of `model`, which builds on them: a request keeps the terms that it was filed under, and only an
escalation, a reassignment or an edit changes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

Steps = tuple[str | int | None, ...]
"""The way to a value inside JSON: names of members, places in lists, None for every element of a list."""


class OnTimeout(StrEnum):
    """What silence means. `allow` only where a rule says it itself."""

    DENY = "deny"
    ESCALATE = "escalate"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """`count` distinct people out of `members`, each `group:NAME` or an e-mail address.

    A count below one, or nobody to ask, cannot be built (approvals.md 1, no. 12).
    """

    members: tuple[str, ...]
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("a factor needs a count of at least 1")
        if not self.members:
            raise ValueError("a factor needs at least one reviewer or group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """A step that asks more people: `to` are `group:NAME` or e-mail addresses, `channels` where else it is shown.

    It is taken once, for one reason: nobody decided `after` this long since the request was filed; or, `undelivered`,
    no card could be shown to anybody; or, with neither, the time ran out where the rule says `on_timeout: escalate`.
    `timeout` is how long there is from then on. `widens` are the factors it is about, by their place; None: each.
    """

    to: tuple[str, ...]
    after: timedelta | None = None
    undelivered: bool = False
    timeout: timedelta | None = None
    channels: tuple[str, ...] = ()
    widens: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the rule asks of an approval. All factors must be met. `redact`: what only the full call shows.

    `escalate` are the steps that are left; `called` who was asked by those that were taken, and whom
    it was handed to: they are told in person.
    `delegation`: the delegates of people who are away may decide for them.
    """

    factors: tuple[Factor, ...]
    four_eyes: bool = False
    delegation: bool = True
    timeout: timedelta = timedelta(minutes=15)
    on_timeout: OnTimeout = OnTimeout.DENY
    remind: timedelta | None = None
    escalate: tuple[Escalation, ...] = ()
    called: tuple[str, ...] = ()
    collect_within: timedelta = timedelta(minutes=15)
    channels: tuple[str, ...] = ()
    edit: bool = True
    justification: str = "off"
    cancel_window: timedelta = timedelta(0)
    execute_on_approve: bool = False
    self_service: bool = False
    grants: str = "offer"
    redact: tuple[Steps, ...] = ()

    def __post_init__(self) -> None:
        if not self.factors:
            raise ValueError("terms without factors would mean that nobody is asked")
