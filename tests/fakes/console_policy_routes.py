"""The policy endpoints of the console's fake API, over the books of one fake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from gateway.policy.reading import is_json
from gateway.policy.source_json import JsonReader
from tests.fakes import console_policies as policies
from tests.fakes.console_policies import Book
from tests.fakes.console_samples import Json

if TYPE_CHECKING:
    from tests.fakes.console_api import ConsoleFake

READS = {"reviewer", "operator", "admin", "auditor"}


def problem(status: int, code: str, detail: str, **more: Any) -> web.Response:
    """An RFC 9457 answer."""
    body = {"type": "about:blank", "status": status, "code": code, "detail": detail, **more}
    return web.json_response(body, status=status, content_type="application/problem+json")


class PolicyRoutes:
    """The handlers."""

    def __init__(self, fake: ConsoleFake) -> None:
        self.fake = fake

    def add(self, app: web.Application) -> None:
        one = "/api/v1/policies/{server}"
        app.router.add_get("/api/v1/policies", self.list)
        app.router.add_get(one, self.show)
        app.router.add_put(one, self.save)
        app.router.add_get(f"{one}/versions", self.versions)
        app.router.add_get(f"{one}/versions/{{number}}", self.version)
        app.router.add_get(f"{one}/export", self.export)
        for verb in ("check", "explain", "replay", "rollback"):
            app.router.add_post(f"{one}/{verb}", getattr(self, verb))

    def _book(self, request: web.Request) -> Book:
        if not READS & set(self.fake.me["roles"]):
            raise _Refused(problem(403, "not_allowed", "You may not see policies: a viewer reads requests only."))
        book = self.fake.books.get(request.match_info.get("server", ""))
        if book is None:
            raise _Refused(problem(404, "not_found", "There is no server of that name in the configuration."))
        return book

    @property
    def _operator(self) -> bool:
        return "operator" in self.fake.me["roles"]

    async def list(self, _request: web.Request) -> web.Response:
        shown = [policies.listed(book) for book in self.fake.books.values()]
        return web.json_response({"policies": shown, "next_cursor": None})

    async def show(self, request: web.Request) -> web.Response:
        return web.json_response(policies.whole(self._book(request), operator=self._operator))

    async def save(self, request: web.Request) -> web.Response:
        sent = await request.json()
        return self._saved(self._book(request), sent["text"], sent["base"], sent.get("note"))

    async def rollback(self, request: web.Request) -> web.Response:
        sent = await request.json()
        book = self._book(request)
        earlier = next(one for one in book.versions or () if one.number == sent["number"])
        return self._saved(book, earlier.text, sent["base"], sent.get("note"), earlier.number)

    def _saved(self, book: Book, text: str, base: int, note: str | None, restores: int | None = None) -> web.Response:
        if found := policies.wrong(text, f"page:{book.server}"):
            return problem(422, "invalid_policy", "The text is not saved.", field="text", problems=found)
        if self.fake.before_save is not None:
            other, self.fake.before_save = self.fake.before_save, None
            book.save(other, {"id": "otto@example.com", "name": "Otto"}, self.fake.clock(), "Quicker")
        if base != book.newest and book.versions:
            newest = book.versions[-1]
            current = {**newest.entry(newest.number), "text": newest.text}
            detail = f"Version {newest.number} was saved by {newest.name} since you began. Yours is not saved yet."
            return problem(409, "stale_version", detail, current=current)
        saved = book.save(text, self.fake.me, self.fake.clock(), note, restores)
        return web.json_response({**saved.entry(saved.number), "text": saved.text})

    async def versions(self, request: web.Request) -> web.Response:
        book = self._book(request)
        limit, before = int(request.query.get("limit", 50)), int(request.query.get("cursor") or 10**9)
        found = [one for one in reversed(book.versions or []) if one.number < before]
        more = str(found[limit - 1].number) if len(found) > limit else None
        return web.json_response({"versions": [one.entry(book.newest) for one in found[:limit]], "next_cursor": more})

    async def version(self, request: web.Request) -> web.Response:
        book = self._book(request)
        found = [one for one in book.versions or () if str(one.number) == request.match_info["number"]]
        if not found:
            return problem(404, "not_found", "There is no version like that, or you may not see it.")
        return web.json_response({**found[0].entry(book.newest), "text": found[0].text})

    async def export(self, request: web.Request) -> web.Response:
        book = self._book(request)
        text = book.policies()[int(request.query.get("layer", 0))].text
        ending = "json" if is_json(text, book.server) else "yaml"
        headers = {"Content-Disposition": f'attachment; filename="{book.server}.{ending}"'}
        return web.Response(text=text, content_type=f"application/{ending}", headers=headers)

    async def check(self, request: web.Request) -> web.Response:
        book = self._book(request)
        return web.json_response(policies.checked((await request.json())["text"], f"page:{book.server}"))

    async def explain(self, request: web.Request) -> web.Response:
        book, question = self._book(request), await request.json()
        reader = JsonReader(question["arguments_text"], "arguments")
        node = reader.read()
        if reader.problems or node is None:
            first = reader.problems[0]
            place = {"line": first.line, "column": first.column, "pointer": "", "message": first.message, "hint": None}
            detail = f"The arguments cannot be read. Line {first.line}, column {first.column}: {first.message}."
            return problem(422, "invalid_arguments", detail, field="arguments_text", problems=[place])
        arguments: Json = json.loads(question["arguments_text"])
        return web.json_response(policies.explained(book, question, arguments, self.fake.clock()))

    async def replay(self, request: web.Request) -> web.Response:
        book = self._book(request)
        return web.json_response(policies.replayed(book, (await request.json())["text"], self.fake.clock()))


class _Refused(Exception):
    def __init__(self, answer: web.Response) -> None:
        self.answer = answer


@web.middleware
async def refusing(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answers what a handler refused by raising."""
    try:
        answer: web.StreamResponse = await handler(request)
    except _Refused as refused:
        return refused.answer
    return answer
