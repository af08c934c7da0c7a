"""Column types that keep the house rules by themselves, alike on SQLite and PostgreSQL.

Times are aware and UTC, JSON is canonical text (it may be hashed), and free text from outside is cleaned
of the two things a text column cannot hold, so that a hostile string never fails a write.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import DateTime, Dialect, LargeBinary, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from approvals.domain.fingerprint import canonical

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Utc(TypeDecorator[datetime]):
    """An aware time in UTC. SQLite keeps it as fixed-width text, so that text order is time order."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone: it would be somebody's guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a stored time needs a zone, got {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time back aware and in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value as canonical text. None is stored as NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        """Encode by RFC 8785."""
        return None if value is None else canonical(value).decode()

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        """Parse what we stored."""
        return None if value is None else json.loads(value)


class FreeText(TypeDecorator[str]):
    """Text somebody else wrote, never hashed: NUL and lone surrogates become U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Replace what neither database can store."""
        return None if value is None else storable(value)

    def coerce_compared_value(self, _op: Any, _value: Any) -> TypeEngine[Any]:
        """Compare as the same cleaned text, in LIKE too."""
        return self


class Ciphertext(bytes):
    """Bytes that the vault has sealed: nothing else goes into a sealed column."""


class Sealed(TypeDecorator[Ciphertext]):
    """What only the vault can read (`storage.vault`): bytes, free text or JSON, stored as `Ciphertext`."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, content: Literal["bytes", "text", "json"]) -> None:
        super().__init__()
        self.content = content

    def encode(self, value: Any) -> bytes:
        """The bytes to seal."""
        match self.content:
            case "bytes":
                return bytes(value)
            case "text":
                return storable(value).encode()
            case "json":
                return canonical(value)

    def decode(self, data: bytes) -> Any:
        """The value of bytes that were sealed."""
        match self.content:
            case "bytes":
                return data
            case "text":
                return data.decode()
            case "json":
                return json.loads(data)

    def process_bind_param(self, value: bytes | None, _dialect: Dialect) -> bytes | None:
        """Refuse what was not sealed: a plain text must not get into the file by a slip."""
        if value is not None and not isinstance(value, Ciphertext):
            raise TypeError("a sealed column takes what the vault has sealed, and nothing else")
        return None if value is None else bytes(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> Ciphertext | None:
        """What was stored, still sealed."""
        return None if value is None else Ciphertext(value)


def storable(text: str) -> str:
    """A text without the two things that a text column cannot hold."""
    clean = text.replace("\x00", REPLACEMENT)
    return clean if clean.isascii() else "".join(REPLACEMENT if "\ud800" <= c <= "\udfff" else c for c in clean)
