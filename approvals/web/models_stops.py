"""The bodies about freezes and break-glass."""

from __future__ import annotations

from typing import Literal

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


class StopOut(Model):
    """What keeps a waiting call from being approved: a freeze, or a pause of its agent (then without a name)."""

    kind: Literal["freeze", "pause"]
    scope: str
    by: str | None
    name: str | None
    reason: str | None
    at: Time | None
    until: Time | None


class FreezesOut(Model):
    """What is frozen now, the oldest first, and the last freezes, the newest first."""

    freezes: list[FreezeOut]
    recent: list[FreezeOut]


class OpenIn(Model):
    """Open break-glass for everything, or for one `server`."""

    reason: Words
    lasts: Length | None = Field(default=None, alias="for", description="How long; `1h` by default, at most `8h`.")
    server: Name | None = None


class OpeningIn(Model):
    """Which opening is meant: that of everything, or that of one `server`."""

    server: Name | None = None


class OpeningOut(Model):
    """One opening of break-glass. `waits` for a second person, `open` now, or over.

    `confirm_until` is null where one person was enough; `until` is null until it is opened.
    """

    scope: str
    server: str | None
    reason: str
    by: str
    name: str
    at: Time
    seconds: int
    waits: bool
    open: bool
    may_confirm: bool
    confirm_until: Time | None
    confirmed_by: str | None
    opened_at: Time | None
    until: Time | None
    ended_at: Time | None
    ended_by: str | None


class BreakGlassOut(Model):
    """How it is opened here, what is asked for or open, the oldest first, and the last ones, the newest first."""

    mode: Literal["never", "two_people", "alert"]
    openings: list[OpeningOut]
    recent: list[OpeningOut]
