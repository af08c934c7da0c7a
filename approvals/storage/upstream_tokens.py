"""Credentials of our own for upstream servers, sealed, and the sign-ins under way that lead to them.

Nothing here can be read without the installation's keys: what is sealed is opaque to the store. A refresh is leased to
one process at a time, because a refresh token that is used twice is taken for a stolen one by who issued it. A sign-in
is used up by one conditional update.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, or_, select, update

from approvals.storage.frame import Group
from approvals.storage.tables import upstream_logins, upstream_tokens

SUBJECT = "upstream-tokens"
"""What watchers are told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamTokenRow:
    """The tokens for one server. `by` signed in; `revision` rises with every change."""

    server: str
    sealed: bytes = field(repr=False)
    by: str
    revision: int
    saved_at: datetime
    expires_at: datetime | None
    holder: str | None = None
    leased_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamLoginRow:
    """A sign-in under way, found by the hash of its state."""

    state_sha256: str
    server: str
    sealed: bytes = field(repr=False)
    by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


class Secrets(Group):
    """Statements about credentials for upstream servers."""

    def token(self, server: str) -> UpstreamTokenRow | None:
        """The tokens for a server."""
        found = self._run(select(upstream_tokens).where(upstream_tokens.c.server == server)).mappings().first()
        return None if found is None else UpstreamTokenRow(**found)

    def sign_in(self, server: str, sealed: bytes, *, by: str, at: datetime, expires_at: datetime | None) -> None:
        """Save the tokens of a fresh sign-in, in place of whatever was there."""
        values = {
            "sealed": sealed,
            "by": by,
            "saved_at": at,
            "expires_at": expires_at,
            "holder": None,
            "leased_until": None,
        }
        fresh = self._tx.insert(upstream_tokens).values(server=server, revision=1, **values)
        values["revision"] = upstream_tokens.c.revision + 1
        self._run(fresh.on_conflict_do_update(index_elements=["server"], set_=values))
        self._tx.touch(SUBJECT)
        self._tx.did("server.signed_in", by, subject=f"server:{server}")

    def lease(self, server: str, revision: int, *, holder: str, now: datetime, until: datetime) -> bool:
        """Take the right to refresh. False: the tokens are no longer these, or somebody else has it."""
        free = or_(upstream_tokens.c.leased_until.is_(None), upstream_tokens.c.leased_until <= now)
        mine = update(upstream_tokens).where(
            upstream_tokens.c.server == server, upstream_tokens.c.revision == revision, free
        )
        taken = mine.values(holder=holder, leased_until=until).returning(upstream_tokens.c.server)
        return self._run(taken).first() is not None

    def release(self, server: str, *, holder: str) -> None:
        """Give the right to refresh back, nothing having changed."""
        held = update(upstream_tokens).where(upstream_tokens.c.server == server, upstream_tokens.c.holder == holder)
        self._run(held.values(holder=None, leased_until=None))
        self._tx.touch(SUBJECT)

    def refresh(self, server: str, revision: int, sealed: bytes, *, at: datetime, expires_at: datetime | None) -> bool:
        """Put refreshed tokens in place of those of `revision`. False: somebody signed in or out meanwhile."""
        same = update(upstream_tokens).where(upstream_tokens.c.server == server, upstream_tokens.c.revision == revision)
        changed = same.values(
            sealed=sealed, saved_at=at, expires_at=expires_at, holder=None, leased_until=None, revision=revision + 1
        )
        self._tx.touch(SUBJECT)
        return self._run(changed.returning(upstream_tokens.c.server)).first() is not None

    def sign_out(self, server: str, revision: int | None = None) -> bool:
        """Forget the tokens for a server (or only those of `revision`). False: there are none."""
        gone = delete(upstream_tokens).where(upstream_tokens.c.server == server)
        if revision is not None:
            gone = gone.where(upstream_tokens.c.revision == revision)
        self._tx.touch(SUBJECT)
        return self._run(gone.returning(upstream_tokens.c.server)).first() is not None

    def begin_login(self, login: UpstreamLoginRow) -> None:
        """Save a sign-in that begins, and clear away what has run out."""
        self._run(delete(upstream_logins).where(upstream_logins.c.expires_at <= login.created_at))
        self._run(
            upstream_logins.insert().values(
                state_sha256=login.state_sha256,
                server=login.server,
                sealed=login.sealed,
                by=login.by,
                created_at=login.created_at,
                expires_at=login.expires_at,
                used_at=login.used_at,
            )
        )

    def use_login(self, state_sha256: str, now: datetime) -> UpstreamLoginRow | None:
        """Use a sign-in up, once. None: it is unknown, used, or has run out."""
        open_one = update(upstream_logins).where(
            upstream_logins.c.state_sha256 == state_sha256,
            upstream_logins.c.used_at.is_(None),
            upstream_logins.c.expires_at > now,
        )
        found = self._run(open_one.values(used_at=now).returning(*upstream_logins.c)).mappings().first()
        return None if found is None else UpstreamLoginRow(**found)
