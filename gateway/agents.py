"""Agents at run time: add, rotate, revoke, pause. The command line and the API do the same things here.

Each act is one transaction with its entry in the audit. A revocation ends the agent's calls that were not sent in
the same transaction, wherever they are held; what is running keeps its result. An agent that leaves the configuration
is treated alike, at the reload and at the start.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from approvals import stopped, tokens
from approvals.acting import Actor, permit
from approvals.desk import Desk
from approvals.domain.happening import Event, Happened
from approvals.domain.model import Cause, PersonId, State
from approvals.domain.schedule import CLOCK
from approvals.domain.stops import scope_of
from approvals.errors import Invalid, NotThere
from approvals.room import Room
from approvals.stops import end_every
from approvals.storage.agents import LEFT, AgentRow, TokenRow
from approvals.storage.requests import Query
from approvals.storage.tx import Tx
from gateway.settings import Settings

TOKEN_GOOD_FOR = timedelta(days=90)
OVERLAP = timedelta(days=1)
"""How long the old token works beside the new one after a rotation."""
GONE = Happened(event=Event.CANCELLED, actor=CLOCK, cause=Cause.REVOKED, note="its agent left the configuration")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
_UNSENT = frozenset({State.PENDING, State.APPROVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token, shown once."""

    agent: str
    token: str
    expires_at: datetime
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """The acts. `keys` says why agents get no keys of ours here, where that is so."""

    desk: Desk
    keys: str | None = None

    async def add(
        self, name: str, *, owner: str, servers: Collection[str], known: Collection[str], actor: Actor
    ) -> Issued:
        """Add an agent and give it its first token. No `servers`: all that are `known`.

        Raises:
            NotPermitted: the person is neither operator nor admin.
            Invalid: the name is taken or is none, the owner is no address, a server is not known, or there are no keys.
        """
        self._check_keys()
        _check(name, owner, servers, known)
        chosen = tuple(dict.fromkeys(servers)) or tuple(known)

        def work(tx: Tx) -> Issued:
            self._permit(tx, actor, "add agents")
            if tx.agents.get(name) is not None:
                raise Invalid(field="name", why=f"there is an agent {name!r} already; rotate gives a new token")
            human = PersonId(owner.lower())
            tx.agents.upsert(AgentRow(name=name, owner=human, servers=chosen, source="added", created_at=tx.now))
            _note(tx, "agent.added", name, actor, owner=human, servers=list(chosen))
            return _issue(tx, name, chosen)

        return await self.desk.db.write(work)

    async def rotate(self, name: str, *, actor: Actor, overlap: timedelta = OVERLAP) -> Issued:
        """Give an agent a new token; the newest old one works for `overlap` longer, older ones end now.

        Raises:
            NotPermitted, NotFound.
            Invalid: it was revoked, or there are no keys.
        """
        self._check_keys()

        def work(tx: Tx) -> Issued:
            self._permit(tx, actor, "rotate tokens")
            row = _existing(tx, name)
            if row.revoked_at is not None:
                raise Invalid(field="name", why=f"agent {name!r} was revoked for good; add another one")
            live = [token for token in tx.agents.tokens(name) if token.live(tx.now)]
            for token in live[1:]:
                tx.agents.revoke_token(token.hash, tx.now)
            if live:
                tx.agents.expire_token(live[0].hash, tx.now + overlap)
            _note(tx, "agent.rotated", name, actor)
            return _issue(tx, name, row.servers)

        return await self.desk.db.write(work)

    async def revoke(self, name: str, *, actor: Actor, token: str | None = None) -> int:
        """End an agent for good, or one of its tokens (by its prefix), and its calls not yet sent; how many those were.

        Calls are the agent's, whichever token they came with: with one token all that was not sent ends.

        Raises:
            NotPermitted, NotFound.
        """

        def work(tx: Tx) -> int:
            room = self._permit(tx, actor, "revoke tokens")
            # Its row first: what is being filed for it is waited for, and is found below.
            _existing(tx, name, lock=True)
            if token is None:
                tx.agents.revoke(name, tx.now)
                _note(tx, "agent.revoked", name, actor)
            else:
                _revoke_one(tx, name, token)
                _note(tx, "agent.token_revoked", name, actor, prefix=token)
            gone = Happened(event=Event.CANCELLED, actor=actor.id, cause=Cause.REVOKED)
            return end_every(room, Query(agent=name, states=_UNSENT), gone)

        return await self.desk.db.write(work)

    async def pause(self, name: str, *, actor: Actor) -> None:
        """Refuse an agent's calls until it is resumed.

        Raises:
            NotPermitted, NotFound.
        """

        def work(tx: Tx) -> None:
            self._permit(tx, actor, "pause agents")
            if _existing(tx, name).paused_at is None:
                tx.agents.pause(name, tx.now)
                stopped.repaint(tx, scope_of(agent=name))
                _note(tx, "agent.paused", name, actor)

        await self.desk.db.write(work)

    async def resume(self, name: str, *, actor: Actor) -> None:
        """Take a paused agent's calls again.

        Raises:
            NotPermitted, NotFound.
        """

        def work(tx: Tx) -> None:
            self._permit(tx, actor, "resume agents")
            if _existing(tx, name).paused_at is not None:
                tx.agents.resume(name)
                stopped.repaint(tx, scope_of(agent=name))
                _note(tx, "agent.resumed", name, actor)

        await self.desk.db.write(work)

    def _permit(self, tx: Tx, actor: Actor, what: str) -> Room:
        room = self.desk.room(tx)
        permit(room, actor, what)
        return room

    def _check_keys(self) -> None:
        if self.keys is not None:
            raise Invalid(field="token", why=self.keys)


async def end_those_of_left(desk: Desk) -> int:
    """End what was not sent of agents that are not in the configuration any more, as a revocation does; how many."""

    def work(tx: Tx) -> int:
        room, ended = desk.room(tx), 0
        for name in [row.name for row in tx.agents.list() if row.source == LEFT]:
            # As above: what is being filed for it is waited for.
            _existing(tx, name, lock=True)
            ended += end_every(room, Query(agent=name, states=_UNSENT), GONE)
        return ended

    return await desk.db.write(work)


def agents_of(desk: Desk, settings: Settings) -> Agents:
    """The acts under a configuration."""
    if settings.agent_oauth is None:
        return Agents(desk=desk)
    issuer = settings.agent_oauth.issuer
    return Agents(
        desk=desk,
        keys=f"agents come with access tokens of {issuer}, and a key would be refused; add the agent to the "
        "configuration, with its oauth_subject",
    )


def _check(name: str, owner: str, servers: Collection[str], known: Collection[str]) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(field="name", why="1 to 64 of A-Z a-z 0-9 . _ - that begin with a letter or digit")
    if not _EMAIL.fullmatch(owner):
        raise Invalid(field="owner", why="the address of the human behind the agent")
    for one in servers:
        if one not in known:
            there = ", ".join(known) or "none"
            raise Invalid(field="servers", why=f"there is no server {one!r} in the configuration, which has: {there}")


def _existing(tx: Tx, name: str, *, lock: bool = False) -> AgentRow:
    row = tx.agents.get(name, lock=lock)
    if row is None:
        raise NotThere(what="agent", name=repr(name))
    return row


def _revoke_one(tx: Tx, name: str, prefix: str) -> None:
    live = [one for one in tx.agents.tokens(name) if one.prefix == prefix and one.live(tx.now)]
    if not live:
        raise NotThere(what="token", name=f"{prefix!r} of {name!r} that is good")
    for one in live:
        tx.agents.revoke_token(one.hash, tx.now)


def _note(tx: Tx, action: str, name: str, actor: Actor, **detail: Any) -> None:
    tx.did(action, actor.id, subject=f"agent:{name}", via=actor.via, **detail)


def _issue(tx: Tx, name: str, servers: tuple[str, ...]) -> Issued:
    token = tokens.make(tokens.Kind.AGENT, secrets.token_bytes(tokens.RANDOM_BYTES))
    expires_at = tx.now + TOKEN_GOOD_FOR
    tx.agents.add_token(
        TokenRow(hash=token.sha256, agent=name, prefix=token.prefix, created_at=tx.now, expires_at=expires_at)
    )
    return Issued(agent=name, token=token.text, expires_at=expires_at, servers=servers)
