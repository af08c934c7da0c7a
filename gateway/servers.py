"""The upstream servers as the pipeline uses them: transport, policy and waits of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.policy.model import Policy
from gateway.upstreams import Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One upstream server. `policies` are its layers, each narrowing; none means everything is denied."""

    name: str
    upstream: Upstream
    policies: tuple[Policy, ...]
    call_seconds: float
    """How long one call may take."""


class Servers:
    """Every configured server, swapped whole on reload."""

    def __init__(self, servers: Iterable[Server] = ()) -> None:
        self._by_name = {server.name: server for server in servers}

    def get(self, name: str) -> Server | None:
        """The server of that name."""
        return self._by_name.get(name)

    def replace(self, servers: Iterable[Server]) -> None:
        """Take over a reloaded configuration."""
        self._by_name = {server.name: server for server in servers}

    def __iter__(self) -> Iterator[Server]:
        return iter(self._by_name.values())
