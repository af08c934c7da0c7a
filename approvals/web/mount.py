"""How the composition root puts the people's side into its aiohttp application.

`add_routes(app, parts)` is all there is to call, before the application is started. It adds the routes, puts
the guard in front of whatever middlewares there are, sets the headers on every response of the
application, and arranges the start-up check: every route, also those of other parts, must carry an
access class (`access.access`), or the application refuses to start. Agents' and machines' routes pass the guard
untouched: no session is looked at for them.
"""

from __future__ import annotations

from aiohttp import web

from approvals.access import check_routes
from approvals.web.former import FORMER, FormerVotes
from approvals.web.guard import guard
from approvals.web.headers import set_headers
from approvals.web.live import Live
from approvals.web.openapi import DOCUMENT, write_document
from approvals.web.pages import SHELF, Shelf
from approvals.web.parts import LIVE, PARTS, WebParts
from approvals.web.routes import API, PAGES


def add_routes(app: web.Application, parts: WebParts) -> None:
    """Mount the console and the REST API on an application that has not started yet."""
    settings, live = parts.settings, Live()
    app[PARTS], app[LIVE], app[SHELF], app[FORMER] = parts, live, Shelf(), FormerVotes()
    table = (*API, *parts.endpoints)
    app[DOCUMENT] = write_document(
        table, version=parts.version, cookie=settings.cookie, public_url=settings.public_url.rstrip("/")
    )
    app.middlewares.insert(0, guard)
    app.on_response_prepare.append(set_headers(https=settings.https))
    app.on_startup.append(check_routes)
    app.on_shutdown.append(live.end)
    for endpoint in table:
        app.router.add_route(endpoint.method, endpoint.path, endpoint.handler)
        if endpoint.method == "GET" and not endpoint.path.endswith("/events"):
            app.router.add_route("HEAD", endpoint.path, endpoint.handler)
    for path, handler in PAGES:
        app.router.add_get(path, handler)
