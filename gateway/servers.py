"""The upstream servers as the pipeline uses them: transport, policy and waits of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.policy.layers import narrowed
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
    list_seconds: float = 15.0
    """How long any other request may take."""

    @property
    def health(self) -> tuple[bool, str]:
        """Is nothing wrong with it, as far as is known, and what there is to say; nothing of what it said itself."""
        if self.upstream.trouble is not None:
            return False, self.upstream.trouble
        words = {True: "answers", None: "was not asked yet", False: "did not answer when it was last asked"}
        return self.upstream.up is not False, words[self.upstream.up]


class Servers:
    """Every configured server, and the layers that agents have of their own, swapped whole on reload."""

    def __init__(self, servers: Iterable[Server] = ()) -> None:
        self._by_name = {server.name: server for server in servers}
        self._by_agent: Mapping[str, tuple[Policy, ...]] = {}

    def get(self, name: str) -> Server | None:
        """The server of that name."""
        return self._by_name.get(name)

    def seen_by(self, agent: str, name: str) -> Server | None:
        """The server of that name as an agent may use it: under its own layers too."""
        server, layers = self._by_name.get(name), self._by_agent.get(agent, ())
        if server is None or not layers:
            return server
        return replace(server, policies=narrowed(server.policies, layers))

    def replace(self, servers: Iterable[Server], agents: Mapping[str, tuple[Policy, ...]]) -> None:
        """Take over a reloaded configuration. `agents` are the layers of each agent that has some."""
        self._by_name = {server.name: server for server in servers}
        self._by_agent = dict(agents)

    def __iter__(self) -> Iterator[Server]:
        return iter(self._by_name.values())
