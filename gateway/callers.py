"""A credential -> the caller it speaks for. Unknown, expired, revoked: all the same nobody. A paused agent is known, so
that its calls can be refused with the reason (`switches`).

The agents and the hashes of their tokens are kept in memory and read again when the bus says that
agents changed, and each second besides, so that a revocation counts within a second on every replica.
There is no other way in: no header, no cookie, no fallback to a default agent (security.md 1e S2).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from approvals import tokens
from approvals.bus import Bus
from approvals.domain.model import Caller
from approvals.domain.schedule import CLOCK
from approvals.storage.agents import LEFT, AgentRow, TokenRow
from approvals.storage.engine import Database
from approvals.storage.tx import Tx
from gateway.settings import AgentSettings

if TYPE_CHECKING:
    from gateway.oauth.agents import AgentOauth

REFRESH_SECONDS = 1.0
NOTE_USE_SECONDS = 60.0

CONFIGURED = "config"
"""Source of rows made from the configuration, and prefix of their tokens."""


@dataclass(frozen=True, slots=True)
class _Known:
    agents: Mapping[str, AgentRow]
    tokens: Mapping[str, TokenRow]
    anonymous: str | None


class Callers:
    """Who may call, as the database says. With `oauth` agents are known by access tokens, and by nothing else."""

    def __init__(self, db: Database, bus: Bus, oauth: AgentOauth | None = None) -> None:
        self._db, self._bus, self._oauth = db, bus, oauth
        self._known = _Known({}, {}, None)
        self._used: set[str] = set()
        self._noted_at = float("-inf")

    async def recognise(self, bearer: str | None) -> Caller | None:
        """The caller behind whichever kind of credential this gateway takes.

        Raises:
            Refusal: an access token is good and leads to nobody who may call, or cannot be judged.
        """
        if self._oauth is None:
            return self.identify(bearer)
        found = await self._oauth.recognise(bearer)
        if found is None:
            return None
        caller = self._caller(found.agent)
        if caller is None:
            raise self._oauth.unknown(found.subject)
        return replace(caller, owner=found.owner, credential=found.credential)

    def identify(self, bearer: str | None) -> Caller | None:
        """The caller behind a key of ours; without one, the anonymous agent if there is one."""
        if bearer is None:
            return self._caller(self._known.anonymous)
        token = tokens.parse(tokens.Kind.AGENT, bearer)
        row = self._known.tokens.get(token.sha256) if token is not None else None
        if row is None or not row.live(datetime.now(UTC)):
            return None
        self._used.add(row.hash)
        caller = self._caller(row.agent)
        return replace(caller, credential=row.hash) if caller is not None else None

    def admits(self, caller: Caller) -> bool:
        """Would a caller who was recognised before still be? An access token is not looked at again, its agent is."""
        if self._caller(caller.agent) is None:
            return False
        if self._oauth is not None:
            return True
        if caller.credential is None:
            return caller.agent == self._known.anonymous
        row = self._known.tokens.get(caller.credential)
        return row is not None and row.live(datetime.now(UTC))

    def servers(self, agent: str) -> tuple[str, ...]:
        """The upstream servers an agent may use now."""
        row = self._known.agents.get(agent)
        return row.servers if row is not None and _active(row) else ()

    def paused(self, agent: str) -> bool:
        """Are an agent's calls refused for now?"""
        row = self._known.agents.get(agent)
        return row is not None and row.paused_at is not None

    async def run(self) -> None:
        """Keep up with the database, for ever."""
        async with self._bus.watch("agents") as watch:
            while True:
                await self.refresh()
                await self._note_use()
                await watch.changed(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Read agents and tokens once."""
        before, self._known = self._known, await self._db.read(_read)
        if _paused(before) != _paused(self._known):
            # Whoever is held for a call of theirs is to be told.
            self._bus.publish_everything()

    async def _note_use(self) -> None:
        """Save when tokens were last used, now and then rather than for every call."""
        now = time.monotonic()
        if not self._used or now - self._noted_at < NOTE_USE_SECONDS:
            return
        used, self._used, self._noted_at = self._used, set(), now

        def work(tx: Tx) -> None:
            for token in used:
                tx.agents.used(token, tx.now)

        await self._db.write(work)

    def _caller(self, name: str | None) -> Caller | None:
        row = self._known.agents.get(name) if name is not None else None
        if row is None or not _active(row):
            return None
        return Caller(agent=row.name, owner=row.owner)


def _paused(known: _Known) -> frozenset[str]:
    return frozenset(name for name, row in known.agents.items() if row.paused_at is not None)


def _active(row: AgentRow) -> bool:
    return not row.gone


def _read(tx: Tx) -> _Known:
    agents = {row.name: row for row in tx.agents.list()}
    live = {token.hash: token for token in tx.agents.live_tokens(tx.now)}
    anonymous = next((name for name, row in agents.items() if row.anonymous), None)
    return _Known(agents, live, anonymous)


def sync(tx: Tx, agents: Mapping[str, AgentSettings]) -> None:
    """Bring the rows of configured agents to what the configuration says; who has left it may call no more."""
    now = tx.now
    for settings in agents.values():
        tx.agents.upsert(
            AgentRow(
                name=settings.name,
                owner=settings.owner,
                servers=settings.servers,
                source=CONFIGURED,
                created_at=now,
                anonymous=settings.anonymous,
            )
        )
        _sync_token(tx, settings)
    for row in tx.agents.list():
        if row.source == CONFIGURED and row.name not in agents:
            tx.agents.upsert(replace(row, servers=(), anonymous=False, source=LEFT))
            tx.did("agent.left", CLOCK, subject=f"agent:{row.name}")


def _sync_token(tx: Tx, settings: AgentSettings) -> None:
    wanted = settings.token_sha256
    known = {token.hash for token in tx.agents.tokens(settings.name)}
    for token in tx.agents.tokens(settings.name):
        if token.prefix == CONFIGURED and token.hash != wanted:
            tx.agents.revoke_token(token.hash, tx.now)
    if wanted is not None and wanted not in known:
        tx.agents.add_token(TokenRow(hash=wanted, agent=settings.name, prefix=CONFIGURED, created_at=tx.now))
