"""What people do around a decision, over REST: hand a request on to others, put it out of their own sight."""

from __future__ import annotations

from aiohttp import web

from approvals.access import Access, access
from approvals.web import body
from approvals.web.api import act
from approvals.web.models_talk import ReassignIn, SnoozeIn


@access(Access.PERSON)
async def reassign(request: web.Request) -> web.StreamResponse:
    """Let others decide in place of those whom you speak for."""
    sent = await body.read(request, ReassignIn)
    return await act(
        request,
        lambda parts, id_, visitor: parts.desk.reassign(
            id_, by=visitor.person.id, to=tuple(sent.to), factor=sent.factor, note=sent.note
        ),
    )


@access(Access.PERSON)
async def snooze(request: web.Request) -> web.StreamResponse:
    """Hide a request from your own queue for a while; nothing else about it changes."""
    sent = await body.read(request, SnoozeIn)
    lasts = None if sent.lasts is None else body.length(sent.lasts)
    return await act(request, lambda parts, id_, visitor: parts.desk.snooze(id_, by=visitor.person.id, lasts=lasts))
