"""Who may call a route: an attribute on its handler, default deny (security.md rule 4).

Every handler of the one aiohttp application carries an access class, whoever wrote it; `check_routes`
refuses to start the service when one does not. So a new path can be forgotten, but never left open,
and no path prefix, encoding or second transport decides about rights.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, TypeVar

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Callable[..., Any])

READING = frozenset({"GET", "HEAD"})
_ATTRIBUTE, _VOTE = "placet_access", "placet_vote"


class Access(StrEnum):
    """The access classes. Only PERSON and SIGN_IN are judged here, the guards of the others are their owners'."""

    OPEN = "open"
    """Pages, styles, fonts: no data, reading only."""
    SIGN_IN = "sign_in"
    """Makes a session out of a one-time secret; from our own origin only."""
    PERSON = "person"
    """A signed-in person, or the bearer of a person's token."""
    AGENT = "agent"
    """An agent's token, judged by the gateway's inbound side; never a session."""
    SIGNED = "signed"
    """A signature over the raw body (Slack), judged by the handler."""
    CALLBACK = "callback"
    """The way back from an authorization server: a one-time state that a person began, judged by the handler; GET."""
    MACHINE = "machine"
    """Health and metrics: no secrets, no names of people; any Host, reading only."""


class UnguardedRoute(Exception):
    """A route has no access class, or one that does not fit its method: the service must not start."""


def access(kind: Access) -> Callable[[H], H]:
    """Give a handler (function or bound method) its access class."""

    def mark(handler: H) -> H:
        setattr(getattr(handler, "__func__", handler), _ATTRIBUTE, kind)
        return handler

    return mark


def access_of(handler: object) -> Access | None:
    """The access class of a handler, or None when nobody gave it one."""
    found = getattr(handler, _ATTRIBUTE, None)
    return found if isinstance(found, Access) else None


def vote(handler: H) -> H:
    """Mark a handler by which people vote: of those who are known to have lost their account a trace is kept."""
    setattr(handler, _VOTE, True)
    return handler


def is_vote(handler: object) -> bool:
    """Do people vote by this handler?"""
    return bool(getattr(handler, _VOTE, False))


async def check_routes(app: web.Application) -> None:
    """The start-up check over every route of the application.

    Raises:
        UnguardedRoute: at least one route may not be served as it stands; all of them are named.
    """
    wrong = [problem for route in app.router.routes() if (problem := _problem(route))]
    if wrong:
        raise UnguardedRoute("; ".join(sorted(wrong)))


def _problem(route: web.AbstractRoute) -> str | None:
    name = f"{route.method} {route.resource.canonical if route.resource else '?'}"
    kind = access_of(route.handler)
    if kind is None:
        return f"{name} has no access class"
    if kind in {Access.OPEN, Access.MACHINE} and route.method not in READING:
        return f"{name} is {kind} but not reading only"
    if kind is Access.CALLBACK and route.method != "GET":
        return f"{name} is {kind} but not GET"
    return None
