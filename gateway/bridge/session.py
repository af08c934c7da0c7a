"""A session with the gateway that outlives the gateway: opened when first needed, opened again when it is forgotten.

For an older client it is the client's own: its `initialize` opened it, and is said again word for word after a
restart of the gateway. For a modern client it is the bridge's, and carries the client's tool calls (see `calls`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from gateway.bridge.door import Door
from gateway.bridge.messages import Answer, Said, notification, parsed, request
from gateway.bridge.trouble import Refused
from gateway.protocol.jsonrpc import RpcId
from gateway.protocol.raw import dump, join_object, split_object
from gateway.upstreams import NoAnswer, Unsent

log = logging.getLogger(__name__)

VERSION = "2025-11-25"
"""What the bridge's own session asks for."""
OPEN_SECONDS = 30.0
_MAX_ID = 1024
_OPENING_ID = "placet-stdio-initialize"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What one `initialize` agreed on. `info` is the gateway's serverInfo as text."""

    id: str | None
    version: str
    info: bytes

    def headers(self) -> dict[str, str]:
        """What every message of the session carries."""
        headers = {"MCP-Protocol-Version": self.version}
        if self.id is not None:
            headers["Mcp-Session-Id"] = self.id
        return headers


class NotOpened(Exception):
    """The gateway answered `initialize` with an error; `answer` is it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("initialize was refused")
        self.answer = answer


class Session:
    """One session by the params of its `initialize`."""

    def __init__(self, door: Door, params: bytes) -> None:
        self._door = door
        self._params = params
        self._lock = asyncio.Lock()
        self.opened: Opened | None = None

    async def begin(self, rpc_id: RpcId) -> Answer:
        """Say the client's own `initialize`; the gateway's answer to it.

        Raises:
            Unsent, NoAnswer, Refused: there was none.
        """
        async with self._lock:
            return await self._open(rpc_id)

    async def ready(self) -> Opened:
        """The session, opened if it is not.

        Raises:
            NotOpened, Unsent, NoAnswer, Refused: it cannot be.
        """
        async with self._lock:
            if self.opened is None:
                answer = await self._open(_OPENING_ID)
                if self.opened is None:
                    raise NotOpened(answer)
                log.info("session with the gateway opened")
            return self.opened

    def forget(self, lost: Opened) -> None:
        """The gateway no longer knows this session."""
        if self.opened is lost:
            self.opened = None

    async def end(self) -> None:
        """Tell the gateway that the session is over, if it listens."""
        opened, self.opened = self.opened, None
        if opened is None or opened.id is None:
            return
        with contextlib.suppress(Unsent, NoAnswer):
            await self._door.end(opened.headers())

    async def _open(self, rpc_id: RpcId) -> Answer:
        body, answer, session_id = request(rpc_id, "initialize", self._params), None, None
        try:
            async with asyncio.timeout(OPEN_SECONDS), self._door.post(body, {}, rpc_id=rpc_id) as incoming:
                session_id = incoming.session
                async for message in incoming.messages():
                    if isinstance(message, Answer):
                        answer = message
                        break
        except TimeoutError as err:
            raise NoAnswer(f"the gateway did not begin a session within {OPEN_SECONDS:g} s") from err
        if answer is None:
            raise NoAnswer("the gateway ended its answer to initialize without one")
        if answer.result is not None:
            self.opened = _agreed(answer.result, session_id)
            with contextlib.suppress(Unsent, NoAnswer, Refused):
                await self._door.tell(notification("notifications/initialized"), self.opened.headers())
        return answer


def is_lost(refused: Refused, opened: Opened) -> bool:
    """Whether a refusal says that the session is not known: then nothing was taken in."""
    return refused.status == 404 and opened.id is not None


def opening_of(client: bytes | None) -> bytes:
    """The params of the bridge's own `initialize`, in the name of a modern client."""
    # Nothing is declared: what a server asks in a session cannot be put to a client that has no such requests.
    members = {"protocolVersion": dump(VERSION), "capabilities": b"{}"}
    return join_object({**members, "clientInfo": client or dump({"name": "placet stdio", "version": "1"})})


def _agreed(result: bytes, session_id: str | None) -> Opened:
    version = parsed(result).get("protocolVersion")
    if not isinstance(version, str) or not _is_visible(version):
        raise NoAnswer("the gateway answered initialize without a protocol version: check --url")
    if session_id is not None and not _is_visible(session_id):
        raise NoAnswer("the gateway gave a session id that is not visible ASCII")
    info = split_object(result).get("serverInfo", b'{"name":"placet","version":"0"}')
    return Opened(id=session_id, version=version, info=info)


def _is_visible(value: str) -> bool:
    return 0 < len(value) <= _MAX_ID and all(0x21 <= ord(char) <= 0x7E for char in value)


def refusal_of(message: Said) -> bytes | None:
    """What a request of the gateway's is told where the client has no such requests; None for a notification."""
    if message.id is None:
        return None
    head = b'{"jsonrpc":"2.0","id":' + dump(message.id)
    if message.method == "ping":
        return head + b',"result":{}}'
    return head + b',"error":' + dump({"code": -32601, "message": "This client offers no such method"}) + b"}"
