"""Messages to browsers: encrypted for one of them (RFC 8291), from us and nobody else (VAPID, RFC 8292).

Both are a few steps over the primitives of `cryptography`; the library that has them brings a second HTTP client.
Randomness and time are arguments. A push service sees who sends and when, never what: messages are padded.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SALT_BYTES, AUTH_BYTES, POINT_BYTES = 16, 16, 65
RECORD_BYTES = 4096
HTTPS = 443
TEXT_MOST = RECORD_BYTES - 16 - 1 - 103
"""Bytes of a message: a record less its tag, its delimiter, and room for the head that services count too."""
PADDED_TO = 1024
TOKEN_SECONDS = 12 * 3600
ENDPOINT_MOST = 2048
_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BASE64 = re.compile(r"[A-Za-z0-9_-]{1,200}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SERVICES = ("fcm.googleapis.com", ".push.services.mozilla.com", ".push.apple.com", ".notify.windows.com")
"""The services of the browsers there are; a name that begins with a dot is of all hosts below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """Where a browser takes messages, and what they are encrypted with. All of it is secret."""

    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)

    @property
    def service(self) -> str:
        """The host that brings messages to it."""
        return urlsplit(self.endpoint).hostname or ""


def browser_of(endpoint: str, p256dh: str, auth: str, *, services: Collection[str] = ()) -> Browser:
    """A browser as it described itself, whose service is one of the known or of `services`.

    Whatever host a person could name here would be sent to from within our network.

    Raises:
        ValueError: it says what is wrong.
    """
    parts = _split(endpoint)
    host = (parts.hostname or "").lower() if parts is not None else ""
    plain = parts is not None and parts.scheme == "http" and host in _LOOPBACK
    if parts is None or not (plain or parts.scheme == "https") or parts.username is not None or parts.fragment:
        raise ValueError("endpoint: this is no address of a push service")
    if not _is_served(host, (*SERVICES, *services)):
        raise ValueError(f"endpoint: {host} is no push service that is known here; push.services can name more")
    if not plain and host not in services and parts.port not in {None, HTTPS}:
        why = f"{host} is asked for at port {parts.port}, and push services that are known here have {HTTPS}"
        raise ValueError(f"endpoint: {why}; push.services can name a host for any port")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, decoded(p256dh))
    except ValueError:
        raise ValueError("p256dh: this is no public key of a browser") from None
    if len(decoded(auth)) != AUTH_BYTES:
        raise ValueError(f"auth: this has not {AUTH_BYTES} bytes")
    return Browser(endpoint=endpoint, p256dh=p256dh, auth=auth)


def encrypt(
    text: bytes, browser: Browser, *, private: ec.EllipticCurvePrivateKey, salt: bytes, padded_to: int = PADDED_TO
) -> bytes:
    """The body of one message (`aes128gcm`, one record). `private` and `salt` are fresh for each."""
    if len(text) > TEXT_MOST:
        raise ValueError(f"a message has at most {TEXT_MOST} bytes, and this has {len(text)}")
    theirs, ours = decoded(browser.p256dh), _point(private)
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, theirs))
    secret = _derive(shared, salt=decoded(browser.auth), info=b"WebPush: info\0" + theirs + ours, length=32)
    key = _derive(secret, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16)
    nonce = _derive(secret, salt=salt, info=b"Content-Encoding: nonce\0", length=12)
    head = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(ours)]) + ours
    padding = bytes(max(0, padded_to - len(text)))
    return head + AESGCM(key).encrypt(nonce, text + b"\x02" + padding, None)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who we are to push services. `seed` is a key of the installation; `contact` is whom a service may write to."""

    seed: bytes = field(repr=False)
    contact: str | None = None

    @property
    def public(self) -> str:
        """What browsers subscribe with: they take messages of nobody else."""
        return encoded(_point(self._private()))

    def authorization(self, browser: Browser, *, now: float) -> str:
        """The header that proves to a browser's service that it is us."""
        parts = urlsplit(browser.endpoint)
        claims: dict[str, object] = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int(now) + TOKEN_SECONDS}
        if self.contact is not None:
            claims["sub"] = self.contact
        signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims))
        r, s = decode_dss_signature(self._private().sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return f"vapid t={signed}.{encoded(signature)}, k={self.public}"

    def _private(self) -> ec.EllipticCurvePrivateKey:
        # More bytes than the order has, so that every key is about as likely as any other.
        wide = _derive(self.seed, salt=None, info=b"placet/vapid/1", length=48)
        return ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, _CURVE)


def fresh_key() -> ec.EllipticCurvePrivateKey:
    """A key for one message."""
    return ec.generate_private_key(_CURVE)


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def decoded(text: str) -> bytes:
    """What was encoded.

    Raises:
        ValueError: it is no base64url.
    """
    if not _BASE64.fullmatch(text.rstrip("=")):
        raise ValueError("this is not base64url")
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except binascii.Error:
        raise ValueError("this is not base64url") from None


def _point(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derive(secret: bytes, *, salt: bytes | None, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def _is_served(host: str, services: Collection[str]) -> bool:
    return any(host.endswith(one) if one.startswith(".") else host == one for one in services)


def _split(url: str) -> SplitResult | None:
    if len(url) > ENDPOINT_MOST or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.hostname and (parts.port is None or parts.port > 0) else None
    except ValueError:
        return None
