"""Ed25519 signatures of heads of the audit chain and of receipts (RFC 8032), and the public key that checks them.

The key is derived from the installation's master key, so every replica signs alike; its public half is what others
need, as PEM, and a key is named by the SHA-256 of that half.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

SALT_BYTES = 16
_PEM = re.compile(r"-----BEGIN [^-]*-----.*?-----END [^-]*-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures."""

    key: Ed25519PublicKey

    @classmethod
    def from_pem(cls, text: str) -> PublicKey:
        """Read a key as `placet receipt key` prints it.

        Raises:
            ValueError: it is not an Ed25519 public key in PEM.
        """
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("it is not a public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("it is not an Ed25519 key")
        return cls(key)

    @property
    def id(self) -> str:
        """The name of the key: the SHA-256 of its DER form, in hex."""
        return hashlib.sha256(self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    @property
    def pem(self) -> str:
        """The key as text."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    def checks(self, data: bytes, signature: bytes) -> bool:
        """Is the signature over these bytes, by this key?"""
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def public_keys(text: str) -> tuple[PublicKey, ...]:
    """Every key of a PEM text, one after the other, as several of `placet receipt key` make it.

    Raises:
        ValueError: there is none, or one is not an Ed25519 public key.
    """
    found = _PEM.findall(text)
    if len(found) != text.count("-----BEGIN"):
        raise ValueError("a key in it is cut off")
    return tuple(PublicKey.from_pem(one) for one in found or [text])


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs for the installation. `seed` and `salt_key` are 32 secret bytes each."""

    seed: bytes = field(repr=False)
    salt_key: bytes = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """The key that checks what this signs."""
        return PublicKey(Ed25519PrivateKey.from_private_bytes(self.seed).public_key())

    def sign(self, data: bytes) -> bytes:
        """The signature over some bytes, 64 bytes, always the same for the same bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(data)

    def salt(self, request: str) -> str:
        """The salt of a request's commitments, in hex: nobody without the key can compute it."""
        return hmac.digest(self.salt_key, request.encode(), "sha256")[:SALT_BYTES].hex()
