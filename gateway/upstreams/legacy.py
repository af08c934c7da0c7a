"""The session era over HTTP: `initialize`, then requests in a session, one session a session key.

A session that the server no longer knows is opened again, and what may be repeated goes again in the new
one. A call never does, whatever the refusal says: nothing proves that it did not run. So a session that was
silent for a while is pinged before a call. A stream that drops before the answer is resumed from its last
event id. A disconnect is not a cancellation here: that takes words.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from gateway.upstreams import Hello, InputRequired, NoAnswer, Result, RpcError, Unsent
from gateway.upstreams.asks import GATEWAY_ITSELF, SET_LEVEL, Ask, initialize, level_of, plain
from gateway.upstreams.bodies import cancelled, notification
from gateway.upstreams.era import LEGACY_VERSIONS, Agreed, judge_initialize
from gateway.upstreams.listening import Listening, hoped_for, offered
from gateway.upstreams.peers import Conversation
from gateway.upstreams.places import Key, Place, Places, Session
from gateway.upstreams.replies import Dropped, Receiver, StatusError
from gateway.upstreams.rpc import METHOD_NOT_FOUND, not_offered
from gateway.upstreams.standing import NOTHING_DECLARED, Standing
from gateway.upstreams.trust import ASSURANCE_SECONDS
from gateway.upstreams.wire import Courtesy, Wire, WrongEra

log = logging.getLogger(__name__)

_MAX_RESUMES_IN_A_ROW = 5
_RETRY_SECONDS = (0.05, 1.0, 30.0)  # least, when the server names none, most
_MAX_SESSION_ID = 1024
_NO_VERDICT = frozenset({401, 403, 408, 429})
_REFUSALS = frozenset({400, 404})


class LegacyDialect:
    """Requests to a server that wants a handshake."""

    filters_tools = False

    def __init__(self, wire: Wire, tools_changed: Callable[[], None]) -> None:
        self._wire = wire
        self._tools_changed = tools_changed
        self._places = Places(self._end)
        self._standing = Standing(wire, self._session, self._respond, tools_changed)
        self._over = asyncio.Event()

    async def ask(self, ask: Ask) -> Result | RpcError:
        """Send in its session, opening it first; once more in a new one, if it may be repeated."""
        with self._places.used(ask.place) as place:
            try:
                return await self._ask(ask, place)
            except (Unsent, NoAnswer):
                self._places.doubt()
                raise

    async def _ask(self, ask: Ask, place: Place) -> Result | RpcError:
        if ask.method != SET_LEVEL:
            place.level = ask.relay.log_level or place.level
        session = await (self._session(place) if ask.relay.repeatable else self._assured(place))
        if ask.method != SET_LEVEL and not await self._levelled(place, session):
            self._lost(place, session)
            session = await self._session(place)
        await self._standing.begun(place)
        try:
            return await self._once(ask, place, session)
        except StatusError as err:
            if not _session_refused(err, session, ask):
                place.trust.doubt()  # some name the request even where they no longer know its session
                return _answer_of(err)
            self._lost(place, session)
            if not ask.relay.repeatable:
                raise NoAnswer(f"{err}; its session was lost, and whether the call ran is not known") from err
            log.info("upstream session lost, opened again", extra={"server": self._wire.name})
        session = await self._session(place)
        await self._standing.begun(place)
        try:
            return await self._once(ask, place, session)
        except StatusError as err:
            return _answer_of(err)

    async def hello(self, key: Key) -> Hello:
        """What the server said when the session of `key` began."""
        with self._places.used(key) as place:
            return (await self._session(place)).hello

    async def follow(self, listening: Listening) -> bool:
        """Listen to the session's standing stream, until this dialect is given up."""
        place = self._places.at(listening.place)
        place.ears.add(listening)
        uris: frozenset[str] = frozenset()
        try:
            session = await self._session(place)
            expected = offered if listening.place[0] == GATEWAY_ITSELF else hoped_for
            wanted = expected(listening.wants, session.hello)
            uris = frozenset([uri for uri in sorted(wanted.uris) if await self._subscribed(place, session, uri)])
            listening.accept(replace(wanted, uris=uris))
            self._standing.attend(place)
            await self._over.wait()
        finally:
            place.ears.discard(listening)
            self._unsubscribe(place, uris)
            if not place.ears and place.key[1] == NOTHING_DECLARED:
                place.stop_standing()
        return True

    async def forget(self, session: str) -> None:
        """End the sessions of that key."""
        self._places.leave(session)

    def sweep(self) -> None:
        """End the sessions that were not used for long."""
        self._places.sweep()

    async def close(self) -> None:
        """Tell the server that the sessions are over."""
        self._over.set()
        self._places.close()

    def abandon(self) -> None:
        """Let go without a word."""
        self._over.set()
        self._places.abandon()

    async def _once(self, ask: Ask, place: Place, session: Session) -> Result | RpcError:
        request_id = self._wire.next_id()
        talk = self._talk(ask, session, request_id)
        place.talks.add(talk)
        try:
            answer = await talk.lasting(self._received(ask, talk, session, request_id))
        except asyncio.CancelledError:
            if ask.mark.written or ask.relay.repeatable:
                self._wire.later("POST", session.headers(), cancelled(request_id, "The caller no longer waits"))
            raise
        finally:
            place.talks.discard(talk)
        place.trust.answered()
        if ask.method == SET_LEVEL and isinstance(answer, Result):
            place.level = level_of(ask)
            place.told = session, place.level
        return not_offered("input_required") if isinstance(answer, InputRequired) else answer

    async def _received(
        self, ask: Ask, talk: Conversation, session: Session, request_id: int
    ) -> Result | RpcError | InputRequired:
        receiver = Receiver(name=self._wire.name, request_id=request_id, listener=talk)
        body = ask.text(request_id, version=None)
        try:
            async with self._wire.post(
                body, session.headers(), before=ask.mark, once=not ask.relay.repeatable
            ) as answer:
                return await receiver.receive(answer)
        except Dropped as err:
            if err.last_id is not None and err.retry is not None:
                await ask.peer.paused()
            return await self._resume(receiver, session, err)

    async def _resume(
        self, receiver: Receiver, session: Session, dropped: Dropped
    ) -> Result | RpcError | InputRequired:
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

    async def _assured(self, place: Place) -> Session:
        """Its session, surely known to the server: pinged if it was silent for a while, opened again if it was lost."""
        async with place.trust.lock:
            session = await self._session(place)
            if place.trust.fresh:
                return session
            try:
                async with asyncio.timeout(ASSURANCE_SECONDS):
                    await self._once(plain("ping", place=place.key), place, session)
            except StatusError as err:
                if err.status >= 500 or err.status in _NO_VERDICT:
                    raise
                if _knows_no_ping(err):
                    place.trust.answered()
                elif err.status in _REFUSALS:
                    self._lost(place, session)
            except (NoAnswer, TimeoutError) as err:
                log.debug("ping of an upstream session told nothing: %s", err, extra={"server": self._wire.name})
        return await self._session(place)

    async def _session(self, place: Place) -> Session:
        async with place.lock:
            if place.session is None:
                session = place.session = await self._open(place)
                place.trust.answered()
                self._places.make_room(place)
                for uri in list(place.uris):
                    await self._granted(place, session, uri)
                await self._levelled(place, session)
                self._standing.attend(place)
            return place.session

    async def _levelled(self, place: Place, session: Session) -> bool:
        """Have the server log at the level that its client wants, if it does not yet. False: the session is lost."""
        level = place.level
        if level is None or "logging" not in session.hello.capabilities:
            return True
        if place.told is not None and place.told[0] is session and place.told[1] == level:
            return True
        place.told = session, level
        ask = plain(SET_LEVEL, {"level": level}, place=place.key)
        try:
            async with asyncio.timeout(self._wire.timeouts.list):
                await self._once(ask, place, session)
        except StatusError as err:
            return not _session_refused(err, session, ask)
        except (Unsent, NoAnswer, TimeoutError) as err:
            log.warning("log level not set again: %s", err, extra={"server": self._wire.name})
        return True

    async def _open(self, place: Place) -> Session:
        try:
            async with asyncio.timeout(self._wire.timeouts.list):
                return await self._handshake(place.key[1])
        except TimeoutError as err:
            raise NoAnswer(f"{self._wire.name} did not begin a session in {self._wire.timeouts.list:g} s") from err

    async def _handshake(self, capabilities: str) -> Session:
        ask, request_id = initialize(LEGACY_VERSIONS[0], capabilities), self._wire.next_id()
        receiver = Receiver(name=self._wire.name, request_id=request_id, listener=self._talk(ask, None, request_id))
        outcome: Result | RpcError | InputRequired
        session_id = None
        try:
            async with self._wire.post(ask.text(request_id, version=None), {}) as answer:
                outcome = await receiver.receive(answer)
                session_id = answer.headers.get("Mcp-Session-Id")
        except StatusError as err:
            if err.error is None:
                if err.status >= 500 or err.status in _NO_VERDICT:
                    raise
                raise WrongEra(str(err)) from err
            outcome = err.error
        agreed = judge_initialize(outcome)
        if not isinstance(agreed, Agreed):
            raise WrongEra(f"{self._wire.name} cannot be used: {agreed.why}")
        if session_id is not None and not _is_session_id(session_id):
            raise NoAnswer(f"{self._wire.name} gave a session id that is not visible ASCII")
        session = Session(id=session_id, hello=agreed.hello)
        await self._respond(session, notification("notifications/initialized"))
        return session

    def _talk(self, ask: Ask, session: Session | None, request_id: int) -> Conversation:
        return Conversation(
            ask,
            name=self._wire.name,
            token=request_id,
            tools_changed=self._tools_changed,
            respond=partial(self._respond, session),
        )

    async def _respond(self, session: Session | None, message: bytes) -> None:
        headers = session.headers() if session else {}
        await self._wire.send_courtesy(Courtesy("POST", headers, message))

    async def _subscribed(self, place: Place, session: Session, uri: str) -> bool:
        place.uris[uri] += 1
        if place.uris[uri] > 1 or await self._granted(place, session, uri):
            return True
        self._drop(place, uri)
        return False

    async def _granted(self, place: Place, session: Session, uri: str) -> bool:
        try:
            answer = await self._once(plain("resources/subscribe", {"uri": uri}, place=place.key), place, session)
        except StatusError as err:
            answer = _answer_of(err)
        return isinstance(answer, Result)

    def _unsubscribe(self, place: Place, uris: frozenset[str]) -> None:
        for uri in uris:
            self._drop(place, uri)
            if uri not in place.uris and place.session is not None:
                ask = plain("resources/unsubscribe", {"uri": uri})
                self._wire.later("POST", place.session.headers(), ask.text(self._wire.next_id(), version=None))

    def _drop(self, place: Place, uri: str) -> None:
        place.uris[uri] -= 1
        if place.uris[uri] <= 0:
            del place.uris[uri]

    def _lost(self, place: Place, session: Session) -> None:
        if place.session is session:
            place.session = None
            place.stop_standing()

    def _end(self, session: Session) -> None:
        if session.id is not None:
            self._wire.later("DELETE", session.headers())


def _session_refused(err: StatusError, session: Session, ask: Ask) -> bool:
    return err.status in _REFUSALS and (ask.relay.repeatable or (session.id is not None and not err.ours))


def _knows_no_ping(err: StatusError) -> bool:
    return err.ours and err.error is not None and err.error.code == METHOD_NOT_FOUND


def _answer_of(err: StatusError) -> RpcError:
    if err.error is None:
        raise err
    return err.error


def _is_session_id(value: str) -> bool:
    return 0 < len(value) <= _MAX_SESSION_ID and all(0x21 <= ord(char) <= 0x7E for char in value)
