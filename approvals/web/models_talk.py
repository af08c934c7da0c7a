"""The bodies of what people do around a decision: hand it on, hide it for a while."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from approvals.web.bodies import Length, Model, Reason, Text

Member = Annotated[Text, Field(min_length=3, max_length=256, description="`group:NAME` or an address.")]


class ReassignIn(Model):
    """Let others decide in place of those whom you speak for."""

    to: list[Member] = Field(min_length=1, max_length=10)
    factor: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Only this one of `needs`, counted from 0. Without it: all that you speak for; for an operator who "
        "speaks for none, all there are.",
    )
    note: Reason | None = None


class SnoozeIn(Model):
    """Hide it from your own queue until then, or until something about it changes; null shows it again."""

    lasts: Length | None = Field(alias="for", description="Less than the time that is left to decide it.")
