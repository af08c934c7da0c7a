"""Which policies are in force, compared with the files they came from: the two hashes that a person compares.

A service knows its own settings. A command reads what each running process has said of itself in the database, so
that `placet check` and `placet policy status` can tell that a good-looking file is not what is enforced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from approvals.storage.policies import digest
from approvals.storage.replicas import ReplicaRow
from gateway.config_layers import is_page
from gateway.settings import Settings

SHOWN = 12
"""How much of a hash a sentence shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One layer of one server, or of `agent NAME`: its hash in force, and the hash of its file now.

    `page`: its version; it has no file then.
    """

    server: str
    layer: str
    in_force: str
    on_disk: str | None
    page: int | None = None

    @property
    def differs(self) -> bool:
        """Is something else on disk than what is in force?"""
        return self.page is None and self.on_disk != self.in_force

    def __str__(self) -> str:
        on_disk = f"({self.on_disk[:SHOWN]})" if self.on_disk is not None else "(cannot be read)"
        return f"{self.layer} on disk {on_disk} is not the policy in force for {self.server} ({self.in_force[:SHOWN]})."


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A running process, and what it enforces. `difference`: why it has not taken what is on disk."""

    holder: str
    difference: str | None
    standings: tuple[Standing, ...]


def standings(settings: Settings) -> tuple[Standing, ...]:
    """Every layer in force of every server, and of every agent, compared with its file as it is now."""
    servers = [(one.name, one.page, policy) for one in settings.servers.values() for policy in one.policies]
    agents = [(f"agent {one.name}", None, policy) for one in settings.agents.values() for policy in one.policies]
    return tuple(
        Standing(
            server=name,
            layer=policy.name,
            in_force=digest(policy.text),
            on_disk=None if is_page(policy) else _hash_of(policy.name),
            page=page if is_page(policy) else None,
        )
        for name, page, policy in (*servers, *agents)
    )


def told(settings: Settings, difference: str | None) -> dict[str, Any]:
    """What a process says of itself."""
    layers = [
        {"server": one.server, "layer": one.layer, "sha256": one.in_force, "page": one.page}
        for one in standings(settings)
    ]
    return {"difference": difference, "layers": layers}


def heard(row: ReplicaRow) -> Process:
    """What a process has said, compared with the files as they are here and now."""
    said = row.in_force or {}
    return Process(
        holder=row.holder, difference=said.get("difference"), standings=tuple(_compared(said.get("layers", ())))
    )


def _compared(layers: list[Mapping[str, Any]]) -> Iterator[Standing]:
    for one in layers:
        on_disk = _hash_of(one["layer"]) if one["page"] is None else None
        yield Standing(
            server=one["server"], layer=one["layer"], in_force=one["sha256"], on_disk=on_disk, page=one["page"]
        )


def _hash_of(path: str) -> str | None:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None
