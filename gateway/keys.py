"""The secret keys of an installation, in one file that only its owner can read (contract.md 3, `keys.file`).

One master key; what is used for each purpose is derived from it (HKDF-SHA256, RFC 5869), so that no two purposes
ever share a key. Replicas share the file. A file that others could read is refused.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import logging
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from approvals.signing import Signer
from approvals.storage.vault import Masters

log = logging.getLogger(__name__)

KEY_BYTES = 32
_LINE, _SEALING = "master: ", "sealing: "
_MEND = "Restore it from your backup. If there is none, or nothing was kept yet, move it away"


@dataclass(frozen=True, slots=True)
class Keys:
    """The master key, from which each purpose gets its own, and keys that what is at rest was sealed with since."""

    master: bytes = field(repr=False)
    sealing: tuple[bytes, ...] = field(default=(), repr=False)

    def for_purpose(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, the same in every process of the installation."""
        return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"placet/" + purpose.encode()).derive(
            self.master
        )

    @property
    def masters(self) -> Masters:
        """What wraps the keys of requests: the newest line of the file, and those before it."""
        return Masters((self.for_purpose("data-keys"), *self.sealing))


def signer_of(keys: Keys) -> Signer:
    """Who signs for the installation."""
    return Signer(seed=keys.for_purpose("receipts"), salt_key=keys.for_purpose("receipt-salts"))


def load(path: Path) -> Keys:
    """The installation's keys, for who opens what another process has sealed: fresh ones would open nothing.

    Raises:
        ValueError: there is no such file, it is not one of ours, or others can read it.
        OSError: it cannot be read.
    """
    if not path.exists():
        raise ValueError(f"there is no key file {path}; copy it from where the service runs, or say keys.file")
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path} can be read by others. Its keys seal what nobody else may open: chmod 600 {path}")
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    sealing = tuple(_decoded(path, line.removeprefix(_SEALING)) for line in lines if line.startswith(_SEALING))
    for line in lines:
        if line.startswith(_LINE):
            return Keys(_decoded(path, line.removeprefix(_LINE)), sealing)
    raise ValueError(f"{path} has no line that begins with '{_LINE.strip()}': it is empty or cut off. {_MEND}")


def make(path: Path) -> None:
    """Write fresh keys, readable by their owner alone. A file that is there is never overwritten.

    Raises:
        FileExistsError: there is one.
    """
    _write(path, f"{_LINE}{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}\n")
    log.info("keys made", extra={"file": str(path)})


def add(path: Path) -> Keys:
    """Put a fresh key for what is at rest behind those of the file, whole or not at all; the keys there are then.

    Raises:
        ValueError, OSError: as `load`.
    """
    with path.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # two at once would lose one of the keys
        load(path)
        text = path.read_text(encoding="ascii").rstrip("\n")
        fresh = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        beside = path.with_name(f".{path.name}.new")
        beside.unlink(missing_ok=True)
        _write(beside, f"{text}\n{_SEALING}{fresh}\n")
        beside.replace(path)
    return load(path)


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _decoded(path: Path, text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as err:
        raise ValueError(f"{path}: a key is not base64. {_MEND}") from err
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path}: a key has {len(key)} bytes instead of {KEY_BYTES}. {_MEND}")
    return key
