"""From an HTTP reply to the answer of one request: JSON or an event stream, both eras.

What is not exactly an answer to the request that was sent is `NoAnswer` with a sentence that says
what came instead. The first valid response wins and the rest is not read. Notifications and requests
that the server sends before it are handed to a `Listener`, in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from gateway.upstreams import MAX_ANSWER_BYTES, InputRequired, NoAnswer, Overlarge, Result, RpcError
from gateway.upstreams.exchange import Reply
from gateway.upstreams.rpc import Answer, Asked, Garbage, Message, Told, read
from gateway.upstreams.sse import Event, Reader, TooMuch

log = logging.getLogger(__name__)

_MAX_ERROR_BYTES = 256 * 1024
_MAX_STREAM_BYTES = 4 * MAX_ANSWER_BYTES
_THREAD_FROM_BYTES = 256 * 1024  # above this, parsing leaves the event loop


class StatusError(NoAnswer):
    """The reply has an HTTP status of 400 or more. `error` is its JSON-RPC error, if it has one.

    `ours`: the error names our request, so the server took it in and this is its answer.
    """

    def __init__(self, why: str, *, status: int, error: RpcError | None, ours: bool) -> None:
        super().__init__(why)
        self.status = status
        self.error = error
        self.ours = ours


class NotMcp(NoAnswer):
    """The server answered, but not in MCP."""


class Dropped(NoAnswer):
    """An event stream ended before the answer. `last_id` and `retry` are what it can be resumed with."""

    def __init__(self, why: str, *, last_id: str | None, retry: float | None) -> None:
        super().__init__(why)
        self.last_id = last_id
        self.retry = retry


class Listener(Protocol):
    """Takes what a server says before it answers."""

    @property
    def waiting(self) -> bool:
        """Whether the server waits for an answer of ours."""
        ...

    async def told(self, message: Told) -> None:
        """A notification."""
        ...

    async def asked(self, message: Asked) -> None:
        """A request of the server's own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Reads the answer to request `request_id` of upstream `name`."""

    name: str
    request_id: int
    listener: Listener

    async def receive(self, reply: Reply) -> Result | RpcError | InputRequired:
        """The answer.

        Raises:
            StatusError, Dropped, Overlarge, NoAnswer: there is none, in plain words.
        """
        if reply.status >= 300:
            raise await self._refused(reply)
        reply.patient = lambda: self.listener.waiting
        match reply.media_type:
            case "application/json":
                return self._answer(await _parse(await reply.body(MAX_ANSWER_BYTES)))
            case "text/event-stream":
                return await self._from_stream(reply)
            case "":
                raise NotMcp(
                    f"{self.name} answered HTTP {reply.status} without a content type and so without an answer"
                )
            case "text/html":
                raise NotMcp(f"{self.name} answered with a web page instead of MCP: check its url")
            case other:
                raise NotMcp(f"{self.name} answered with content type {other[:60]!r}, which is not MCP")

    def _answer(self, message: Message) -> Result | RpcError | InputRequired:
        match message:
            case Answer() if message.id == self.request_id:
                return message.outcome
            case Answer():
                raise NotMcp(f"{self.name} answered under the id of another request")
            case Garbage():
                raise NotMcp(f"{self.name} answered something that {message.why}")
            case Asked() | Told():
                raise NotMcp(f"{self.name} sent a message of its own where the answer should be")

    async def _refused(self, reply: Reply) -> NoAnswer:
        if reply.status < 400:
            return NotMcp(
                f"{self.name} answered with a redirect (HTTP {reply.status}). Redirects are never followed: "
                "put the final address in its url"
            )
        error: RpcError | None = None
        ours = False
        if reply.media_type == "application/json":
            message = await _parse(await reply.body(_MAX_ERROR_BYTES))
            if isinstance(message, Answer) and isinstance(message.outcome, RpcError):
                error, ours = message.outcome, message.id == self.request_id
        return StatusError(_status_sentence(self.name, reply.status), status=reply.status, error=error, ours=ours)

    async def _from_stream(self, reply: Reply) -> Result | RpcError | InputRequired:
        reader = Reader(max_event_bytes=MAX_ANSWER_BYTES)
        try:
            async for event in events(reply, reader, name=self.name):
                answer = await self._from_event(event)
                if answer is not None:
                    return answer
        except Overlarge:
            raise
        except NoAnswer as err:
            raise Dropped(str(err), last_id=reader.last_id, retry=reader.retry) from err
        why = f"{self.name} ended its event stream without an answer"
        raise Dropped(why, last_id=reader.last_id, retry=reader.retry)

    async def _from_event(self, event: Event) -> Result | RpcError | InputRequired | None:
        if not event.data or event.kind != "message":
            return None
        message = await _parse(event.data)
        match message:
            case Answer() if message.id == self.request_id:
                return message.outcome
            case Told():
                await self.listener.told(message)
            case Asked():
                await self.listener.asked(message)
            case Answer():
                log.warning("upstream answered under a foreign id", extra={"server": self.name})
            case Garbage():
                log.warning("upstream sent an event that %s", message.why, extra={"server": self.name})
        return None


async def events(reply: Reply, reader: Reader, *, name: str) -> AsyncIterator[Event]:
    """The events of a stream, within the bounds of one answer.

    Raises:
        NoAnswer, Overlarge: the stream broke, or passed a bound.
    """
    total = 0
    async for chunk in reply.chunks():
        total += len(chunk)
        if total > _MAX_STREAM_BYTES:
            raise Overlarge(f"{name} streamed more than {_MAX_STREAM_BYTES} bytes")
        try:
            for event in reader.feed(chunk):
                yield event
        except TooMuch as err:
            raise Overlarge(f"{name} answered too much: {err}") from err


async def _parse(raw: bytes) -> Message:
    if len(raw) < _THREAD_FROM_BYTES:
        return read(raw)
    return await asyncio.to_thread(read, raw)


def _status_sentence(name: str, status: int) -> str:
    match status:
        case 401 | 403:
            return f"{name} refuses the credentials that are configured for it (HTTP {status})"
        case 404 | 405:
            return f"{name} has no MCP endpoint at its url (HTTP {status})"
        case 429:
            return f"{name} says that it is asked too often (HTTP 429)"
        case _ if status >= 500:
            return f"{name} failed (HTTP {status})"
        case _:
            return f"{name} refused the request (HTTP {status})"
