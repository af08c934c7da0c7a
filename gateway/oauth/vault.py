"""Credentials for upstream servers at rest: sealed under a key of the installation, bound to server and kind.

A row that is moved to another server's name, or a sign-in that is put in a token's place, does not open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.sealing import seal, unseal

PURPOSE = "upstream-oauth"


class Kind(StrEnum):
    """What is sealed."""

    TOKENS = "tokens"
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens. `key` is `Keys.for_purpose(PURPOSE)`."""

    key: bytes = field(repr=False)

    def seal(self, kind: Kind, server: str, content: Mapping[str, Any]) -> bytes:
        """What may be stored."""
        return seal(self.key, json.dumps(content).encode(), bound=_bound(kind, server))

    def open(self, kind: Kind, server: str, sealed: bytes) -> dict[str, Any] | None:
        """What was sealed; None where it was sealed under another key, for another server, or was changed."""
        body = unseal(self.key, sealed, bound=_bound(kind, server))
        if body is None:
            return None
        content: dict[str, Any] = json.loads(body)
        return content


def _bound(kind: Kind, server: str) -> tuple[str, ...]:
    return ("placet/upstream-oauth/1", kind.value, server)
