"""Agents at run time: add, rotate, revoke, pause. The command line and the API do the same things here."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from approvals import tokens
from approvals.desk import Desk
from approvals.domain.model import Cause, PersonId, State
from approvals.errors import Invalid, NotFound, Refusal
from approvals.storage.agents import AgentRow, TokenRow
from approvals.storage.engine import Database
from approvals.storage.requests import Query
from approvals.storage.tx import Tx

TOKEN_GOOD_FOR = timedelta(days=90)
OVERLAP = timedelta(days=1)
"""How long the old token works beside the new one after a rotation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token, shown once."""

    agent: str
    token: str
    expires_at: datetime


async def add(
    db: Database,
    *,
    name: str,
    owner: PersonId | None,
    servers: tuple[str, ...],
    actor: str,
    good_for: timedelta = TOKEN_GOOD_FOR,
) -> Issued:
    """Add an agent and give it its first token. `actor` is who does it, for the audit, here and below.

    Raises:
        Invalid: the name is taken.
    """

    def work(tx: Tx) -> Issued:
        if tx.agents.get(name) is not None:
            raise Invalid(
                field="name", why=f"there is an agent {name!r} already; `placet agents rotate` gives a new token"
            )
        tx.agents.upsert(AgentRow(name=name, owner=owner, servers=servers, source="added", created_at=tx.now))
        _note(tx, "agent.added", name, actor, owner=owner, servers=list(servers))
        return _issue(tx, name, good_for)

    return await db.write(work)


async def rotate(
    db: Database, name: str, *, actor: str, good_for: timedelta = TOKEN_GOOD_FOR, overlap: timedelta = OVERLAP
) -> Issued:
    """Give an agent a new token; the newest old one works for `overlap` longer, older ones end now.

    Raises:
        NotFound: there is no such agent.
        Invalid: it was revoked.
    """

    def work(tx: Tx) -> Issued:
        row = _existing(tx, name)
        if row.revoked_at is not None:
            raise Invalid(field="name", why=f"agent {name!r} was revoked for good; add another one")
        live = [token for token in tx.agents.tokens(name) if token.live(tx.now)]
        for token in live[1:]:
            tx.agents.revoke_token(token.hash, tx.now)
        if live:
            tx.agents.expire_token(live[0].hash, tx.now + overlap)
        _note(tx, "agent.rotated", name, actor)
        return _issue(tx, name, good_for)

    return await db.write(work)


async def revoke(desk: Desk, name: str, *, actor: str) -> int:
    """End an agent, its tokens, and its calls that have not been sent; says how many calls ended.

    Raises:
        NotFound: there is no such agent.
    """

    def work(tx: Tx) -> None:
        _existing(tx, name)
        tx.agents.revoke(name, tx.now)
        _note(tx, "agent.revoked", name, actor)

    await desk.db.write(work)
    ended = 0
    query = Query(agent=name, states=frozenset({State.PENDING, State.APPROVED}), limit=200)
    while page := await desk.search(query):
        done = 0
        for request in page:
            try:
                await desk.cancel(request.id, actor=actor, cause=Cause.REVOKED)
                done += 1
            except Refusal:
                continue
        ended += done
        if not done:
            break
    return ended


async def pause(db: Database, name: str, *, paused: bool, actor: str) -> None:
    """Refuse an agent's calls, or take them again.

    Raises:
        NotFound: there is no such agent.
    """

    def work(tx: Tx) -> None:
        _existing(tx, name)
        if paused:
            tx.agents.pause(name, tx.now)
        else:
            tx.agents.resume(name)
        _note(tx, "agent.paused" if paused else "agent.resumed", name, actor)

    await db.write(work)


def _existing(tx: Tx, name: str) -> AgentRow:
    row = tx.agents.get(name)
    if row is None:
        raise NotFound(what="agent", name=repr(name))
    return row


def _note(tx: Tx, action: str, name: str, actor: str, **detail: Any) -> None:
    tx.did(action, actor, subject=f"agent:{name}", **detail)


def _issue(tx: Tx, name: str, good_for: timedelta) -> Issued:
    token = tokens.make(tokens.Kind.AGENT, secrets.token_bytes(tokens.RANDOM_BYTES))
    expires_at = tx.now + good_for
    tx.agents.add_token(
        TokenRow(hash=token.sha256, agent=name, prefix=token.prefix, created_at=tx.now, expires_at=expires_at)
    )
    return Issued(agent=name, token=token.text, expires_at=expires_at)
