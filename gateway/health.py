"""What machines may ask without a name: `/livez`, `/readyz`, `/metrics`, `/version`. No secrets, no names of people.

`/livez` says that the process answers. `/readyz` is 200 while calls can be judged and recorded, and lists what
is wrong besides: no policy, a configuration on disk that is not the one in force, a channel that fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from approvals.access import Access, access
from gateway.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that is looked at. `stops`: while it is not ok the service is not ready."""

    id: str
    ok: bool
    text: str
    stops: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthParts:
    """What the endpoints ask."""

    checks: Callable[[], Awaitable[Sequence[Check]]]
    measure: Callable[[], Awaitable[None]]
    metrics: Metrics
    version: str


def add_routes(app: web.Application, parts: HealthParts) -> None:
    """Mount the four endpoints."""

    @access(Access.MACHINE)
    async def livez(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    @access(Access.MACHINE)
    async def readyz(_request: web.Request) -> web.Response:
        checks = await parts.checks()
        ready = all(check.ok or not check.stops for check in checks)
        body = {
            "ready": ready,
            "checks": [{"id": check.id, "ok": check.ok, "text": check.text} for check in checks],
        }
        return web.json_response(body, status=200 if ready else 503)

    @access(Access.MACHINE)
    async def metrics(_request: web.Request) -> web.Response:
        await parts.measure()
        return web.Response(body=parts.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    @access(Access.MACHINE)
    async def version(_request: web.Request) -> web.Response:
        return web.json_response({"version": parts.version})

    for path, handler in (("/livez", livez), ("/readyz", readyz), ("/metrics", metrics), ("/version", version)):
        app.router.add_get(path, handler)
