"""Raised limits as the REST contract has them."""

from __future__ import annotations

from approvals.web.bodies import Model, Time


class OverrunOut(Model):
    """A limit that the call goes over: it is `max`, and `to` if it is raised; `words` say per what and for whom."""

    limit: str
    max: str
    to: str
    words: str


class RaiseOut(Model):
    """A limit that people have raised for one budget, until a moment."""

    id: str
    limit: str
    max: str
    to: str
    words: str
    request: str
    server: str
    tool: str
    agent: str
    by: list[str]
    names: list[str]
    at: Time
    until: Time
    ended_at: Time | None
    ended_by: str | None
    in_force: bool
    may_revoke: bool


class RaisesOut(Model):
    """A page of raises, newest first. A page may be shorter than `limit` though more follow: go by `next_cursor`."""

    raises: list[RaiseOut]
    next_cursor: str | None
