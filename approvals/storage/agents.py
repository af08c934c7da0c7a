"""Agents and their tokens. A token is kept as its SHA-256 and found by it; two may live at once, for rotation.

Rows with source `config` are put here from the configuration at start, so that tokens, pauses and revocations
of such agents have a row to hang on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, or_, select, update

from approvals.domain.model import PersonId
from approvals.storage.frame import Group
from approvals.storage.tables import agent_tokens, agents

LEFT = "left"
"""Source of rows whose agent is no longer in the configuration: it may not call, and may come back."""
MAX_AGENTS = 10_000
"""More agents than this are not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """An agent as saved. `servers` are the upstream servers it may use; `source` is `config`, `added`, or `left`."""

    name: str
    owner: PersonId | None
    servers: tuple[str, ...]
    source: str
    created_at: datetime
    anonymous: bool = False
    paused_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def gone(self) -> bool:
        """Has its access ended: was it revoked, or has it left the configuration?"""
        return self.revoked_at is not None or self.source == LEFT


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token of an agent. `prefix` may be shown and logged, the token itself is not kept."""

    hash: str
    agent: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def live(self, now: datetime) -> bool:
        """May it still be used?"""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Agents(Group):
    """Statements about agents and their tokens."""

    def upsert(self, agent: AgentRow) -> None:
        """Save an agent; a pause or revocation that is there stays."""
        values = {
            "owner": agent.owner,
            "servers": list(agent.servers),
            "anonymous": agent.anonymous,
            "source": agent.source,
        }
        fresh = self._tx.insert(agents).values(
            name=agent.name,
            created_at=agent.created_at,
            paused_at=agent.paused_at,
            revoked_at=agent.revoked_at,
            **values,
        )
        self._run(fresh.on_conflict_do_update(index_elements=["name"], set_=values))
        self._tx.touch("agents")

    def get(self, name: str, *, lock: bool = False) -> AgentRow | None:
        """One agent; `lock` waits for what is being filed for it, and keeps other writers off its row."""
        one = select(agents).where(agents.c.name == name)
        row = self._run(one.with_for_update() if lock else one).first()
        return None if row is None else _agent(row)

    def is_gone(self, name: str) -> bool:
        """Has an agent's access ended? A revocation waits until this transaction has."""
        row = self._run(select(agents).where(agents.c.name == name).with_for_update(read=True)).first()
        return row is not None and _agent(row).gone

    def list(self) -> list[AgentRow]:
        """Every agent, by name."""
        return [_agent(row) for row in self._run(select(agents).order_by(agents.c.name).limit(MAX_AGENTS))]

    def paused(self) -> dict[str, datetime]:
        """The agents that are paused, and since when."""
        held = select(agents.c.name, agents.c.paused_at).where(agents.c.paused_at.is_not(None)).limit(MAX_AGENTS)
        return {row.name: row.paused_at for row in self._run(held)}

    def pause(self, name: str, at: datetime) -> bool:
        """Refuse the agent's calls until it is resumed. False: there is no such agent."""
        return self._set(name, paused_at=at)

    def resume(self, name: str) -> bool:
        """Let a paused agent call again. False: there is no such agent."""
        return self._set(name, paused_at=None)

    def revoke(self, name: str, at: datetime) -> bool:
        """End an agent and all its tokens for good. False: there is no such agent."""
        self.revoke_tokens(name, at)
        return self._set(name, revoked_at=at)

    def reinstate(self, name: str) -> bool:
        """Take a revocation back; the old tokens stay dead. False: there is no such agent."""
        return self._set(name, revoked_at=None, paused_at=None)

    def add_token(self, token: TokenRow) -> None:
        """Save a new token."""
        self._run(
            agent_tokens.insert().values(
                hash=token.hash,
                agent=token.agent,
                prefix=token.prefix,
                created_at=token.created_at,
                expires_at=token.expires_at,
                revoked_at=token.revoked_at,
                last_used_at=token.last_used_at,
            )
        )
        self._tx.touch("agents")

    def token(self, hash: str) -> TokenRow | None:
        """The token with this SHA-256, live or not."""
        row = self._run(select(agent_tokens).where(agent_tokens.c.hash == hash)).mappings().first()
        return None if row is None else TokenRow(**row)

    def tokens(self, agent: str) -> Sequence[TokenRow]:
        """An agent's tokens, newest first."""
        statement = select(agent_tokens).where(agent_tokens.c.agent == agent)
        order = (agent_tokens.c.created_at.desc(), agent_tokens.c.hash)
        return [TokenRow(**row) for row in self._run(statement.order_by(*order).limit(200)).mappings()]

    def live_tokens(self, now: datetime) -> Sequence[TokenRow]:
        """Every token that may be used now, whoever's, in one question."""
        unexpired = or_(agent_tokens.c.expires_at.is_(None), agent_tokens.c.expires_at > now)
        live = select(agent_tokens).where(agent_tokens.c.revoked_at.is_(None), unexpired)
        rows = self._run(live.order_by(agent_tokens.c.agent, agent_tokens.c.hash).limit(MAX_AGENTS))
        return [TokenRow(**row) for row in rows.mappings()]

    def revoke_token(self, hash: str, at: datetime) -> bool:
        """End one token. False: it is unknown, or had ended."""
        live = update(agent_tokens).where(agent_tokens.c.hash == hash, agent_tokens.c.revoked_at.is_(None))
        self._tx.touch("agents")
        return self._run(live.values(revoked_at=at).returning(agent_tokens.c.hash)).first() is not None

    def expire_token(self, hash: str, at: datetime) -> None:
        """Let a token work until a time, unless it ends sooner by itself."""
        later = or_(agent_tokens.c.expires_at.is_(None), agent_tokens.c.expires_at > at)
        self._tx.touch("agents")
        self._run(update(agent_tokens).where(agent_tokens.c.hash == hash, later).values(expires_at=at))

    def revoke_tokens(self, agent: str, at: datetime, *, but: str | None = None) -> int:
        """End an agent's tokens, all or all but one (by its hash); says how many."""
        live = update(agent_tokens).where(agent_tokens.c.agent == agent, agent_tokens.c.revoked_at.is_(None))
        if but is not None:
            live = live.where(agent_tokens.c.hash != but)
        self._tx.touch("agents")
        return len(self._run(live.values(revoked_at=at).returning(agent_tokens.c.hash)).all())

    def used(self, hash: str, at: datetime) -> None:
        """Note when a token was last used; call it now and then, not for every call."""
        self._run(update(agent_tokens).where(agent_tokens.c.hash == hash).values(last_used_at=at))

    def _set(self, name: str, **values: datetime | None) -> bool:
        self._tx.touch("agents")
        changed = update(agents).where(agents.c.name == name).values(values).returning(agents.c.name)
        return self._run(changed).first() is not None


def _agent(row: Row[Any]) -> AgentRow:
    return AgentRow(
        name=row.name,
        owner=PersonId(row.owner) if row.owner is not None else None,
        servers=tuple(row.servers),
        source=row.source,
        created_at=row.created_at,
        anonymous=row.anonymous,
        paused_at=row.paused_at,
        revoked_at=row.revoked_at,
    )
