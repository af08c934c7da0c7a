"""The legacy era over HTTP: `initialize`, then requests in a session, one session an agent.

A session that the server no longer knows is opened again once. The request is then repeated only
if it is harmless, or if the refusal is a JSON-RPC error that answers no request of ours: a transport
that refuses so has not handed the request to anything. A stream that drops before the answer is
resumed from its last event id. A disconnect is not a cancellation here: that takes words.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.upstreams import NoAnswer, Result, RpcError, Unsent
from gateway.upstreams.asks import GATEWAY_ITSELF, Ask, initialize
from gateway.upstreams.era import LEGACY_VERSIONS, Agreed, judge_initialize
from gateway.upstreams.replies import Dropped, Receiver, StatusError, events
from gateway.upstreams.rpc import Asked, Told, cancelled, notification, read, reply
from gateway.upstreams.sse import Reader
from gateway.upstreams.wire import Courtesy, Wire, WrongEra

log = logging.getLogger(__name__)

MAX_SESSIONS = 1000
_MAX_RESUMES_IN_A_ROW = 5
_RETRY_SECONDS = (0.05, 1.0, 30.0)  # least, when the server names none, most
_MAX_SESSION_ID = 1024
_MAX_NOTICE_BYTES = 1024 * 1024
_NO_VERDICT = frozenset({401, 403, 408, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What one `initialize` agreed on. `id` is None where the server keeps no sessions."""

    id: str | None
    version: str
    list_changed: bool

    def headers(self) -> dict[str, str]:
        """What every later request carries."""
        headers = {"MCP-Protocol-Version": self.version}
        if self.id is not None:
            headers["Mcp-Session-Id"] = self.id
        return headers


@dataclass(slots=True)
class _Place:
    """An agent's session, or the room for one."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: Session | None = None
    busy: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ear:
    """Hears progress, notice of changed tools, and the server's own requests, which it answers at once."""

    wire: Wire
    session: Session | None
    request_id: int
    ask: Ask
    tools_changed: Callable[[], None]

    async def told(self, message: Told) -> None:
        if message.method == "notifications/tools/list_changed":
            self.tools_changed()
        token = message.params.get("progressToken")
        if message.method == "notifications/progress" and self.ask.progress and token == self.request_id:
            await self.ask.progress(message.params)

    async def asked(self, message: Asked) -> None:
        headers = self.session.headers() if self.session else {}
        await self.wire.send_courtesy(Courtesy("POST", headers, reply(message)))


class LegacyDialect:
    """Requests to a server that wants a handshake."""

    filters_tools = False

    def __init__(self, wire: Wire, tools_changed: Callable[[], None]) -> None:
        self._wire = wire
        self._tools_changed = tools_changed
        self._places: OrderedDict[str, _Place] = OrderedDict()

    async def ask(self, ask: Ask) -> Result | RpcError:
        """Send in the agent's session, opening it first, or once more where that is safe."""
        place = self._places.setdefault(ask.agent, _Place())
        place.busy += 1
        try:
            return await self._ask(ask)
        finally:
            place.busy -= 1

    async def _ask(self, ask: Ask) -> Result | RpcError:
        session = await self._session(ask.agent)
        try:
            return await self._once(ask, session)
        except StatusError as err:
            if not _session_refused(err, session, ask):
                return _answer_of(err)
            self._forget(ask.agent, session)
            if not ask.repeatable and err.error is None:
                raise NoAnswer(f"{err}; its session was lost, and whether the call ran is not known") from err
            log.info("upstream session lost, opened again", extra={"server": self._wire.name})
        session = await self._session(ask.agent)
        try:
            return await self._once(ask, session)
        except StatusError as err:
            return _answer_of(err)

    async def listen(self, tools_changed: Callable[[], None]) -> bool:
        """Follow the standing stream of the gateway's own session."""
        session = await self._session(GATEWAY_ITSELF)
        if not session.list_changed:
            return False
        async with self._wire.get(session.headers(), forever=True) as answer:
            if answer.status == 404:
                self._forget(GATEWAY_ITSELF, session)
                return True
            if answer.status != 200 or answer.media_type != "text/event-stream":
                return False
            async for event in events(answer, Reader(max_event_bytes=_MAX_NOTICE_BYTES), name=self._wire.name):
                message = read(event.data)
                if isinstance(message, Told) and message.method == "notifications/tools/list_changed":
                    tools_changed()
                elif isinstance(message, Asked):
                    await self._wire.send_courtesy(Courtesy("POST", session.headers(), reply(message)))
        return True

    async def close(self) -> None:
        """Tell the server that the sessions are over."""
        while self._places:
            _, place = self._places.popitem()
            self._end(place.session)

    async def _once(self, ask: Ask, session: Session) -> Result | RpcError:
        request_id = self._wire.next_id()
        receiver = self._receiver(ask, session, request_id)
        body = ask.text(request_id, version=None)
        try:
            try:
                async with self._wire.post(body, session.headers(), before=ask.mark) as answer:
                    return await receiver.receive(answer)
            except Dropped as err:
                return await self._resume(receiver, session, err)
        except asyncio.CancelledError:
            if ask.mark.written or ask.repeatable:
                self._wire.later("POST", session.headers(), cancelled(request_id, "The caller no longer waits"))
            raise

    async def _resume(self, receiver: Receiver, session: Session, dropped: Dropped) -> Result | RpcError:
        last_id, retry, failures = dropped.last_id, dropped.retry, 0
        while last_id is not None and failures < _MAX_RESUMES_IN_A_ROW:
            least, usual, most = _RETRY_SECONDS
            await asyncio.sleep(min(max(usual if retry is None else retry, least), most))
            try:
                async with self._wire.get({**session.headers(), "Last-Event-ID": last_id}) as answer:
                    return await receiver.receive(answer)
            except Unsent:
                failures += 1
            except StatusError as err:
                raise NoAnswer(f"{dropped}, and would not go on with it (HTTP {err.status})") from err
            except Dropped as err:
                moved = err.last_id is not None and err.last_id != last_id
                failures = 0 if moved else failures + 1
                last_id = err.last_id or last_id
                retry = retry if err.retry is None else err.retry
                dropped = err
        raise dropped

    async def _session(self, agent: str) -> Session:
        place = self._places.setdefault(agent, _Place())
        self._places.move_to_end(agent)
        async with place.lock:
            if place.session is None:
                place.session = await self._open()
                self._evict(agent)
            return place.session

    async def _open(self) -> Session:
        try:
            async with asyncio.timeout(self._wire.timeouts.list):
                return await self._handshake()
        except TimeoutError as err:
            raise NoAnswer(f"{self._wire.name} did not begin a session in {self._wire.timeouts.list:g} s") from err

    async def _handshake(self) -> Session:
        ask, request_id, session_id = initialize(LEGACY_VERSIONS[0]), self._wire.next_id(), None
        try:
            async with self._wire.post(ask.text(request_id, version=None), {}) as answer:
                outcome = await self._receiver(ask, None, request_id).receive(answer)
                session_id = answer.headers.get("Mcp-Session-Id")
        except StatusError as err:
            if err.error is None:
                if err.status >= 500 or err.status in _NO_VERDICT:
                    raise
                raise WrongEra(str(err), rejected=True) from err
            outcome = err.error
        agreed = judge_initialize(outcome)
        if not isinstance(agreed, Agreed):
            raise WrongEra(f"{self._wire.name} cannot be used: {agreed.why}", rejected=True)
        if session_id is not None and not _is_session_id(session_id):
            raise NoAnswer(f"{self._wire.name} gave a session id that is not visible ASCII")
        session = Session(id=session_id, version=agreed.version, list_changed=agreed.list_changed)
        await self._wire.send_courtesy(Courtesy("POST", session.headers(), notification("notifications/initialized")))
        return session

    def _receiver(self, ask: Ask, session: Session | None, request_id: int) -> Receiver:
        ear = _Ear(wire=self._wire, session=session, request_id=request_id, ask=ask, tools_changed=self._tools_changed)
        return Receiver(name=self._wire.name, request_id=request_id, listener=ear)

    def _forget(self, agent: str, session: Session) -> None:
        place = self._places.get(agent)
        if place is not None and place.session is session:
            place.session = None

    def _evict(self, keep: str) -> None:
        surplus = len(self._places) - MAX_SESSIONS
        idle = [agent for agent, place in self._places.items() if not place.busy and agent != keep]
        for agent in idle[: max(surplus, 0)]:  # the longest unused first
            self._end(self._places.pop(agent).session)

    def _end(self, session: Session | None) -> None:
        if session is not None and session.id is not None:
            self._wire.later("DELETE", session.headers())


def _session_refused(err: StatusError, session: Session, ask: Ask) -> bool:
    return err.status in (400, 404) and (ask.repeatable or (session.id is not None and not err.ours))


def _answer_of(err: StatusError) -> RpcError:
    if err.error is None:
        raise err
    return err.error


def _is_session_id(value: str) -> bool:
    return 0 < len(value) <= _MAX_SESSION_ID and all(0x21 <= ord(char) <= 0x7E for char in value)
