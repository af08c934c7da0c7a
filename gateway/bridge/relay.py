"""One client on one side, one gateway on the other: which message goes which way.

A modern request goes out as it is, with its headers; an older one in the client's session; a tool call of either
through `calls`. Every request is a task of its own, capped in number, and is answered once under the client's own
id, or never if the client cancelled it. Nothing here knows of pipes: `write` takes a line to the client.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.bridge import messages
from gateway.bridge.attempts import RECONNECT_SECONDS
from gateway.bridge.calls import Call, Leg, Write
from gateway.bridge.door import Door, NotMcp
from gateway.bridge.lines import MAX_LINE_BYTES, TooLong
from gateway.bridge.messages import Answer, Asked, Noted, Replied, Said
from gateway.bridge.mirror import Mirror
from gateway.bridge.session import NotOpened, Opened, is_lost, refusal_of
from gateway.bridge.sessions import Sessions
from gateway.bridge.settings import Settings
from gateway.bridge.trouble import TOO_MANY, Refused, explain
from gateway.bridge.waits import patience
from gateway.protocol.jsonrpc import INVALID_REQUEST, Malformed, RpcId
from gateway.upstreams import NoAnswer, Unsent

log = logging.getLogger(__name__)

MAX_IN_FLIGHT = 64
ANSWER_SECONDS = 120.0
_PAUSES = (0.2, 3.0)
_LISTEN = "subscriptions/listen"
PAGES_MAX = 100
"""How many pages of tools are looked through for the headers of one call."""
_INTERNAL_ERROR = -32603
_FAULT = (
    "The bridge failed by a fault of its own, which is on its stderr. Whether a call ran is not known: look before you "
    "repeat it, or tell your user."
)


@dataclass(slots=True, kw_only=True)
class Open:
    """A request of the client that has no answer yet."""

    task: asyncio.Task[None]
    call: Call | None = None
    session: Opened | None = None
    silent: bool = False


@dataclass(slots=True)
class Relay:
    """Takes the client's lines, and writes those of the gateway."""

    settings: Settings
    door: Door
    write: Write
    group: asyncio.TaskGroup
    _open: dict[RpcId, Open] = field(default_factory=dict)
    _sessions: Sessions = field(init=False)
    _mirror: Mirror = field(default_factory=Mirror)
    _notes: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_IN_FLIGHT))
    # Other bridges of the same agent must never speak of the same id.
    _name: str = field(default_factory=lambda: secrets.token_hex(8))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._sessions = Sessions(self.door, self.write, self.group)

    async def take(self, line: bytes | TooLong) -> None:
        """One line of the client."""
        if isinstance(line, TooLong):
            text = f"The message is longer than {MAX_LINE_BYTES} bytes. Send less in one call."
            await self.write(messages.error(None, code=INVALID_REQUEST, text=text))
            return
        message = messages.from_client(line)
        match message:
            case Malformed():
                await self.write(messages.error(message.id, code=message.code, text=message.message))
            case Asked():
                await self._begin(message)
            case Noted():
                await self._note(message)
            case Replied():
                await self._aside(self._tell(message.line, self._headers(None), what="answer"))

    @property
    def busy(self) -> list[asyncio.Task[None]]:
        """The requests that have no answer yet."""
        return [one.task for one in self._open.values()]

    async def end(self) -> None:
        """The client has gone: hang up, and end the sessions."""
        for one in self._open.values():
            one.silent = True
            one.task.cancel()
        await self._sessions.end()

    async def _begin(self, asked: Asked) -> None:
        if asked.id in self._open:
            text = "A request with this id is still open. Give every request its own id."
            await self.write(messages.error(None, code=INVALID_REQUEST, text=text))
            return
        if len(self._open) >= MAX_IN_FLIGHT:
            text = f"{MAX_IN_FLIGHT} requests are open already. Wait for some of them, then try again."
            await self.write(messages.error(asked.id, code=TOO_MANY, text=text))
            return
        call = None
        if asked.method == "tools/call":
            call = self._call(asked)
            if call is None:
                text = "There is no session. Send initialize first, or speak 2026-07-28 with its _meta fields."
                await self.write(messages.error(asked.id, code=INVALID_REQUEST, text=text))
                return
        if asked.method == "initialize" and asked.version is None:
            self._sessions.announce(asked)
        self._open[asked.id] = Open(task=self.group.create_task(self._answer(asked, call)), call=call)

    async def _answer(self, asked: Asked, call: Call | None) -> None:
        """Get the answer, whatever it is, and write it unless the client no longer wants it."""
        try:
            line = await self._line(asked, call)
        finally:
            one = self._open.pop(asked.id, None)
        if one is None or not (one.silent or (call is not None and call.cancelled)):
            await self.write(line)

    async def _line(self, asked: Asked, call: Call | None) -> bytes:
        try:
            answer = await (self._asked(asked) if call is None else call.run())
            return answer.line(asked.id)
        except NotOpened as refused:
            return refused.answer.line(asked.id)
        except (Unsent, NoAnswer, Refused) as trouble:
            told = explain(trouble, token_env=self.settings.token_env, is_call=call is not None)
            log.warning("%s", told.text, extra={"method": asked.method})
            return told.line(asked.id)
        except Exception:  # the edge of one request: the others go on
            log.exception("request failed by a fault of the bridge", extra={"method": asked.method})
            return messages.error(asked.id, code=_INTERNAL_ERROR, text=_FAULT)

    def _call(self, asked: Asked) -> Call | None:
        session = self._sessions.carrying(asked)
        if session is None and asked.version is None:
            return None
        leg = Leg(
            door=self.door,
            url=self.settings.url,
            session=session,
            write=self.write,
            next_id=self._next_id,
            mirrored=self._mirrored_again,
        )
        seconds = patience(asked.client, has_token=asked.token is not None, wait=self.settings.wait)
        mirrored = self._mirror.headers(asked) if asked.version is not None else {}
        return Call(leg, asked, mirrored=mirrored, seconds=seconds)

    async def _mirrored_again(self, asked: Asked) -> dict[str, str]:
        """Ask for the tools as they are now, every page, and repeat the body of a call by them."""
        params: bytes | None = messages.only_meta(asked.params)
        for _ in range(PAGES_MAX):
            if params is None:
                break
            listing = messages.from_client(messages.request(self._next_id(), "tools/list", params))
            answer = await self._asked(listing) if isinstance(listing, Asked) else None
            params = messages.next_page(params, answer.result) if answer is not None and answer.result else None
        return self._mirror.headers(asked)

    async def _asked(self, asked: Asked) -> Answer:
        if asked.method == "initialize" and asked.version is None:
            return await self._sessions.begin(asked)
        answer = await self._persist(asked)
        if asked.method == "tools/list" and answer.result is not None and asked.version is not None:
            self._mirror.learn(answer.result)
        return answer

    async def _persist(self, asked: Asked) -> Answer:
        """Ask until there is an answer; nothing but a tool call does harm when it is asked twice."""
        loop, pause = asyncio.get_running_loop(), _PAUSES[0]
        until = loop.time() + RECONNECT_SECONDS
        while True:
            opened = None
            try:
                if asked.version is None and self._sessions.client is not None:
                    opened = await self._sessions.client.ready()
                return await self._once(asked, opened)
            except (Unsent, NoAnswer, Refused) as trouble:
                if not self._may_repeat(trouble, opened) or loop.time() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PAUSES[1])

    def _may_repeat(self, trouble: Unsent | NoAnswer | Refused, opened: Opened | None) -> bool:
        if isinstance(trouble, Unsent):
            return self.door.reached
        if isinstance(trouble, NoAnswer):
            return not isinstance(trouble, NotMcp)
        if opened is None or self._sessions.client is None or not is_lost(trouble, opened):
            return trouble.status in (502, 503, 504)
        self._sessions.client.forget(opened)
        return True

    async def _once(self, asked: Asked, opened: Opened | None) -> Answer:
        if asked.id in self._open:
            self._open[asked.id].session = opened
        body = messages.request(asked.id, asked.method, asked.params)
        limit = None if asked.method == _LISTEN else ANSWER_SECONDS
        try:
            async with (
                asyncio.timeout(limit),
                self.door.post(body, self._headers(opened, asked), rpc_id=asked.id) as incoming,
            ):
                async for message in incoming.messages():
                    if isinstance(message, Said):
                        await self._said(message, asked, opened)
                    elif message.id == asked.id:
                        return message
        except TimeoutError as err:
            raise NoAnswer(f"the gateway did not answer {asked.method} within {ANSWER_SECONDS:g} s") from err
        raise NoAnswer(f"the gateway ended its answer to {asked.method} without one")

    async def _said(self, message: Said, asked: Asked, opened: Opened | None) -> None:
        answer = None if asked.version is None else refusal_of(message)
        if answer is None:
            await self.write(message.line)
        elif opened is not None:
            await self.door.tell(answer, opened.headers())

    async def _note(self, noted: Noted) -> None:
        if noted.method == "notifications/cancelled":
            one = self._open.get(noted.target) if noted.target is not None else None
            if one is not None:
                await self._aside(self._cancel(one, noted))
            return
        if noted.method == "notifications/initialized":
            return  # said by `Session` itself, which may have to say it again
        headers = self._headers(None)
        if noted.version is not None:
            headers = {"MCP-Protocol-Version": noted.version, "Mcp-Method": noted.method}
        body = messages.notification(noted.method, noted.params)
        await self._aside(self._tell(body, headers, what=noted.method))

    async def _aside(self, job: Coroutine[Any, Any, None]) -> None:
        """Do something nobody waits for. Beyond the cap the client's next line waits."""
        await self._notes.acquire()
        self.group.create_task(job).add_done_callback(lambda _: self._notes.release())

    async def _cancel(self, one: Open, noted: Noted) -> None:
        one.silent = True
        if one.call is not None:
            await one.call.cancel(noted.params)
        elif one.session is not None:
            body = messages.notification(noted.method, noted.params)
            await self._tell(body, one.session.headers(), what=noted.method)
        one.task.cancel()

    async def _tell(self, body: bytes, headers: Mapping[str, str], *, what: str) -> None:
        try:
            await self.door.tell(body, headers)
        except (Unsent, NoAnswer, Refused) as trouble:
            log.warning("%s not delivered: %s", what, trouble)

    def _headers(self, opened: Opened | None, asked: Asked | None = None) -> dict[str, str]:
        if asked is not None and asked.version is not None:
            return {"MCP-Protocol-Version": asked.version, **self._mirror.headers(asked)}
        opened = opened or self._sessions.opened
        return {} if opened is None else opened.headers()

    def _next_id(self) -> RpcId:
        return f"placet-stdio-{self._name}-{next(self._numbers)}"
