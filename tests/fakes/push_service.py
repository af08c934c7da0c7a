"""A push service with one browser behind it, which opens what arrives: RFC 8291 and 8292 read from the other side."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def data(said: str) -> bytes:
    return base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))


def opened(body: bytes, private: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What is in a message, by the receiver's steps of RFC 8291 3.4 and RFC 8188."""
    salt, size, length = body[:16], struct.unpack("!I", body[16:20])[0], body[20]
    sender, sealed = body[21 : 21 + length], body[21 + length :]
    assert len(sealed) <= size
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, sender))
    secret = _hmac(_hmac(auth, shared), b"WebPush: info\0" + point(private) + sender + b"\1")
    pseudo = _hmac(salt, secret)
    key = _hmac(pseudo, b"Content-Encoding: aes128gcm\0\1")[:16]
    nonce = _hmac(pseudo, b"Content-Encoding: nonce\0\1")[:12]
    return AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0").removesuffix(b"\2")


def point(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def claims_of(header: str) -> Mapping[str, Any]:
    """What a VAPID header claims; its signature holds, or this raises."""
    kind, _, rest = header.partition(" ")
    said = dict(part.strip().split("=", 1) for part in rest.split(","))
    head, claims, signature = said["t"].split(".")
    assert (kind, json.loads(data(head))) == ("vapid", {"typ": "JWT", "alg": "ES256"})
    raw = data(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(CURVE, data(said["k"]))
    key.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    return {**json.loads(data(claims)), "key": said["k"]}


@dataclass(slots=True)
class PushService:
    """Takes messages for one browser, and shows what that would show: the newest of each topic."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(CURVE))
    auth: bytes = bytes(range(16))
    url: str = ""
    answer: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    heads: list[Mapping[str, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    @property
    def keys(self) -> dict[str, str]:
        return {"p256dh": text(point(self.private)), "auth": text(self.auth)}

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert request.headers["Content-Encoding"] == "aes128gcm"
        claims = claims_of(request.headers["Authorization"])
        assert claims["aud"] == self.url.rpartition("/in")[0]
        if self.answer == 201:
            self.sizes.append(len(body))
            self.heads.append(dict(request.headers.items()))
            self.sent.append(json.loads(opened(body, self.private, self.auth)))
        return web.Response(status=self.answer, headers=self.headers)


@asynccontextmanager
async def push_service() -> AsyncIterator[PushService]:
    made, app = PushService(), web.Application()
    app.router.add_post("/in", made.take)
    async with TestServer(app) as server:
        made.url = f"http://127.0.0.1:{server.port}/in"
        yield made


def _hmac(key: bytes, message: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(message)
    return made.finalize()
