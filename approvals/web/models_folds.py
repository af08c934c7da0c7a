"""The bodies of REST about requests that are alike: one table, decided row by row through `decisions`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from approvals.web.bodies import Model, StateName, Time
from approvals.web.models_insights import ConfirmOut
from approvals.web.models_stops import StopOut
from approvals.web.models_votes import NeedOut, VoteOut


class CommonOut(Model):
    """What all rows have in common at one place, a JSON Pointer into the arguments."""

    path: str
    value: Any


class CellOut(Model):
    """What a row has in a column."""

    value: Any


class FoldRowOut(Model):
    """One request. `cells` are in the order of the columns; null: it has no such member."""

    id: str
    binding: str | None
    revision: int
    state: StateName
    cause: str | None
    votes: list[VoteOut]
    agent: str
    owner: str | None
    justification: str | None
    over: list[str] = Field(description="The limits that it goes over.")
    created_at: Time
    expires_at: Time
    needs: list[NeedOut]
    waiting: bool
    may_decide: bool
    may_approve: bool
    why_not: str | None
    stopped: StopOut | None
    cells: list[CellOut | None]


class FoldOut(Model):
    """Requests that wait and are alike, and those of `shown` that have ended, oldest first, as one table.

    `more`: others are alike that have no row here, so nothing here decides them. `left_out`: columns without room.
    `redacted`: secrets are masked.
    """

    fold: str
    server: str
    tool: str
    rule: str
    rule_reason: str | None
    risk: str
    severity: str
    redacted: bool
    common: list[CommonOut]
    columns: list[str]
    left_out: int
    rows: list[FoldRowOut]
    more: int
    confirm: ConfirmOut | None = Field(description="A step more that approving takes this person.")
