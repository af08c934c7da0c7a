"""The public keys of one issuer: fetched from its metadata, kept, and fetched again when it rotates them.

A key that is not known leads to a look at the issuer at most once in 30 s, whoever asks and however many; otherwise
keys are looked at again after ten minutes. While the issuer cannot be asked the keys at hand serve for an hour, and
then nobody is let in. Only public keys of the pinned algorithms are taken; everything else in the set is left out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from gateway.oauth.fetch import Failed, Fetcher
from gateway.oauth.metadata import of_issuer

log = logging.getLogger(__name__)

FRESH_SECONDS = 600.0
LOOK_AGAIN_SECONDS = 30.0
STALE_SECONDS = 3600.0
AFTER_FAILURE_SECONDS = 5.0
MAX_KEYS = 100
LEAST_RSA_BITS = 2048

PublicKey = RSAKey | ECKey | OKPKey

ALGORITHMS: Mapping[str, tuple[str, str | None]] = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""The signatures that are taken, with the kind of key and curve each needs. Nothing symmetric, and never `none`."""

_CLASSES: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKey:
    """One key: what it is called, what it can verify, and itself."""

    kid: str | None
    kind: str
    curve: str | None
    alg: str | None
    key: PublicKey = field(repr=False)

    def verifies(self, alg: str) -> bool:
        """Is it a key for signatures of this algorithm?"""
        kind, curve = ALGORITHMS[alg]
        same = self.alg is None or self.alg == alg or {self.alg, alg} == {"EdDSA", "Ed25519"}
        return same and self.kind == kind and (curve is None or self.curve == curve)


class IssuerKeys:
    """The keys of one issuer. `generation` rises whenever they change."""

    def __init__(self, issuer: str, fetcher: Fetcher, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer, self.generation = issuer, 0
        self._fetcher, self._clock = fetcher, clock
        self._keys: tuple[IssuerKey, ...] = ()
        self._taken_at: float | None = None
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()
        self._pause, self._why = LOOK_AGAIN_SECONDS, "it was not asked yet"

    async def find(self, kid: str | None, alg: str) -> IssuerKey | None:
        """The key a token names; without a name, the only one that could be meant.

        Raises:
            Failed: the issuer cannot be asked, and what we have is too old to trust.
        """
        asked_at = self._clock()
        if self._age(asked_at) >= FRESH_SECONDS:
            await self._look(asked_at)
        found = self._pick(kid, alg)
        if found is None and self._clock() - self._looked_at >= self._pause:
            await self._look(asked_at)
            found = self._pick(kid, alg)
        if self._age(self._clock()) > STALE_SECONDS:
            raise Failed(f"the keys of {self.issuer} cannot be had: {self._why}")
        return found

    def _age(self, now: float) -> float:
        return float("inf") if self._taken_at is None else now - self._taken_at

    def _pick(self, kid: str | None, alg: str) -> IssuerKey | None:
        fit = [key for key in self._keys if key.verifies(alg) and (kid is None or key.kid == kid)]
        return fit[0] if len(fit) == 1 else None

    async def _look(self, asked_at: float) -> None:
        async with self._looking:
            # Whoever looked while this one waited has looked for it, too; and a failure is not repeated at once.
            if self._looked_at >= asked_at or self._clock() - self._looked_at < self._pause:
                return
            self._looked_at = self._clock()
            try:
                keys = await self._fetch()
            except Failed as err:
                self._pause, self._why = AFTER_FAILURE_SECONDS, str(err)
                log.warning("keys of the issuer cannot be had: %s", err, extra={"issuer": self.issuer})
                return
            self._taken_at, self._pause = self._clock(), LOOK_AGAIN_SECONDS
            if _names(keys) != _names(self._keys):
                self.generation += 1
                log.info("keys of the issuer changed", extra={"issuer": self.issuer, "keys": len(keys)})
            self._keys = keys

    async def _fetch(self) -> tuple[IssuerKey, ...]:
        metadata = await of_issuer(self._fetcher, self.issuer)
        if metadata.jwks_uri is None:
            raise Failed("the issuer's metadata has no jwks_uri", passing=False)
        document = await self._fetcher.document(metadata.jwks_uri, what="issuer's key set")
        entries = document.get("keys") if document is not None else None
        if not isinstance(entries, list) or len(entries) > MAX_KEYS:
            raise Failed("the issuer's key set is not one", passing=False)
        keys = tuple(key for entry in entries if (key := usable_key(entry)) is not None)
        if not keys:
            raise Failed("the issuer's key set has no key that can be used", passing=False)
        return keys


def usable_key(entry: object) -> IssuerKey | None:
    """A public signing key of a pinned algorithm, or None for anything else."""
    if not isinstance(entry, dict) or not _is_for_signatures(entry):
        return None
    kid, alg, kind = entry.get("kid"), entry.get("alg"), entry.get("kty")
    named = kid is None or (isinstance(kid, str) and 0 < len(kid) <= 256)
    if not named or not isinstance(kind, str) or kind not in _CLASSES or (alg is not None and alg not in ALGORITHMS):
        return None
    public = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}
    try:
        key = _CLASSES[kind].import_key(public)
        size = key.public_key.key_size if isinstance(key, RSAKey) else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if size is not None and size < LEAST_RSA_BITS:
        return None
    return IssuerKey(kid=kid, kind=kind, curve=entry.get("crv"), alg=alg, key=key)


def _is_for_signatures(entry: dict[str, Any]) -> bool:
    operations = entry.get("key_ops")
    verifies = operations is None or (isinstance(operations, list) and "verify" in operations)
    return entry.get("use") in (None, "sig") and verifies


def _names(keys: tuple[IssuerKey, ...]) -> list[str]:
    return sorted(f"{key.kid} {key.alg} {key.key.thumbprint()}" for key in keys)
