"""The few requests OAuth needs: one JSON document, or one form posted; small, quick, and never redirected.

What is checked is what is connected to: a host's addresses are looked up once, judged (`places`), and handed to the
connection. No cookies, no proxies from the environment, no retries. Answers are bounded after decompression and read
strictly, so that a document with two `issuer` members has no meaning at all.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.oauth.places import Forbidden, checked, may_connect
from gateway.protocol.strict import Malformed, read

MAX_BYTES = 512 * 1024
SECONDS = 10.0
CONNECT_SECONDS = 5.0
_JSON = ("application/json", "application/jwk-set+json", "application/jwk-set", "application/problem+json")


class Failed(Exception):
    """There is no usable answer; `str()` says why in plain words. `passing`: it may work in a moment."""

    def __init__(self, why: str, *, passing: bool = True) -> None:
        super().__init__(why)
        self.passing = passing


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A JSON object with its status. The body may hold tokens: it is not shown."""

    status: int
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Fetches. `known` are the hosts that an operator wrote down."""

    known: frozenset[str]
    seconds: float = SECONDS

    async def document(self, url: str, *, what: str) -> Mapping[str, Any] | None:
        """The JSON object at `url`; None when there is none (404, or another status of 400 to 499).

        Raises:
            Failed: it cannot be had, or is not one.
        """
        answer = await self._send("GET", url, what=what, headers={"Accept": "application/json"})
        if 400 <= answer.status < 500 and answer.status != 429:
            return None
        if answer.status != 200:
            raise Failed(f"the {what} answered HTTP {answer.status}")
        return answer.body

    async def form(self, url: str, fields: Mapping[str, str], headers: Mapping[str, str], *, what: str) -> Answer:
        """Post a form.

        Raises:
            Failed: there is no JSON object in the answer, whatever its status.
        """
        every = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **headers}
        return await self._send("POST", url, what=what, headers=every, body=urlencode(fields).encode())

    async def challenge(self, url: str, *, what: str) -> str | None:
        """The WWW-Authenticate that an MCP endpoint answers to a stranger's `ping`; None if it has none.

        Raises:
            Failed: it cannot be asked.
        """
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{}}'
        answer = await self._send("POST", url, what=what, headers=headers, body=body, head_only=True)
        return answer.headers.get("WWW-Authenticate") if answer.status == 401 else None

    async def _send(
        self,
        method: str,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        head_only: bool = False,
    ) -> Answer:
        try:
            checked(url, known=self.known, what=what)
        except Forbidden as err:
            raise Failed(f"{err}", passing=False) from err
        resolver = _Resolver(known=(urlsplit(url).hostname or "") in self.known)
        try:
            async with (
                asyncio.timeout(self.seconds),
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(resolver=resolver, force_close=True),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
                    trust_env=False,
                    headers={"Accept-Encoding": "identity", "User-Agent": "placet"},
                ) as session,
                session.request(method, url, data=body, headers=headers, allow_redirects=False) as reply,
            ):
                found: Mapping[str, Any] = {} if head_only else await _object(reply, what)
                return Answer(status=reply.status, body=found, headers=reply.headers)
        except TimeoutError as err:
            raise Failed(f"the {what} did not answer within {self.seconds:g} s") from err
        except (aiohttp.ClientError, OSError, ValueError) as err:
            raise Failed(f"the {what} cannot be reached ({_why(err)})") from err


async def _object(reply: aiohttp.ClientResponse, what: str) -> Mapping[str, Any]:
    if 300 <= reply.status < 400:
        raise Failed(f"the {what} answered with a redirect, which is never followed", passing=False)
    content = bytearray()
    async for chunk in reply.content.iter_chunked(64 * 1024):
        content += chunk
        if len(content) > MAX_BYTES:
            raise Failed(f"the {what} answered more than {MAX_BYTES} bytes", passing=False)
    media = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    value = read(bytes(content)) if media in _JSON else None
    if isinstance(value, dict) and not isinstance(value, Malformed):
        return value
    if reply.status >= 400:
        return {}
    raise Failed(f"the {what} did not answer a JSON object", passing=False)


class _Resolver(AbstractResolver):
    """Looks a name up once, and leaves out what may not be connected to."""

    def __init__(self, *, known: bool) -> None:
        self._inner, self._known = aiohttp.ThreadedResolver(), known

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [
            one for one in found if may_connect(ipaddress.ip_address(one["host"].partition("%")[0]), known=self._known)
        ]
        if found and not allowed:
            raise OSError(None, "its name leads to an address that must not be asked")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def _why(err: Exception) -> str:
    match err:
        case aiohttp.ClientConnectorCertificateError():
            return "its TLS certificate is not accepted"
        case aiohttp.ClientConnectorError():
            return (err.os_error.strerror or "no connection").lower()
        case aiohttp.ClientError() | ValueError():
            return "what it answered is not HTTP, or broke off"
        case _:
            return "no connection"
