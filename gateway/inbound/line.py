"""The way back to one client: a plain JSON answer, or an event stream once somebody opened it (protocol.md 2.1).

Nothing is sent before `open`, so that a request that needs no waiting is answered in one write. An opened stream says
progress that strictly rises, and carries the server's logs and questions. In a session of 2025-11-25 the line outlives
a lost connection for a while: the client may come back for the rest (`feed`), and `Lines` ends it when it does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from gateway.inbound.feed import Feed
from gateway.inbound.questions import LATE, NOBODY, TOO_MANY
from gateway.inbound.reply import HEADERS, plain
from gateway.inbound.sessions import Session
from gateway.inbound.sse import Tap, Ticker
from gateway.protocol.jsonrpc import RpcId
from gateway.protocol.methods import LOG_LEVELS
from gateway.protocol.results import progressed
from gateway.protocol.subscriptions import CHANGES, MAX_NOTE_BYTES, notification, request, withdrawn
from gateway.upstreams import Result, RpcError

_TEXT_LIMIT = 1_000
_TOLD = CHANGES | {"notifications/elicitation/complete"}


class SseLine:
    """The line of one request. `request` and `tells` are the gateway's to set; `delivered`: the answer was written."""

    __slots__ = (
        "__weakref__",
        "_ask_seconds",
        "_feed",
        "_http",
        "_last",
        "_left",
        "_level",
        "_offset",
        "_over",
        "_session",
        "_streams",
        "_tap",
        "_ticker",
        "_token",
        "delivered",
        "request",
        "scope",
        "tells",
        "waiter",
    )

    def __init__(
        self,
        http: web.Request,
        ticker: Ticker,
        *,
        token: RpcId | None,
        streams: bool,
        session: Session | None,
        log_level: str | None,
        ask_seconds: float,
        left: Callable[[SseLine], None],
    ) -> None:
        self.request: str | None = None
        self.tells: str | None = None
        self.delivered = False
        self.scope: asyncio.Timeout | None = None
        self._http: web.Request | None = http
        self._ticker = ticker
        self._token = token
        self._streams = streams
        self._session = session
        self._level = log_level
        self._ask_seconds = ask_seconds
        self._left = left
        self.waiter: asyncio.Future[web.StreamResponse] | None = None
        self._tap: Tap | None = None
        self._feed: Feed | None = None
        self._over = False
        self._last = -math.inf
        self._offset: float | None = None

    @property
    def over(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self._over

    @property
    def resumable(self) -> bool:
        """Whether a client that loses its connection may come back for the rest."""
        return self._session is not None and self._session.resumable and self._streams

    @property
    def live(self) -> bool:
        """Whether the client can be asked on this line."""
        return self._session is not None and self._streams and not self._over

    @property
    def feed(self) -> Feed | None:
        """The events of this line, once it was opened."""
        return self._feed

    @property
    def unread(self) -> bool:
        """Whether the stream was opened, and its client has gone."""
        return self._feed is not None and self._feed.tap is None

    @property
    def finished(self) -> bool:
        """Whether the last event of an opened stream has been made."""
        return self._feed is not None and self._feed.finished

    async def open(self) -> None:
        """Begin the event stream: headers are flushed, keep-alives begin. Idempotent; not for JSON-only clients."""
        if self._feed is not None or not self._streams or self._over or self._http is None:
            return
        self._feed = Feed(self._session.number(self) if self._session is not None else None)
        self._tap = Tap(self._http, self._ticker)
        await self._feed.begin(self._tap)

    async def progress(self, progress: float, message: str, total: float | None = None) -> None:
        """Say how far it is, if the client asked to be told; raised where it would not rise."""
        await self._say(progress, message, total, ours=True)

    async def relay(self, params: Mapping[str, Any]) -> None:
        """Pass on an upstream's progress, moved up so that it continues what was said while the call was held."""
        progress, total, message = _number(params.get("progress")), _number(params.get("total")), params.get("message")
        if progress is None:
            return
        if self._offset is None:
            self._offset = 0 if self._last == -math.inf else max(0, self._last - progress + 1)
        moved = None if total is None else total + self._offset
        await self._say(progress + self._offset, message if isinstance(message, str) else None, moved)

    async def message(self, params: bytes) -> None:
        """Pass on a log line, if the client wants those of its level."""
        # In the older eras the server may send logs before a level was set; in the modern one it must be asked.
        asked = self._level if self._session is None else self._session.log_level or LOG_LEVELS[0]
        if asked is not None and len(params) <= MAX_NOTE_BYTES and _severe(params, asked):
            await self._push(notification("notifications/message", params))

    async def told(self, method: str, params: bytes) -> None:
        """Pass on another notification: in the older eras only, and only of a kind that clients know."""
        if self.live and method in _TOLD and len(params) <= MAX_NOTE_BYTES:
            await self._push(notification(method, params))

    async def pause(self) -> None:
        """End the connection and go on without it, where the client can come back for the rest."""
        tap = self._feed.tap if self._feed is not None and self._feed.number is not None else None
        if self._feed is None or tap is None or self._over:
            return
        self._feed.let_go(tap)
        self._left(self)
        await tap.end()
        # Its handler has nothing more to wait for, and the connection is needed for what the client sends next.
        if tap is self._tap and self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(tap.stream)

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Send the client a request on this stream and wait for the answer it posts."""
        if self._session is None or not self.live:
            return NOBODY
        questions = self._session.questions
        if (asked := questions.ask(self)) is None:
            return TOO_MANY
        rpc_id, future = asked
        try:
            await self._push(request(rpc_id, method, params))
            async with asyncio.timeout(self._ask_seconds):
                return await future
        except TimeoutError:
            await self._push(withdrawn(rpc_id, "The time to answer is over."))
            return LATE
        except asyncio.CancelledError:
            if self._feed is not None and not self._over:
                self._feed.owe(withdrawn(rpc_id, "The question was taken back."))
            raise
        finally:
            questions.forget(rpc_id)

    async def finish(self, body: bytes, status: int) -> web.StreamResponse:
        """Write the answer, as the last event of the stream or as the one JSON response."""
        self._over = True
        if self._feed is not None:
            self.delivered = await self._feed.finish(body)
            return self._response()
        whole, http, self._http = plain(body, status), self._http, None
        with contextlib.suppress(ConnectionError):
            if http is not None:
                await whole.prepare(http)
                await whole.write_eof()
                self.delivered = True
        return whole

    async def abandon(self) -> web.StreamResponse:
        """End without an answer: the client said that it does not wait for one, or it has gone."""
        self._over = True
        if self._feed is None:
            return web.Response(status=202, headers=HEADERS)
        await self._feed.finish(None)
        return self._response()

    def dropped(self) -> bool:
        """The connection broke; whether the client may come back. If not, nobody waits for the answer."""
        if self._feed is None or self._feed.number is None:
            self.hang_up()
            return False
        # False also where a newer connection reads this stream already.
        if self._tap is None or not self._feed.let_go(self._tap):
            return False
        self._tap.close()
        return True

    def lapse(self) -> None:
        """The client did not come back in time: nothing is kept for it any more."""
        if self._session is not None and self._feed is not None and self._feed.number is not None:
            self._session.feeds.pop(self._feed.number, None)
        self.hang_up()

    def hang_up(self) -> None:
        """Treat the client as gone: whoever waits for its call stops waiting."""
        self._over = True
        if self.scope is not None and not self.scope.expired():
            self.scope.reschedule(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Take nothing more but the answer; for the `finally` of who waits for that."""
        self._over = True
        self.scope = None
        if self._tap is not None:
            self._tap.close()
        if self._session is not None:
            self._session.questions.end(self)

    async def _say(self, progress: float, message: str | None, total: float | None, *, ours: bool = False) -> None:
        if self._token is None:
            return
        await self.open()
        if self._feed is None:
            return
        self._last = progress if progress > self._last else math.nextafter(self._last, math.inf)
        cut = None if message is None else message[:_TEXT_LIMIT]
        request = self.request if ours else None
        await self._push(progressed(self._token, progress=self._last, message=cut, total=total, request=request))

    async def _push(self, body: bytes) -> None:
        await self.open()
        if self._feed is not None and not self._over:
            await self._feed.push(body)

    def _response(self) -> web.StreamResponse:
        tap, self._tap, self._http = self._tap, None, None
        return tap.stream if tap is not None else web.Response(status=202, headers=HEADERS)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _severe(params: bytes, asked: str) -> bool:
    try:
        message = json.loads(params)
    except ValueError:
        return False
    level = message.get("level") if isinstance(message, dict) else None
    return level in LOG_LEVELS and LOG_LEVELS.index(level) >= LOG_LEVELS.index(asked)
