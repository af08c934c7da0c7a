"""The bodies about when people can be asked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from approvals.web.bodies import Model, Text, Time

Moment = Annotated[
    Text, Field(max_length=64, description="RFC 3339, a day (its beginning, UTC), or a duration from now: `3d`, `2w`.")
]


class AwayIn(Model):
    """From when until when somebody is away, and who decides for them meanwhile; without `since`, from now on."""

    until: Moment
    since: Moment | None = None
    to: Annotated[Text, Field(max_length=254)] | None = None


class AwayOut(Model):
    """An absence: `to` is the delegate, whose word counts in place of the absent one's while it lasts."""

    since: Time
    until: Time
    to: str | None


class QuietOut(Model):
    """Quiet hours, by the clocks of a zone."""

    hours: str
    tz: str
