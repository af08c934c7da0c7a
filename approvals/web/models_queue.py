"""The bodies of REST about what waits, with calls that are alike as one entry."""

from __future__ import annotations

from pydantic import Field

from approvals.web.bodies import Model, Time
from approvals.web.models import RequestOut


class AlikeOut(Model):
    """Calls that are alike: `count` of them fit what was asked for, `alike` wait in all, `mine` you may decide."""

    fold: str
    count: int
    alike: int
    mine: int
    agents: list[str] = Field(description="The first few; `agents_count` says how many there are.")
    agents_count: int
    expires_at: Time = Field(description="When the first of them ends.")


class EntryOut(Model):
    """One request, or several that are alike with the first of them in the order of the list."""

    request: RequestOut
    group: AlikeOut | None


class QueueOut(Model):
    """A page of what waits. `waiting`: how many requests fit in all, on every page and in every group."""

    entries: list[EntryOut]
    next_cursor: str | None
    waiting: int
