"""The gateway's HTTP endpoint: one POST a message, its answer as JSON or as an event stream.

The connection itself (no redirects, no proxies from the environment, what was certainly not sent) is
`gateway.upstreams.exchange`. Only this file holds the token, and sends it nowhere but to the one address.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.bridge.messages import Answer, Said, from_gateway, parsed
from gateway.bridge.trouble import Refused
from gateway.protocol.jsonrpc import RpcId
from gateway.upstreams import MAX_ANSWER_BYTES, NoAnswer
from gateway.upstreams.exchange import Dialer, Reply
from gateway.upstreams.sse import Reader, TooMuch

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
# The gateway writes a comment every 15 s on a stream that waits.
IDLE_SECONDS = 60.0
COURTESY_SECONDS = 5.0
_MAX_REFUSAL_BYTES = 256 * 1024
_THREAD_FROM_BYTES = 256 * 1024
_MAX_EVENTS = 1_000_000
_RETRY_SECONDS, _MAX_RETRY_SECONDS = 1.0, 10.0
_WHO = "the gateway"


class NotMcp(NoAnswer):
    """Something answered, but not in MCP: asking again brings the same."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stream broke off: its last event, and after how many seconds to come back for the rest."""

    last_id: str
    retry: float


class Incoming:
    """The head of an answer, and its messages as they come in."""

    def __init__(self, reply: Reply, rpc_id: RpcId | None) -> None:
        self._reply = reply
        self._rpc_id = rpc_id
        self._reader = Reader(max_event_bytes=MAX_ANSWER_BYTES, max_events=_MAX_EVENTS)
        self.session = reply.headers.get("Mcp-Session-Id")

    @property
    def place(self) -> Place | None:
        """How far the stream has been read, if the gateway numbers its events."""
        if self._reader.last_id is None:
            return None
        retry = _RETRY_SECONDS if self._reader.retry is None else self._reader.retry
        return Place(self._reader.last_id, min(retry, _MAX_RETRY_SECONDS))

    async def messages(self) -> AsyncIterator[Answer | Said]:
        """Every message, in order; the answer to our request is the last that is wanted.

        Raises:
            NoAnswer, Refused: it broke off or is no MCP; it was refused.
        """
        if self._reply.status >= 300:
            yield await self._refusal()
            return
        match self._reply.media_type:
            case "application/json":
                yield await self._read(await self._reply.body(MAX_ANSWER_BYTES))
            case "text/event-stream":
                async for message in self._stream():
                    yield message
            case "" if self._reply.status == 202:
                return
            case "application/octet-stream" if self._reply.status == 202:
                return
            case "text/html":
                raise NotMcp(f"{_WHO} answered with a web page instead of MCP: check --url")
            case other:
                raise NotMcp(f"{_WHO} answered with content type {other[:60]!r}, which is not MCP: check --url")

    async def _stream(self) -> AsyncIterator[Answer | Said]:
        async for chunk in self._reply.chunks():
            try:
                for event in self._reader.feed(chunk):
                    if event.data and event.kind == "message":
                        yield await self._read(event.data)
            except TooMuch as err:
                raise NotMcp(f"{_WHO} answered too much: {err}") from err

    async def _read(self, raw: bytes) -> Answer | Said:
        message = from_gateway(raw) if len(raw) < _THREAD_FROM_BYTES else await asyncio.to_thread(from_gateway, raw)
        if isinstance(message, str):
            raise NotMcp(f"{_WHO} answered something that {message}: check --url")
        return message

    async def _refusal(self) -> Answer:
        """A JSON-RPC error that names our request is its answer, whatever the HTTP status."""
        said: str | None = None
        if self._reply.status >= 400 and self._reply.media_type == "application/json":
            message = from_gateway(await self._reply.body(_MAX_REFUSAL_BYTES))
            if isinstance(message, Answer) and message.error is not None:
                if message.id is not None and message.id == self._rpc_id:
                    return message
                said = str(parsed(message.error).get("message"))
        raise Refused(self._reply.status, said)


class Door:
    """Sends to one gateway, as one agent."""

    def __init__(self, url: str, token: str | None, *, connect: float = CONNECT_SECONDS) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._dialer = Dialer(name=_WHO, connect=connect, idle=IDLE_SECONDS)
        self.reached = False

    @asynccontextmanager
    async def post(
        self, body: bytes, headers: Mapping[str, str], *, rpc_id: RpcId | None = None
    ) -> AsyncIterator[Incoming]:
        """POST one message. Leaving the block hangs up.

        Raises:
            Unsent, NoAnswer: in plain words.
        """
        sent = {**self._headers, **headers}
        async with self._dialer.exchange("POST", self._url, headers=sent, body=body) as reply:
            self.reached = True
            yield Incoming(reply, rpc_id)

    @asynccontextmanager
    async def get(self, headers: Mapping[str, str], place: Place | None = None) -> AsyncIterator[Incoming]:
        """GET a stream of a session: the standing one, or the rest of the one that broke off at `place`.

        Raises:
            Unsent, NoAnswer: in plain words.
        """
        sent = {**self._headers, **headers, "Accept": "text/event-stream"}
        del sent["Content-Type"]
        if place is not None:
            sent["Last-Event-ID"] = place.last_id
        async with self._dialer.exchange("GET", self._url, headers=sent) as reply:
            yield Incoming(reply, None)

    async def tell(self, body: bytes, headers: Mapping[str, str]) -> None:
        """POST a message that has no answer.

        Raises:
            Unsent, NoAnswer, Refused: it was not taken.
        """
        try:
            async with asyncio.timeout(COURTESY_SECONDS), self.post(body, headers) as incoming:
                async for _ in incoming.messages():
                    return
        except TimeoutError as err:
            raise NoAnswer(f"{_WHO} did not take a notification within {COURTESY_SECONDS:g} s") from err

    async def end(self, headers: Mapping[str, str]) -> None:
        """DELETE a session."""
        sent = {**self._headers, **headers}
        async with self._dialer.exchange("DELETE", self._url, headers=sent) as reply:
            log.debug("session ended", extra={"status": reply.status})

    async def close(self) -> None:
        """Close every connection."""
        await self._dialer.close()
