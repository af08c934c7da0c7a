"""Sessions of the older protocol eras: unguessable ids, bound to the credential and the path that opened them.

A stolen id alone is worth nothing: with another credential it is as unknown as one never given out (protocol.md 1.2).
Sessions are capped and expire; over a credential's cap its least recently used idle session makes room. Kept here too
is what belongs to one client: its calls in flight, so that a cancel in words finds its line, the streams it may come
back for, the questions it was asked, what it subscribed to.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from approvals.domain.model import Caller, Client
from gateway.inbound.feed import Feed
from gateway.inbound.questions import Questions
from gateway.protocol.classify import LEGACY
from gateway.protocol.jsonrpc import RpcId

if TYPE_CHECKING:
    from gateway.inbound.line import SseLine
    from gateway.inbound.standing import Standing

MOST_URIS = 100
"""How many resources one session may subscribe to."""


class Resumable(Protocol):
    """A stream that its client may come back for."""

    @property
    def feed(self) -> Feed | None:
        """The events of the stream, once it was opened."""
        ...

    def lapse(self) -> None:
        """The client did not come back in time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCaps:
    """How many sessions are kept, and for how long without use."""

    total: int = 20_000
    per_credential: int = 200
    idle_seconds: float = 3600.0


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """One client's session, opened by `caller`. `key` stands for it towards the gateway, which need not know the id.

    `lines` are its calls in flight by JSON-RPC id; `streams` numbers its event streams, of which `feeds` has those the
    client may come back for; `standing` is its one stream outside of calls; `uris` are the resources it subscribed to.
    """

    id: str
    key: str
    caller: Caller
    credential: bytes
    server: str | None
    version: str
    client: Client
    used_at: float
    capabilities: bytes = b"{}"
    log_level: str | None = None
    streams: int = 0
    lines: dict[RpcId, SseLine] = field(default_factory=dict)
    feeds: dict[int, Resumable] = field(default_factory=dict)
    questions: Questions = field(default_factory=Questions)
    standing: Standing | None = None
    uris: set[str] = field(default_factory=set)

    @property
    def resumable(self) -> bool:
        """Whether its streams are numbered, so that a client that lost one may come back."""
        return self.version == LEGACY[0]

    @property
    def busy(self) -> bool:
        """Whether its client is connected."""
        standing = self.standing
        return bool(self.lines) or (standing is not None and standing.feed.tap is not None)

    def number(self, stream: Resumable) -> int | None:
        """The number of a new stream; None where it cannot be come back for."""
        if not self.resumable:
            return None
        self.streams += 1
        self.feeds[self.streams] = stream
        return self.streams


def credential_key(agent: str, bearer: str | None) -> bytes:
    """What a session is bound to: the agent and the very token, as a hash."""
    return hashlib.sha256(b"\x00".join((agent.encode(), (bearer or "").encode()))).digest()


def session_key(agent: str, session_id: str) -> str:
    """How the gateway tells apart the clients of agents: one a session, or one an agent where there are none."""
    return hashlib.sha256(b"\x00".join((agent.encode(), session_id.encode()))).hexdigest()[:32]


class Sessions:
    """All sessions of this process. `ended` is told of each that is over."""

    def __init__(self, caps: SessionCaps, clock: Callable[[], float], ended: Callable[[Session], None]) -> None:
        self._caps = caps
        self._clock = clock
        self._ended = ended
        self._by_id: dict[str, Session] = {}
        self._by_credential: dict[bytes, dict[str, Session]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_id.values())

    def keys(self) -> frozenset[str]:
        """What stands for the sessions there are towards the gateway."""
        return frozenset(session.key for session in self._by_id.values())

    def open(
        self,
        *,
        caller: Caller,
        credential: bytes,
        server: str | None,
        version: str,
        client: Client,
        capabilities: bytes = b"{}",
    ) -> Session | None:
        """A new session, or None when there is no room and nothing idle to end."""
        mine = self._by_credential.get(credential, {})
        if len(mine) >= self._caps.per_credential and not self._end_one(mine):
            return None
        if len(self._by_id) >= self._caps.total:
            self.expire()
            if len(self._by_id) >= self._caps.total and not self._end_one(mine):
                return None
        session_id = secrets.token_urlsafe(24)
        session = Session(
            id=session_id,
            key=session_key(caller.agent, session_id),
            caller=caller,
            credential=credential,
            server=server,
            version=version,
            client=client,
            used_at=self._clock(),
            capabilities=capabilities,
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
        if session.standing is not None:
            session.standing.end()
        self._ended(session)
        session.feeds.clear()

    def expire(self) -> None:
        """End every session that was idle for too long."""
        for session in [session for session in self._by_id.values() if self._is_stale(session)]:
            self.end(session)

    def turn_out(self, admits: Callable[[Caller], bool]) -> None:
        """End the idle sessions of whoever may not come in any more; what is under way is answered first."""
        for mine in list(self._by_credential.values()):
            if not admits(next(iter(mine.values())).caller):
                for session in [session for session in mine.values() if not session.busy]:
                    self.end(session)

    def _is_stale(self, session: Session) -> bool:
        return not session.busy and self._clock() - session.used_at > self._caps.idle_seconds

    def _end_one(self, mine: dict[str, Session]) -> bool:
        idle = next((session for session in mine.values() if not session.busy), None)
        if idle is not None:
            self.end(idle)
        return idle is not None
