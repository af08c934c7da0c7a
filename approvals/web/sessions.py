"""Who is asking: a session cookie, or a person's bearer token; and how sessions come and go.

An Authorization header is judged alone and never falls back to the cookie: a failed proof ends the
request. Whoever it is, the answer to every failure is the same 401. Kept at rest are hashes only.
A session ends after 8 hours without use, after 24 hours in any case, and with the person's account.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import web

from approvals import tokens
from approvals.acting import Actor
from approvals.directory import Directory
from approvals.domain.model import Person, PersonId
from approvals.domain.sign_in import SignIn
from approvals.storage.people import SessionRow
from approvals.storage.tx import Tx
from approvals.web.parts import PARTS, WebSettings
from approvals.web.problems import Problem, unauthenticated

SECRET_BYTES = 32
SEEN_EVERY = timedelta(minutes=5)
"""How exact the idle clock is: each step is one write."""

_BEARER = re.compile(r"Bearer ([\x21-\x7e]+)", re.IGNORECASE)
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The person behind a request, and by what proof. `csrf` and `sign_in` (how it began) are set for sessions only."""

    person: Person
    via: str
    proof: str = field(repr=False)
    csrf: str | None = field(default=None, repr=False)
    sign_in: SignIn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session just made: the cookie's value, and what its changes of state must carry."""

    secret: str = field(repr=False)
    csrf: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A credential as a request shows it, by its hash: a person's token (`api`), or a session (`web`)."""

    via: str
    sha256: str = field(repr=False)


VISITOR = web.RequestKey("placet_visitor", Visitor)


def actor_of(visitor: Visitor) -> Actor:
    """Who acts, for what is no decision."""
    return Actor(id=visitor.person.id, via=visitor.via)


async def identify(request: web.Request) -> Visitor:
    """The visitor of a request.

    Raises:
        Problem: the one 401.
    """
    proof = shown(request)
    if proof is None:
        raise unauthenticated()
    return await (_by_bearer if proof.via == "api" else _by_session)(request, proof.sha256)


async def visitor_of(request: web.Request) -> Visitor | None:
    """Whose session this browser has, if it is good: for what is open to everybody."""
    proof = shown(request)
    with contextlib.suppress(Problem):
        return await _by_session(request, proof.sha256) if proof is not None and proof.via == "web" else None
    return None


def shown(request: web.Request) -> Shown | None:
    """The credential of a request, good or not; None where there is none of our form."""
    sent = request.headers.getall("Authorization", [])
    if sent:
        found = _BEARER.fullmatch(sent[0]) if len(sent) == 1 else None
        token = tokens.parse(tokens.Kind.PERSON, found[1]) if found else None
        return None if token is None else Shown(via="api", sha256=token.sha256)
    secret = request.cookies.get(request.app[PARTS].settings.cookie, "")
    return Shown(via="web", sha256=digest(secret)) if _COOKIE.fullmatch(secret) else None


async def still_there(request: web.Request, visitor: Visitor) -> Person | None:
    """The same person by the same proof as it stands now; None once either is gone. For long streams."""
    parts = request.app[PARTS]
    look = _session_person if visitor.csrf is not None else _token_person
    return await parts.db.read(lambda tx: look(tx, parts.directory, visitor.proof, parts.settings))


def session_before(request: web.Request) -> str | None:
    """What is kept of the session cookie that a browser still has, good or not: signing in again ends it."""
    secret = request.cookies.get(request.app[PARTS].settings.cookie, "")
    return digest(secret) if secret.isascii() and secret else None


def keep_session(response: web.StreamResponse, settings: WebSettings, secret: str) -> None:
    """Hand a session's cookie to the browser."""
    response.set_cookie(
        settings.cookie,
        secret,
        max_age=int(settings.absolute.total_seconds()),
        path="/",
        secure=settings.https,
        httponly=True,
        samesite="Lax",
    )


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def open_session(tx: Tx, person: PersonId, settings: WebSettings, random: bytes, sign_in: SignIn) -> Opened:
    """Save a new session. `random` is twice SECRET_BYTES."""
    secret, csrf = _text(random[:SECRET_BYTES]), _text(random[SECRET_BYTES:])
    now = tx.now
    session = SessionRow(
        hash=digest(secret),
        person=person,
        csrf=csrf,
        created_at=now,
        seen_at=now,
        expires_at=now + settings.absolute,
        sign_in=sign_in,
    )
    tx.people.add_session(session)
    return Opened(secret=secret, csrf=csrf)


async def _by_bearer(request: web.Request, proof: str) -> Visitor:
    parts = request.app[PARTS]
    person = await parts.db.read(lambda tx: _token_person(tx, parts.directory, proof, parts.settings))
    if person is None:
        raise unauthenticated()
    return Visitor(person=person, via="api", proof=proof)


async def _by_session(request: web.Request, proof: str) -> Visitor:
    parts = request.app[PARTS]

    def look(tx: Tx) -> tuple[Person, SessionRow, bool] | None:
        person = _session_person(tx, parts.directory, proof, parts.settings)
        session = tx.people.session(proof)
        if person is None or session is None:
            return None
        return person, session, tx.now - session.seen_at >= SEEN_EVERY

    found = await parts.db.read(look)
    if found is None:
        raise unauthenticated()
    person, session, stale = found
    if stale:
        await parts.db.write(lambda tx: tx.people.see_session(proof, tx.now))
    return Visitor(person=person, via="web", proof=proof, csrf=session.csrf, sign_in=session.sign_in)


def _token_person(tx: Tx, directory: Directory, proof: str, _settings: WebSettings) -> Person | None:
    return _enabled(directory.by_token(tx, proof))


def _session_person(tx: Tx, directory: Directory, proof: str, settings: WebSettings) -> Person | None:
    session = tx.people.session(proof)
    if session is None or not _live(session.seen_at, session.expires_at, tx.now, settings):
        return None
    return _enabled(directory.person(tx, session.person))


def _live(seen_at: datetime, expires_at: datetime, now: datetime, settings: WebSettings) -> bool:
    return now < expires_at and now < seen_at + settings.idle


def _enabled(person: Person | None) -> Person | None:
    return person if person is not None and not person.disabled else None


def _text(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).decode("ascii").rstrip("=")
