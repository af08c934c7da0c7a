"""What is still needed of people, and what they have said, as the REST contract has it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from approvals.web.bodies import Model, Time


class NeedOut(Model):
    """How far one factor is. `group` is null when several groups or people are meant; see `members`."""

    group: str | None
    members: list[str]
    count: int
    have: int


class NamedOut(Model):
    """A person, by address and name."""

    id: str
    name: str


class VoteOut(Model):
    """A saved decision. `on_behalf` are the absent in whose place the reviewer gave it."""

    reviewer: str
    name: str
    on_behalf: list[NamedOut]
    decision: Literal["approve", "deny"]
    reason: str | None
    at: Time
    via: str
    raise_seconds: int | None = Field(description="For how long this vote raises, too, what the call goes over.")
    grant: dict[str, Any] | None = Field(description="What this vote wants to grant beside the call.")
