"""What people do around a decision, over REST: comment, ask the agent, hand on, snooze."""

from __future__ import annotations

from aiohttp import web

from approvals.access import Access, access
from approvals.web import body
from approvals.web.api import act
from approvals.web.models_talk import AskIn, CommentIn, ReassignIn, SnoozeIn


@access(Access.PERSON)
async def comment(request: web.Request) -> web.StreamResponse:
    """Write a note for the other people."""
    sent = await body.read(request, CommentIn)
    return await act(
        request,
        lambda parts, id_, visitor: parts.desk.comment(id_, by=visitor.person.id, via=visitor.via, text=sent.text),
    )


@access(Access.PERSON)
async def ask(request: web.Request) -> web.StreamResponse:
    """Ask the agent something; its call stays held, and its answer is its own word."""
    sent = await body.read(request, AskIn)
    return await act(
        request,
        lambda parts, id_, visitor: parts.desk.ask(id_, by=visitor.person.id, via=visitor.via, text=sent.question),
    )


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
