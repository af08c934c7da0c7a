"""Sessions of the older protocol eras: unguessable ids, bound to the credential and the path that opened them.

A stolen id alone is worth nothing: with another credential it is as unknown as one never given out (protocol.md 1.2).
Sessions are capped and expire; over a credential's cap its least recently used idle session makes room. Which
calls of a session are in flight is kept here too, so that a cancel in words finds its line.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from approvals.domain.model import Client
from gateway.inbound.sse import SseLine
from gateway.protocol.jsonrpc import RpcId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCaps:
    """How many sessions are kept, and for how long without use."""

    total: int = 20_000
    per_credential: int = 200
    idle_seconds: float = 3600.0


@dataclass(slots=True, kw_only=True)
class Session:
    """One client's session. `lines` are its calls in flight by JSON-RPC id; `streams` numbers its event streams."""

    id: str
    credential: bytes
    server: str | None
    version: str
    client: Client
    used_at: float
    streams: int = 0
    lines: dict[RpcId, SseLine] = field(default_factory=dict)


def credential_key(agent: str, bearer: str | None) -> bytes:
    """What a session is bound to: the agent and the very token, as a hash."""
    return hashlib.sha256(b"\x00".join((agent.encode(), (bearer or "").encode()))).digest()


class Sessions:
    """All sessions of this process."""

    def __init__(self, caps: SessionCaps, clock: Callable[[], float]) -> None:
        self._caps = caps
        self._clock = clock
        self._by_id: dict[str, Session] = {}
        self._by_credential: dict[bytes, dict[str, Session]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, *, credential: bytes, server: str | None, version: str, client: Client) -> Session | None:
        """A new session, or None when there is no room and nothing idle to end."""
        mine = self._by_credential.get(credential, {})
        if len(mine) >= self._caps.per_credential and not self._end_one(mine):
            return None
        if len(self._by_id) >= self._caps.total:
            self.expire()
            if len(self._by_id) >= self._caps.total and not self._end_one(mine):
                return None
        session = Session(
            id=secrets.token_urlsafe(24),
            credential=credential,
            server=server,
            version=version,
            client=client,
            used_at=self._clock(),
        )
        self._by_id[session.id] = session
        self._by_credential.setdefault(credential, {})[session.id] = session
        return session

    def find(self, session_id: str, *, credential: bytes, server: str | None) -> Session | None:
        """The session of this id if this credential opened it on this path, else None, whatever the reason."""
        session = self._by_id.get(session_id)
        if session is None or session.credential != credential or session.server != server:
            return None
        if self._is_stale(session):
            self.end(session)
            return None
        session.used_at = self._clock()
        # Moved to the end, so that the first of a credential's sessions is its least recently used.
        mine = self._by_credential[credential]
        mine[session.id] = mine.pop(session.id)
        return session

    def end(self, session: Session) -> None:
        """Forget the session and hang up on what is in flight: its client has gone."""
        self._by_id.pop(session.id, None)
        mine = self._by_credential.get(session.credential, {})
        mine.pop(session.id, None)
        if not mine:
            self._by_credential.pop(session.credential, None)
        for line in list(session.lines.values()):
            line.hang_up()

    def expire(self) -> None:
        """End every session that was idle for too long."""
        for session in [session for session in self._by_id.values() if self._is_stale(session)]:
            self.end(session)

    def _is_stale(self, session: Session) -> bool:
        return not session.lines and self._clock() - session.used_at > self._caps.idle_seconds

    def _end_one(self, mine: dict[str, Session]) -> bool:
        idle = next((session for session in mine.values() if not session.lines), None)
        if idle is not None:
            self.end(idle)
        return idle is not None
