"""The URL table of the look-alike: Web API, Socket Mode, response_urls, uploads, and the page."""

from __future__ import annotations

from aiohttp import web

from approvals.testing.slack.hooks import answer_response_url
from approvals.testing.slack.interactions import Interactions
from approvals.testing.slack.page import Page
from approvals.testing.slack.socket_mode import SocketMode
from approvals.testing.slack.web_api import WebApi
from approvals.testing.slack.workspace import Workspace

MAX_BODY = 20 * 1024 * 1024


def create_app(
    workspace: Workspace, api: WebApi, sockets: SocketMode, hands: Interactions, *, page_key: str
) -> web.Application:
    """Everything behind one port."""
    page = Page(workspace=workspace, hands=hands, key=page_key)

    async def response_url(request: web.Request) -> web.Response:
        return await answer_response_url(workspace, request)

    async def upload(request: web.Request) -> web.Response:
        return await take_upload(workspace, request)

    async def on_shutdown(_app: web.Application) -> None:
        page.stop()

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/api/{method}", api.handle)
    app.router.add_get("/link/", sockets.handle)
    app.router.add_post(f"/actions/{workspace.team_id}/{{key:.+}}", response_url)
    app.router.add_post("/upload/v1/{ticket}", upload)
    app.add_routes(page.routes())
    app.on_shutdown.append(on_shutdown)
    return app


async def take_upload(workspace: Workspace, request: web.Request) -> web.Response:
    """The bytes of a file, raw or as a form."""
    ticket = request.match_info["ticket"]
    file = next((f for f in workspace.files.values() if f.ticket == ticket), None)
    if file is None:
        return web.Response(status=404, text="no such upload")
    if request.content_type == "multipart/form-data":
        part = next((v for v in (await request.post()).values() if isinstance(v, web.FileField)), None)
        content = b"" if part is None else part.file.read()
    else:
        content = await request.read()
    if len(content) != file.length:
        return web.Response(status=400, text=f"expected {file.length} bytes, got {len(content)}")
    file.content = content
    workspace.changes.bump()
    return web.Response(text=f"OK - {len(content)}")
