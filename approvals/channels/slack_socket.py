"""Socket Mode: one connection of slack-sdk's at a time, replaced before it ends where Slack warns of it.

slack-sdk keeps a connection alive and notices a dead one; when to open the next is decided here, paced, so that
neither "too many connections" nor a switched-off app becomes a tight loop. An envelope is acknowledged once its work
is done: what is not acknowledged is shown to the person as failed, and they press again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from approvals.channels import RetryLater
from approvals.channels.slack_client import SlackClient, SlackDown, SlackRefused, sdk_log
from approvals.channels.slack_payloads import Malformed, NotHandled

log = logging.getLogger(__name__)

PING_SECONDS = 5.0
CONNECT_SECONDS = 20.0
CLOSE_SECONDS = 2.0
LAST_WORDS_SECONDS = 3.0
"""How long a connection that is being replaced may still answer what it was handed."""
FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0
SETTLED_SECONDS = 30.0
"""A connection that held this long was a good one: the next may follow at once."""

Take = Callable[[str, Any], Awaitable[dict[str, Any] | None]]


class _Line(SocketModeClient):
    """A connection that says when it has ended, instead of opening another by itself."""

    def __init__(self, take: Take, **settings: Any) -> None:
        super().__init__(**settings)
        self.ended = asyncio.Event()
        self._take = take
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.socket_mode_request_listeners.append(self._handle)

    async def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 (slack-sdk's signature)
        """What slack-sdk calls when this connection is over or about to be."""
        self.ended.set()

    async def _handle(self, _: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self._answering += 1
        self._idle.clear()
        try:
            try:
                body = await self._take(request.type, request.payload)
            except Malformed as err:
                log.warning("slack sent something else", extra={"kind": request.type, "error": str(err)})
                body = None
            await self.send_socket_mode_response(SocketModeResponse(request.envelope_id, body))
        except NotHandled:
            return  # not acknowledged: Slack tells the person that it failed
        except (ConnectionError, aiohttp.ClientError, AttributeError) as err:
            # The work is done; the person is told by Slack that it may not be, presses again, and hears the truth.
            log.warning("slack was not told", extra={"error": type(err).__name__})
        finally:
            self._answering -= 1
            if self._answering == 0:
                self._idle.set()

    async def leave(self) -> None:
        """Answer what was handed over, then close."""
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._idle.wait()
        except TimeoutError:
            log.warning("slack connection closed with answers owed", extra={"answers": self._answering})
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.close()  # type: ignore[no-untyped-call]  # slack-sdk does not annotate it
        except (TimeoutError, aiohttp.ClientError, OSError):
            log.info("slack connection did not close politely")
        finally:
            for task in (self.message_processor, self.current_session_monitor, self.message_receiver):
                if task is not None:
                    task.cancel()
            await self.aiohttp_client_session.close()


class Socket:
    """Keeps one connection to Slack open."""

    def __init__(self, client: SlackClient, *, app_token: str, take: Take, ping_seconds: float = PING_SECONDS) -> None:
        self._client, self._app_token, self._take, self._ping = client, app_token, take, ping_seconds
        self.problem: str | None = "not connected yet"
        """Why there is no connection now, or None while there is."""

    async def run(self) -> None:
        """Receive for ever."""
        line: _Line | None = None
        pause = FIRST_PAUSE
        loop = asyncio.get_running_loop()
        try:
            while True:
                new = await self._open()
                if new is not None:
                    if line is not None:
                        await line.leave()
                    line, since, self.problem = new, loop.time(), None
                    await line.ended.wait()
                    self.problem = "the connection ended"
                    if loop.time() - since >= SETTLED_SECONDS:
                        pause = FIRST_PAUSE
                        continue
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_PAUSE)
        finally:
            if line is not None:
                await line.leave()

    async def _open(self) -> _Line | None:
        line: _Line | None = None
        try:
            url = await self._client.open_socket(self._app_token)
            line = _Line(
                self._take,
                app_token=self._app_token,
                web_client=self._client.web,
                logger=sdk_log,
                ping_interval=self._ping,
            )
            line.proxy = None if self._client.is_local else line.proxy
            line.wss_uri = url
            async with asyncio.timeout(CONNECT_SECONDS):
                await line.connect()  # type: ignore[no-untyped-call]  # slack-sdk does not annotate it
        except (
            SlackRefused,
            SlackDown,
            RetryLater,
            SlackClientError,
            aiohttp.ClientError,
            TimeoutError,
            OSError,
        ) as err:
            self.problem = str(err) or type(err).__name__
            log.warning("slack socket did not open", extra={"error": self.problem})
            if line is not None:
                await line.leave()
            return None
        log.info("slack socket opened")
        return line
