"""The page: what one person sees, as JSON, a stream that says when to look again, and their clicks.

Anybody who can reach this page can press buttons as anybody, so every request under `/view/` must
carry the page's key, come from the page itself and name the loopback address it was started on: a
website open in another tab, or a program that only guesses the port, gets 403.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aiohttp import web

from approvals.testing.slack.interactions import Interactions, Place
from approvals.testing.slack.page_state import seen_by
from approvals.testing.slack.payloads import NoSuchElement
from approvals.testing.slack.state import Channel, Json, Message, User, View
from approvals.testing.slack.workspace import Workspace

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FONTS = {
    "sans.ttf": ("fontpkg_ibm_plex_sans", "IBMPlexSans[wdth,wght].ttf"),
    "mono.ttf": ("fontpkg_ibm_plex_mono", "IBMPlexMono-Regular.ttf"),
}
HEARTBEAT_SECONDS = 15.0
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True, kw_only=True)
class Page:
    """Serves the files, the state and the clicks."""

    workspace: Workspace
    hands: Interactions
    key: str
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def routes(self) -> list[web.RouteDef]:
        """The URL table of the page."""
        return [
            web.get("/", self._index),
            web.get("/archives/{channel}/{message}", self._index),
            web.get("/static/{name}", self._file),
            web.get("/view/state", self._guarded(self._state)),
            web.get("/view/events", self._guarded(self._events)),
            web.post("/view/press", self._guarded(self._press)),
            web.post("/view/submit", self._guarded(self._submit)),
            web.post("/view/close", self._guarded(self._close)),
            web.post("/view/home", self._guarded(self._home)),
            web.post("/view/say", self._guarded(self._say)),
            web.post("/view/dismiss", self._guarded(self._dismiss)),
        ]

    def stop(self) -> None:
        """End the streams, so that the server can close."""
        self._stopping.set()
        self.workspace.changes.bump()

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return _served("index.html")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        return _served(request.match_info["name"])

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("X-Page-Key") or request.query.get("key", "")
            if not hmac.compare_digest(given.encode(), self.key.encode()):
                return _refused(403, "this page was opened without its key: use the address that was printed")
            if request.headers.get("Host", "") != self.hands.url.removeprefix("http://"):
                return _refused(403, "open this page under the address that was printed")
            if request.headers.get("Origin", self.hands.url) != self.hands.url:
                return _refused(403, "this did not come from the page itself")
            try:
                return await handler(request)
            except (LookupError, ValueError, PermissionError) as wrong:
                return _refused(400, str(wrong))

        return guarded

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(seen_by(self.workspace, self._user(request.query.get("as"))), headers=HEADERS)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        await stream.prepare(request)
        shown = -1
        while not self._stopping.is_set():
            version = self.workspace.changes.version
            text = f"data: {version}\n\n" if version != shown else ": still here\n\n"
            shown = version
            await stream.write(text.encode())
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    while self.workspace.changes.version == shown:
                        await self.workspace.changes.next()
            except TimeoutError:
                continue
        return stream

    async def _press(self, request: web.Request) -> web.StreamResponse:
        asked = await _body(request)
        answer = await self.hands.press(
            self._user(asked.get("as")),
            self._place(asked),
            str(asked.get("action_id")),
            block_id=str(asked["block_id"]) if asked.get("block_id") else None,
            choice=asked.get("choice"),
        )
        return _told(acked=answer.acked, problem=answer.problem)

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        asked = await _body(request)
        values = asked.get("values")
        if not isinstance(values, dict):
            raise ValueError("values must be an object")
        answer = await self.hands.submit(self._view(asked), values)
        return _told(acked=answer.acked, problem=answer.problem)

    async def _close(self, request: web.Request) -> web.StreamResponse:
        await self.hands.close(self._view(await _body(request)))
        return _told(acked=True)

    async def _home(self, request: web.Request) -> web.StreamResponse:
        asked = await _body(request)
        answer = await self.hands.open_home(self._user(asked.get("as")))
        return _told(acked=answer.acked, problem=answer.problem)

    async def _say(self, request: web.Request) -> web.StreamResponse:
        asked = await _body(request)
        user, text = self._user(asked.get("as")), str(asked.get("text", "")).strip()
        channel = self._channel(user, asked)
        if text.startswith("/"):
            word, _, rest = text.partition(" ")
            answer = await self.hands.command(user, channel, word, rest)
            return _told(acked=answer.acked, problem=answer.problem)
        if text:
            ts = self.workspace.next_ts()
            said = Message(channel=channel.id, ts=ts, user=user.id, text=_escaped(text), by_app=False)
            self.workspace.add_message(said)
        return _told(acked=True)

    async def _dismiss(self, request: web.Request) -> web.StreamResponse:
        asked = await _body(request)
        user = self._user(asked.get("as"))
        kept = [e for e in self.workspace.ephemerals if not (e.user == user.id and e.ts == asked.get("ts"))]
        self.workspace.ephemerals[:] = kept
        self.workspace.changes.bump()
        return _told(acked=True)

    def _user(self, name: Any) -> User:
        user = self.workspace.users.get(str(name))
        people = [u for u in self.workspace.users.values() if not u.is_bot and not u.deleted]
        if user in people:
            return user
        if name is None and people:
            return people[0]
        raise LookupError("there is no such person in this workspace")

    def _channel(self, user: User, asked: Json) -> Channel:
        channel = self.workspace.channels.get(str(asked.get("channel")))
        if channel is None or user.id not in channel.members:
            raise LookupError("there is no such channel, or this person is not in it")
        return channel

    def _place(self, asked: Json) -> Place:
        if asked.get("view_id"):
            return self._view(asked)
        channel, ts = str(asked.get("channel")), str(asked.get("ts"))
        message = self.workspace.messages.get((channel, ts))
        if message is not None:
            return message
        for note in self.workspace.ephemerals:
            if note.channel == channel and note.ts == ts:
                return note
        raise NoSuchElement("this message is gone")

    def _view(self, asked: Json) -> View:
        user = self._user(asked.get("as"))
        for view in [*self.workspace.stacks.get(user.id, []), self.workspace.homes.get(user.id)]:
            if view is not None and view.id == asked.get("view_id"):
                return view
        raise NoSuchElement("this view is not open any more")


async def _body(request: web.Request) -> Json:
    if request.content_type != "application/json":
        raise ValueError("send JSON")
    value = json.loads(await request.text())
    if not isinstance(value, dict):
        raise ValueError("send a JSON object")
    return value


def _font(name: str) -> web.Response:
    """A font of an installed package; without it the page falls back to the system's."""
    package, file = FONTS[name]
    spec = find_spec(package)
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    for folder in folders:
        path = Path(folder) / "files" / file
        if path.is_file():
            return web.Response(body=path.read_bytes(), content_type="font/ttf", headers=HEADERS)
    return web.Response(status=204, headers=HEADERS)


def _served(name: str) -> web.Response:
    if name in FONTS:
        return _font(name)
    path = STATIC / name
    if Path(name).name != name or path.suffix not in TYPES or not path.is_file():
        return _refused(404, "no such file")
    return web.Response(body=path.read_bytes(), content_type=TYPES[path.suffix], charset="utf-8", headers=HEADERS)


def _told(*, acked: bool, problem: str | None = None) -> web.Response:
    return web.json_response({"ok": acked, "problem": problem}, headers=HEADERS)


def _refused(status: int, why: str) -> web.Response:
    return web.json_response({"ok": False, "problem": why}, status=status, headers=HEADERS)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
