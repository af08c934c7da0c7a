"""Signing in with a one-time link, signing out, and what the command line needs to hand either out.

A link's secret stands after `#`, so no server log, proxy or link scanner ever gets it. Opening the link
shows a page; only that page's POST uses it up, by one conditional update in the transaction that makes
the session. Used, run out, unknown, and somebody disabled are one answer.
"""

from __future__ import annotations

from aiohttp import web

from approvals import tokens
from approvals.access import Access, access
from approvals.domain.model import Person
from approvals.domain.sign_in import LINK, SignIn
from approvals.storage.tx import Tx
from approvals.web import body, problems
from approvals.web.models import Empty, LoginIn
from approvals.web.parts import PARTS, WebParts
from approvals.web.people import me_body
from approvals.web.problems import Problem
from approvals.web.sessions import (
    SECRET_BYTES,
    VISITOR,
    Opened,
    Visitor,
    digest,
    keep_session,
    open_session,
    session_before,
)
from approvals.web.shape import answer

_REFUSED = (
    "This sign-in link was used already, has run out after 15 minutes, or is not one of ours. "
    "Make a new one with `placet people login-link`."
)


BY_LINK = SignIn(method=LINK)


class _NoSuchLink(Exception):
    """Rolls the transaction back."""


@access(Access.SIGN_IN)
async def login(request: web.Request) -> web.StreamResponse:
    """Use up a link and answer with the new session."""
    parts = request.app[PARTS]
    sent = await body.read(request, LoginIn)
    if not parts.links():
        raise problems.links_off()
    token = tokens.parse(tokens.Kind.LOGIN, sent.token)
    if token is None:
        raise _refused()
    before, fresh, link = session_before(request), parts.random(2 * SECRET_BYTES), token.sha256
    try:
        person, opened = await parts.db.write(lambda tx: _use(tx, parts, link, before, fresh))
    except _NoSuchLink:
        raise _refused() from None
    visitor = Visitor(person=person, via="web", proof=digest(opened.secret), csrf=opened.csrf, sign_in=BY_LINK)
    response = answer(request, await me_body(parts, visitor))
    keep_session(response, parts.settings, opened.secret)
    return response


@access(Access.PERSON)
async def logout(request: web.Request) -> web.StreamResponse:
    """End this session. The bearer of a token has none to end."""
    parts, visitor = request.app[PARTS], request[VISITOR]
    await body.read(request, Empty)
    if visitor.csrf is not None:
        await parts.db.write(lambda tx: tx.people.end_session(visitor.proof))
    response = web.Response(status=204)
    response.del_cookie(parts.settings.cookie, path="/", secure=parts.settings.https, httponly=True, samesite="Lax")
    return response


def _use(tx: Tx, parts: WebParts, link: str, before: str | None, fresh: bytes) -> tuple[Person, Opened]:
    who = tx.people.consume_link(link, tx.now)
    person = parts.directory.person(tx, who) if who is not None else None
    if person is None or person.disabled:
        raise _NoSuchLink
    if before is not None:
        tx.people.end_session(before)
    tx.did("person.signed_in", person.id, subject=f"person:{person.id}", via="web", by="link")
    return person, open_session(tx, person.id, parts.settings, fresh, BY_LINK)


def _refused() -> Problem:
    return Problem(401, "link_invalid", _REFUSED)
