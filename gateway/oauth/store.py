"""Tokens of signed-in servers in the database, sealed; a refresh is one process's at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from approvals.bus import Bus
from approvals.storage.engine import Database
from approvals.storage.tx import Tx
from approvals.storage.upstream_tokens import SUBJECT
from gateway.oauth.grants import Source, Tokens
from gateway.oauth.vault import Kind, Vault

LEASE = timedelta(seconds=30)
WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Tokens with where they came from, and what they were got for."""

    tokens: Tokens
    source: Source
    binding: str
    revision: int


class TokenStore:
    """Reads and writes the tokens of every server."""

    def __init__(self, db: Database, bus: Bus, vault: Vault, holder: str) -> None:
        self._db, self._bus, self._vault, self._holder = db, bus, vault, holder

    async def read(self, server: str) -> Stored | None:
        """The tokens for a server; None also for what cannot be opened."""
        row = await self._db.read(lambda tx: tx.secrets.token(server))
        content = self._vault.open(Kind.TOKENS, server, row.sealed) if row is not None else None
        if row is None or content is None:
            return None
        return Stored(
            tokens=Tokens(**content["tokens"]),
            source=Source.read(content["source"]),
            binding=content["binding"],
            revision=row.revision,
        )

    async def sign_in(self, server: str, tokens: Tokens, source: Source, bound: str, *, by: str) -> None:
        """Save what a sign-in gave."""
        sealed = self._sealed(server, tokens, source, bound)
        await self._db.write(
            lambda tx: tx.secrets.sign_in(server, sealed, by=by, at=tx.now, expires_at=_when(tokens.expires_at))
        )

    async def lease(self, server: str, revision: int) -> bool:
        """Take the right to refresh these very tokens."""

        def work(tx: Tx) -> bool:
            return tx.secrets.lease(server, revision, holder=self._holder, now=tx.now, until=tx.now + LEASE)

        return await self._db.write(work)

    async def release(self, server: str) -> None:
        """Give it back."""
        await self._db.write(lambda tx: tx.secrets.release(server, holder=self._holder))

    async def refresh(self, server: str, before: Stored, tokens: Tokens) -> bool:
        """Save refreshed tokens in place of those they came from."""
        sealed = self._sealed(server, tokens, before.source, before.binding)
        return await self._db.write(
            lambda tx: tx.secrets.refresh(
                server, before.revision, sealed, at=tx.now, expires_at=_when(tokens.expires_at)
            )
        )

    async def sign_out(self, server: str, revision: int | None = None) -> bool:
        """Forget tokens."""
        return await self._db.write(lambda tx: tx.secrets.sign_out(server, revision))

    async def changed(self) -> None:
        """Wait a moment for another process to be done."""
        async with self._bus.watch(SUBJECT) as watch:
            await watch.changed(WAIT_SECONDS)

    def _sealed(self, server: str, tokens: Tokens, source: Source, bound: str) -> bytes:
        content: dict[str, Any] = {"tokens": asdict(tokens), "source": source.saved(), "binding": bound}
        return self._vault.seal(Kind.TOKENS, server, content)


def _when(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(min(seconds, 32_503_680_000), UTC)
