"""The front of the HTTP server: connections that send no whole request, and what is answered to no HTTP at all.

aiohttp waits for a request as long as for the next one on an open connection, and answers what it cannot parse by
itself, past every middleware, with a traceback in the log. Here a request head has a deadline, the answer is a
problem with our headers, and a flood of such requests is a line a minute for each kind.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError, LineTooLong, PayloadEncodingError

from approvals.web.headers import stamp
from approvals.web.problems import Problem

log = logging.getLogger(__name__)

HEAD_SECONDS = 12.0
"""How long a request head may take: from the opening of the connection, later from its first byte."""
KEEP_ALIVE_SECONDS = 75.0
QUIET_SECONDS = 60.0

_KINDS: tuple[tuple[type[HttpProcessingError], str], ...] = (
    (LineTooLong, "a line or header that is too long"),
    (PayloadEncodingError, "a body that is not framed as it says"),
    (BadHttpMethod, "no HTTP request"),
    (HttpProcessingError, "a malformed request"),
)
_UNREADABLE = (
    "This is no HTTP/1.1 request that could be read: one Host, one length of the body, and no line or header "
    "longer than 8190 bytes."
)


class Front(web.Server):
    """Makes a `Connection` for every client that connects."""

    def __init__(self, made: web.Server, *, https: bool, head_seconds: float) -> None:
        super().__init__(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
        )
        self.https, self.head_seconds = https, head_seconds
        self.seldom = Seldom()

    def __call__(self) -> web.RequestHandler:
        """One connection."""
        return Connection(self)


class Runner(web.AppRunner):
    """Runs the application behind a `Front`. Handlers are cancelled when their client leaves."""

    def __init__(
        self, app: web.Application, *, https: bool, shutdown_seconds: float, head_seconds: float = HEAD_SECONDS
    ) -> None:
        # Cancellation is said out loud, because aiohttp's server does not do it by default.
        super().__init__(app, handler_cancellation=True, shutdown_timeout=shutdown_seconds)
        self._https, self._head_seconds = https, head_seconds

    async def _make_server(self) -> web.Server:
        return Front(await super()._make_server(), https=self._https, head_seconds=self._head_seconds)


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_deadline", "_front")

    def __init__(self, front: Front) -> None:
        super().__init__(
            front,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            access_log=None,  # type: ignore[arg-type]  # none is how aiohttp is told to keep no log of accesses
        )
        self._front = front
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first request's head is awaited from now on."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is awaited any more."""
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came: they end a head, or begin one, or are of a body, which has a deadline of its own."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._forget_deadline()
            self._end_broken_body()
        elif data and self._deadline is None and self._idle():
            self._await_head()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is no HTTP, or to a bug outside of every handler."""
        if not isinstance(exc, HttpProcessingError):
            answer = super().handle_error(request, status, exc, message)
        else:
            kind = next(words for error, words in _KINDS if isinstance(exc, error))
            if (more := self._front.seldom.ask(kind)) is not None:
                # Not what it says: that quotes the client, whose headers may hold a token.
                log.warning("request not understood", extra={"kind": kind, "peer": request.remote, "more": more})
            answer = Problem(400, "bad_request", _UNREADABLE).response()
            answer.force_close()
        stamp(answer, https=self._front.https)
        return answer

    def _end_broken_body(self) -> None:
        # Bytes that cannot be read while a request is being answered are of its body, whose reader aiohttp does not
        # tell: it would wait for its deadline, and the client would be answered twice.
        current, last = self._current_request, self._messages[-1][0] if self._messages else None
        if current is None or last is None or isinstance(last, RawRequestMessage) or current.content.is_eof():
            return
        current.content.set_exception(web.RequestPayloadError("the body is not framed as its head says"))
        current.content.feed_eof()
        self.close()

    def _idle(self) -> bool:
        # The loop of aiohttp waits for a request: nothing is being answered, and no body is on its way.
        return self._waiter is not None and not self._waiter.done()

    def _await_head(self) -> None:
        self._deadline = self._loop.call_later(self._front.head_seconds, self._too_late)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self._idle():
            self.force_close()


class Seldom:
    """Lets each kind of line through once a minute, and counts the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}

    def ask(self, kind: str) -> int | None:
        """How many were kept back since the last line, if there may be one now; else None."""
        now = self._clock()
        at, more = self._kinds.get(kind, (float("-inf"), 0))
        if now - at < QUIET_SECONDS:
            self._kinds[kind] = (at, more + 1)
            return None
        self._kinds[kind] = (now, 0)
        return more
