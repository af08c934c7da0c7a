"""Socket Mode: tickets, connections, envelopes, acknowledgements, and what goes wrong with them.

Slack hands each payload to any one connection; here they take turns, so that a test knows which.
A ghost is a connection Slack believes in though nobody is there: it swallows what it is given.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from approvals.testing.slack import limits
from approvals.testing.slack.clock import WAIT_SECONDS, Changes
from approvals.testing.slack.delivery import Answer, Delivery, Kind, lost
from approvals.testing.slack.state import Json

HOST = "applink-lookalike"
CONNECTION_SECONDS = 3600


@dataclass(slots=True, eq=False)
class Connection:
    """One WebSocket of the app, or the ghost of one."""

    number: int
    socket: web.WebSocketResponse | None = None
    transport: asyncio.Transport | None = None
    ghost: bool = False
    pongs: int = 0
    pings: int = 0


@dataclass(slots=True)
class SocketMode:
    """The server side of Socket Mode."""

    app_id: str
    changes: Changes
    base: Callable[[], str]
    ack_seconds: float = limits.ACK_SECONDS
    connections: list[Connection] = field(default_factory=list)
    received: list[Json] = field(default_factory=list)
    unacked: dict[str, Json] = field(default_factory=dict)
    _tickets: set[str] = field(default_factory=set)
    _waiting: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _turn: int = 0
    _count: int = 0

    def new_url(self) -> str:
        """An address with a ticket that opens one connection."""
        ticket = secrets.token_urlsafe(24)
        self._tickets.add(ticket)
        return f"{self.base().replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self.app_id}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until it ends."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="this ticket is not valid any more")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        if len(self.connections) >= limits.SOCKETS_PER_APP:
            await socket.send_json(_disconnect("too_many_websockets"))
            await socket.close()
            return socket
        self._count += 1
        connection = Connection(self._count, socket, request.transport)
        self.connections.append(connection)
        try:
            await self._serve(connection, socket)
        finally:
            if connection in self.connections:
                self.connections.remove(connection)
            self.changes.bump()
        return socket

    async def _serve(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        await socket.send_json(self._hello())
        self.changes.bump()
        async for message in socket:
            if message.type is WSMsgType.PING:
                connection.pings += 1
                if not connection.ghost:
                    await socket.pong(message.data)
            elif message.type is WSMsgType.PONG:
                connection.pongs += 1
            elif message.type is WSMsgType.TEXT:
                self._take(message.data)
            self.changes.bump()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": {"host": HOST, "build_number": 1, "approximate_connection_time": CONNECTION_SECONDS},
            "connection_info": {"app_id": self.app_id},
        }

    def _take(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        self.received.append(message)
        name = str(message.get("envelope_id"))
        self.unacked.pop(name, None)
        waiting = self._waiting.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message.get("payload"))

    async def send(self, kind: Kind, payload: Json, *, retry: int = 0) -> Delivery:
        """Hand one payload to one connection and wait for its acknowledgement."""
        delivery = Delivery(kind=kind, payload=payload, via="socket", id=str(uuid.uuid4()))
        return await self._deliver(delivery, retry)

    async def repeat(self, delivery: Delivery) -> Delivery:
        """The same envelope once more, as after a hiccup."""
        again = Delivery(kind=delivery.kind, payload=delivery.payload, via="socket", id=delivery.id)
        return await self._deliver(again, 0)

    async def _deliver(self, delivery: Delivery, retry: int) -> Delivery:
        connection = self._next()
        if connection is None:
            delivery.answer = lost("the app is not connected")
            return delivery
        envelope = _envelope(delivery, retry)
        self.unacked[delivery.id] = envelope
        if connection.ghost or connection.socket is None:
            delivery.answer = lost("the envelope was not acknowledged")
            return delivery
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[delivery.id] = waiting
        try:
            await connection.socket.send_json(envelope)
            async with asyncio.timeout(self.ack_seconds):
                payload = await waiting
            delivery.answer = Answer(acked=True, body=payload if isinstance(payload, dict) else None)
        except (TimeoutError, ConnectionError):
            delivery.answer = lost("the envelope was not acknowledged")
        finally:
            self._waiting.pop(delivery.id, None)
        return delivery

    def _next(self) -> Connection | None:
        if not self.connections:
            return None
        self._turn += 1
        return self.connections[self._turn % len(self.connections)]

    def add_ghost(self) -> Connection:
        """A connection Slack believes in, though the app is gone."""
        self._count += 1
        ghost = Connection(self._count, ghost=True)
        self.connections.append(ghost)
        return ghost

    def haunt(self) -> None:
        """Turn every live connection into a ghost: no pongs, no payloads, never closed."""
        for connection in self.connections:
            connection.ghost = True

    def lay_ghosts(self) -> None:
        """Forget the connections nobody is behind, and wake the others."""
        self.connections = [c for c in self.connections if c.socket is not None]
        for connection in self.connections:
            connection.ghost = False

    async def warn(self) -> None:
        """Announce that the connections will be closed in some seconds."""
        await self._say(_disconnect("warning"))

    async def refresh(self) -> None:
        """Ask the app to open a new connection instead of each."""
        await self._say(_disconnect("refresh_requested"))

    async def disable(self) -> None:
        """Socket Mode was switched off in the app's settings."""
        await self._say(_disconnect("link_disabled"))
        await self.close()

    def drop(self) -> None:
        """Cut every connection without a word."""
        for connection in self.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def ping(self) -> None:
        """Ping each connection and wait for its pong."""
        for connection in list(self.connections):
            before = connection.pongs
            if connection.socket is None:
                continue
            await connection.socket.ping(b"Ping from " + HOST.encode())
            await self.changes.until(
                lambda c=connection, n=before: True if c.pongs > n else None,  # type: ignore[misc]  # mypy cannot type a lambda with defaults
                seconds=WAIT_SECONDS,
                else_say=lambda: "no pong came back",
            )

    async def close(self) -> None:
        """Close every connection politely."""
        for connection in list(self.connections):
            if connection.socket is not None:
                await connection.socket.close()
        self.connections = [c for c in self.connections if c.socket is not None and not c.socket.closed]

    async def _say(self, message: Json) -> None:
        for connection in list(self.connections):
            if connection.socket is not None and not connection.socket.closed:
                await connection.socket.send_json(message)


def _disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": HOST}}


def _envelope(delivery: Delivery, retry: int) -> Json:
    envelope: Json = {
        "envelope_id": delivery.id,
        "type": str(delivery.kind),
        "payload": delivery.payload,
        "accepts_response_payload": delivery.kind is not Kind.EVENT,
    }
    if delivery.kind is Kind.EVENT:
        envelope |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
    return envelope
