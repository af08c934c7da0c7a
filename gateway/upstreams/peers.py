"""Who answers a server that wants something of the client, while it works on a request.

`Conversation` stands between one request's stream and its peer: what the server says is handed on in
order, what it asks is asked of the peer side by side, and each answer goes back where it came from. Only
what the client declared is asked; a ping is answered here. When the request ends, open questions end.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from gateway.upstreams import NoAnswer, Result, RpcError, Unsent
from gateway.upstreams.bodies import refusal, response
from gateway.upstreams.rpc import Asked, Id, Told

if TYPE_CHECKING:
    from gateway.upstreams.asks import Ask

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_QUESTIONS = 32
"""How many requests of the server's may be open at once on one of ours."""
TOOLS_CHANGED = "notifications/tools/list_changed"

Respond = Callable[[bytes], Awaitable[None]]
"""Sends our answer to a server's request. Does not raise."""


class Nobody:
    """The peer of requests that no client stands behind."""

    async def progress(self, params: dict[str, Any]) -> None:
        """Not of interest."""

    async def message(self, params: bytes) -> None:
        """Not of interest."""

    async def ask(self, method: str, params: bytes) -> Result | RpcError:  # noqa: ARG002 -- the protocol's shape
        """Refuse."""
        return refusal(method)

    async def told(self, method: str, params: bytes) -> None:
        """Not of interest."""

    async def paused(self) -> None:
        """Nobody is waiting on a stream."""


NOBODY = Nobody()


class Conversation:
    """One request under way."""

    def __init__(
        self, ask: Ask, *, name: str, token: int, tools_changed: Callable[[], None], respond: Respond | None
    ) -> None:
        """`token` is our request id and progress token; `respond` is None where a server has no requests."""
        self.ask = ask
        self._name, self._token = name, token
        self._tools_changed, self._respond = tools_changed, respond
        self._group: asyncio.TaskGroup | None = None
        self._questions: dict[Id, asyncio.Task[None]] = {}

    @property
    def waiting(self) -> bool:
        """Whether the server waits for us: then its silence is no fault of it."""
        return bool(self._questions)

    async def lasting(self, receiving: Awaitable[T]) -> T:
        """Await the answer; questions live as long as this."""
        outcome: T | Unsent | NoAnswer
        async with asyncio.TaskGroup() as self._group:
            try:
                outcome = await receiving
            except (Unsent, NoAnswer) as err:  # a TaskGroup would wrap it
                outcome = err
            for task in list(self._questions.values()):
                task.cancel()
        if isinstance(outcome, Unsent | NoAnswer):
            raise outcome
        return outcome

    async def put(self, message: Told | Asked) -> None:
        """Take what came for this request on another way."""
        await (self.told(message) if isinstance(message, Told) else self.asked(message))

    async def told(self, message: Told) -> None:
        """Hand a notification on."""
        relay, peer = self.ask.relay, self.ask.peer
        match message.method:
            case "notifications/progress":
                if relay.progress and message.params.get("progressToken") == self._token:
                    await peer.progress(message.params)
            case "notifications/message":
                await peer.message(message.raw)
            case "notifications/cancelled":
                self._taken_back(message.params.get("requestId"))
            case method:
                if method == TOOLS_CHANGED:
                    self._tools_changed()
                await peer.told(method, message.raw)

    async def asked(self, message: Asked) -> None:
        """Ask the peer, beside of what else comes in."""
        if self._respond is None:
            extra = {"server": self._name, "method": message.method[:60]}
            log.warning("modern upstream sent a request, ignored", extra=extra)
            return
        if self._group is None:
            await self._respond(response(message.id, refusal(message.method)))
            return
        if message.id in self._questions or len(self._questions) >= MAX_QUESTIONS:
            why = f"at most {MAX_QUESTIONS} requests at once, each under an id of its own"
            await self._respond(response(message.id, RpcError(code=-32600, message=f"Refused: {why}")))
            return
        self._questions[message.id] = self._group.create_task(self._answer(message, self._respond))

    async def _answer(self, message: Asked, respond: Respond) -> None:
        try:
            await respond(response(message.id, await self._outcome(message)))
        finally:
            self._questions.pop(message.id, None)

    async def _outcome(self, message: Asked) -> Result | RpcError:
        if not declared(message, self.ask.relay.capabilities):
            return refusal(message.method)
        return await self.ask.peer.ask(message.method, message.raw)

    def _taken_back(self, request_id: object) -> None:
        if isinstance(request_id, int | str):
            task = self._questions.get(request_id)
            if task is not None:
                task.cancel()


def declared(message: Asked, capabilities: bytes) -> bool:
    """Whether the client said that it can be asked this."""
    offered = json.loads(capabilities)
    match message.method:
        case "sampling/createMessage":
            return "sampling" in offered
        case "roots/list":
            return "roots" in offered
        case "elicitation/create" if isinstance(offered.get("elicitation"), dict):
            modes = offered["elicitation"]
            wanted = json.loads(message.raw).get("mode", "form")
            return wanted in modes or (wanted == "form" and "url" not in modes)  # naming no mode means form
        case _:
            return False
