"""How the service lives and dies: open the store, migrate, listen, drain, close.

Stop: take no more, answer every hold with "pending, ask again", let running calls end, then the loops, then the
store. What cannot end in time is ended by its lease (house.md 2.6).
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable, Mapping

from aiohttp import web

from approvals.storage import url as address
from approvals.storage.engine import Database
from approvals.storage.sqlite import sole_service
from approvals.web.connections import Runner
from gateway.app import Service
from gateway.keys import Keys
from gateway.settings import Settings
from gateway.work import Work

log = logging.getLogger(__name__)

DRAIN_AT_LEAST_SECONDS = 30.0
FILES_KEPT_FREE = 500
"""Descriptors that held connections may not use up: the database, upstreams, people."""


async def serve(
    settings: Settings, *, env: Mapping[str, str], stop: asyncio.Event, ready: Callable[[Service, str], None]
) -> None:
    """Run until `stop` is set. `ready` is told the service and its address once it listens.

    Raises:
        Refusal: the database cannot be opened or migrated.
        OSError: the address cannot be listened on.
    """
    store = settings.store
    with sole_service(address.parse(store.url)):
        await store.upgrade()
        keys = await store.keys()
        await _serve_over(await store.serving(), keys, settings, env, stop, ready)


async def _serve_over(
    db: Database,
    keys: Keys,
    settings: Settings,
    env: Mapping[str, str],
    stop: asyncio.Event,
    ready: Callable[[Service, str], None],
) -> None:
    async with asyncio.TaskGroup() as group:
        writer = group.create_task(db.run(), name="database")
        try:
            async with asyncio.TaskGroup() as inner:
                work = Work(inner)
                service = Service(settings, env=env, db=db, work=work, keys=keys)
                await _serve(service, stop, ready)
                work.cancel()
        finally:
            await db.close()
            await writer


async def _serve(service: Service, stop: asyncio.Event, ready: Callable[[Service, str], None]) -> None:
    app = web.Application()
    await service.start(app)
    service.parts.held_max = _connections_to_hold()
    drain = max([server.call_seconds for server in service.servers], default=DRAIN_AT_LEAST_SECONDS)
    runner = Runner(app, https=service.web.https, shutdown_seconds=drain)
    await runner.setup()
    listen = service.reloader.settings.listen
    site = web.TCPSite(runner, listen.host, listen.port, backlog=4096)
    try:
        await site.start()
        ready(service, _address(runner, listen.host))
        await stop.wait()
        service.parts.closing = service.answering.closing = True
        service.bus.publish_everything()
        await site.stop()
    finally:
        await runner.cleanup()
        await service.work.drained(drain)
        await service.close()


def _connections_to_hold() -> int:
    """Raise the limit of open files to what the system allows, and say how many held calls fit under it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in {soft, resource.RLIM_INFINITY}:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    fit = max(soft - FILES_KEPT_FREE, FILES_KEPT_FREE)
    log.info("connections that can be held", extra={"count": fit})
    return fit


def _address(runner: web.AppRunner, host: str) -> str:
    port = runner.addresses[0][1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
