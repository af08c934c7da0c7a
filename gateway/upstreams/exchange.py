"""One HTTP exchange with an upstream: send a body, get status, headers and a bounded stream.

The only file of the client side that knows aiohttp, so that a faster client can take its place.
It keeps the border that decides about repeating a call: `before_first_byte` runs once a connection
stands (DNS, TCP, TLS done) and before anything is written, and whatever fails earlier is `Unsent`.
No redirects, no proxies from the environment, no cookies, nothing retried.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.upstreams import NoAnswer, Overlarge, Unsent, nothing

# Many servers close a connection that was idle for 5 s. A call written onto one that is just being
# closed ends in `unknown`, so ours are dropped before that.
_KEEPALIVE_SECONDS = 4.0
_MAX_CONNECTIONS = 512
_MAX_STANDING = 2000
_CHUNK_BYTES = 64 * 1024


class Reply:
    """The head of an answer, and its body as a stream."""

    def __init__(self, response: aiohttp.ClientResponse, *, who: str, idle: float | None) -> None:
        self._response = response
        self._who = who
        self._idle = idle
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.patient: Callable[[], bool] = lambda: False
        """Whether silence is no fault just now (the server waits for us)."""
        self.media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The decompressed body as it comes in.

        Raises:
            NoAnswer: the connection broke, or nothing came for the idle time.
        """
        content = self._response.content
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    chunk = await content.read(_CHUNK_BYTES)
            except TimeoutError as err:
                if self.patient():
                    continue
                raise NoAnswer(f"{self._who} sent nothing for {self._idle:g} s in the middle of its answer") from err
            except (aiohttp.ClientError, OSError) as err:
                raise NoAnswer(f"{self._who} broke off in the middle of its answer") from err
            if not chunk:
                return
            yield chunk

    async def body(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            NoAnswer, Overlarge: it broke off, or has more than `limit` bytes.
        """
        parts = bytearray()
        async for chunk in self.chunks():
            parts += chunk
            if len(parts) > limit:
                raise Overlarge(f"{self._who} answered with more than {limit} bytes")
        return bytes(parts)


class Dialer:
    """Opens exchanges with one upstream and owns its connections."""

    def __init__(self, *, name: str, connect: float, idle: float) -> None:
        self._name = name
        self._connect = connect
        self._idle = idle
        self._sessions: dict[int, aiohttp.ClientSession] = {}
        self._closed = False

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        before_first_byte: Callable[[], None] = nothing,
        forever: bool = False,
    ) -> AsyncIterator[Reply]:
        """Send a request. Leaving the block closes the connection, or gives it back if the answer was read to its end.

        `forever` is for a standing stream, where silence is normal. It has a pool of its own, so that streams which
        only listen never take the place of a call.

        Raises:
            Unsent, NoAnswer: in plain words.
        """
        who = self._name
        if self._closed:
            raise Unsent(f"{who} cannot be reached: it is no longer used")
        begun = SimpleNamespace(mark=before_first_byte, written=False)
        try:
            response = await self._open(_MAX_STANDING if forever else _MAX_CONNECTIONS).request(
                method, url, data=body, headers=headers, allow_redirects=False, trace_request_ctx=begun
            )
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError) as err:
            if begun.written:
                raise NoAnswer(f"{who} {_broken(err)}") from err
            raise Unsent(f"{who} cannot be reached: {_unreachable(err, self._connect)}") from err
        try:
            yield Reply(response, who=who, idle=None if forever else self._idle)
        finally:
            response.release()

    async def close(self) -> None:
        """Close every connection; nothing can be sent after it."""
        self._closed = True
        while self._sessions:
            await self._sessions.popitem()[1].close()

    def _open(self, limit: int) -> aiohttp.ClientSession:
        if limit not in self._sessions:
            self._sessions[limit] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=limit, keepalive_timeout=_KEEPALIVE_SECONDS, resolver=_Resolver()),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=self._connect),
                trust_env=False,
                # Asked for plain; what is compressed all the same is decoded and counted decoded.
                headers={"Accept-Encoding": "identity", "User-Agent": "placet"},
                trace_configs=[_tracing()],
            )
        return self._sessions[limit]


class _ForbiddenAddressError(OSError):
    """A name leads only to addresses where no upstream lives."""


class _Resolver(AbstractResolver):
    """Leaves out link-local addresses, where clouds keep their credentials, unless the url itself names one.

    What is checked here is what is connected to: there is no second look-up in between.
    """

    def __init__(self) -> None:
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        allowed = [address for address in found if _may_connect(address["host"])]
        if found and not allowed:
            raise _ForbiddenAddressError("its name leads to a link-local address, which is never connected to")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def _may_connect(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    real = getattr(parsed, "ipv4_mapped", None) or parsed
    return not (real.is_link_local or real.is_multicast or real.is_unspecified or str(real) == "fd00:ec2::254")


def _tracing() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_connected)
    trace.on_connection_reuseconn.append(_connected)
    return trace


async def _connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    begun = context.trace_request_ctx
    if not begun.written:
        begun.written = True
        begun.mark()


def _unreachable(err: Exception, connect: float) -> str:
    match err:
        case aiohttp.ClientConnectorDNSError() if isinstance(err.os_error, _ForbiddenAddressError):
            return str(err.os_error)
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known (check the host in the url)"
        case aiohttp.ClientConnectorCertificateError():
            return f"its TLS certificate is not accepted ({_tls_reason(err.certificate_error)})"
        case aiohttp.ClientSSLError():
            return "TLS could not be set up (is it https at all?)"
        case aiohttp.ServerTimeoutError() | TimeoutError():
            return f"it did not take the connection within {connect:g} s"
        case aiohttp.ClientConnectorError():
            return (err.os_error.strerror or "it is not reachable").lower()
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return "the url is not a valid http(s) address"
        case OSError():
            return (err.strerror or "it is not reachable").lower()
        case _:
            return f"{type(err).__name__}"


def _tls_reason(err: Exception) -> str:
    return err.verify_message if isinstance(err, ssl.SSLCertVerificationError) else "it does not match"


def _broken(err: Exception) -> str:
    match err:
        case aiohttp.ClientResponseError() | ValueError():
            return "answered something that is not HTTP"
        case aiohttp.ServerDisconnectedError():
            return "closed the connection without an answer"
        case _:
            return "broke the connection off before it answered"
