"""The browsers that are notified, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.push_service import PushService

if TYPE_CHECKING:
    from tests.fakes.console_api import ConsoleFake

PATH = "/api/v1/me/push"
KEY = PushService().keys["p256dh"]


class Routes:
    """Adds and takes away."""

    def __init__(self, fake: ConsoleFake) -> None:
        self.fake = fake

    def add(self, app: web.Application) -> None:
        app.router.add_get(PATH, self.list_browsers)
        app.router.add_post(PATH, self.put)
        app.router.add_delete(f"{PATH}/{{id}}", self.remove)

    async def list_browsers(self, _request: web.Request) -> web.Response:
        return web.json_response({"key": KEY, "browsers": list(self.fake.browsers.values())})

    async def put(self, request: web.Request) -> web.Response:
        sent = await request.json()
        id = f"b{sum(sent['endpoint'].encode()):08d}"
        self.fake.browsers[id] = {"id": id, "endpoint": sent["endpoint"]}
        return web.json_response({"id": id, "service": "push.example.com", "since": "2026-11-24T10:00:00.000Z"})

    async def remove(self, request: web.Request) -> web.Response:
        if self.fake.browsers.pop(request.match_info["id"], None) is None:
            raise web.HTTPNotFound
        return web.Response(status=204)
