"""The upstreams in use, kept in line with the configuration: started, replaced, and ended.

A transport is replaced only when what it was made from changed; a new policy leaves it running.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.catalog import Catalog
from gateway.policy.model import Policy
from gateway.servers import Server, Servers
from gateway.settings import ServerSettings
from gateway.upstreams import Timeouts, Upstream
from gateway.upstreams.authorizer import Authorizer
from gateway.upstreams.http import HttpUpstream
from gateway.upstreams.stdio import StdioUpstream
from gateway.work import Work

Authorize = Callable[[ServerSettings], Authorizer | None]
"""Who has the credentials for a server that has no fixed ones. May raise ValueError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """An upstream that is in use, with the settings it was made from and the loop that keeps it."""

    settings: ServerSettings
    upstream: Upstream
    loop: asyncio.Task[None]


class Fleet:
    """Owns every upstream."""

    def __init__(
        self, *, work: Work, servers: Servers, catalog: Catalog, authorize: Authorize = lambda _server: None
    ) -> None:
        self._authorize = authorize
        self._work, self._servers, self._catalog = work, servers, catalog
        self._running: dict[str, _Running] = {}

    async def apply(
        self, wanted: Mapping[str, ServerSettings], agents: Mapping[str, tuple[Policy, ...]] = MappingProxyType({})
    ) -> None:
        """Run exactly these servers; `agents` are the layers of agents that have some.

        Raises:
            ValueError: a server's settings cannot be used; nothing was changed.
        """
        fresh = {
            name: upstream_of(server, self._authorize)
            for name, server in wanted.items()
            if not self._fits(name, server)
        }
        for name in [name for name in self._running if name not in wanted or name in fresh]:
            gone = self._running.pop(name)
            gone.loop.cancel()
            await gone.upstream.close()
        for name, upstream in fresh.items():
            loop = self._work.loop(f"upstream {name}", upstream.run)
            self._running[name] = _Running(settings=wanted[name], upstream=upstream, loop=loop)
        self._catalog.replace({name: running.upstream for name, running in self._running.items()})
        servers = [
            Server(
                name=name,
                upstream=self._running[name].upstream,
                policies=server.policies,
                call_seconds=server.timeouts.call.total_seconds(),
                list_seconds=server.timeouts.list.total_seconds(),
            )
            for name, server in wanted.items()
        ]
        self._servers.replace(servers, agents)

    async def close(self) -> None:
        """End every upstream politely."""
        for running in self._running.values():
            await running.upstream.close()

    def _fits(self, name: str, wanted: ServerSettings) -> bool:
        running = self._running.get(name)
        return running is not None and _transport(running.settings) == _transport(wanted)


def _transport(settings: ServerSettings) -> ServerSettings:
    return replace(settings, policies=(), page=None)


def upstream_of(settings: ServerSettings, authorize: Authorize = lambda _server: None) -> Upstream:
    """The transport a server's settings ask for.

    Raises:
        ValueError: they cannot be used.
    """
    timeouts = Timeouts(
        connect=settings.timeouts.connect.total_seconds(),
        list=settings.timeouts.list.total_seconds(),
        call=settings.timeouts.call.total_seconds(),
        idle=settings.timeouts.idle.total_seconds(),
    )
    if settings.url is not None:
        headers = {name: value.get_secret_value() for name, value in settings.headers.items()}
        return HttpUpstream(
            name=settings.name,
            url=settings.url,
            headers=headers,
            timeouts=timeouts,
            authorizer=authorize(settings),
        )
    env = {name: value.get_secret_value() for name, value in settings.env.items()}
    return StdioUpstream(name=settings.name, command=settings.command, env=env, cwd=settings.cwd, timeouts=timeouts)
