"""What people's words and agents' arguments are sealed with (security.md 5d): AES-256-GCM, a key for each request.

The key of a request is random, and is stored only wrapped by a master key of the installation, whose id stands beside
it. A sealed cell is bound to its request and its column, so it opens nowhere else. Without the wrapped key, or without
the master, what was sealed is gone: that is how history is destroyed, and why the master is to be kept.

The vault asks for the masters when it first needs them, and once more when it meets one that it does not know, because
another process may have added it. It keeps no key of a request; a transaction keeps those that it uses.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Table

from approvals.errors import Unreadable
from approvals.storage.types import Ciphertext, Sealed

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"
_CELL, _KEY, _ID = b"placet/cell/1", b"placet/data-key/1", b"placet/master-id/1\x00"


@dataclass(frozen=True, slots=True)
class Masters:
    """The master keys of an installation, oldest first; the last one wraps what is new."""

    keys: tuple[bytes, ...] = field(repr=False)

    @property
    def by_id(self) -> Mapping[str, bytes]:
        """Each key by its id."""
        return {id_of(key): key for key in self.keys}


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """The key of a request as it is stored: sealed by the master of this id."""

    master: str
    wrapped: bytes = field(repr=False)


class Cells:
    """Seals and opens what belongs to one request."""

    __slots__ = ("_cipher", "_subject")

    def __init__(self, subject: str, key: bytes) -> None:
        self._subject, self._cipher = subject, AESGCM(key)

    def seal(self, column: Column[Any], value: Any, *, row: str = "") -> Ciphertext | None:
        """A value for a sealed column; None stays None. `row` binds it to one of several rows of the subject."""
        if value is None:
            return None
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = self._cipher.encrypt(nonce, _type(column).encode(value), self._bound(column, row))
        return Ciphertext(_VERSION + nonce + body)

    def open(self, column: Column[Any], sealed: bytes | None, *, row: str = "") -> Any:
        """The value of a sealed column.

        Raises:
            Unreadable: it was sealed under another key, for another place, or was changed.
        """
        if sealed is None:
            return None
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return _type(column).decode(self._cipher.decrypt(nonce, body, self._bound(column, row)))
        except (InvalidTag, ValueError):
            raise Unreadable(what=f"{column.table.name}.{column.name} of {self._subject}") from None

    def row(self, table: Table, values: Mapping[str, Any], *, row: str = "") -> dict[str, Any]:
        """The values of a row, those for sealed columns sealed: what a table calls `Sealed` needs no more than that."""
        sealed = sealed_columns(table)
        return {
            name: self.seal(sealed[name], value, row=row) if name in sealed else value for name, value in values.items()
        }

    def _bound(self, column: Column[Any], row: str) -> bytes:
        return b"\x00".join(
            (_CELL, self._subject.encode(), column.table.name.encode(), column.name.encode(), row.encode())
        )


class Vault:
    """Makes, wraps and unwraps the keys of requests. `read` gives the masters: a file is read, or raises ValueError."""

    def __init__(self, read: Callable[[], Masters]) -> None:
        self._read = read
        self._masters: Mapping[str, bytes] = {}
        self._newest = ""

    def fresh(self, subject: str) -> tuple[WrappedKey, Cells]:
        """A key for a new request, and what it seals with."""
        if not self._newest:
            self._load()
        key = secrets.token_bytes(KEY_BYTES)
        return self._wrap(subject, key, self._newest), Cells(subject, key)

    def cells(self, subject: str, key: WrappedKey) -> Cells:
        """What a stored key opens.

        Raises:
            Unreadable: the master is not at hand, or the key is not this subject's.
        """
        return Cells(subject, self._unwrap(subject, key))

    def rewrap(self, subject: str, key: WrappedKey) -> WrappedKey:
        """The same key under the newest master."""
        return self._wrap(subject, self._unwrap(subject, key), self._newest)

    def newest(self) -> str:
        """The id of the master that wraps what is new, as the file has it now."""
        self._load()
        return self._newest

    def knows(self, master: str) -> bool:
        """Is a master of this id at hand?"""
        if master not in self._masters:
            self._load()
        return master in self._masters

    def _wrap(self, subject: str, key: bytes, master: str) -> WrappedKey:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = AESGCM(self._masters[master]).encrypt(nonce, key, _KEY + b"\x00" + subject.encode())
        return WrappedKey(master, nonce + body)

    def _unwrap(self, subject: str, key: WrappedKey) -> bytes:
        if not self.knows(key.master):
            raise Unreadable(what=f"what was sealed by the master key {key.master}, which is not in the key file,")
        nonce, body = key.wrapped[:_NONCE_BYTES], key.wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(self._masters[key.master]).decrypt(nonce, body, _KEY + b"\x00" + subject.encode())
        except (InvalidTag, ValueError):  # ValueError: it is too short to have been sealed
            raise Unreadable(what=f"the key of {subject}") from None

    def _load(self) -> None:
        try:
            masters = self._read()
        except (OSError, ValueError) as err:
            raise Unreadable(what=f"what is sealed in the database (no master key: {err})") from err
        self._masters, self._newest = masters.by_id, id_of(masters.keys[-1])


def closed() -> Masters:
    """The masters of a database that was opened without any.

    Raises:
        ValueError: always.
    """
    raise ValueError("this database was opened without the keys of its installation")


def id_of(master: bytes) -> str:
    """The id of a master key, from which nothing of it can be told."""
    return hashlib.sha256(_ID + master).hexdigest()[:16]


def sealed_columns(table: Table) -> Mapping[str, Column[Any]]:
    """The columns of a table whose values are sealed."""
    found: Mapping[str, Column[Any]] | None = table.info.get("sealed")
    if found is None:
        found = table.info["sealed"] = {one.name: one for one in table.c if isinstance(one.type, Sealed)}
    return found


def has_words(table: Table, values: Mapping[str, Any]) -> bool:
    """Is there anything to seal in the values of a row?"""
    return any(values.get(name) is not None for name in sealed_columns(table))


def _type(column: Column[Any]) -> Sealed:
    if not isinstance(column.type, Sealed):
        raise TypeError(f"{column} is no sealed column")
    return column.type
