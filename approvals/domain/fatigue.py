"""Signs that people are worn out, or asked for nothing: plain findings with the numbers that speak for them.

A finding is no verdict on a person. It says what was counted, and what could be done about the rule or the routing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from approvals.domain.numbers import Count

ENOUGH = 20
"""Fewer decisions than this say nothing."""
BURST = 30
"""So many decisions within one hour are more than anybody reads."""
NEARLY_ALL = 0.98
HALF = 0.5
OFTEN_UNEXPECTED = 0.2
FEW = 5


class Sign(StrEnum):
    """What was found."""

    BURST = "burst"
    UNREAD = "unread"
    ALWAYS_YES = "always_yes"
    ALWAYS_APPROVED = "always_approved"
    LEFT_TO_EXPIRE = "left_to_expire"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sign, of a reviewer or of a rule; `text` says it without naming either."""

    sign: Sign
    text: str
    reviewer: str | None = None
    server: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfReviewer:
    """What one reviewer did: how many decisions, of which approvals, given too fast; the most in one hour."""

    reviewer: str
    decisions: int
    approved: int
    too_fast: int
    busiest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfRule:
    """What one rule asked for, and what people said of what ran."""

    server: str
    rule: str
    count: Count
    expected: int
    unexpected: int


def of_reviewer(one: OfReviewer) -> Iterator[Finding]:
    """The signs of one reviewer."""
    if one.busiest >= BURST:
        text = (
            f"{one.busiest} decisions within one hour. Route some to others, or let a limit ask instead of each call."
        )
        yield Finding(sign=Sign.BURST, text=text, reviewer=one.reviewer)
    if one.decisions < ENOUGH:
        return
    if one.too_fast >= HALF * one.decisions:
        text = f"{one.too_fast} of {one.decisions} decisions were approvals given faster than the card can be read."
        yield Finding(sign=Sign.UNREAD, text=text, reviewer=one.reviewer)
    if one.approved >= NEARLY_ALL * one.decisions:
        text = f"{one.approved} of {one.decisions} decisions were approvals."
        yield Finding(sign=Sign.ALWAYS_YES, text=text, reviewer=one.reviewer)


def of_rule(one: OfRule) -> Iterator[Finding]:
    """The signs of one rule."""
    count = one.count
    if count.decided >= ENOUGH and count.approved >= NEARLY_ALL * count.decided:
        text = (
            f"{count.approved} of {count.decided} were approved. If the rule asks for what is always fine, narrow it "
            "to what is not, or set a limit."
        )
        yield Finding(sign=Sign.ALWAYS_APPROVED, text=text, server=one.server, rule=one.rule)
    over = count.decided + count.expired
    if over >= FEW and count.expired >= HALF * over:
        text = (
            f"{count.expired} of {over} expired ({count.undelivered} could not be delivered). Ask more people, or give "
            "them longer."
        )
        yield Finding(sign=Sign.LEFT_TO_EXPIRE, text=text, server=one.server, rule=one.rule)
    answers = one.expected + one.unexpected
    if answers >= FEW and one.unexpected >= OFTEN_UNEXPECTED * answers:
        text = f"{one.unexpected} of {answers} answers say that the outcome was not as expected."
        yield Finding(sign=Sign.UNEXPECTED, text=text, server=one.server, rule=one.rule)


def findings(reviewers: Iterable[OfReviewer], rules: Iterable[OfRule]) -> list[Finding]:
    """Every sign, those of reviewers first."""
    of_people = [found for one in reviewers for found in of_reviewer(one)]
    return of_people + [found for one in rules for found in of_rule(one)]
