"""The bodies about numbers, and about outcomes as they were expected."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from approvals.web.bodies import Model, PeoplesNote, Time

Seconds = Annotated[float | None, Field(description="Null where nothing was measured.")]
Rate = Annotated[float | None, Field(description="From 0 to 1; null of nothing.")]


class ExpectedIn(Model):
    """Whether what came of a call was what this person expected."""

    as_expected: bool
    note: PeoplesNote | None = None


class ExpectationOut(Model):
    """What one person says of the outcome."""

    person: str
    name: str
    as_expected: bool
    note: str | None
    at: Time


class ConfirmOut(Model):
    """What this person has to add to approve it, because they approved too fast too often.

    A decision without it is refused with 409 `confirm_needed`; `send` is what its `confirm` must say.
    """

    level: Literal[1, 2]
    send: str
    why: str


class CountOut(Model):
    """What became of the requests that were filed within a time.

    `timed_out` and `undelivered` are among `expired`; what silence allowed is timed out. `not_asked` ran with nobody
    being asked, and is in no other count.
    """

    asked: int
    approved: int
    denied: int
    expired: int
    timed_out: int
    undelivered: int
    cancelled: int
    waiting: int
    not_asked: int
    approval_rate: Rate
    expiry_rate: Rate


class TimesOut(Model):
    """From filed to decided, in seconds, for what people decided."""

    count: int
    p50: Seconds
    p90: Seconds


class AnswersOut(Model):
    """What people said of outcomes."""

    as_expected: int
    unexpected: int
    unexpected_rate: Rate


class PaceOut(Model):
    """How many decisions there were, and how many were approvals given faster than the card can be read."""

    decisions: int
    too_fast: int
    too_fast_rate: Rate


class GroupOut(Model):
    """The numbers of one rule or one tool."""

    server: str
    rule: str | None = None
    tool: str | None = None
    requests: CountOut
    seconds: TimesOut
    pace: PaceOut
    outcomes: AnswersOut


class DecoysOut(Model):
    """Tests of attention: how many were seen through (denied, or approved with other arguments) and how many not."""

    seen: int
    missed: int
    score: Rate


class ReviewerOut(Model):
    """The numbers of one reviewer. `busiest_hour`: their most decisions within one hour.

    `friction`: what approving takes more from them now: 0 nothing, 1 a confirmation, 2 the typed name of the tool.
    """

    reviewer: str
    name: str
    approved: int
    denied: int
    approval_rate: Rate
    seconds: TimesOut
    pace: PaceOut
    busiest_hour: int
    friction: Literal[0, 1, 2]
    decoys: DecoysOut


class BarOut(Model):
    """What was filed from a moment on, for as long as `bar_seconds` says."""

    at: Time
    requests: CountOut


class FindingOut(Model):
    """A sign that people are worn out, or asked for nothing; of a reviewer, or of a rule."""

    sign: Literal["burst", "unread", "always_yes", "always_approved", "left_to_expire", "unexpected"]
    text: str
    reviewer: str | None
    name: str | None
    server: str | None
    rule: str | None


class FrictionOut(Model):
    """How the meter is set."""

    mode: Literal["raise", "tell"]
    last: int
    within_seconds: int
    confirm_at: int
    type_at: int
    surfaces: list[str]


class InsightsOut(Model):
    """The numbers of a time. `scope` says whose: everybody's, or only what this person decided.

    `load`: how many requests each of the 168 hours of a week will bring, from Monday midnight UTC, by the last 8 weeks.
    """

    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    server: str | None
    scope: Literal["all", "own"]
    requests: CountOut
    seconds: TimesOut
    pace: PaceOut
    outcomes: AnswersOut
    waiting: int
    oldest_wait_seconds: Seconds
    rules: list[GroupOut]
    tools: list[GroupOut]
    reviewers: list[ReviewerOut]
    bar_seconds: int
    history: list[BarOut]
    load: list[float]
    findings: list[FindingOut]
    friction: FrictionOut
