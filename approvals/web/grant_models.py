"""Standing grants as the REST contract has them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from approvals.domain import shapes
from approvals.domain.shapes import Proposal, TooWide
from approvals.errors import Invalid
from approvals.web import body
from approvals.web.bodies import Length, Model, RequestIdText, Time

Amount = Annotated[str | int | float, Field(description="A number, or a decimal written as a text.")]
Single = str | int | float | bool | None


class RangeIn(Model):
    """From `min` (0 where it is not said) to `max`, both included."""

    max: Amount
    min: Amount = 0


class MatchIn(Model):
    """How one argument may vary: exactly one member."""

    prefix: str | None = Field(default=None, max_length=1_000)
    range: RangeIn | None = None
    one_of: list[Single] | None = Field(default=None, max_length=shapes.VALUES_MAX)
    any: Literal[True] | None = None


class BudgetIn(Model):
    """What one argument may come to over all uses together."""

    argument: Annotated[str, Field(max_length=1_000, description="Its JSON Pointer.")]
    max: Amount


class GrantIn(Model):
    """A standing yes for calls of the same shape: everything is as in this call, but for the `arguments` named here."""

    arguments: dict[Annotated[str, Field(max_length=1_000)], MatchIn] = Field(
        default_factory=dict, description="By JSON Pointer: what of the call may vary, and how far."
    )
    lasts: Length = Field(alias="for", description="For how long; at most 24 hours unless configured otherwise.")
    uses: int = Field(default=1, ge=1, description="How many more calls; at most 100 unless configured otherwise.")
    budget: BudgetIn | None = None
    scope: Literal["agent", "session"] = Field(
        default="agent",
        description="`session`: only calls over the session in which this call was made, until that session ends. "
        "Refused where it was made in none (`why_no_grant_session`), and never widened.",
    )


class GrantGiveIn(Model):
    """A grant of a call that was approved before."""

    request: RequestIdText
    binding: str = Field(max_length=128)
    grant: GrantIn


class GrantPreviewIn(Model):
    """A grant to try on earlier calls."""

    grant: GrantIn


class GrantBudgetOut(Model):
    """A budget, and what is left of it. Decimals written plainly."""

    argument: str
    max: str
    left: str


class GrantPlaceOut(Model):
    """How one argument is bound."""

    argument: str
    kind: Literal["exact", "prefix", "range", "one_of", "any"]
    words: str


class GrantOut(Model):
    """A standing grant. `shape` has every argument of the call it was given with, without values where `redacted`.

    `scope` is `session` where it is bound to one session of the agent's client. `idle` says why it speaks for no call
    just now though it is in force: its givers could not approve one. `ended_why` says why it is not in force.
    """

    id: str
    request: str
    server: str
    tool: str
    agent: str
    owner: str | None
    rule: str
    given_by: list[str]
    names: list[str]
    at: Time
    until: Time
    uses: int
    uses_left: int
    budget: GrantBudgetOut | None
    scope: Literal["agent", "session"]
    shape: list[GrantPlaceOut]
    ended_at: Time | None
    ended_by: str | None
    ended_why: Literal["taken_back", "session_over", "time_over", "used_up"] | None
    in_force: bool
    idle: str | None
    may_revoke: bool
    redacted: bool


class GrantUseOut(Model):
    """One call that a grant let run. `amount` is what it took of the budget, null where there is none."""

    request: str
    state: str
    amount: str | None
    at: Time


class ShownGrantOut(GrantOut):
    """A grant with the calls it let run, newest first."""

    history: list[GrantUseOut]


class GrantsOut(Model):
    """A page of grants, newest first. A page may be shorter than `limit` though more follow: go by `next_cursor`."""

    grants: list[GrantOut]
    next_cursor: str | None


class GrantPreviewOut(Model):
    """What a proposal would have matched of the last calls of this tool by this agent that needed approval.

    `against` are the requests that fit and were denied or edited. `words` says it in one sentence.
    """

    looked_at: int
    unreadable: int = Field(description="Calls that could not be looked at: destroyed, or not yours to read.")
    matched: int
    approved: int
    denied: int
    edited: int
    unanswered: int
    nobody_asked: int
    waiting: int
    against: list[str]
    words: str


class CoveredOut(Model):
    """The grant that spoke for a call: who gave it, and with which request."""

    id: str
    given_by: list[str]
    names: list[str]
    request: str


def proposal_of(sent: GrantIn) -> Proposal:
    """What was sent, as a proposal.

    Raises:
        Invalid: a place of it makes no sense by itself.
    """
    said: dict[str, Any] = {
        "arguments": {
            place: one.model_dump(exclude_unset=True, exclude_none=True) for place, one in sent.arguments.items()
        },
        "for_seconds": body.length(sent.lasts) // timedelta(seconds=1),
        "uses": sent.uses,
        "budget": None if sent.budget is None else sent.budget.model_dump(),
        "scope": sent.scope,
    }
    try:
        return shapes.read(said)
    except TooWide as wide:
        raise Invalid(field=f"grant/{wide.field}", why=wide.why) from None
