"""The bodies about freezes."""

from __future__ import annotations

from pydantic import Field

from approvals.web.bodies import Length, Model, Name, Time, Words


class FreezeIn(Model):
    """Freeze everything, one `agent` or one `server` (with a `reason`), or end that freeze."""

    on: bool
    reason: Words | None = Field(default=None, description="Told to agents and people.")
    lasts: Length | None = Field(default=None, alias="for", description="How long; at most, and by default, `7d`.")
    agent: Name | None = None
    server: Name | None = None


class FreezeOut(Model):
    """One freeze: of everything, or of the `agent` or `server` that is named."""

    scope: str
    agent: str | None
    server: str | None
    reason: str
    by: str
    name: str
    at: Time
    until: Time
    ended_at: Time | None
    ended_by: str | None


class FreezesOut(Model):
    """What is frozen now, the oldest first, and the last freezes, the newest first."""

    freezes: list[FreezeOut]
    recent: list[FreezeOut]
