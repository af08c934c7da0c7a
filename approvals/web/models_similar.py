"""The body of REST about earlier decisions on calls like one request."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from approvals.web.bodies import Model, StateName, Time

Name = Literal[
    "approved", "denied", "pulled_back", "expired", "undelivered", "cancelled", "grant", "silence", "break_glass"
]


class CountsOut(Model):
    """How many of what. People decided `approved`, `denied` and `pulled_back` (approved, and taken back in time)."""

    approved: int
    denied: int
    pulled_back: int
    expired: int = Field(description="Nobody answered.")
    undelivered: int = Field(description="Nobody could be told.")
    cancelled: int = Field(description="While it waited.")
    grant: int = Field(description="A standing grant let it run; nobody was asked about this call.")
    silence: int = Field(description="The rule lets it run when nobody answers.")
    break_glass: int


class SameOut(Model):
    """How people decided the calls that have the same value under one argument; `of` so many that could be compared."""

    argument: str
    equal: int
    of: int
    approved: int
    denied: int
    pulled_back: int


class LikenessOut(Model):
    """How its arguments compare: `equal` of `of` names. `differs` and `hidden` (not compared for you) are named."""

    exact: bool
    equal: int
    of: int
    differs: list[str]
    more_differ: int = Field(description="So many more differ.")
    hidden: list[str]


class ByOut(Model):
    """Somebody who decided, or gave the grant that did."""

    id: str
    name: str


class EarlierOut(Model):
    """One earlier request. `reason` is what the person said whose word ended the waiting."""

    id: str
    verdict: Name
    state: StateName
    cause: str | None
    at: Time
    agent: str
    owner: str | None
    edited: bool = Field(description="A reviewer changed its arguments; they are compared as they were decided.")
    by: list[ByOut]
    reason: str | None
    grant: str | None = Field(description="The grant that let it run.")
    likeness: LikenessOut | None = Field(description="Null: too long to be compared by name.")


class SimilarOut(Model):
    """What was decided before about calls of the same tool, as far as the asking person may see it.

    No word on whether this call is right. Looked at are the last 50 that people decided and the last 50 other ends,
    before this request was decided; `earlier` are at most five: people's decisions first, then those with most
    arguments equal, then the newest.
    """

    summary: str
    decided: int = Field(description="How many of them people decided.")
    counts: CountsOut
    same: list[SameOut]
    earlier: list[EarlierOut]
