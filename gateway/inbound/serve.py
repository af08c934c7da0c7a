"""The methods this gateway serves, one function each, for both eras.

What a server is asked goes through the Gate on a line of its own (`calls`); what is about the client itself, its
session, its subscriptions, its tasks, is answered here. Which methods exist, and how they may look, is settled before.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakValueDictionary

from aiohttp import web

from gateway.inbound.calls import Calls, Turn
from gateway.inbound.feed import Feed
from gateway.inbound.gate import Gate
from gateway.inbound.incoming import Visit, client_of, inbound_ask, inbound_call, key_of
from gateway.inbound.line import SseLine
from gateway.inbound.listening import Listening
from gateway.inbound.reply import Work, accepted, failed, plain, refused, result
from gateway.inbound.sessions import MOST_URIS, Session, Sessions
from gateway.inbound.sse import Tap, Ticker
from gateway.inbound.streams import Streams
from gateway.protocol.classify import LEGACY, Era, Route
from gateway.protocol.headers import Rejection
from gateway.protocol.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, Notification, Request, Response, RpcId
from gateway.protocol.patience import clock_ran_out
from gateway.protocol.results import called, discovered, envelope, initialized, listed
from gateway.upstreams import RpcError


class Server:
    """Answers accepted messages."""

    def __init__(
        self,
        gate: Gate,
        sessions: Sessions,
        ticker: Ticker,
        info: bytes,
        *,
        calls: Calls,
        streams: Streams,
        listening: Listening,
        ask_seconds: float,
    ) -> None:
        self._gate = gate
        self._sessions = sessions
        self._ticker = ticker
        self._info = info
        self._calls = calls
        self._streams = streams
        self._listening = listening
        self._ask_seconds = ask_seconds
        # Modern lines that a cancel in words can find; a line that is gone is gone from here.
        self._standalone: WeakValueDictionary[tuple[bytes, str | None, RpcId], SseLine] = WeakValueDictionary()

    def work(self, visit: Visit, route: Route, session: Session | None, digest: str) -> Work | Rejection:
        """The coroutine that answers the message, not yet running."""
        message = route.message
        if not isinstance(message, Request):
            return self._take(visit, message, session)
        match message.method:
            case "initialize":
                return self._initialize(visit, route, message)
            case "server/discover":
                return self._discover(visit, message)
            case "ping":
                return result(message.id, b"{}")
            case "tools/list":
                return self._list(visit, route, message, session)
            case "resources/subscribe" | "resources/unsubscribe" if session is not None:
                return self._subscribe(visit, message, session)
            case "subscriptions/listen":
                return self._listen(visit, route, message)
            case "tasks/get" | "tasks/update" | "tasks/cancel":
                return self._task(visit, route, message)
            case _:
                return self._open(visit, route, message, session, digest)

    def _open(
        self, visit: Visit, route: Route, message: Request, session: Session | None, digest: str
    ) -> Work | Rejection:
        former = session.lines.get(message.id) if session is not None else None
        if former is not None and former.unread:
            # The client lost the connection and sends the same again, in place of coming back for its stream.
            former.hang_up()
        elif former is not None:
            why = "A call with this id is still open in this session. Give every request its own id."
            return Rejection(status=400, code=INVALID_REQUEST, message=why, id=message.id)
        line = SseLine(
            visit.http,
            self._ticker,
            token=message.params.get("_meta", {}).get("progressToken"),
            streams=route.streams,
            session=session,
            log_level=route.log_level,
            ask_seconds=self._ask_seconds,
            left=self._calls.left,
        )
        is_call = message.method == "tools/call"
        if session is None:
            self._standalone[visit.credential, visit.server, message.id] = line
        turn = Turn(
            caller=replace(
                visit.caller,
                client=client_of(route, session),
                session=session.key if session is not None else None,
            ),
            server=visit.server,
            session=session,
            rpc_id=message.id,
            era=route.era,
            method=message.method,
            line=line,
            handed=[
                inbound_call(visit, route, message, session, digest)
                if is_call
                else inbound_ask(visit, route, message, session)
            ],
        )
        return self._calls.answer(turn)

    async def _take(
        self, visit: Visit, message: Notification | Response, session: Session | None
    ) -> web.StreamResponse:
        if isinstance(message, Response):
            if session is not None:
                session.questions.answered(message)
        elif message.method == "notifications/cancelled":
            await self._cancelled(visit, message, session)
        return accepted()

    async def _cancelled(self, visit: Visit, message: Notification, session: Session | None) -> None:
        rpc_id, reason = message.params.get("requestId"), message.params.get("reason")
        if not isinstance(rpc_id, str | int) or isinstance(rpc_id, bool):
            return
        # Over HTTP a modern client cancels by closing its stream, which ends no approval request. One that says it
        # in words (our stdio bridge does, for its client) means the request.
        named = visit.credential, visit.server, rpc_id
        line = session.lines.get(rpc_id) if session is not None else self._standalone.get(named)
        if line is None:
            return
        words = reason if isinstance(reason, str) else None
        if clock_ran_out(words):
            # The client stopped waiting, which is a disconnect and no wish: the request stays as it is.
            line.hang_up()
            return
        client = session.client if session is not None else visit.caller.client
        if not await self._gate.cancelled(replace(visit.caller, client=client), line, words):
            line.hang_up()

    async def _initialize(self, visit: Visit, route: Route, message: Request) -> web.StreamResponse:
        said = await self._gate.hello(visit.caller, visit.server)
        version = route.version or LEGACY[0]
        session = self._sessions.open(
            caller=visit.caller,
            credential=visit.credential,
            server=visit.server,
            version=version,
            client=route.client,
            capabilities=route.capabilities,
        )
        if session is None:
            why = "Too many sessions are open. End some with DELETE, or try again later."
            return refused(Rejection(status=503, code=503, message=why, id=message.id, retry_after=5))
        raw = initialized(
            version=version, capabilities=said.capabilities, instructions=said.instructions, info=self._info
        )
        return await result(message.id, raw, session=session.id)

    async def _discover(self, visit: Visit, message: Request) -> web.StreamResponse:
        said = await self._gate.hello(visit.caller, visit.server)
        raw = discovered(capabilities=said.capabilities, instructions=said.instructions, info=self._info)
        return await result(message.id, raw)

    async def _list(self, visit: Visit, route: Route, message: Request, session: Session | None) -> web.StreamResponse:
        page = await self._gate.list_tools(
            visit.caller,
            visit.server,
            session=key_of(visit, session),
            capabilities=session.capabilities if session is not None else route.capabilities,
            cursor=message.params.get("cursor"),
        )
        if isinstance(page, RpcError):
            return plain(*failed(message.id, page, era=route.era, method="tools/list"))
        body = envelope(message.id, listed(page.tools, page.next_cursor, era=route.era, info=self._info))
        if session is None or not session.resumable or not route.streams:
            return plain(body)
        # Either form is right where a client takes both; the newest sessions are answered as the official servers do.
        tap, feed = Tap(visit.http, self._ticker), Feed(None)
        await feed.begin(tap)
        await feed.finish(body)
        return tap.stream

    async def _subscribe(self, visit: Visit, message: Request, session: Session) -> web.StreamResponse:
        uri: str = message.params["uri"]
        if message.method == "resources/unsubscribe":
            session.uris.discard(uri)
            if session.standing is not None:
                await session.standing.changed()
            return await result(message.id, b"{}")
        if len(session.uris) >= MOST_URIS and uri not in session.uris:
            why = f"This session is subscribed to {MOST_URIS} resources. Unsubscribe from some first."
            return self._failed(message, RpcError(code=INVALID_PARAMS, message=why))
        session.uris.add(uri)
        heard = await self._streams.changed(visit.caller, session)
        if heard is not None and uri in heard.uris:
            return await result(message.id, b"{}")
        session.uris.discard(uri)
        if heard is None:
            return self._failed(message, RpcError(code=-32603, message="The server cannot be listened to now."))
        why = "There is no such resource here, or it cannot be subscribed to."
        return self._failed(message, RpcError(code=-32002, message=why, data={"uri": uri}))

    def _failed(self, message: Request, error: RpcError) -> web.StreamResponse:
        return plain(*failed(message.id, error, era=Era.LEGACY, method=message.method))

    def _listen(self, visit: Visit, route: Route, message: Request) -> Work | Rejection:
        if (problem := self._listening.full(visit.credential)) is not None:
            return replace(problem, id=message.id)
        caller = replace(visit.caller, client=route.client)
        return self._listening.serve(visit.http, caller, visit.server, route, message, visit.credential)

    async def _task(self, visit: Visit, route: Route, message: Request) -> web.StreamResponse:
        caller, task_id = replace(visit.caller, client=route.client), message.params["taskId"]
        answer: bytes | RpcError | None
        match message.method:
            case "tasks/get":
                answer = await self._gate.task(caller, task_id)
            case "tasks/cancel":
                answer = await self._gate.task_cancel(caller, task_id)
            case _:
                answer = await self._gate.task_update(caller, task_id, message.raw["inputResponses"])
        if isinstance(answer, RpcError):
            return plain(*failed(message.id, answer, era=route.era, method=message.method))
        return await result(message.id, called(answer or b"{}", era=route.era, info=self._info, method=message.method))
